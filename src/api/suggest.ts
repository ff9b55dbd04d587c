import { type FieldPath, pathText } from './problem.ts';
import type { Shape } from './shape.ts';

interface Candidate {
  readonly path: readonly string[];
  readonly distance: number;
}

/**
 * The field that someone who wrote `name` at `at` probably meant, as a path from the spec (`instance.systemDisk`), or
 * `undefined` when nothing is near. Fields of the same level win over the same name elsewhere, and that over near names
 * elsewhere; among equals the one that stands first in the schema.
 */
export function suggestField(root: Shape, at: FieldPath, name: string): string | undefined {
  const here = at.map((part) => (typeof part === 'number' ? '[]' : part)).join('.');
  let best: Candidate | undefined;
  for (const path of fieldPaths(root, [])) {
    const isHere = path.slice(0, -1).join('.') === here;
    const distance = nearness(name, path.at(-1) ?? '') + (isHere ? 0 : 0.5);
    if (Number.isFinite(distance) && (best === undefined || distance < best.distance)) best = { path, distance };
  }
  if (best === undefined) return undefined;
  const isHere = best.path.slice(0, -1).join('.') === here;
  if (isHere) return pathText([...at, best.path.at(-1) ?? '']);
  // Of two levels that both have such a name, the reader must see that the outermost is meant.
  return best.path.length === 1 ? `spec.${best.path[0]}` : best.path.join('.').replaceAll('.[]', '[]');
}

/** The word of `words` that is near to `word`, or `undefined`. */
export function suggestWord(words: readonly string[], word: string): string | undefined {
  const scored = words.map((candidate) => ({ candidate, distance: nearness(word, candidate) }));
  const best = scored.toSorted((a, b) => a.distance - b.distance)[0];
  return best !== undefined && Number.isFinite(best.distance) ? best.candidate : undefined;
}

function* fieldPaths(shape: Shape, path: readonly string[]): Generator<readonly string[]> {
  for (const [name, field] of shape.fields) {
    yield [...path, name];
    yield* fieldPaths(field, [...path, name]);
  }
  if (shape.items !== undefined) yield* fieldPaths(shape.items, [...path, '[]']);
}

/** Edits between two names, case and separators aside; `Infinity` when they have too little in common to be a slip. */
function nearness(written: string, known: string): number {
  const a = plain(written);
  const b = plain(known);
  if (a === b) return 0;
  const distance = editDistance(a, b, Math.max(1, Math.floor(Math.max(a.length, b.length) / 4)));
  if (Number.isFinite(distance)) return distance;
  // People leave words out: zone for availabilityZone, disk for systemDisk.
  return a.length >= 4 && (b.endsWith(a) || b.startsWith(a)) ? 10 : Number.POSITIVE_INFINITY;
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[-_ ]/g, '');
}

/**
 * Letters to add, drop, replace or swap with their neighbour (Damerau and Levenshtein), or `Infinity` above `limit`: a
 * hostile name of a megabyte costs nothing.
 */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return Number.POSITIVE_INFINITY;
  let last: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swapped = isSwap ? (last[j - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY;
      row.push(Math.min(replaced, swapped, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    last = previous;
    previous = row;
  }
  const distance = previous.at(-1) ?? 0;
  return distance <= limit ? distance : Number.POSITIVE_INFINITY;
}
