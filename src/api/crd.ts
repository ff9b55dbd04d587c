import { stringify } from 'yaml';
import { z } from 'zod';
import { ruleProblems } from './cel-check.ts';
import { inexpressible } from './expressible.ts';
import type { KindDefinition } from './kind.ts';
import { type StructuralSchema, structuralProblems } from './structural.ts';

interface CustomResourceDefinition {
  readonly apiVersion: 'apiextensions.k8s.io/v1';
  readonly kind: 'CustomResourceDefinition';
  readonly metadata: { readonly name: string };
  readonly spec: object;
}

const INT32 = { least: -(2 ** 31), most: 2 ** 31 - 1 };

/** zod's names for formats that Kubernetes checks by itself, so that the long pattern beside them can go. */
const checkedFormats = new Set(['date-time', 'date', 'uuid', 'ipv4', 'ipv6', 'uri', 'email', 'hostname', 'byte']);

/**
 * Formats that only say what a field holds. The API server takes a list for a text that has any format at all, so they are
 * left out. Source: kube-openapi, pkg/validation/validate/type.go.
 */
const silentFormats = new Set(['password']);

/** Keywords of JSON Schema that the API server's type for schemas does not know, but zod or we may write. */
const foreign = ['$schema', 'contentEncoding', 'examples', 'deprecated', 'readOnly', 'writeOnly', 'propertyNames'];

/** In this order the keywords of a schema are written. */
const order: readonly (keyof StructuralSchema)[] = [
  'title',
  'description',
  'type',
  'format',
  'nullable',
  'default',
  'enum',
  'pattern',
  'minLength',
  'maxLength',
  'minimum',
  'exclusiveMinimum',
  'maximum',
  'exclusiveMaximum',
  'multipleOf',
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-preserve-unknown-fields',
  'required',
  'properties',
  'items',
  'additionalProperties',
  'x-kubernetes-validations',
];

/**
 * The structural schema of a CRD for a zod schema.
 * @throws {Error} naming every field that the API server would refuse, or whose checks it would not make
 */
export function structuralSchema(schema: z.ZodType, path: string): StructuralSchema {
  const refused = inexpressible(schema, path);
  if (refused.length > 0) throw refusal(refused);
  const generated = z.toJSONSchema(schema, {
    target: 'openapi-3.0',
    io: 'input',
    cycles: 'throw',
    unrepresentable: 'throw',
    override: ({ zodSchema, jsonSchema }) => addIntegerFormat(zodSchema, jsonSchema as StructuralSchema),
  });
  const structural = tidy(generated as StructuralSchema);
  const problems = structuralProblems(structural, path);
  if (problems.length > 0) throw refusal(problems);
  return structural;
}

function refusal(problems: readonly string[]): Error {
  return new Error(`the API server would refuse this schema:\n  ${problems.join('\n  ')}`);
}

/** zod writes the range of an integer type as bounds; Kubernetes wants its name, and bounds that the author meant. */
function addIntegerFormat(schema: z.core.$ZodType, node: StructuralSchema): void {
  const def = schema._zod.def as { format?: string; checks?: { _zod: { def: { format?: string } } }[] };
  const formats = [def.format, ...(def.checks ?? []).map((check) => check._zod.def.format)];
  const isInt32 = formats.includes('int32');
  if (node.type !== 'integer' || !(isInt32 || formats.includes('safeint'))) return;
  node.format = isInt32 ? 'int32' : 'int64';
  if (node.minimum === (isInt32 ? INT32.least : Number.MIN_SAFE_INTEGER)) delete node.minimum;
  if (node.maximum === (isInt32 ? INT32.most : Number.MAX_SAFE_INTEGER)) delete node.maximum;
}

/** The final pass over the tree: decides what `override` cannot, for that is called for wrappers too. */
function tidy(raw: StructuralSchema): StructuralSchema {
  const node: Record<string, unknown> = { ...raw };
  for (const keyword of foreign) delete node[keyword];
  const rest = node['additionalProperties'];
  // Strict objects: pruning and strict field validation do that job in a cluster, our parser without one.
  if (rest === false) delete node['additionalProperties'];
  else if (rest === true || (isObject(rest) && Object.keys(rest).length === 0)) {
    delete node['additionalProperties'];
    node['x-kubernetes-preserve-unknown-fields'] = true;
  } else if (isObject(rest)) node['additionalProperties'] = tidy(rest as StructuralSchema);
  if (checkedFormats.has(String(node['format']))) delete node['pattern'];
  if (silentFormats.has(String(node['format']))) delete node['format'];
  if (isObject(node['items'])) node['items'] = tidy(node['items'] as StructuralSchema);
  if (isObject(node['properties'])) {
    node['properties'] = Object.fromEntries(
      Object.entries(node['properties']).map(([name, field]) => [name, tidy(field as StructuralSchema)]),
    );
  }
  const rank = (keyword: string): number => {
    const index = order.indexOf(keyword as keyof StructuralSchema);
    return index < 0 ? order.length : index;
  };
  return Object.fromEntries(Object.entries(node).toSorted(([a], [b]) => rank(a) - rank(b)));
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The CustomResourceDefinition of a kind.
 * @throws {Error} naming every field, rule or column that the API server would refuse
 */
function crdOf(definition: KindDefinition): CustomResourceDefinition {
  const { group, version, kind, plural, singular, shortNames, scale } = definition;
  const spec = structuralSchema(definition.specSchema, 'spec');
  const problems = ruleProblems(spec, definition.rules);
  if (problems.length > 0) throw refusal(problems);
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      names: { kind, listKind: `${kind}List`, plural, singular, shortNames: [...shortNames], categories: ['aiops'] },
      scope: 'Namespaced',
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          additionalPrinterColumns: definition.printerColumns.map((column) => ({ ...column })),
          schema: { openAPIV3Schema: rootSchema(definition, spec) },
          subresources: { status: {}, ...(scale === undefined ? {} : { scale: { ...scale } }) },
        },
      ],
    },
  };
}

function rootSchema(definition: KindDefinition, spec: StructuralSchema): object {
  const rules = definition.rules.map((rule) => ({ ...rule }));
  return {
    description: definition.description,
    type: 'object',
    required: ['spec'],
    properties: {
      apiVersion: { description: 'The version of this schema: group/version.', type: 'string' },
      kind: { description: 'The kind of this object, in CamelCase.', type: 'string' },
      metadata: { type: 'object' },
      spec: rules.length === 0 ? spec : { ...spec, 'x-kubernetes-validations': rules },
      status: structuralSchema(definition.statusSchema, 'status'),
    },
  };
}

/**
 * A CRD as YAML that `kubectl apply` takes. Version 1.1 of YAML is what Kubernetes reads: there `y`, `n` and `on` are
 * booleans unless they stand in quotes.
 */
export function crdYaml(definition: KindDefinition): string {
  return stringify(crdOf(definition), { version: '1.1', lineWidth: 120, aliasDuplicateObjects: false });
}
