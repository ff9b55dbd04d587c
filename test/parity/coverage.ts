import type { KindDefinition } from '../../src/api/kind.ts';
import { valueAt } from '../../src/api/problem.ts';
import type { StructuralSchema } from '../../src/api/structural.ts';
import { type Cell, cellsOf, type Side } from './cells.ts';
import type { Case } from './corpus.ts';
import type { Verdict } from './verdict.ts';

/** How often each side of a cell was hit. */
export type Coverage = ReadonlyMap<string, Record<Side, number>>;

/** A manifest and what some judge said of it. */
export interface Judged {
  readonly one: Case;
  readonly verdict: Verdict;
}

/** The table asks for so many hits on each side of each cell. */
export const WANTED = 10;

/**
 * Counts from the manifests themselves, not from what they were made for: a bound is hit where a value stands just on one
 * side of it and the judge says so. A rule is hit by the manifests made for it that the judge accepts, or refuses for it.
 */
export function coverageOf(kinds: readonly KindDefinition[], all: readonly Judged[]): Coverage {
  const counts = new Map<string, Record<Side, number>>();
  for (const kind of kinds) {
    const ours = all.filter(({ one }) => one.cell.kind.kind === kind.kind);
    for (const cell of cellsOf(kind)) {
      const hits = ours.map(({ one, verdict }) => hitOf(cell, one, verdict));
      const count = (side: Side): number => hits.filter((hit) => hit === side).length;
      counts.set(cell.name, { allowed: count('allowed'), refused: count('refused') });
    }
  }
  return counts;
}

/** The cells that were hit too rarely, as lines. */
export function shortCells(coverage: Coverage): readonly string[] {
  return [...coverage]
    .filter(([, { allowed, refused }]) => allowed < WANTED || refused < WANTED)
    .map(([name, { allowed, refused }]) => `${name}: ${allowed} allowed, ${refused} refused`);
}

export function coverageTable(coverage: Coverage): string {
  const width = Math.max(...[...coverage.keys()].map((name) => name.length));
  const row = (name: string, allowed: unknown, refused: unknown): string =>
    `${name.padEnd(width)} ${String(allowed).padStart(8)} ${String(refused).padStart(8)}`;
  return [
    row('cell', 'allowed', 'refused'),
    ...[...coverage].map(([name, { allowed, refused }]) => row(name, allowed, refused)),
  ].join('\n');
}

function hitOf(cell: Cell, one: Case, verdict: Verdict): Side | undefined {
  if (cell.rule !== undefined) {
    if (one.cell.name !== cell.name) return undefined;
    const isBroken = verdict.rules.has(cell.rule.message);
    if (one.side === 'refused') return isBroken ? 'refused' : undefined;
    return verdict.isAccepted ? 'allowed' : undefined;
  }
  const seen = placesOf(one.manifest.spec, cell.path, 'spec').flatMap(({ value, path }) => {
    const side = sideOf(cell, value);
    const at = cell.keyword === 'required' ? `${path}.${cell.field}` : path;
    const isObjected =
      cell.keyword === 'unknown field'
        ? [...verdict.unknown].some(
            (name) => name.startsWith(`${path}.`) && valueAt(value, [name.slice(path.length + 1)]) !== undefined,
          )
        : verdict.schema.has(at);
    return side !== undefined && isObjected === (side === 'refused') ? [side] : [];
  });
  if (seen.includes('refused')) return 'refused';
  return seen.includes('allowed') && verdict.unknown.size === 0 ? 'allowed' : undefined;
}

/** Every value that a path with `[]` and `{}` leads to; one that is not there is none, but for the spec itself. */
function placesOf(value: unknown, path: string, at: string): { value: unknown; path: string }[] {
  const step = /^(?:\.?([^.[{]+)|\[\]|\{\})/.exec(path);
  if (step === null) return [{ value, path: at }];
  const rest = path.slice(step[0].length);
  if (typeof value !== 'object' || value === null) return [];
  if (step[0] === '[]') {
    return Array.isArray(value) ? value.flatMap((item, index) => placesOf(item, rest, `${at}[${index}]`)) : [];
  }
  if (Array.isArray(value)) return [];
  if (step[0] === '{}') return Object.entries(value).flatMap(([name, item]) => placesOf(item, rest, `${at}.${name}`));
  const name = step[1] ?? '';
  return Object.hasOwn(value, name) ? placesOf(value[name as keyof typeof value], rest, `${at}.${name}`) : [];
}

/** On which side of a bound a value stands, if it stands right beside it. */
function sideOf({ keyword, node, field = '' }: Cell, value: unknown): Side | undefined {
  const either = (isAllowed: boolean): Side => (isAllowed ? 'allowed' : 'refused');
  const beside = (size: number, bound: number | undefined, beyond: 1 | -1): Side | undefined =>
    size === bound ? 'allowed' : size === (bound ?? Number.NaN) + beyond ? 'refused' : undefined;
  const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (keyword === 'type') return value === null ? undefined : either(isOfType(value, node.type));
  if (keyword === 'required')
    return isMap ? either(((value as Record<string, unknown>)[field] ?? null) !== null) : undefined;
  if (keyword === 'unknown field') {
    return isMap ? either(Object.keys(value).every((name) => node.properties?.[name] !== undefined)) : undefined;
  }
  if (!isOfType(value, node.type)) return undefined;
  const length =
    typeof value === 'string' ? [...value].length : isMap ? Object.keys(value as object).length : (value as []).length;
  switch (keyword) {
    case 'minLength':
      return beside(length, node.minLength, -1);
    case 'maxLength':
      return beside(length, node.maxLength, 1);
    case 'minItems':
      return beside(length, node.minItems, -1);
    case 'maxItems':
      return beside(length, node.maxItems, 1);
    case 'maxProperties':
      return beside(length, node.maxProperties, 1);
    case 'minimum':
      return beside(value as number, node.minimum, -1);
    case 'maximum':
      return beside(value as number, node.maximum, 1);
    case 'format':
      return beside(value as number, 2 ** 31 - 1, 1);
    case 'enum':
      return either(node.enum?.includes(value) === true);
    case 'pattern': {
      const isFitting = new RegExp(node.pattern ?? '').test(value as string);
      const isInBounds = length >= (node.minLength ?? 0) && length <= (node.maxLength ?? length);
      return isInBounds ? either(isFitting) : undefined;
    }
    default:
      return undefined;
  }
}

function isOfType(value: unknown, type: StructuralSchema['type']): boolean {
  switch (type) {
    case 'array':
      return Array.isArray(value);
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    case 'integer':
      return Number.isInteger(value) && Math.abs(value as number) < 2 ** 53;
    default:
      return typeof value === type;
  }
}
