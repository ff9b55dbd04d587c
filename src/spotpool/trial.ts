import { toTime } from '../api/meta.ts';
import type { ImageTrial, SpotPool, SpotPoolSpec } from '../api/spotpool.ts';
import type { EpochMs } from '../lib/clock.ts';
import { fingerprint } from '../lib/hash.ts';
import type { Machine } from './machine.ts';
import { specHashOf } from './order.ts';

/** Of so many machines, those made last, … */
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
  const found = machines.flatMap((machine) => outcomeOf(machine, spec));
  const outcomes = found.reduce(withOutcome, before.outcomes);
  const proven = new Set(status?.provenImages);
  for (const { record } of machines) {
    if (record.readyAt !== undefined && record.imageId !== undefined) proven.add(record.imageId);
  }
  return {
    record: { ...before, outcomes },
    isProven: proven.has(spec.imageId),
    isSuspect: areSuspect(outcomes),
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

function areSuspect(outcomes: readonly Outcome[]): boolean {
  return outcomes.filter(({ outcome }) => outcome === 'NeverReady').length >= MAKE_SUSPECT;
}

/** What this run has found out about a machine of today's spec, if anything. What was bought by somebody else says nothing bad. */
function outcomeOf({ id, record, before }: Machine, spec: SpotPoolSpec): readonly Outcome[] {
  if (record.imageId !== spec.imageId || record.isOutdated) return [];
  const common = { machine: id, madeAt: record.createdAt };
  if (record.readyAt !== undefined) return before?.readyAt === undefined ? [{ ...common, outcome: 'Ready' }] : [];
  const isNew = record.reason === 'NeverReady' && before?.reason !== 'NeverReady' && record.specHash !== undefined;
  return isNew ? [{ ...common, outcome: 'NeverReady' }] : [];
}

/**
 * Machines are judged in the order in which they were made: a failure takes longer to show than a success, so that of a large
 * purchase the few duds would always come last. One that becomes ready clears a suspicion: what was wrong is over.
 */
function withOutcome(outcomes: readonly Outcome[], added: Outcome): Outcome[] {
  if (added.outcome === 'Ready' && areSuspect(outcomes)) return [added];
  const others = outcomes.filter(({ machine }) => machine !== added.machine);
  return [...others, added].toSorted(byMaking).slice(-JUDGED_BY);
}

function byMaking(a: Outcome, b: Outcome): number {
  const isLast = ({ outcome }: Outcome): number => Number(outcome === 'Ready');
  return Date.parse(a.madeAt) - Date.parse(b.madeAt) || isLast(a) - isLast(b);
}
