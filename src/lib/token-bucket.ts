import type { Clock } from './clock.ts';

/** Counts calls against a rate. It only tells how long to wait; who waits is the caller's business. */
export interface TokenBucket {
  /** Takes one token, also one that is still to come. @returns how many milliseconds to wait before using it; 0: now */
  take(): number;
}

/** A full bucket of `perSecond` tokens that refills at that rate. Tokens are handed out in the order of asking. */
export function createTokenBucket(clock: Pick<Clock, 'monotonic'>, perSecond: number): TokenBucket {
  const gapMs = 1000 / perSecond;
  // When the bucket would be full again if nobody asked: all that its state needs (the generic cell rate algorithm).
  let fullAt = clock.monotonic();
  return {
    take() {
      const now = clock.monotonic();
      fullAt = Math.max(fullAt, now) + gapMs;
      return Math.max(0, fullAt - now - 1000);
    },
  };
}
