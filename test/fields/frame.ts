import { describe, expect, it } from 'vitest';
import type { KindDefinition } from '../../src/api/kind.ts';
import { parseSpec } from '../../src/api/parse.ts';
import { type Shape, shapeOf } from '../../src/api/shape.ts';

/** Spec as a user writes it. */
export type RawSpec = Readonly<Record<string, unknown>>;

/** Ways to look at what a spec does: each takes the spec as written and answers what can be seen then. */
export type Observers = Readonly<Record<string, (raw: RawSpec) => unknown>>;

/** Which observer looks, and at what of its answer. */
type Observation<O extends Observers> = {
  [Name in keyof O]: { readonly with: Name; readonly see: (seen: Awaited<ReturnType<O[Name]>>) => unknown };
}[keyof O];

/** One leaf of a schema, two values of it, and the difference that they make. */
export interface FieldRow<O extends Observers> {
  /** `offerings[].maxPrice`. */
  readonly leaf: string;
  /** `undefined` leaves the field out. */
  readonly values: readonly [unknown, unknown];
  /** What changes, for the reader. */
  readonly difference: string;
  readonly observe: Observation<O>;
  /** What is seen with the one and with the other value. */
  readonly shows: readonly [unknown, unknown];
  /** Fields of the base that this row replaces; `undefined` takes one away. */
  readonly base?: RawSpec;
}

/** One leaf of a kind that is kept and not served yet: the two values must be accepted, and nothing more can be said. */
export interface UnservedRow {
  readonly leaf: string;
  readonly values: readonly [unknown, unknown];
  readonly base?: RawSpec;
}

/** The paths of everything in a schema that holds a value: a list or a map of plain values is one leaf. */
export function leavesOf(shape: Shape, path = ''): string[] {
  const inner = shape.items !== undefined && isNested(shape.items) ? shape.items : undefined;
  if (inner !== undefined) return leavesOf(inner, `${path}${shape.type === 'map' ? '{}' : '[]'}`);
  if (shape.fields.size === 0) return [path];
  return [...shape.fields].flatMap(([name, field]) => leavesOf(field, path === '' ? name : `${path}.${name}`));
}

function isNested(shape: Shape): boolean {
  return shape.fields.size > 0 || (shape.items !== undefined && isNested(shape.items));
}

/** What is wrong with a set of rows as a whole: leaves without a row, rows without a leaf, a leaf with two rows. */
export function gaps(leaves: readonly string[], rows: readonly { readonly leaf: string }[]): string[] {
  const named = rows.map(({ leaf }) => leaf);
  return [
    ...leaves
      .filter((leaf) => !named.includes(leaf))
      .map((leaf) => `${leaf} has no row: what difference does it make?`),
    ...named.filter((leaf) => !leaves.includes(leaf)).map((leaf) => `${leaf} is not a field`),
    ...named.filter((leaf, index) => named.indexOf(leaf) !== index).map((leaf) => `${leaf} has two rows`),
  ];
}

/** The base of a row with one value of its leaf. Entries of lists and maps are the first, named `key` in maps. */
export function specWith(base: RawSpec, row: Pick<FieldRow<Observers>, 'leaf' | 'base'>, value: unknown): RawSpec {
  const spec = structuredClone({ ...base, ...row.base }) as Record<string, unknown>;
  const steps = row.leaf.replaceAll('[]', '.0').replaceAll('{}', '.key').split('.');
  let at: Record<string, unknown> = spec;
  for (const [index, step] of steps.slice(0, -1).entries()) {
    at[step] ??= steps[index + 1] === '0' ? [] : {};
    at = at[step] as Record<string, unknown>;
  }
  at[steps.at(-1) ?? ''] = value;
  return JSON.parse(JSON.stringify(spec)) as RawSpec;
}

/** Every field of a kind does something: a test for each row, and one that no leaf lacks a row. */
export function describeFields<O extends Observers>(
  kind: KindDefinition,
  { base, observers, rows }: { readonly base: RawSpec; readonly observers: O; readonly rows: readonly FieldRow<O>[] },
): void {
  describe(`every field of ${kind.kind} does something`, () => {
    it('has a row for each leaf of the schema, and no other', () => {
      expect(gaps(leavesOf(shapeOf(kind.specSchema)), rows)).toEqual([]);
    });

    it.each(rows)('$leaf: $difference', async (row) => {
      const { observe, values, shows } = row;
      const seen: unknown[] = [];
      for (const value of values) {
        const spec = specWith(base, row, value);
        expect(parseSpec(kind, spec)).toMatchObject({ ok: true });
        const answer = await observers[observe.with as string]?.(spec);
        seen.push((observe.see as (answer: unknown) => unknown)(answer));
      }
      expect(seen).toEqual(shows);
      expect(seen[0]).not.toEqual(seen[1]);
    });
  });
}

/**
 * A kind whose fields do nothing yet must say so on each of its objects, whatever they hold. `say` answers the conditions
 * of an object with this spec as `status reason`, by type. A kind that begins to serve fails here, and needs rows of the
 * other sort.
 */
export function describeUnserved(
  kind: KindDefinition,
  options: {
    readonly base: RawSpec;
    readonly rows: readonly UnservedRow[];
    readonly say: (raw: RawSpec) => Promise<Readonly<Record<string, string>>>;
  },
): void {
  const { base, rows, say } = options;
  describe(`no field of ${kind.kind} does anything yet, and its objects say so`, () => {
    it('has a row for each leaf of the schema, and no other', () => {
      expect(gaps(leavesOf(shapeOf(kind.specSchema)), rows)).toEqual([]);
    });

    it.each(rows)('$leaf', async (row) => {
      const [one, other] = row.values.map((value) => specWith(base, row, value));
      expect(one).not.toEqual(other);
      for (const spec of [one, other]) {
        expect(parseSpec(kind, spec)).toMatchObject({ ok: true });
        expect(await say(spec ?? {})).toEqual({ Ready: 'Unknown NotYetServed' });
      }
    });
  });
}
