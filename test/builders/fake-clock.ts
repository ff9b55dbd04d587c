import type { Clock, EpochMs } from '../../src/lib/clock.ts';

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** What a test holds of a fake clock. Time stands still until `advance` is called. */
export interface FakeClock extends Clock {
  /**
   * Moves time forward by `ms`, running timers in order of their time. Before each timer, and at the end, it waits until
   * everything already started has come to rest: promises, and real I/O as counted by `busy`.
   */
  advance(ms: number): Promise<void>;
  /** Lets everything that is already due or under way come to rest, without moving time. */
  settle(): Promise<void>;
  /** Timers that wait. */
  readonly waiting: number;
}

export interface FakeClockOptions {
  /** Where time starts; default 2026-11-01T00:00:00Z. */
  start?: EpochMs;
  /** How many real operations (HTTP calls, file work) are under way; time does not move while it is above 0. */
  busy?: () => number;
}

/** A clock for tests: timers run only in `advance`, in the order of their times, first made first run. */
export function createFakeClock(options: FakeClockOptions = {}): FakeClock {
  const start = options.start ?? Date.UTC(2026, 10, 1);
  const busy = options.busy ?? (() => 0);
  const timers = new Set<Timer>();
  let passed = 0;
  let made = 0;

  const settle = async (): Promise<void> => {
    let quiet = 0;
    while (quiet < 3) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      quiet = busy() > 0 ? 0 : quiet + 1;
    }
  };
  const next = (until: number): Timer | undefined => {
    let first: Timer | undefined;
    for (const timer of timers) {
      if (timer.at > until) continue;
      if (!first || timer.at < first.at || (timer.at === first.at && timer.order < first.order)) first = timer;
    }
    return first;
  };

  return {
    now: () => start + passed,
    monotonic: () => passed,
    after(ms, run) {
      const timer: Timer = { at: passed + Math.max(0, ms), order: made++, run };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    async advance(ms) {
      const until = passed + ms;
      await settle();
      for (let timer = next(until); timer; timer = next(until)) {
        timers.delete(timer);
        passed = Math.max(passed, timer.at);
        timer.run();
        await settle();
      }
      passed = until;
    },
    settle,
    get waiting() {
      return timers.size;
    },
  };
}
