import { describe, expect, it } from 'vitest';
import { type StructuralSchema, structuralProblems } from './structural.ts';

const text = { type: 'string', maxLength: 8 };

/** As they would come from a generator that lets a trap through. */
const traps: { name: string; node: unknown; says: string }[] = [
  { name: 'no type', node: { description: 'x' }, says: 'f: the type is missing' },
  { name: 'null as a type', node: { type: ['string', 'null'] }, says: 'f: the type is ["string","null"]' },
  { name: 'a type inside anyOf', node: { anyOf: [text] }, says: 'f: anyOf is not allowed in a CRD' },
  { name: 'oneOf', node: { ...text, oneOf: [] }, says: 'f: oneOf is not allowed in a CRD' },
  { name: 'allOf', node: { ...text, allOf: [] }, says: 'f: allOf is not allowed in a CRD' },
  { name: '$ref', node: { $ref: '#/x' }, says: 'f: $ref is not allowed in a CRD' },
  { name: 'const', node: { ...text, const: 'x' }, says: 'f: const is not allowed in a CRD' },
  { name: 'uniqueItems', node: { ...text, uniqueItems: true }, says: 'f: uniqueItems is not allowed in a CRD' },
  {
    name: 'closed objects',
    node: { type: 'object', additionalProperties: false },
    says: 'f: additionalProperties: false is not allowed in a CRD',
  },
  {
    name: 'fields and a map at once',
    node: { type: 'object', maxProperties: 1, properties: {}, additionalProperties: text },
    says: 'f: has both properties and additionalProperties',
  },
  {
    name: 'a number as exclusive bound',
    node: { type: 'integer', exclusiveMinimum: 0 },
    says: 'f: exclusiveMinimum must be a boolean',
  },
  {
    name: 'null as a default of what is never null',
    node: { ...text, default: null },
    says: 'f: the default is null, but null is not allowed',
  },
  {
    name: 'a default of another type',
    node: { type: 'integer', default: '1' },
    says: 'f: the default has another type',
  },
  {
    name: 'a default with unknown fields',
    node: { type: 'object', properties: {}, default: { a: 1 } },
    says: 'f: the default has another type',
  },
  { name: 'a list of nothing', node: { type: 'array', maxItems: 1 }, says: 'f: a list needs items' },
  {
    name: 'a list that is a map by an unknown key',
    node: {
      type: 'array',
      maxItems: 1,
      items: { type: 'object', properties: {} },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['k'],
    },
    says: 'f: its entries have no field k',
  },
  {
    name: 'a list that is a map without keys',
    node: { type: 'array', maxItems: 1, items: text, 'x-kubernetes-list-type': 'map' },
    says: 'f: a list that is a map needs x-kubernetes-list-map-keys',
  },
  {
    name: 'a required field that does not exist',
    node: { type: 'object', required: ['a'], properties: {} },
    says: 'f: requires a, which is not a field',
  },
  {
    name: 'a fault inside a field',
    node: { type: 'object', properties: { a: { type: 'object', properties: { b: {} } } } },
    says: 'f.a.b: the type is missing',
  },
  { name: 'a fault inside a list', node: { type: 'array', maxItems: 1, items: {} }, says: 'f[]: the type is missing' },
  {
    name: 'a fault inside a map',
    node: { type: 'object', maxProperties: 1, additionalProperties: {} },
    says: 'f{}: the type is missing',
  },
];

describe('a schema that no API server would take', () => {
  it.each(traps)('$name', ({ node, says }) => {
    expect(structuralProblems(node as StructuralSchema, 'f')).toContain(says);
  });
});

it('has nothing to say about a sound schema', () => {
  const sound: StructuralSchema = {
    type: 'object',
    required: ['a'],
    default: { a: 'x' },
    properties: {
      a: text,
      open: { 'x-kubernetes-preserve-unknown-fields': true },
      when: { type: 'string', format: 'date-time' },
      maybe: { ...text, nullable: true, default: null },
      list: { type: 'array', maxItems: 2, items: { type: 'number', minimum: 0, exclusiveMinimum: true } },
    },
  };
  expect(structuralProblems(sound, '')).toEqual([]);
});
