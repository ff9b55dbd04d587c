import type { Clock } from '../lib/clock.ts';
import { createFailureLimiter, type FailureLimiter } from './limiter.ts';
import { createReadyLine, createWaitingLine } from './lines.ts';

/** How often the time of unfinished work is told. */
const UNFINISHED_EVERY_MS = 500;

export interface AddOptions {
  /** Not before so many milliseconds from now; 0 or less means now. */
  readonly afterMs?: number;
  /** Counts a failure of the key and waits as long as the limiter says; with `afterMs` too, the shorter of both. */
  readonly isRateLimited?: boolean;
  /** Higher goes first; default 0. */
  readonly priority?: number;
  /** Why, in one word, for logs. */
  readonly reason?: string;
}

export interface Taken {
  readonly key: string;
  readonly priority: number;
  /** Why the key became due when it did. */
  readonly reason: string;
}

/** What a queue tells of itself. Times in milliseconds. */
export interface QueueMetrics {
  /** Ready keys of a priority, changed by `by`. */
  depth(priority: number, by: number): void;
  added(): void;
  /** A delayed add. */
  retried(): void;
  /** A key was ready for so long before it was taken. */
  waited(ms: number): void;
  worked(ms: number): void;
  /** All running keys together, and the one running longest. */
  unfinished(totalMs: number, longestMs: number): void;
}

/**
 * A queue of keys, each at most once. A key is never handed out again before `done`; added while it runs, however often,
 * it runs once more afterwards. Semantics of controller-runtime's priority queue.
 */
export interface WorkQueue {
  /** Adds a key. One that is there already keeps the earlier time and the higher priority. */
  add(key: string, options?: AddOptions): void;
  /** The next key, as soon as there is one; `undefined` once the queue is shut down. Each needs its `done`. */
  get(): Promise<Taken | undefined>;
  /** The work on a key has ended: it may be handed out again. */
  done(key: string): void;
  /** Clears the failures of a key; it stays queued. */
  forget(key: string): void;
  /** Failures of a key since the last `forget`. */
  failures(key: string): number;
  /** From now on adds are dropped and `get` answers `undefined`. Running keys finish. */
  shutDown(): void;
}

interface QueueOptions {
  readonly clock: Clock;
  readonly limiter?: FailureLimiter;
  readonly metrics?: QueueMetrics;
}

interface Item {
  readonly key: string;
  priority: number;
  reason: string;
  /** When a waiting item becomes ready; `undefined` once it is ready. */
  readyAt: number | undefined;
  readySince: number;
}

export function createQueue(options: QueueOptions): WorkQueue {
  const { clock, metrics, limiter = createFailureLimiter() } = options;
  const items = new Map<string, Item>();
  const ready = createReadyLine();
  const waiting = createWaitingLine();
  /** Keys handed out and not done, with the time since when. */
  const running = new Map<string, number>();
  const getters: ((taken: Taken | undefined) => void)[] = [];
  const timer = createTimer(clock, () => {
    for (let key = waiting.takeDue(clock.monotonic()); key !== undefined; key = waiting.takeDue(clock.monotonic())) {
      const item = items.get(key);
      if (item) makeReady(item);
    }
    timer.arm(waiting.nearest());
    handOut();
  });
  const unfinished = createTimer(clock, () => tellUnfinished());
  let isShutDown = false;

  const makeReady = (item: Item): void => {
    item.readyAt = undefined;
    item.readySince = clock.monotonic();
    ready.push(item.key, item.priority);
    metrics?.added();
    metrics?.depth(item.priority, 1);
  };

  const handOut = (): void => {
    while (getters.length > 0) {
      const key = ready.take((candidate) => !running.has(candidate));
      const item = key === undefined ? undefined : items.get(key);
      if (!item) return;
      items.delete(item.key);
      const now = clock.monotonic();
      running.set(item.key, now);
      metrics?.depth(item.priority, -1);
      metrics?.waited(now - item.readySince);
      if (metrics && !unfinished.isArmed()) unfinished.arm(now + UNFINISHED_EVERY_MS);
      getters.shift()?.({ key: item.key, priority: item.priority, reason: item.reason });
    }
  };

  const tellUnfinished = (): void => {
    const now = clock.monotonic();
    const times = [...running.values()].map((since) => now - since);
    metrics?.unfinished(
      times.reduce((sum, time) => sum + time, 0),
      Math.max(0, ...times),
    );
    if (running.size > 0) unfinished.arm(now + UNFINISHED_EVERY_MS);
  };

  const raise = (item: Item, priority: number): void => {
    if (priority <= item.priority) return;
    if (item.readyAt === undefined) {
      ready.delete(item.key, item.priority);
      ready.push(item.key, priority);
      metrics?.depth(item.priority, -1);
      metrics?.depth(priority, 1);
    }
    item.priority = priority;
  };

  return {
    add(key, { afterMs = 0, isRateLimited = false, priority = 0, reason = '' } = {}) {
      if (isShutDown) return;
      const limitMs = isRateLimited ? limiter.when(key) : 0;
      const delayMs = isRateLimited && !(afterMs > 0 && afterMs < limitMs) ? limitMs : afterMs;
      const readyAt = delayMs > 0 ? clock.monotonic() + delayMs : undefined;
      if (readyAt !== undefined) metrics?.retried();

      const known = items.get(key);
      const item = known ?? { key, priority, reason, readyAt, readySince: 0 };
      if (known) {
        raise(known, priority);
        if (known.readyAt === undefined || (readyAt !== undefined && readyAt >= known.readyAt)) return;
        known.reason = reason;
      }
      items.set(key, item);
      if (readyAt === undefined) {
        waiting.delete(key);
        makeReady(item);
      } else {
        item.readyAt = readyAt;
        waiting.set(key, readyAt);
      }
      timer.arm(waiting.nearest());
      handOut();
    },
    get() {
      if (isShutDown) return Promise.resolve(undefined);
      return new Promise((resolve) => {
        getters.push(resolve);
        handOut();
      });
    },
    done(key) {
      const since = running.get(key);
      if (since === undefined) return;
      running.delete(key);
      metrics?.worked(clock.monotonic() - since);
      if (isShutDown && running.size === 0) {
        unfinished.arm(undefined);
        tellUnfinished();
      }
      handOut();
    },
    forget: (key) => limiter.forget(key),
    failures: (key) => limiter.failures(key),
    shutDown() {
      isShutDown = true;
      timer.arm(undefined);
      if (running.size === 0) unfinished.arm(undefined);
      for (const resolve of getters.splice(0)) resolve(undefined);
    },
  };
}

interface Timer {
  /** Fires at that monotonic time instead of any other; `undefined`: not at all. */
  arm(at: number | undefined): void;
  isArmed(): boolean;
}

/** One timer on `clock` that is moved about; it is set anew only when its time changes. */
function createTimer(clock: Clock, run: () => void): Timer {
  let armedFor: number | undefined;
  let cancel = (): void => {};
  return {
    arm(at) {
      if (at === armedFor) return;
      cancel();
      cancel = () => {};
      armedFor = at;
      if (at === undefined) return;
      cancel = clock.after(at - clock.monotonic(), () => {
        armedFor = undefined;
        run();
      });
    },
    isArmed: () => armedFor !== undefined,
  };
}
