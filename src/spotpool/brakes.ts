import { toTime } from '../api/meta.ts';
import type { LaunchCount, SpotPool } from '../api/spotpool.ts';
import type { EpochMs } from '../lib/clock.ts';
import type { Machine } from './machine.ts';
import type { Trial } from './trial.ts';

const HOUR_MS = 3_600_000;
/** Recorded times are cut to whole seconds. */
const CUT_MS = 1000;
const MINUTE_MS = 60_000;
/** While nobody knows whether an image ever becomes ready, it may cost so many machines at once … */
const UNPROVEN_AT_ONCE = 4;
/** … and so many within an hour. */
const UNPROVEN_PER_HOUR = 6;
/** A suspect image is tried with one machine so often, in case what was wrong is over. */
const TRIAL_EVERY_MS = 30 * MINUTE_MS;

/** Why no more is bought although more is wanted. Permanent words: the reasons of the condition `SpendLimited`. */
export type LimitReason =
  | 'LaunchesPerHour'
  | 'MaxMachines'
  | 'MaxCostPerHour'
  | 'PriceUnknown'
  | 'UnprovenImage'
  | 'SuspectImage';

/** How many machines more a brake allows. */
export interface Brake {
  readonly room: number;
  readonly reason: LimitReason;
  readonly message: string;
  /** When it gives way by itself, where that is known. */
  readonly until?: EpochMs;
}

/** The pool's own brakes, purchases under way not yet taken off. Those of the whole operator are in `budget.ts`. */
export function brakesOf(pool: SpotPool, machines: readonly Machine[], trial: Trial, now: EpochMs): readonly Brake[] {
  const launches = launchesWithin(pool, machines, now);
  return [perHour(pool, launches), ...imageBrakes(pool, machines, trial, launches, now)];
}

/** The record of purchases with those that are added, one entry a minute at most. It is cut to the last hour when it grows. */
export function launchesOf(before: readonly LaunchCount[], added: number, now: EpochMs): readonly LaunchCount[] {
  if (added === 0) return before;
  const kept = recentOf(before, now);
  const last = kept.at(-1);
  const minuteOf = (at: EpochMs): number => Math.floor(at / MINUTE_MS);
  // Counted from the last purchase of its minute, none is forgotten before its hour is over.
  return last !== undefined && minuteOf(Date.parse(last.at)) === minuteOf(now)
    ? [...kept.slice(0, -1), { at: toTime(now), count: last.count + added }]
    : [...kept, { at: toTime(now), count: added }];
}

function recentOf(launches: readonly LaunchCount[], now: EpochMs): readonly LaunchCount[] {
  return launches.filter(({ at }) => isWithinHour(Date.parse(at), now));
}

interface Launches {
  readonly count: number;
  /** When the oldest of them is an hour ago. */
  readonly until: EpochMs | undefined;
}

/** A record that was lost is made good by the machines that are there: each tells when it was made. */
function launchesWithin({ status }: SpotPool, machines: readonly Machine[], now: EpochMs): Launches {
  const recorded = recentOf(status?.launches ?? [], now);
  const count = recorded.reduce((sum, launch) => sum + launch.count, 0);
  const made = machines
    .map(({ record }) => Date.parse(record.createdAt))
    .filter((at) => isWithinHour(at, now))
    .toSorted((a, b) => a - b);
  const oldest = made.length > count ? made[0] : recorded[0] && Date.parse(recorded[0].at);
  return {
    count: Math.max(count, made.length),
    until: oldest === undefined ? undefined : oldest + HOUR_MS + CUT_MS,
  };
}

function isWithinHour(at: EpochMs, now: EpochMs): boolean {
  return now - at < HOUR_MS + CUT_MS;
}

function perHour({ spec }: SpotPool, { count, until }: Launches): Brake {
  return {
    room: spec.launchesPerHour - count,
    reason: 'LaunchesPerHour',
    message: `${count} machines were bought within the last hour, and limits.launchesPerHour is ${spec.launchesPerHour}.`,
    ...(until === undefined ? {} : { until }),
  };
}

function imageBrakes(
  { spec }: SpotPool,
  machines: readonly Machine[],
  trial: Trial,
  launches: Launches,
  now: EpochMs,
): readonly Brake[] {
  const suspicion = trial.isSuspect ? [suspectBrake(spec.imageId, trial, now)] : [];
  if (trial.isProven) return suspicion;
  const alive = machines.filter(({ isAlive, record }) => isAlive && record.imageId === spec.imageId).length;
  const none = `No machine of ${spec.imageId} has been ready in this pool yet`;
  return [
    ...suspicion,
    {
      room: UNPROVEN_AT_ONCE - alive,
      reason: 'UnprovenImage',
      message: `${none}: at most ${UNPROVEN_AT_ONCE} are alive at once until one is.`,
    },
    {
      room: UNPROVEN_PER_HOUR - launches.count,
      reason: 'UnprovenImage',
      message: `${none}: at most ${UNPROVEN_PER_HOUR} are bought within an hour until one is.`,
      ...(launches.until === undefined ? {} : { until: launches.until }),
    },
  ];
}

function suspectBrake(imageId: string, { record }: Trial, now: EpochMs): Brake {
  const until = Date.parse(record.lastLaunchAt ?? toTime(0)) + TRIAL_EVERY_MS + CUT_MS;
  const failed = record.outcomes.filter((outcome) => outcome === 'NeverReady').length;
  return {
    room: now >= until ? 1 : 0,
    reason: 'SuspectImage',
    message:
      `${failed} of the last ${record.outcomes.length} machines of ${imageId} never became ready. Nothing is bought until the ` +
      'image, what machines are made of, or their readiness is changed in the spec; one machine is tried every 30 minutes.',
    until,
  };
}
