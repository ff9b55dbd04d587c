import type { BuyingStop, LaunchIntent, SpotPool, SpotPoolSpec } from '../api/spotpool.ts';
import type { Instance, Offering } from '../cloud/cloud.ts';
import { offeringId } from '../cloud/cloud.ts';
import type { EpochMs } from '../lib/clock.ts';
import { msSince } from '../lib/since.ts';
import type { Brake } from './brakes.ts';
import type { Machine } from './machine.ts';
import { byWhoLeavesFirst } from './machine.ts';
import type { OfferingMemo } from './offerings.ts';
import { LARGEST_ORDER } from './order.ts';

/** What a pool wants, worked out of its spec. */
export interface Desired {
  /** Buy up to this many. */
  readonly low: number;
  /** Release down to this many. */
  readonly high: number;
  /** Never more than this, but for `surge`. */
  readonly maximum: number;
  readonly surge: number;
  readonly drainTimeoutMs: number;
  readonly checkIntervalMs: number;
  readonly readyTimeoutMs: number;
  readonly mode: 'Run' | 'Pause' | 'Delete';
}

/** A purchase that is not settled, and what is known of it. */
export interface SeenIntent {
  readonly intent: LaunchIntent;
  /** Planned by this process, acknowledged by the store, and not sent: it cannot have been bought. */
  readonly isUnsent: boolean;
  /** Machines with its name, when that is certain by now; `undefined`: it is not known yet. */
  readonly found: readonly Instance[] | undefined;
  /** It was looked for, and fewer machines were found than ordered; a second look will decide. */
  readonly isFirstLook: boolean;
  /** How many of the pool's known machines carry its name. */
  readonly known: number;
}

export interface Candidate {
  readonly offering: Offering;
  /** Fingerprint of what a purchase of it would say. */
  readonly orderHash: string;
  readonly memo: OfferingMemo;
  /** How many more of it may be bought, by each brake; purchases under way are to be taken off. */
  readonly brakes: readonly Brake[];
}

/** Machines of another installation, or of another life of this pool, that carry this pool's name. */
export interface IdentityConflict {
  readonly ids: readonly string[];
  readonly message: string;
}

/** Everything a decision needs. */
export interface Seen {
  readonly machines: readonly Machine[];
  readonly intents: readonly SeenIntent[];
  readonly candidates: readonly Candidate[];
  /** Young machines with our kind of name whose tags have not arrived: they hold purchases back and are never touched. */
  readonly untagged: number;
  readonly buyingStopped: BuyingStop | undefined;
  readonly conflict: IdentityConflict | undefined;
}

export type Step =
  /** Tell a machine to leave; it is released when it has drained. */
  | { readonly kind: 'drain'; readonly machine: Machine; readonly reason: string }
  | { readonly kind: 'release'; readonly machine: Machine; readonly reason: string }
  /** Write down a purchase. The next run makes it. */
  | {
      readonly kind: 'intend';
      readonly offering: Offering;
      readonly orderHash: string;
      readonly count: number;
      readonly low: number;
    }
  | { readonly kind: 'launch'; readonly intent: LaunchIntent; readonly offering: Offering }
  /** The machines of an unknown purchase were found. */
  | { readonly kind: 'takeIn'; readonly intent: LaunchIntent; readonly instances: readonly Instance[] }
  /** An unknown purchase is not looked for before the longest lag has passed, and twice before it is taken for not made. */
  | { readonly kind: 'await'; readonly intent: LaunchIntent; readonly isFirstLook: boolean }
  /**
   * A purchase turns out not to have been made, and is still wanted. It is written down anew as one that was not sent; the next
   * run sends it. Sent at once it would, after a crash, seem to have been looked for already.
   */
  | { readonly kind: 'renew'; readonly intent: LaunchIntent }
  | { readonly kind: 'dropIntent'; readonly intent: LaunchIntent; readonly reason: string }
  /** A purchase is wanted, and a brake on spending holds it back. */
  | { readonly kind: 'limit'; readonly brake: Brake }
  /** Something that the user might expect is not done; `reason` says why. */
  | { readonly kind: 'hold'; readonly reason: HoldReason; readonly message: string };

/** Why something is held back. Permanent words: they are the reasons of the condition `ReplacementHeld`. */
export type HoldReason = 'LastAnswering' | 'TooManyAtOnce' | 'MostNotAnswering';

/** A machine on its way out may linger in lists; after this time nothing waits for it any longer. */
export const LINGERS_AT_MOST_MS = 5 * 60_000;
/** As slowly as other refusals that need a person. */
const REFUSED_RELEASE_AGAIN_MS = 5 * 60_000;
/** Recorded times are cut to whole seconds: a wait is over for certain when a second more has passed. */
export const CUT_MS = 1000;

/** What the spec asks for. `replicas` is held between minimum and maximum; without it every size in between is fine. */
export function desiredOf(spec: SpotPoolSpec, metadata: SpotPool['metadata']): Desired {
  const { minimum, maximum, replicas } = spec;
  const wanted = replicas === undefined ? undefined : Math.min(maximum, Math.max(minimum, replicas));
  return {
    low: wanted ?? minimum,
    high: wanted ?? maximum,
    maximum,
    surge: spec.surge,
    drainTimeoutMs: spec.drainTimeoutMs,
    checkIntervalMs: spec.checkIntervalMs,
    readyTimeoutMs: spec.readiness.readyTimeoutMs,
    mode: spec.paused ? 'Pause' : metadata.deletionTimestamp === undefined ? 'Run' : 'Delete',
  };
}

/**
 * Decides the next steps of a pool. Pure: the same input gives the same plan, and carrying a plan out and planning again
 * comes to an empty plan once the cloud has caught up. At most one purchase is under way at a time.
 */
export function planSpotPool(desired: Desired, seen: Seen, now: EpochMs): readonly Step[] {
  if (seen.conflict) return seen.intents.filter((intent) => intent.isUnsent).map(drop('IdentityConflict'));
  const suspects = suspectsOf(desired, seen, now);
  const settled = seen.intents
    .filter((intent) => !isWaiting(intent))
    .map((intent) => settle(intent, desired, seen, suspects));
  const waiting = seen.intents
    .filter(isWaiting)
    .map(({ intent, isFirstLook }): Step => ({ kind: 'await', intent, isFirstLook }));
  const leaving = desired.mode === 'Pause' ? [] : planLeaving(desired, seen, suspects, now);
  return [...leaving, ...settled, ...waiting, ...planPurchase(desired, seen, suspects, leaving, now)];
}

/** A release that was refused until somebody changes something is asked for again rarely. */
function isRefusedLately({ record }: Machine, now: EpochMs): boolean {
  return msSince(record.releaseRefusedAt, now) < REFUSED_RELEASE_AGAIN_MS;
}

const drop =
  (reason: string) =>
  ({ intent }: SeenIntent): Step => ({ kind: 'dropIntent', intent, reason });

function isWaiting({ isUnsent, found }: SeenIntent): boolean {
  return !isUnsent && found === undefined;
}

/** What becomes of a purchase that is known not to have been made, or whose machines were found. */
function settle(seenIntent: SeenIntent, desired: Desired, seen: Seen, suspects: ReadonlySet<Machine>): Step {
  const { intent, found } = seenIntent;
  if (found && found.length > 0) return { kind: 'takeIn', intent, instances: found };
  if (desired.mode !== 'Run') return drop(desired.mode === 'Pause' ? 'Paused' : 'PoolDeleted')(seenIntent);
  // Sent again under its token, a purchase must say the same to the last byte: with another spec it is another purchase.
  const same = seen.candidates.find(
    ({ offering, orderHash }) => offeringId(offering) === intent.offering && orderHash === intent.specHash,
  );
  if (!same) return drop('SpecChanged')(seenIntent);
  if (seen.buyingStopped) return drop(seen.buyingStopped.reason)(seenIntent);
  const others = { ...seen, intents: seen.intents.filter((other) => other !== seenIntent) };
  if (roomToBuy(desired, others, suspects, []) < intent.count) return drop('NotNeeded')(seenIntent);
  const brake = tightest(same);
  if (brake && brake.room - orderedOf(others) < intent.count) return drop(brake.reason)(seenIntent);
  return seenIntent.isUnsent ? { kind: 'launch', intent, offering: same.offering } : { kind: 'renew', intent };
}

/** How many machines may be bought: up to `low`, and never so many that more than `maximum` are alive. */
function roomToBuy(desired: Desired, seen: Seen, suspects: ReadonlySet<Machine>, leaving: readonly Step[]): number {
  const alive = seen.machines.filter((machine) => machine.isAlive);
  const going = new Set(
    leaving.flatMap((step) => (step.kind === 'drain' || step.kind === 'release' ? [step.machine] : [])),
  );
  // A suspect is expected to come back: a fault of our own network must not fill the pool up to its maximum.
  const staying = alive.filter(
    (machine) => (machine.fate === 'Keep' || suspects.has(machine)) && !going.has(machine),
  ).length;
  const held = alive.some((machine) => machine.fate === 'Replace' && machine.isAnswering && !going.has(machine));
  const ceiling = desired.maximum + (held ? desired.surge : 0);
  return Math.min(desired.low - staying, ceiling - alive.length) - orderedOf(seen);
}

/** Machines that are, or may be, on their way beyond those that are known. */
function orderedOf({ untagged, intents }: Pick<Seen, 'untagged' | 'intents'>): number {
  return untagged + intents.reduce((sum, { intent, known }) => sum + Math.max(0, intent.count - known), 0);
}

function tightest({ brakes }: Candidate): Brake | undefined {
  return brakes.reduce<Brake | undefined>(
    (least, brake) => (least && least.room <= brake.room ? least : brake),
    undefined,
  );
}

function planPurchase(
  desired: Desired,
  seen: Seen,
  suspects: ReadonlySet<Machine>,
  leaving: readonly Step[],
  now: EpochMs,
): readonly Step[] {
  if (desired.mode !== 'Run' || seen.intents.length > 0 || seen.buyingStopped) return [];
  const need = roomToBuy(desired, seen, suspects, leaving);
  const free = seen.candidates.filter(({ memo }) => memo.blockedUntil <= now);
  if (need <= 0 || free.length === 0) return [];
  const roomOf = (candidate: Candidate): number =>
    (tightest(candidate)?.room ?? Number.POSITIVE_INFINITY) - orderedOf(seen);
  // A dearer offering may be over a limit where a cheaper one is not.
  const chosen = free.find((candidate) => roomOf(candidate) > 0);
  if (!chosen) return free.slice(0, 1).flatMap(limitOf);
  const { offering, orderHash, memo } = chosen;
  const count = Math.min(need, LARGEST_ORDER, memo.tryCount ?? need, roomOf(chosen));
  return [{ kind: 'intend', offering, orderHash, count, low: desired.low }];
}

function limitOf(candidate: Candidate): readonly Step[] {
  const brake = tightest(candidate);
  return brake ? [{ kind: 'limit', brake }] : [];
}

function planLeaving(desired: Desired, seen: Seen, suspects: ReadonlySet<Machine>, now: EpochMs): readonly Step[] {
  const isDone = (machine: Machine): boolean =>
    machine.isAlive &&
    machine.fate === 'Leaving' &&
    hasDrained(machine, desired, now) &&
    !isRefusedLately(machine, now);
  const drained = seen.machines
    .filter(isDone)
    .map((machine): Step => ({ kind: 'release', machine, reason: machine.record.reason }));
  if (desired.mode === 'Delete') {
    const rest = seen.machines.filter(
      (machine) => machine.isAlive && machine.fate !== 'Leaving' && !isRefusedLately(machine, now),
    );
    return [...drained, ...rest.map((machine) => leave([machine, 'PoolDeleted'], desired))];
  }
  const { mayGo, holds } = planReplacements(desired, seen, suspects);
  const kept = seen.machines.filter((machine) => machine.fate === 'Keep').toSorted(byWhoLeavesFirst);
  const surplus = kept.slice(0, Math.max(0, kept.length - desired.high));
  // What is not even asked for takes no place among those that leave.
  const leaving = [
    ...mayGo.map((machine): Leaver => [machine, machine.record.reason]),
    ...surplus.map((machine): Leaver => [machine, 'Surplus']),
  ].filter(([machine]) => !isRefusedLately(machine, now));
  // Those that have drained are out of the traffic already.
  const serving = seen.machines.filter((machine) => wasReady(machine) && !isDone(machine));
  return [
    ...drained,
    ...holds,
    ...withinBudget(leaving, serving, seen.machines.filter((machine) => isGoing(machine, now)).length, desired),
  ];
}

/** Released without a drain, and not gone yet: it has left the ready ones just now. One that lingers in lists has long left. */
function isGoing({ fate, isAlive, record }: Machine, now: EpochMs): boolean {
  if (msSince(record.terminatingSince, now) > LINGERS_AT_MOST_MS) return false;
  if (fate !== 'Leaving' || isAlive || record.readyAt === undefined) return false;
  return record.drainingSince === undefined && record.reason !== 'Reclaimed';
}

/** A machine that must leave, and why. */
type Leaver = readonly [Machine, string];

function hasDrained({ record, isSilent }: Machine, desired: Desired, now: EpochMs): boolean {
  if (record.terminatingSince !== undefined || isSilent) return true;
  return msSince(record.drainingSince, now) >= desired.drainTimeoutMs + CUT_MS;
}

/** A machine that may be serving drains first; any other has nothing to finish. */
function leave([machine, reason]: Leaver, desired: Desired): Step {
  const isServing = machine.isAnswering || machine.record.phase === 'Ready';
  return { kind: isServing && desired.drainTimeoutMs > 0 ? 'drain' : 'release', machine, reason };
}

/**
 * Machines that have fallen silent together with most others. The fault is then more likely ours (network, DNS) than
 * theirs, so they are given as long to come back as a new machine has to become ready.
 */
function suspectsOf(desired: Desired, { machines }: Seen, now: EpochMs): ReadonlySet<Machine> {
  const silent = machines.filter(({ fate, record }) => fate === 'Replace' && record.reason === 'NotAnswering');
  const isSuspicious = silent.length > 1 && silent.length * 2 > machines.filter(wasReady).length;
  if (!isSuspicious) return new Set();
  return new Set(silent.filter(({ record }) => msSince(record.silentSince, now) < desired.readyTimeoutMs + CUT_MS));
}

function planReplacements(
  desired: Desired,
  seen: Seen,
  suspects: ReadonlySet<Machine>,
): { readonly mayGo: readonly Machine[]; readonly holds: readonly Step[] } {
  const doomed = seen.machines.filter((machine) => machine.fate === 'Replace').toSorted(byWhoLeavesFirst);
  const holds: Step[] = [];
  const isServed = seen.machines.some(({ fate, isAnswering }) => fate === 'Keep' && isAnswering);
  const last = isServed || desired.low === 0 ? undefined : doomed.findLast(({ isAnswering }) => isAnswering);
  if (last) {
    const message = `${last.id} is ${last.record.reason}, but it is the last machine that still answers.`;
    holds.push({ kind: 'hold', reason: 'LastAnswering', message });
  }
  if (suspects.size > 0) {
    const message =
      `${suspects.size} of ${seen.machines.filter(wasReady).length} machines have stopped answering at once; ` +
      'perhaps the operator cannot reach them. They are kept for now.';
    holds.push({ kind: 'hold', reason: 'MostNotAnswering', message });
  }
  return { mayGo: doomed.filter((machine) => machine !== last && !suspects.has(machine)), holds };
}

/** A machine that has served: only these count in "a quarter of the ready machines at once". */
function wasReady(machine: Machine): boolean {
  return machine.isAlive && machine.record.readyAt !== undefined;
}

/** Lets at most a quarter of the machines that serve (one at least) leave at once; those that never served may always go. */
function withinBudget(
  leaving: readonly Leaver[],
  serving: readonly Machine[],
  going: number,
  desired: Desired,
): readonly Step[] {
  const draining = serving.filter(({ fate }) => fate === 'Leaving').length;
  let budget = Math.max(1, Math.floor((serving.length + going) / 4)) - draining - going;
  let held = 0;
  const steps: Step[] = [];
  for (const leaver of leaving) {
    const counts = wasReady(leaver[0]);
    if (counts && budget <= 0) {
      held += 1;
      continue;
    }
    if (counts) budget -= 1;
    steps.push(leave(leaver, desired));
  }
  if (held > 0) {
    const message = `${held} more must leave; at most a quarter of the ready machines leaves at once.`;
    steps.push({ kind: 'hold', reason: 'TooManyAtOnce', message });
  }
  return steps;
}
