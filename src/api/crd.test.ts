import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { crdYaml } from './crd.ts';
import type { CelRule, KindDefinition } from './kind.ts';
import { kinds } from './kinds.ts';
import { SpotPoolKind } from './spotpool.ts';

const text = (): z.ZodString => z.string().max(8);

/** A kind with one field. */
function kindWith(field: z.ZodType, rules: readonly CelRule[] = []): KindDefinition {
  return {
    ...SpotPoolKind,
    specSchema: z.strictObject({ field }),
    statusSchema: z.object({}),
    rules,
    normalise: () => undefined,
  };
}

interface Crd {
  readonly spec: {
    readonly names: object;
    readonly versions: {
      readonly subresources: object;
      readonly additionalPrinterColumns: { readonly name: string }[];
      readonly schema: { readonly openAPIV3Schema: { properties: Record<'spec' | 'status', SchemaNode> } };
    }[];
  };
}
interface SchemaNode {
  readonly [keyword: string]: unknown;
  readonly properties: Record<string, SchemaNode>;
}

const readCrd = (definition: KindDefinition): Crd => parse(crdYaml(definition), { version: '1.1' }) as Crd;
const specOf = (definition: KindDefinition): SchemaNode =>
  readCrd(definition).spec.versions[0]!.schema.openAPIV3Schema.properties.spec;
const fieldOf = (field: z.ZodType): unknown => specOf(kindWith(field)).properties['field'];

const said: { name: string; field: z.ZodType; becomes: object }[] = [
  { name: 'int32', field: z.int32().min(1), becomes: { type: 'integer', format: 'int32', minimum: 1 } },
  { name: 'int', field: z.int(), becomes: { type: 'integer', format: 'int64' } },
  {
    name: 'int with a default',
    field: z.int32().default(5),
    becomes: { type: 'integer', format: 'int32', default: 5 },
  },
  {
    name: 'a positive number',
    field: z.number().positive(),
    becomes: { type: 'number', minimum: 0, exclusiveMinimum: true },
  },
  { name: 'nullable text', field: text().nullable(), becomes: { type: 'string', nullable: true, maxLength: 8 } },
  { name: 'a literal', field: z.literal('x'), becomes: { type: 'string', enum: ['x'] } },
  { name: 'an enum', field: z.enum(['a', 'b']), becomes: { type: 'string', enum: ['a', 'b'] } },
  { name: 'a strict object', field: z.strictObject({}), becomes: { type: 'object', properties: {} } },
  {
    name: 'a loose object',
    field: z.looseObject({}),
    becomes: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties: {} },
  },
  {
    name: 'a prefaulted object',
    field: z.strictObject({ a: text().default('x') }).prefault({}),
    becomes: { type: 'object', default: {}, properties: { a: { type: 'string', default: 'x', maxLength: 8 } } },
  },
  {
    name: 'a map',
    field: z.record(z.string(), text()).meta({ maxProperties: 3 }),
    becomes: { type: 'object', maxProperties: 3, additionalProperties: { type: 'string', maxLength: 8 } },
  },
  { name: 'an instant', field: z.iso.datetime(), becomes: { type: 'string', format: 'date-time' } },
  { name: 'a uuid', field: z.uuid(), becomes: { type: 'string', format: 'uuid' } },
  { name: 'an address', field: z.ipv4(), becomes: { type: 'string', format: 'ipv4' } },
  { name: 'base64', field: z.base64().max(8), becomes: expect.not.objectContaining({ contentEncoding: 'base64' }) },
  {
    name: 'a list that is a map',
    field: z
      .array(z.strictObject({ type: text() }))
      .max(2)
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] }),
    becomes: {
      type: 'array',
      maxItems: 2,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['type'],
      items: { type: 'object', required: ['type'], properties: { type: { type: 'string', maxLength: 8 } } },
    },
  },
  {
    name: 'meta that the API server does not know',
    field: text().meta({ title: 'T', examples: ['x'], deprecated: true, readOnly: true }),
    becomes: { title: 'T', type: 'string', maxLength: 8 },
  },
];

const refused: { name: string; field: z.ZodType; because: RegExp }[] = [
  { name: 'a union', field: z.union([text(), z.int()]), because: /field: a union puts "type" inside anyOf/ },
  {
    name: 'a discriminated union',
    field: z.discriminatedUnion('k', [z.object({ k: z.literal('a') }), z.object({ k: z.literal('b') })]),
    because: /field: a union/,
  },
  { name: 'an intersection', field: z.intersection(z.object({}), z.object({})), because: /field: an intersection/ },
  { name: 'a tuple', field: z.tuple([text()]), because: /field: a tuple has no place/ },
  { name: 'anything', field: z.any(), because: /field: z\.any\(\) has no type/ },
  { name: 'the unknown', field: z.unknown(), because: /field: z\.unknown\(\) has no type/ },
  { name: 'a date', field: z.date(), because: /field: a date does not exist in JSON/ },
  { name: 'a bigint', field: z.bigint(), because: /field: a bigint does not exist/ },
  { name: 'an int64', field: z.int64(), because: /field: a bigint does not exist/ },
  { name: 'a set', field: z.set(text()), because: /field: a set/ },
  { name: 'a Map', field: z.map(text(), text()), because: /field: a Map/ },
  { name: 'a schema in itself', field: z.lazy(() => text()), because: /field: schemas that contain themselves/ },
  { name: 'a transform', field: text().transform((value) => value), because: /field: a transform is unknown/ },
  { name: 'a trim', field: text().trim(), because: /field: a transform is unknown/ },
  { name: 'a refinement', field: text().refine(() => true), because: /field: \.refine\(\) is unknown .* CEL rule/ },
  {
    name: 'a refinement deep inside',
    field: z.array(z.strictObject({ a: text().superRefine(() => {}) })).max(1),
    because: /field\[\]\.a: \.refine\(\) is unknown/,
  },
  { name: 'an id', field: text().meta({ id: 'Shared' }), because: /field: \.meta\(\{ id \}\) turns into \$ref/ },
  {
    name: 'rules of its own',
    field: text().meta({ 'x-kubernetes-validations': [] }),
    because: /field: rules belong into the rules of the kind/,
  },
  { name: 'look-ahead', field: text().regex(/^(?!x)/), because: /field: the pattern .* uses \(\?!, which RE2/ },
  { name: 'look-behind', field: text().regex(/(?<=a)b/), because: /uses \(\?<=, which RE2/ },
  { name: 'a back-reference', field: text().regex(/(a)\1/), because: /uses \\1, which RE2/ },
  { name: 'flags', field: text().regex(/^a$/i), because: /has flags, which a CRD loses/ },
  { name: 'long repeats', field: text().regex(/^a{1,2000}$/), because: /repeats more than 1000 times/ },
  { name: 'two patterns', field: text().regex(/^a/).regex(/b$/), because: /field: two patterns turn into allOf/ },
  { name: 'startsWith', field: text().startsWith('a'), because: /field: the check starts_with/ },
  { name: "zod's durations", field: z.iso.duration(), because: /field: z\.iso\.duration\(\) is not what Kubernetes/ },
  {
    name: 'a map over an enum',
    field: z.record(z.enum(['a']), text()).meta({ maxProperties: 1 }),
    because: /field: z\.record\(\) over an enum requires every name/,
  },
  {
    name: 'a default that does not fit',
    field: z.int32().min(1).default(0),
    because: /field: the default 0 does not fit/,
  },
  {
    name: 'a default with unknown fields',
    field: z.strictObject({}).default({ a: 1 } as never),
    because: /field: the default \{"a":1\} does not fit/,
  },
  { name: 'text without bounds', field: z.string(), because: /field: has no maxLength/ },
  { name: 'a list without bounds', field: z.array(text()), because: /field: has no maxItems/ },
  { name: 'a map without bounds', field: z.record(z.string(), text()), because: /field: has no maxProperties/ },
  {
    name: 'a list that is a map by an optional key',
    field: z
      .array(z.strictObject({ type: text().optional() }))
      .max(2)
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] }),
    because: /field: the key type must be required or defaulted/,
  },
  {
    name: 'keywords that only JSON Schema knows',
    field: text().meta({ uniqueItems: true }),
    because: /field: uniqueItems is not allowed in a CRD/,
  },
];

describe('a schema becomes a structural schema', () => {
  it.each(said)('$name', ({ field, becomes }) => expect(fieldOf(field)).toEqual(becomes));
});

describe('a schema that the API server would refuse, or not check, gives no CRD', () => {
  it.each(refused)('$name', ({ field, because }) => {
    expect(() => crdYaml(kindWith(field))).toThrow(/the API server would refuse this schema:/);
    expect(() => crdYaml(kindWith(field))).toThrow(because);
  });

  it('names every field at once', () => {
    const kind = { ...kindWith(z.any()), specSchema: z.strictObject({ a: z.any(), b: z.tuple([]) }) };
    expect(() => crdYaml(kind)).toThrow(/spec\.a: .*\n.*spec\.b: /);
  });
});

describe('a rule that the API server would refuse gives no CRD', () => {
  it.each([
    { rule: 'self.field ==', because: /the rule self\.field ==: / },
    { rule: 'self.nothing == 1', because: /No such key: nothing/ },
    { rule: 'has(self.nothing)', because: /self\.nothing is not a field/ },
    { rule: "self.field < 'a'", because: /no such overload/ },
    { rule: 'self.field', because: /it gives int, not a boolean/ },
    { rule: 'self.field > 0', message: 'one\ntwo', because: /its message must be one line/ },
    { rule: 'self.field > 0', fieldPath: '.other', because: /its fieldPath \.other leads nowhere/ },
  ])('$rule', ({ because, ...rule }) => {
    expect(() => crdYaml(kindWith(z.int32(), [{ message: 'm', ...rule }]))).toThrow(because);
  });
});

describe.each(kinds.map((kind) => [kind.kind, kind] as const))('the CRD of %s', (_, kind) => {
  const crd = readCrd(kind);

  it('says what kubectl needs to know', () => {
    expect(crd).toMatchObject({
      apiVersion: 'apiextensions.k8s.io/v1',
      metadata: { name: `${kind.plural}.${kind.group}` },
      spec: {
        group: kind.group,
        scope: 'Namespaced',
        names: { kind: kind.kind, plural: kind.plural, shortNames: kind.shortNames, categories: ['aiops'] },
        versions: [{ name: kind.version, served: true, storage: true, subresources: { status: {} } }],
      },
    });
  });

  it('has the conditions as a map by type', () => {
    const { status } = crd.spec.versions[0]!.schema.openAPIV3Schema.properties;
    expect(status.properties['conditions']).toMatchObject({
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['type'],
    });
  });

  it('carries the very rules that run without an API server', () => {
    expect(specOf(kind)['x-kubernetes-validations']).toEqual(kind.rules);
  });

  it('uses nothing that points elsewhere', () => {
    expect(crdYaml(kind)).not.toMatch(/\$ref|&a\d|\*a\d/);
  });
});

it('puts words in quotes that Kubernetes would read as booleans', () => {
  const kind = kindWith(z.strictObject({ y: z.enum(['on', 'off']).default('off') }));
  expect(crdYaml(kind)).toContain('"y":');
  expect(crdYaml(kind)).toContain('default: "off"');
});
