import { isDeepStrictEqual } from 'node:util';
import { type Clock, sleep, withDeadline } from '../lib/clock.ts';
import type { KindRef, Store, WatchEvent } from '../store/store.ts';
import type { Logger } from '../telemetry/logger.ts';

/** A watch that cannot begin (disk away, kind not installed) is tried again after so long, doubled up to the cap. */
const WATCH_RETRY_MS = 1000;
const WATCH_RETRY_MAX_MS = 30_000;
/** How many objects a poller asks about at once. */
const POLLS_AT_ONCE = 4;

interface Edges {
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Watches a kind until `signal` is aborted. A store that refuses is asked again, however long it takes. What `listener`
 * throws is logged and costs that event only. Resolves once the initial objects have been delivered, or on abort.
 */
export async function watchKind(
  store: Store,
  kind: KindRef,
  listener: (event: WatchEvent) => void,
  signal: AbortSignal,
  { clock, log }: Edges,
): Promise<void> {
  const guarded = (event: WatchEvent): void => {
    try {
      listener(event);
    } catch (error) {
      log.error('could not handle an event', { kind: kind.kind, type: event.type, error });
    }
  };
  for (let retryMs = WATCH_RETRY_MS; !signal.aborted; retryMs = Math.min(retryMs * 2, WATCH_RETRY_MAX_MS)) {
    try {
      await store.watch(kind, guarded, signal);
      return;
    } catch (error) {
      if (signal.aborted) return;
      log.warn('could not watch; trying again', { kind: kind.kind, retryMs, error });
      await sleep(clock, retryMs, signal).catch(() => {});
    }
  }
}

/**
 * Hands on what `iterable` yields until it ends, fails (logged) or `signal` is aborted, which also closes it. A generator
 * that is waiting then closes only when it wakes, so do not wait for the result at a stop.
 */
export async function drink<T>(
  iterable: AsyncIterable<T>,
  take: (item: T) => void,
  signal: AbortSignal,
  log: Logger,
): Promise<void> {
  const iterator = iterable[Symbol.asyncIterator]();
  const close = (): void => {
    iterator.return?.().catch(() => {});
  };
  signal.addEventListener('abort', close, { once: true });
  try {
    for (let next = await iterator.next(); !next.done && !signal.aborted; next = await iterator.next())
      take(next.value);
  } catch (error) {
    if (!signal.aborted) log.error('a channel broke', { error });
  } finally {
    signal.removeEventListener('abort', close);
  }
}

/** Asks about each object of a controller regularly and wakes it when the answer differs from the one before. */
export interface Poller<K> {
  readonly everyMs: number;
  /** Looks at the outside world for one object. A failure is logged and leaves the last answer standing. */
  readonly fetch: (key: K, signal: AbortSignal) => Promise<unknown>;
  /** Default: deep equality. */
  readonly isSame?: (before: unknown, now: unknown) => boolean;
}

interface PollOptions {
  /** The keys to ask about, as they are at each round. */
  readonly keys: () => Iterable<string>;
  /** Longest time for one answer, in milliseconds. */
  readonly timeoutMs: number;
  readonly wake: (key: string) => void;
}

/** Runs a poller until `signal` is aborted. The first answer about an object wakes it too. */
export async function poll(
  poller: Poller<string>,
  options: PollOptions,
  signal: AbortSignal,
  { clock, log }: Edges,
): Promise<void> {
  const { everyMs, fetch, isSame = isDeepStrictEqual } = poller;
  const answers = new Map<string, unknown>();
  const ask = async (key: string): Promise<void> => {
    try {
      const answer = await withDeadline(clock, options.timeoutMs, signal, (own) => fetch(key, own));
      if (signal.aborted || (answers.has(key) && isSame(answers.get(key), answer))) return;
      answers.set(key, answer);
      options.wake(key);
    } catch (error) {
      if (!signal.aborted) log.warn('could not poll', { key, error });
    }
  };
  while (!signal.aborted) {
    const keys = new Set(options.keys());
    for (const key of answers.keys()) if (!keys.has(key)) answers.delete(key);
    const left = keys.values();
    await Promise.all(
      Array.from({ length: POLLS_AT_ONCE }, async () => {
        for (const key of left) {
          if (signal.aborted) return;
          await ask(key);
        }
      }),
    );
    await sleep(clock, everyMs, signal).catch(() => {});
  }
}
