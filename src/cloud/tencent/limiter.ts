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
  ['TagResources', 20],
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
  /**
   * The call was refused for its rate: its action pauses, longer each time in a row. The vendor counts per action;
   * `isForAll`: it says that the whole account or address calls too often, and all actions pause.
   */
  throttled(admission: Admission, isForAll: boolean): void;
  succeeded(admission: Admission): void;
}

/** Which call was let through, and when on the monotonic clock. */
export interface Admission {
  readonly action: string;
  readonly at: number;
}

interface Pause {
  inARow: number;
  from: number;
  until: number;
}

/** The scope of a pause that holds for all actions. */
const ALL = '*';

export function createLimiter(edges: { clock: Clock; random: () => number }): Limiter {
  const { clock, random } = edges;
  const buckets = new Map<string, TokenBucket>();
  const pauses = new Map<string, Pause>();

  const bucketOf = (action: string): TokenBucket => {
    const known = buckets.get(action);
    if (known) return known;
    const made = createTokenBucket(clock, PER_SECOND.get(action) ?? UNPUBLISHED_PER_SECOND);
    buckets.set(action, made);
    return made;
  };
  const waitForPauses = async (action: string, signal: AbortSignal): Promise<void> => {
    const until = (): number => Math.max(0, ...[action, ALL].map((scope) => pauses.get(scope)?.until ?? 0));
    // A pause can begin while this call waits, hence the loop.
    while (clock.monotonic() < until()) await sleep(clock, until() - clock.monotonic(), signal);
  };

  return {
    async acquire(action, signal) {
      await waitForPauses(action, signal);
      const waitMs = bucketOf(action).take();
      if (waitMs > 0) await sleep(clock, waitMs, signal);
      await waitForPauses(action, signal);
      return { action, at: clock.monotonic() };
    },
    throttled({ action, at }, isForAll) {
      const scope = isForAll ? ALL : action;
      const { inARow, from } = pauses.get(scope) ?? { inARow: 0, from: Number.NEGATIVE_INFINITY };
      // Calls that were already under way say nothing about the pause: they count once.
      if (at < from) return;
      const base = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** inARow);
      const now = clock.monotonic();
      pauses.set(scope, { inARow: Math.min(inARow + 1, 6), from: now, until: now + base * (0.5 + random() / 2) });
    },
    succeeded({ action, at }) {
      for (const scope of [action, ALL]) {
        const pause = pauses.get(scope);
        if (pause && at >= pause.from) pause.inARow = 0;
      }
    },
  };
}
