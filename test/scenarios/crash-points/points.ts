/** What the operator does to the world outside of it: calls over the network by the method that makes them, and writes of its state file. */
export const KINDS = [
  'sweep',
  'find',
  'findByName',
  'launch',
  'release',
  'price',
  'stock',
  'probe',
  'claim',
  'follow',
  'addFinalizer',
  'writeStatus',
  'removeFinalizer',
  'scale',
  'delete',
  'saveEvents',
  'saveProblems',
] as const;
export type Kind = (typeof KINDS)[number];
const SIDES = ['before', 'after'] as const;
export type Side = (typeof SIDES)[number];

/** An instant at which a process may be killed: right before an outgoing call has its effect, or right after. */
export interface Point {
  readonly kind: Kind;
  readonly side: Side;
}

/** `launch/before`: a row and a column of the table. */
export type Cell = `${Kind}/${Side}`;

export const CELLS: readonly Cell[] = KINDS.flatMap((kind) => SIDES.map((side): Cell => `${kind}/${side}`));

export const cellOf = ({ kind, side }: Point): Cell => `${kind}/${side}`;

/** How often each cell was hit. */
export type Hits = Partial<Record<Cell, number>>;

/** Where a life is cut off: first at its n-th point, or at the n-th one of a cell; then so many points after each restart. */
export interface CrashPlan {
  readonly first: { readonly cell?: Cell; readonly nth: number };
  readonly later: readonly number[];
}

/** `137+5+12` or `launch/before:2`. */
export function planText({ first, later }: CrashPlan): string {
  const start = first.cell === undefined ? `${first.nth}` : `${first.cell}:${first.nth}`;
  return [start, ...later].join('+');
}

/** @throws {RangeError} naming what cannot be read */
export function parsePlan(text: string): CrashPlan {
  const [start = '', ...later] = text.split('+');
  const [, name, nth = ''] = /^(?:([^:]+):)?(\d+)$/.exec(start) ?? [];
  const cell = CELLS.find((known) => known === name);
  if (nth === '' || (name !== undefined && cell === undefined)) {
    throw new RangeError(`crash plan "${text}": write N, CELL:N or N+N+N; cells are ${CELLS.join(', ')}`);
  }
  return { first: { nth: Number(nth), ...(cell === undefined ? {} : { cell }) }, later: later.map(Number) };
}

/** Counts the points of a seed and says at which of them to die. */
export interface Reaper {
  /** Points so far, of all lives together. */
  readonly passed: number;
  readonly passedOf: Readonly<Hits>;
  /** Points at which a process has died, in order. */
  readonly deaths: readonly Point[];
  /** Whether there is no death to come: the plan is done, or `stop` was called. */
  readonly isDone: boolean;
  /** @returns true when the process dies right here */
  pass(point: Point): boolean;
  /** Nobody dies any more. */
  stop(): void;
}

export function createReaper({ first, later }: CrashPlan): Reaper {
  const passedOf: Hits = {};
  const deaths: Point[] = [];
  let passed = 0;
  let due = first.cell === undefined ? first.nth : Number.POSITIVE_INFINITY;
  let isStopped = false;
  const isDone = (): boolean => isStopped || deaths.length > later.length;
  return {
    get passed() {
      return passed;
    },
    passedOf,
    deaths,
    get isDone() {
      return isDone();
    },
    pass(point) {
      const cell = cellOf(point);
      passed += 1;
      const ofCell = (passedOf[cell] ?? 0) + 1;
      passedOf[cell] = ofCell;
      const isFirst = deaths.length === 0 && first.cell === cell && ofCell === first.nth;
      if (isDone() || !(isFirst || passed === due)) return false;
      due = passed + (later[deaths.length] ?? Number.POSITIVE_INFINITY);
      deaths.push(point);
      return true;
    },
    stop() {
      isStopped = true;
    },
  };
}

/** The table of hits, a row a kind, as text. */
export function tableOf(hits: Hits): string {
  const row = (name: string, ...counts: readonly (string | number)[]): string =>
    `${name.padEnd(16)}${counts.map((count) => String(count).padStart(8)).join('')}`;
  return [
    row('kind of call', ...SIDES),
    ...KINDS.map((kind) => row(kind, ...SIDES.map((side) => hits[`${kind}/${side}`] ?? 0))),
  ].join('\n');
}
