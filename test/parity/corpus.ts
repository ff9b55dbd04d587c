import fc from 'fast-check';
import type { KindDefinition } from '../../src/api/kind.ts';
import { apiVersionOf } from '../../src/api/kinds.ts';
import { type Cell, cellsOf, type Side, stepsOf } from './cells.ts';
import { examplesOf } from './rules.ts';
import { type Raw, soundSpecs, withChange } from './specs.ts';
import { changeFor } from './values.ts';

/** One manifest that was made for one side of one cell. */
export interface Case {
  readonly cell: Cell;
  readonly side: Side;
  /** Another cell that is refused in the same manifest, so that sets of problems are compared too. */
  readonly alsoRefused?: Cell;
  readonly manifest: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly metadata: object;
    readonly spec: unknown;
  };
}

/** More than the table asks for: some lose their point when a second change meets the first. */
const EACH = 12;
const SEED = 20_261_101;

/** The corpus: the same manifests in every run, some for each side of each cell. */
export function corpusOf(kinds: readonly KindDefinition[]): readonly Case[] {
  return kinds.flatMap((kind) => {
    const cells = cellsOf(kind);
    const bases = soundSpecs(kind);
    return cells.flatMap((cell, index) =>
      (['allowed', 'refused'] as const).flatMap((side, half) =>
        fc.sample(caseFor(cell, side, { cells, bases }), { numRuns: EACH, seed: SEED + 2 * index + half }),
      ),
    );
  });
}

function caseFor(
  cell: Cell,
  side: Side,
  { cells, bases }: { readonly cells: readonly Cell[]; readonly bases: fc.Arbitrary<Raw> },
): fc.Arbitrary<Case> {
  const { kind } = cell;
  const others = cells.filter(({ keyword }) => keyword !== 'rule' && keyword !== 'unknown field');
  const second =
    side === 'refused' && cell.path !== '' ? fc.option(fc.constantFrom(...others), { freq: 2 }) : fc.constant(null);
  return fc.tuple(bases, second).chain(([base, other]) => {
    const first = applied(cell, side, base);
    // The first change comes last: it is the one that must be seen.
    const all =
      other === null ? first : applied(other, 'refused', base).chain((spec) => applied(cell, side, spec as Raw));
    return all.map(
      (spec): Case => ({
        cell,
        side,
        ...(other === null ? {} : { alsoRefused: other }),
        manifest: manifestOf(kind, spec),
      }),
    );
  });
}

function applied(cell: Cell, side: Side, base: Raw): fc.Arbitrary<unknown> {
  if (cell.rule !== undefined) {
    const { [side]: make } = examplesOf(cell.kind.kind, cell.rule.message);
    return fc.nat(9).map((n) => make(base, n));
  }
  return changeFor(cell, side).map((change) => withChange(cell.kind, base, stepsOf(cell.path), change));
}

function manifestOf(kind: KindDefinition, spec: unknown): Case['manifest'] {
  return { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata: { name: 'parity' }, spec };
}
