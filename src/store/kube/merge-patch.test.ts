import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergePatch } from './merge-patch.ts';

/** RFC 7386, section 2, as its pseudo code has it. */
function apply(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const isMap = typeof target === 'object' && target !== null && !Array.isArray(target);
  const result: Record<string, unknown> = isMap ? { ...(target as object) } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = apply(result[name], value);
  }
  return result;
}

const json = fc.jsonValue({ maxDepth: 4 }).map((value) => withoutNulls(value));
const status = fc.dictionary(fc.string({ maxLength: 3 }), json, { maxKeys: 6, noNullPrototype: true });

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (value === null) return 'null';
  if (typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, withoutNulls(item)]));
}

describe('a merge patch', () => {
  it.each([
    { name: 'names what is gone', before: { a: 1, b: 2 }, after: { a: 1 }, patch: { b: null } },
    { name: 'is empty when nothing differs', before: { a: [1] }, after: { a: [1] }, patch: {} },
    { name: 'replaces lists whole', before: { a: [1, 2] }, after: { a: [2] }, patch: { a: [2] } },
    { name: 'goes into maps', before: { a: { b: 1, c: 2 } }, after: { a: { b: 1, c: 3 } }, patch: { a: { c: 3 } } },
    { name: 'begins with nothing', before: undefined, after: { a: 1 }, patch: { a: 1 } },
    { name: 'turns a list into a map', before: { a: [1] }, after: { a: { b: 1 } }, patch: { a: { b: 1 } } },
  ])('$name', ({ before, after, patch }) => expect(mergePatch(before, after)).toEqual(patch));

  it('leads from any status to any other', () => {
    fc.assert(
      fc.property(status, status, (before, after) => {
        expect(apply(before, mergePatch(before, after))).toEqual(after);
      }),
    );
  });
});
