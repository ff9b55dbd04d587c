import { toTime } from '../api/meta.ts';
import type { ImageTrial, SpotPool, SpotPoolSpec } from '../api/spotpool.ts';
import type { EpochMs } from '../lib/clock.ts';
import { fingerprint } from '../lib/hash.ts';
import type { Machine } from './machine.ts';
import { specHashOf } from './order.ts';

/** Of so many machines, the latest, … */
const JUDGED_BY = 4;
/** … so many that never became ready make an image suspect. */
const MAKE_SUSPECT = 2;
const PROVEN_IMAGES_KEPT = 16;

/** What is known of the image that a pool buys with. */
export interface Trial {
  readonly record: ImageTrial;
  /** A machine of the image has been ready in this pool, at any time. */
  readonly isProven: boolean;
  readonly isSuspect: boolean;
  readonly provenImages: readonly string[];
}

/**
 * Whether the machines that the pool buys become ready: the record of the status, brought up to date with what this run has
 * seen. It begins anew with whatever changes what machines are made of, or how they are asked for their readiness.
 */
export function trialOf({ spec, status }: SpotPool, machines: readonly Machine[]): Trial {
  const key = trialKeyOf(spec);
  const before: ImageTrial = status?.trial?.key === key ? status.trial : { key, outcomes: [] };
  const outcomes = machines.reduce((sum, machine) => withOutcome(sum, outcomeOf(machine, spec)), before.outcomes);
  const proven = new Set(status?.provenImages);
  for (const { record } of machines) {
    if (record.readyAt !== undefined && record.imageId !== undefined) proven.add(record.imageId);
  }
  return {
    record: { ...before, outcomes },
    isProven: proven.has(spec.imageId),
    isSuspect: outcomes.filter((outcome) => outcome === 'NeverReady').length >= MAKE_SUSPECT,
    provenImages: [...proven].slice(-PROVEN_IMAGES_KEPT),
  };
}

/** The record after a purchase, or the beginning of one. */
export function afterLaunch(record: ImageTrial, now: EpochMs): ImageTrial {
  return { ...record, lastLaunchAt: toTime(now) };
}

function trialKeyOf(spec: SpotPoolSpec): string {
  return fingerprint({ machine: specHashOf(spec), readiness: spec.readiness });
}

type Outcome = ImageTrial['outcomes'][number];

/** What this run has found out about a machine of today's spec, if anything. */
function outcomeOf({ record, before }: Machine, spec: SpotPoolSpec): Outcome | undefined {
  if (record.imageId !== spec.imageId || record.isOutdated) return undefined;
  if (record.readyAt !== undefined) return before?.readyAt === undefined ? 'Ready' : undefined;
  return record.reason === 'NeverReady' && before?.reason !== 'NeverReady' ? 'NeverReady' : undefined;
}

/** A machine that becomes ready clears a suspicion: what was wrong is over. */
function withOutcome(outcomes: readonly Outcome[], outcome: Outcome | undefined): Outcome[] {
  if (outcome === undefined) return [...outcomes];
  const isSuspect = outcomes.filter((each) => each === 'NeverReady').length >= MAKE_SUSPECT;
  return outcome === 'Ready' && isSuspect ? ['Ready'] : [...outcomes, outcome].slice(-JUDGED_BY);
}
