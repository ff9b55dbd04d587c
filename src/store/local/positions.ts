import { type Document, isAlias, isMap, isPair, isScalar, isSeq, type LineCounter, type Node } from 'yaml';

/** Where something stands in a file, both from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

type Step = string | number;

/** Where the field at `path` is written: at its name, or at the nearest thing around it that is there. */
export function positionOf(document: Document, lines: LineCounter, path: readonly Step[]): Position {
  let place: Node | null = document.contents;
  let inside: Node | null = document.contents;
  for (const step of path) {
    const found = memberOf(document, inside, step);
    if (!found) break;
    place = found.place ?? place;
    inside = found.value;
  }
  const { line, col } = lines.linePos(place?.range?.[0] ?? document.range?.[0] ?? 0);
  return { line: Math.max(1, line), column: Math.max(1, col) };
}

function memberOf(
  document: Document,
  node: Node | null,
  step: Step,
): { readonly place: Node | null; readonly value: Node | null } | undefined {
  const parent = isAlias(node) ? (node.resolve(document) ?? null) : node;
  if (isSeq(parent)) {
    const item = typeof step === 'number' ? parent.items[step] : undefined;
    return isNode(item) ? { place: item, value: item } : undefined;
  }
  if (!isMap(parent)) return undefined;
  const pair = parent.items.find(
    (candidate) => isPair(candidate) && isScalar(candidate.key) && String(candidate.key.value) === String(step),
  );
  if (!pair) return undefined;
  return { place: isNode(pair.key) ? pair.key : null, value: isNode(pair.value) ? pair.value : null };
}

function isNode(value: unknown): value is Node {
  return isMap(value) || isSeq(value) || isScalar(value) || isAlias(value);
}
