import { toTime } from '../api/meta.ts';
import type { LaunchCount, SpotPool } from '../api/spotpool.ts';
import type { EpochMs } from '../lib/clock.ts';
import { msSince } from '../lib/since.ts';
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
const MOST_ENTRIES = 64;
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
  return [perHour(pool, launches), ...imageBrakes(pool, machines, trial, now)];
}

/** What a run changes in the record of purchases. */
export interface LaunchChange {
  readonly imageId: string;
  /** Machines that were bought. */
  readonly bought: number;
  /** Machines that turn out never to have started: they cost nothing, and their offering waits by itself. */
  readonly failed: number;
}

/**
 * The record of purchases brought up to date: one entry a minute and image at most, cut to the last hour when it grows.
 * Counted from the last purchase of its minute, none is forgotten before its hour is over.
 */
export function launchesOf(
  before: readonly LaunchCount[],
  { imageId, bought, failed }: LaunchChange,
  now: EpochMs,
): readonly LaunchCount[] {
  if (bought === 0 && failed === 0) return before;
  const kept = recentOf(before, now);
  const last = kept.at(-1);
  const minuteOf = (time: string): number => Math.floor(Date.parse(time) / MINUTE_MS);
  const added: LaunchCount = { at: toTime(now), count: bought, imageId };
  const isSame = last !== undefined && last.imageId === imageId && minuteOf(last.at) === minuteOf(added.at);
  const all = isSame
    ? [...kept.slice(0, -1), { ...added, count: last.count + bought }]
    : [...kept, ...(bought > 0 ? [added] : [])];
  return bounded(without(all, failed, imageId));
}

/** Takes machines off, from the latest purchases of that image on. */
function without(launches: readonly LaunchCount[], failed: number, imageId: string): readonly LaunchCount[] {
  let left = failed;
  return launches
    .toReversed()
    .map((launch) => {
      const taken = launch.imageId === imageId ? Math.min(left, launch.count) : 0;
      left -= taken;
      return { ...launch, count: launch.count - taken };
    })
    .toReversed()
    .filter(({ count }) => count > 0);
}

/** More entries than the status holds come only of images that change all the time: the oldest two then become one. */
function bounded(launches: readonly LaunchCount[]): readonly LaunchCount[] {
  const [first, second, ...rest] = launches;
  if (launches.length <= MOST_ENTRIES || !first || !second) return launches;
  return bounded([{ ...second, count: first.count + second.count }, ...rest]);
}

function recentOf(launches: readonly LaunchCount[], now: EpochMs): readonly LaunchCount[] {
  return launches.filter(({ at }) => isWithinHour(at, now));
}

interface Launches {
  readonly count: number;
  /** When the oldest of them is an hour ago. */
  readonly until: EpochMs | undefined;
}

/** A record that was lost is made good by the machines that are there: each tells when it was made. @param imageId only of it */
function launchesWithin({ status }: SpotPool, machines: readonly Machine[], now: EpochMs, imageId?: string): Launches {
  const isMeant = (image: string | undefined): boolean => imageId === undefined || image === imageId;
  const recorded = recentOf(status?.launches ?? [], now).filter((launch) => isMeant(launch.imageId));
  const count = recorded.reduce((sum, launch) => sum + launch.count, 0);
  const made = machines
    .filter(({ record, fate }) => fate !== 'LaunchFailed' && isMeant(record.imageId))
    .map(({ record }) => record.createdAt)
    .filter((at) => isWithinHour(at, now))
    .toSorted();
  const oldest = made.length > count ? made[0] : recorded[0]?.at;
  return {
    count: Math.max(count, made.length),
    until: oldest === undefined ? undefined : Date.parse(oldest) + HOUR_MS + CUT_MS,
  };
}

function isWithinHour(at: string, now: EpochMs): boolean {
  return msSince(at, now) < HOUR_MS + CUT_MS;
}

function perHour({ spec }: SpotPool, { count, until }: Launches): Brake {
  return {
    room: spec.launchesPerHour - count,
    reason: 'LaunchesPerHour',
    message: `${count} machines were bought within the last hour, and limits.launchesPerHour is ${spec.launchesPerHour}.`,
    ...(until === undefined ? {} : { until }),
  };
}

function imageBrakes(pool: SpotPool, machines: readonly Machine[], trial: Trial, now: EpochMs): readonly Brake[] {
  const { spec } = pool;
  const suspicion = trial.isSuspect ? [suspectBrake(spec.imageId, trial, now)] : [];
  if (trial.isProven) return suspicion;
  const alive = machines.filter(({ isAlive, record }) => isAlive && record.imageId === spec.imageId).length;
  const launches = launchesWithin(pool, machines, now, spec.imageId);
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
  const until = now - msSince(record.lastLaunchAt, now) + TRIAL_EVERY_MS + CUT_MS;
  const failed = record.outcomes.filter(({ outcome }) => outcome === 'NeverReady').length;
  return {
    room: now >= until ? 1 : 0,
    reason: 'SuspectImage',
    message:
      `${failed} of the last ${record.outcomes.length} machines of ${imageId} never became ready. Nothing is bought until the ` +
      'image, what machines are made of, or their readiness is changed in the spec; one machine is tried every 30 minutes.',
    ...(Number.isFinite(until) ? { until } : {}),
  };
}
