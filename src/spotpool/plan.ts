import type { BuyingStop, LaunchIntent, SpotPool, SpotPoolSpec } from '../api/spotpool.ts';
import type { Instance, Offering } from '../cloud/cloud.ts';
import { offeringId } from '../cloud/cloud.ts';
import type { EpochMs } from '../lib/clock.ts';
import type { Machine } from './machine.ts';
import { byWhoLeavesFirst } from './machine.ts';
import type { OfferingMemo } from './offerings.ts';
import { LARGEST_ORDER, specHashOf } from './order.ts';

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
  readonly specHash: string;
  readonly mode: 'Run' | 'Pause' | 'Delete';
}

/** A purchase that is not settled, and what is known of it. */
export interface SeenIntent {
  readonly intent: LaunchIntent;
  /** Planned by this process, acknowledged by the store, and not sent: it cannot have been bought. */
  readonly isUnsent: boolean;
  /** Machines with its name, after the longest lag; `undefined`: not looked for yet. */
  readonly found: readonly Instance[] | undefined;
  /** How many of the pool's known machines carry its name. */
  readonly known: number;
}

export interface Candidate {
  readonly offering: Offering;
  readonly memo: OfferingMemo;
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
  | { readonly kind: 'intend'; readonly offering: Offering; readonly count: number }
  | { readonly kind: 'launch'; readonly intent: LaunchIntent; readonly offering: Offering }
  /** The machines of an unknown purchase were found. */
  | { readonly kind: 'takeIn'; readonly intent: LaunchIntent; readonly instances: readonly Instance[] }
  /** An unknown purchase is not looked for before the longest lag has passed. */
  | { readonly kind: 'await'; readonly intent: LaunchIntent }
  | { readonly kind: 'dropIntent'; readonly intent: LaunchIntent; readonly reason: string }
  /** Something that the user might expect is not done; `reason` says why. */
  | { readonly kind: 'hold'; readonly reason: HoldReason; readonly message: string };

/** Why something is held back. Permanent words: they are the reasons of the condition `ReplacementHeld`. */
export type HoldReason = 'LastAnswering' | 'TooManyAtOnce' | 'MostNotAnswering';

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
    specHash: specHashOf(spec),
    mode: spec.paused ? 'Pause' : metadata.deletionTimestamp === undefined ? 'Run' : 'Delete',
  };
}

/**
 * Decides the next steps of a pool. Pure: the same input gives the same plan, and carrying a plan out and planning again
 * comes to an empty plan once the cloud has caught up. At most one purchase is under way at a time.
 */
export function planSpotPool(desired: Desired, seen: Seen, now: EpochMs): readonly Step[] {
  if (seen.conflict) return seen.intents.filter((intent) => intent.isUnsent).map(drop('IdentityConflict'));
  const settled = seen.intents.filter((intent) => !isWaiting(intent)).map((intent) => settle(intent, desired, seen));
  const waiting = seen.intents.filter(isWaiting).map(({ intent }): Step => ({ kind: 'await', intent }));
  const leaving = desired.mode === 'Pause' ? [] : planLeaving(desired, seen, now);
  return [...leaving, ...settled, ...waiting, ...planPurchase(desired, seen, leaving, now)];
}

const drop =
  (reason: string) =>
  ({ intent }: SeenIntent): Step => ({ kind: 'dropIntent', intent, reason });

function isWaiting({ isUnsent, found }: SeenIntent): boolean {
  return !isUnsent && found === undefined;
}

/** What becomes of a purchase that is known not to have been made, or whose machines were found. */
function settle(seenIntent: SeenIntent, desired: Desired, seen: Seen): Step {
  const { intent, found } = seenIntent;
  if (found && found.length > 0) return { kind: 'takeIn', intent, instances: found };
  const offering = seen.candidates.find((candidate) => offeringId(candidate.offering) === intent.offering)?.offering;
  if (desired.mode !== 'Run') return drop(desired.mode === 'Pause' ? 'Paused' : 'PoolDeleted')(seenIntent);
  if (!offering || intent.specHash !== desired.specHash) return drop('SpecChanged')(seenIntent);
  if (seen.buyingStopped) return drop(seen.buyingStopped.reason)(seenIntent);
  const others = seen.intents.filter((other) => other !== seenIntent);
  if (roomToBuy(desired, { ...seen, intents: others }, []) < intent.count) return drop('NotNeeded')(seenIntent);
  return { kind: 'launch', intent, offering };
}

/** How many machines may be bought: up to `low`, and never so many that more than `maximum` are alive. */
function roomToBuy(desired: Desired, seen: Seen, leaving: readonly Step[]): number {
  const alive = seen.machines.filter((machine) => machine.isAlive);
  const going = new Set(
    leaving.flatMap((step) => (step.kind === 'drain' || step.kind === 'release' ? [step.machine] : [])),
  );
  const staying = alive.filter((machine) => machine.fate === 'Keep' && !going.has(machine)).length;
  const ordered =
    seen.untagged + seen.intents.reduce((sum, { intent, known }) => sum + Math.max(0, intent.count - known), 0);
  const held = alive.some((machine) => machine.fate === 'Replace' && machine.isAnswering && !going.has(machine));
  const ceiling = desired.maximum + (held ? desired.surge : 0);
  return Math.min(desired.low - staying, ceiling - alive.length) - ordered;
}

function planPurchase(desired: Desired, seen: Seen, leaving: readonly Step[], now: EpochMs): readonly Step[] {
  if (desired.mode !== 'Run' || seen.intents.length > 0 || seen.buyingStopped) return [];
  const need = roomToBuy(desired, seen, leaving);
  const free = seen.candidates.find(({ memo }) => memo.blockedUntil <= now);
  if (need <= 0 || !free) return [];
  return [
    { kind: 'intend', offering: free.offering, count: Math.min(need, LARGEST_ORDER, free.memo.tryCount ?? need) },
  ];
}

function planLeaving(desired: Desired, seen: Seen, now: EpochMs): readonly Step[] {
  const drained = seen.machines
    .filter((machine) => machine.isAlive && machine.fate === 'Leaving' && hasDrained(machine, desired, now))
    .map((machine): Step => ({ kind: 'release', machine, reason: machine.record.reason }));
  if (desired.mode === 'Delete') {
    const rest = seen.machines.filter((machine) => machine.isAlive && machine.fate !== 'Leaving');
    return [...drained, ...rest.map((machine) => leave(machine, 'PoolDeleted', desired))];
  }
  const kept = seen.machines.filter((machine) => machine.fate === 'Keep').toSorted(byWhoLeavesFirst);
  const surplus = kept.slice(0, Math.max(0, kept.length - desired.high));
  return [
    ...drained,
    ...planReplacements(desired, seen),
    ...withinBudget(
      surplus.map((m) => [m, 'Surplus']),
      desired,
      seen,
    ),
  ];
}

function hasDrained(machine: Machine, desired: Desired, now: EpochMs): boolean {
  return !machine.isAnswering || now - Date.parse(machine.record.drainingSince ?? '') >= desired.drainTimeoutMs;
}

/** A machine that answers drains first; any other has nothing to finish. */
function leave(machine: Machine, reason: string, desired: Desired): Step {
  return { kind: machine.isAnswering && desired.drainTimeoutMs > 0 ? 'drain' : 'release', machine, reason };
}

function planReplacements(desired: Desired, seen: Seen): readonly Step[] {
  const doomed = seen.machines.filter((machine) => machine.fate === 'Replace').toSorted(byWhoLeavesFirst);
  const holds: Step[] = [];
  const silent = doomed.filter(({ record }) => record.reason === 'NotAnswering');
  const onceReady = seen.machines.filter(wasReady);
  const isSuspicious = silent.length > 1 && silent.length * 2 > onceReady.length;
  const mayGo = doomed.filter((machine) => {
    if (isLastAnswering(machine, seen) && desired.low > 0) {
      const message = `${machine.id} is ${machine.record.reason}, but it is the last machine that still answers.`;
      holds.push({ kind: 'hold', reason: 'LastAnswering', message });
      return false;
    }
    // When most fall silent at once, the fault is more likely ours (network, DNS) than theirs: give it time to pass.
    const silentForMs = (machine.record.probeFailures ?? 0) * desired.checkIntervalMs;
    return !(isSuspicious && silent.includes(machine) && silentForMs < desired.readyTimeoutMs);
  });
  if (isSuspicious && mayGo.length < doomed.length) {
    const message = `${silent.length} of ${onceReady.length} machines have stopped answering at once; perhaps the operator cannot reach them. They are kept for now.`;
    holds.push({ kind: 'hold', reason: 'MostNotAnswering', message });
  }
  return [
    ...holds,
    ...withinBudget(
      mayGo.map((machine) => [machine, machine.record.reason]),
      desired,
      seen,
    ),
  ];
}

function isLastAnswering(machine: Machine, seen: Seen): boolean {
  return (
    machine.isAnswering &&
    !seen.machines.some((other) => other !== machine && other.isAlive && other.isAnswering && other.fate === 'Keep')
  );
}

/** A machine that has served: only these count in "a quarter of the ready machines at once". */
function wasReady(machine: Machine): boolean {
  return machine.isAlive && machine.record.readyAt !== undefined;
}

/** Lets at most a quarter of the ready machines (one at least) leave at once; those that never served may always go. */
function withinBudget(leaving: readonly (readonly [Machine, string])[], desired: Desired, seen: Seen): readonly Step[] {
  const ready = seen.machines.filter(wasReady);
  let budget = Math.max(1, Math.floor(ready.length / 4)) - ready.filter(({ fate }) => fate === 'Leaving').length;
  let held = 0;
  const steps: Step[] = [];
  for (const [machine, reason] of leaving) {
    if (wasReady(machine)) {
      if (budget <= 0) {
        held += 1;
        continue;
      }
      budget -= 1;
    }
    steps.push(leave(machine, reason, desired));
  }
  if (held > 0) {
    const message = `${held} more must leave; at most a quarter of the ready machines leaves at once.`;
    steps.push({ kind: 'hold', reason: 'TooManyAtOnce', message });
  }
  return steps;
}
