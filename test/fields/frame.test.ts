import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { shapeOf } from '../../src/api/shape.ts';
import { gaps, leavesOf, specWith } from './frame.ts';

const schema = z.strictObject({
  plain: z.string(),
  words: z.array(z.string()),
  labels: z.record(z.string(), z.string()),
  inner: z.strictObject({ deep: z.strictObject({ x: z.boolean().default(true) }).prefault({}) }).optional(),
  entries: z.array(z.strictObject({ a: z.int(), b: z.array(z.strictObject({ c: z.int() })) })),
  named: z.record(z.string(), z.strictObject({ d: z.int() })),
});
const leaves = ['plain', 'words', 'labels', 'inner.deep.x', 'entries[].a', 'entries[].b[].c', 'named{}.d'];

it('finds every leaf of a schema', () => expect(leavesOf(shapeOf(schema))).toEqual(leaves));

describe('the set of rows', () => {
  const rows = leaves.map((leaf) => ({ leaf }));

  it('is complete with one for each leaf', () => expect(gaps(leaves, rows)).toEqual([]));

  it.each([
    { name: 'lacks one', rows: rows.slice(1), says: 'plain has no row: what difference does it make?' },
    { name: 'has one too many', rows: [...rows, { leaf: 'gone' }], says: 'gone is not a field' },
    { name: 'has one twice', rows: [...rows, { leaf: 'words' }], says: 'words has two rows' },
  ])('is refused when it $name', ({ rows: some, says }) => expect(gaps(leaves, some)).toEqual([says]));
});

it.each([
  { leaf: 'plain', spec: { keep: 1, plain: 'v' } },
  { leaf: 'inner.deep.x', spec: { keep: 1, inner: { deep: { x: 'v' } } } },
  { leaf: 'entries[].b[].c', spec: { keep: 1, entries: [{ b: [{ c: 'v' }] }] } },
  { leaf: 'named{}.d', spec: { keep: 1, named: { key: { d: 'v' } } } },
])('sets $leaf and nothing else', ({ leaf, spec }) => expect(specWith({ keep: 1 }, { leaf }, 'v')).toEqual(spec));

it('leaves out what is undefined, in the base and in the field', () => {
  expect(specWith({ a: 1, b: 2 }, { leaf: 'c', base: { a: undefined } }, undefined)).toEqual({ b: 2 });
});
