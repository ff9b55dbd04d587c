import { type Clock, sleep } from '../../lib/clock.ts';
import { createTokenBucket, type TokenBucket } from '../../lib/token-bucket.ts';

/**
 * Calls a second that Tencent allows an account for each action. Source: "API rate limits" and the page of each call;
 * actions whose limit is not published are taken at the lowest of the others.
 */
const PER_SECOND: ReadonlyMap<string, number> = new Map([
  ['RunInstances', 10],
  ['TerminateInstances', 10],
  ['InquiryPriceRunInstances', 10],
  ['DescribeInstances', 40],
  ['DescribeZoneInstanceConfigInfos', 40],
]);
const UNPUBLISHED_PER_SECOND = 10;

/** The vendor advises a back-off from one second to a minute after `RequestLimitExceeded`. */
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;

/** Keeps the calls of one account in one region, of all pools together, within the vendor's limits. */
export interface Limiter {
  /** Waits until `action` may be called. @returns what `throttled` and `succeeded` want to be told */
  acquire(action: string, signal: AbortSignal): Promise<Admission>;
  /** The call was refused for its rate: everybody pauses, longer each time in a row. */
  throttled(admission: Admission): void;
  succeeded(admission: Admission): void;
}

/** When a call was let through, on the monotonic clock. */
export type Admission = number;

export function createLimiter(edges: { clock: Clock; random: () => number }): Limiter {
  const { clock, random } = edges;
  const buckets = new Map<string, TokenBucket>();
  let inARow = 0;
  let pausedAt = Number.NEGATIVE_INFINITY;
  let pausedUntil = Number.NEGATIVE_INFINITY;

  const bucketOf = (action: string): TokenBucket => {
    const known = buckets.get(action);
    if (known) return known;
    const made = createTokenBucket(clock, PER_SECOND.get(action) ?? UNPUBLISHED_PER_SECOND);
    buckets.set(action, made);
    return made;
  };

  return {
    async acquire(action, signal) {
      // A pause can begin while this call waits, hence the loop.
      while (clock.monotonic() < pausedUntil) await sleep(clock, pausedUntil - clock.monotonic(), signal);
      const waitMs = bucketOf(action).take();
      if (waitMs > 0) await sleep(clock, waitMs, signal);
      while (clock.monotonic() < pausedUntil) await sleep(clock, pausedUntil - clock.monotonic(), signal);
      return clock.monotonic();
    },
    throttled(admission) {
      // Calls that were already under way say nothing about the pause: they count once.
      if (admission < pausedAt) return;
      const base = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** inARow);
      inARow = Math.min(inARow + 1, 6);
      pausedAt = clock.monotonic();
      pausedUntil = pausedAt + base * (0.5 + random() / 2);
    },
    succeeded(admission) {
      if (admission >= pausedAt) inARow = 0;
    },
  };
}
