import fc from 'fast-check';
import type { StructuralSchema } from '../../src/api/structural.ts';
import { DURATION_PATTERN } from '../../src/lib/duration.ts';
import type { Cell, Side } from './cells.ts';

const INT32_MAX = 2 ** 31 - 1;

/** What a text of a cell is made of: letters mostly, and signs that Go and JavaScript count differently. */
const sign = fc.constantFrom('a', 'b', '1', '-', 'é', '中', '😀', '👩', '\u{10FFFF}', ' ');

/** A text that fits a pattern and has exactly so many characters; `undefined` when it is not known how. */
function fitting(pattern: string | undefined, length: number): fc.Arbitrary<string> | undefined {
  if (pattern === undefined) return fc.array(sign, { minLength: length, maxLength: length }).map((all) => all.join(''));
  const word = (size: number): string => 'abcdefgh23'.repeat(Math.ceil(size / 10)).slice(0, Math.max(0, size));
  const made: Record<string, (size: number) => string> = {
    [DURATION_PATTERN]: (size) => (size < 2 ? 's'.repeat(size) : `${'0'.repeat(size - 2)}9s`),
    '^[0-9]+(\\.[0-9]{1,6})?$': (size) => '7'.repeat(size),
    '^[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?$': (size) => word(size),
    '^\\/': (size) => `/${word(size - 1)}`.slice(0, size),
    '^[a-z]+(-[a-z0-9]+)+$': (size) => `ap-${word(size - 3)}`,
    '^[a-zA-Z0-9.:-]+$': (size) => word(size),
    '^https?:\\/\\/[^ \\t\\n\\r]+$': (size) =>
      `http://${'中😀'.repeat(size)}`.slice(0, 7) + [...'中😀x'.repeat(size)].slice(0, size - 7).join(''),
  };
  const prefix = /^\^([a-z]+-)\[a-z0-9\]\+\$$/.exec(pattern)?.[1];
  const make = prefix === undefined ? made[pattern] : (size: number) => prefix + word(size - prefix.length);
  if (make === undefined) throw new Error(`no text is known that fits ${pattern}`);
  return fc.constant(make(length));
}

/** A text of the right length that does not fit a pattern, near to one that does. */
function unfitting(node: StructuralSchema): fc.Arbitrary<string> {
  const pattern = new RegExp(node.pattern ?? '');
  const bounded = (text: string): boolean =>
    [...text].length >= (node.minLength ?? 0) && [...text].length <= (node.maxLength ?? 9999) && !pattern.test(text);
  const near = [...Array(3).keys()].flatMap((extra) => {
    const length = Math.max(node.minLength ?? 0, 12) + extra;
    const good = sampleOf(fitting(node.pattern, Math.min(length, (node.maxLength ?? 99) - 1)));
    return [
      `${good}\n`,
      ` ${good}`,
      good.slice(1),
      `${good}é`,
      `${good}😀`,
      good.replace(/[a-z]/, '_'),
      `-${good}`,
      `${good}-`,
    ];
  });
  const all = [...near, '', 'ftp://x', 'http://', '5', '5d', '1m1h', '-1s', '1.', '.5', '1,5', 'x y'].filter(bounded);
  return fc.constantFrom(...all);
}

function sampleOf(texts: fc.Arbitrary<string> | undefined): string {
  return texts === undefined ? '' : (fc.sample(texts, { numRuns: 1, seed: 1 })[0] ?? '');
}

const wrongTypes: Readonly<Record<string, readonly unknown[]>> = {
  string: [7, 0.5, true, ['a'], [], { a: 'b' }, {}],
  integer: ['7', 1.5, 1e300, true, [1], [], {}, 2 ** 63],
  boolean: ['true', 'yes', 1, 0, [true], {}],
  array: ['a', 3, true, {}, { 0: 'a' }],
  object: ['a', 3, false, [], ['a']],
};

/** A value that a node accepts, of a moderate size. */
export function soundValue(node: StructuralSchema): fc.Arbitrary<unknown> {
  if (node.enum !== undefined) return fc.constantFrom(...node.enum);
  switch (node.type) {
    case 'string': {
      if (node.pattern === DURATION_PATTERN) return fc.constantFrom('1s', '1500ms', '90s', '5m', '1m30s');
      const least = Math.max(node.minLength ?? 0, node.pattern === undefined ? 1 : 9);
      return fc
        .integer({ min: least, max: least + 3 })
        .chain((length) => fitting(node.pattern, length) ?? fc.constant(''));
    }
    case 'integer':
      return fc.integer({ min: node.minimum ?? 0, max: node.maximum ?? 1000 });
    case 'boolean':
      return fc.boolean();
    case 'array':
      return fc.array(soundValue(node.items ?? {}), {
        minLength: node.minItems ?? 0,
        maxLength: Math.min(node.maxItems ?? 3, 3),
      });
    default:
      if (node.additionalProperties !== undefined) return fc.record({ key: soundValue(node.additionalProperties) });
      return fc.record(
        Object.fromEntries(Object.entries(node.properties ?? {}).map(([name, field]) => [name, soundValue(field)])),
        { requiredKeys: [...(node.required ?? [])], noNullPrototype: true },
      );
  }
}

/** How to change the value that a cell is about so that it stands just on one side. `old` is `undefined` where there is none. */
export function changeFor(cell: Cell, side: Side): fc.Arbitrary<(old: unknown) => unknown> {
  const { node, keyword } = cell;
  const over = side === 'refused' ? 1 : 0;
  const put = (values: fc.Arbitrary<unknown>): fc.Arbitrary<(old: unknown) => unknown> =>
    values.map((value) => () => value);
  const members = (old: unknown): Record<string, unknown> =>
    typeof old === 'object' && old !== null && !Array.isArray(old) ? { ...old } : {};
  switch (keyword) {
    case 'type':
      return put(side === 'allowed' ? soundValue(node) : fc.constantFrom(...(wrongTypes[node.type ?? ''] ?? [])));
    case 'minLength':
      return put(fitting(over ? undefined : node.pattern, (node.minLength ?? 0) - over) ?? fc.constant(''));
    case 'maxLength':
      return put(fitting(node.pattern, (node.maxLength ?? 0) + over) ?? fc.constant(''));
    case 'pattern':
      return put(side === 'allowed' ? soundValue(node) : unfitting(node));
    case 'enum': {
      const words = (node.enum ?? []).map(String);
      const near = words.flatMap((word) => [word.toLowerCase(), `${word} `, word.slice(0, -1)]);
      return put(fc.constantFrom(...(side === 'allowed' ? words : [...near, ''])));
    }
    case 'minimum':
      return put(fc.constant((node.minimum ?? 0) - over));
    case 'maximum':
      return put(fc.constant((node.maximum ?? 0) + over));
    case 'format':
      return put(fc.constant(INT32_MAX + over));
    case 'minItems':
      return put(listOf(node, (node.minItems ?? 0) - over));
    case 'maxItems':
      return put(listOf(node, (node.maxItems ?? 0) + over));
    case 'maxProperties': {
      const size = (node.maxProperties ?? 0) + over;
      const names = Array.from({ length: size }, (_, index) => `key${index}`);
      return put(
        fc
          .array(soundValue(node.additionalProperties ?? {}), { minLength: size, maxLength: size })
          .map((values) => Object.fromEntries(names.map((name, index) => [name, values[index]]))),
      );
    }
    case 'required': {
      const field = cell.field ?? '';
      if (side === 'refused') {
        return fc.constantFrom(
          (old: unknown) => Object.fromEntries(Object.entries(members(old)).filter(([name]) => name !== field)),
          (old: unknown) => ({ ...members(old), [field]: null }),
        );
      }
      return soundValue(node.properties?.[field] ?? {}).map((value) => (old) => ({ [field]: value, ...members(old) }));
    }
    case 'unknown field':
      if (side === 'allowed') return fc.constant((old: unknown) => old ?? {});
      return fc
        .tuple(
          fc.constantFrom('unknown', 'Minimum', 'name ', 'x-y', '日本', '😀', 'spec'),
          fc.constantFrom('x', 1, {}, [], null),
        )
        .map(([name, value]) => (old) => ({ ...members(old), [name]: value }));
    case 'rule':
      throw new Error('rules have specs of their own');
  }
}

function listOf(node: StructuralSchema, length: number): fc.Arbitrary<unknown> {
  const least = Math.max(0, length);
  return fc.array(soundValue(node.items ?? {}), { minLength: least, maxLength: least });
}
