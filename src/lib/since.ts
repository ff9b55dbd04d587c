import type { EpochMs } from './clock.ts';

/** A recorded time that is further ahead than this was written under a wrong clock. */
const CLOCK_AHEAD_MS = 60 * 60_000;

/**
 * How many milliseconds ago a recorded time (RFC 3339) is. One that lies more than an hour ahead counts as long ago: what was
 * written while the clock was wrong must not hold anything until that date. Not a time, or absent: long ago, too.
 */
export function msSince(time: string | undefined, now: EpochMs): number {
  const passed = now - Date.parse(time ?? '');
  return Number.isNaN(passed) || passed < -CLOCK_AHEAD_MS ? Number.POSITIVE_INFINITY : passed;
}
