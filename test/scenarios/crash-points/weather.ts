import { type Assumptions, drawAssumptions } from '../../../simulators/cvm/assumptions.ts';
import type { FaultOrder } from '../../../simulators/cvm/faults.ts';
import type { Random } from '../../../simulators/cvm/random.ts';
import type { CvmSimulator } from '../../../simulators/cvm/simulator.ts';
import type { Span, Timing } from '../../../simulators/cvm/world.ts';

// What the design promises to survive, and no more:
// - Lists lag by at most 30 s after a purchase, and tags come a little later.
// - A list may come back short, but twice in a row at most: a purchase of unknown outcome is looked for twice, and a cloud that
//   hides exactly that machine from both looks (and from the sweeps between) has said twice that it does not exist.
// - A question by id is answered truly once the machine is listed at all.
// - Throttling comes in bursts of three at most; every other fault strikes once or twice.

/** What one step of a life is disturbed by. */
export interface Gust {
  readonly faults: readonly FaultOrder[];
  /** Lists that lack their last rows. */
  readonly shortLists: number;
  /** The next machines that end in LAUNCH_FAILED. */
  readonly failedLaunches: number;
  /** How long all that may last. */
  readonly lastsMs: number;
}

const pick = <T>(random: Random, from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;

/** From a purchase until lists show it. */
const APPEAR: readonly Span[] = [
  [0, 0],
  [0, 3000],
  [0, 3000],
  [5000, 25_000],
];

/** What the seed assumes of everything that the vendor's documents leave open. */
export function drawWorld(random: Random): { readonly assumptions: Assumptions; readonly timing: Partial<Timing> } {
  const assumptions = drawAssumptions(random);
  const appear = pick(random, APPEAR);
  return { assumptions, timing: { appear, pending: [3000, 20_000], terminating: [5000, 30_000] } };
}

const READS = [
  'DescribeInstances',
  'DescribeInstances',
  'InquiryPriceRunInstances',
  'DescribeZoneInstanceConfigInfos',
] as const;
const KINDS = [
  'http-500-before',
  'http-500-after',
  'http-502',
  'internal-error-before',
  'internal-error-after',
  'hang',
  'hang-after',
  'reset-before',
  'reset-after',
  'truncated',
  'html',
] as const;
/** The outcome of a purchase is not known after these: it was made, or it was not. */
const LOSSES = [
  'http-500-before',
  'http-500-after',
  'internal-error-after',
  'hang',
  'hang-after',
  'reset-before',
  'reset-after',
  'truncated',
] as const;

/** A purchase whose answer is lost. */
export function lostAnswer(random: Random): FaultOrder {
  return { action: 'RunInstances', kind: pick(random, LOSSES) };
}

function drawFault(random: Random): FaultOrder {
  const chance = random();
  if (chance < 0.3) return lostAnswer(random);
  if (chance < 0.5) return { action: 'TerminateInstances', kind: pick(random, KINDS), times: pick(random, [1, 2]) };
  if (chance < 0.65) return { action: '*', kind: 'throttle', times: pick(random, [1, 2, 3]) };
  if (chance < 0.68) return { action: 'RunInstances', kind: 'code', code: 'InvalidAccount.InsufficientBalance' };
  return {
    action: pick(random, READS),
    kind: pick(random, KINDS),
    times: pick(random, [1, 1, 2]),
    afterCalls: Math.floor(random() * 4),
  };
}

/** Calm in two steps of five. */
export function drawGust(random: Random): Gust {
  const count = pick(random, [0, 0, 1, 1, 2]);
  return {
    faults: Array.from({ length: count }, () => drawFault(random)),
    shortLists: random() < 0.2 ? pick(random, [1, 2]) : 0,
    failedLaunches: random() < 0.05 ? 1 : 0,
    lastsMs: count === 0 ? 0 : pick(random, [20_000, 40_000, 90_000]),
  };
}

/** Begins a gust. @returns what ends it */
export function blow(simulator: CvmSimulator, { faults, shortLists, failedLaunches }: Gust): () => void {
  for (const fault of faults) simulator.addFault(fault);
  const lengthen = shortLists > 0 ? simulator.shortenLists({ times: shortLists }) : () => {};
  if (failedLaunches > 0) simulator.failLaunches(failedLaunches);
  return () => {
    simulator.clearFaults();
    simulator.failLaunches(0);
    lengthen();
  };
}
