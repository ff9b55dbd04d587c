import { cpus } from 'node:os';

/** One measured figure; printed as a line of JSON, the bench's name in front. */
export interface Figure {
  readonly figure: string;
  /** `null`: what the figure stands for did not come about, or says nothing since another figure missed its goal. */
  readonly value: number | null;
  readonly unit: string;
  /** What is aimed at, in `unit`; the figure's description says whether less or more is better. `null`: for comparison. */
  readonly goal: number | null;
  /** Machine, versions and how often it was measured: what one must know to compare the value with another. */
  readonly setup: string;
}

/** What each `bench/NAME/bench.ts` exports. */
export interface Bench {
  /** Measures and yields the figures as they are ready. Throws when something could not be measured: nothing is made up. */
  measure(): AsyncIterable<Figure>;
}

/** The machine and the Node that the figures come from. */
export function machineSetup(): string {
  const all = cpus();
  return `${all.length} x ${all[0]?.model.trim() ?? 'unknown CPU'}, Node ${process.version}, ${process.platform} ${process.arch}`;
}

/** Cuts a figure to `digits` behind the point: more would look like more than was measured. */
export function rounded(value: number | null, digits: number): number | null {
  return value === null ? null : Number(value.toFixed(digits));
}
