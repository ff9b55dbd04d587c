/** First delay after a failure, doubled by each further one up to the cap. Source: controller-runtime's default limiter. */
const BASE_DELAY_MS = 5;
const MAX_DELAY_MS = 1_000_000;

/** Counts failures by key and says how long to wait before the next try. */
export interface FailureLimiter {
  /** Counts one more failure. @returns milliseconds to wait: 5, 10, 20 … 1,000,000 */
  when(key: string): number;
  /** Failures counted since the last `forget`. */
  failures(key: string): number;
  forget(key: string): void;
}

export function createFailureLimiter(): FailureLimiter {
  const failures = new Map<string, number>();
  return {
    when(key) {
      const before = failures.get(key) ?? 0;
      failures.set(key, before + 1);
      return Math.min(BASE_DELAY_MS * 2 ** before, MAX_DELAY_MS);
    },
    failures: (key) => failures.get(key) ?? 0,
    forget: (key) => {
      failures.delete(key);
    },
  };
}
