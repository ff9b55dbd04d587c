import type { Clock } from '../lib/clock.ts';

/**
 * Gives the shared answer, or makes a new one with `make`. Rejects with the signal's own reason as soon as it is aborted; the
 * others still get the answer.
 */
export type SharedCall<T> = (
  maxAgeMs: number,
  signal: AbortSignal,
  make: (signal: AbortSignal) => Promise<T>,
) => Promise<T>;

interface Run<T> {
  readonly startedAt: number;
  readonly answer: Promise<T>;
  readonly stop: AbortController;
  waiting: number;
  isOver: boolean;
}

/**
 * Lets callers share the answer of an expensive call: while one is under way, and for `maxAgeMs` from its start. A failure goes
 * to those who wait for it and is not kept. The work is stopped only when nobody waits for it any more.
 */
export function createSharedCall<T>(clock: Pick<Clock, 'monotonic'>): SharedCall<T> {
  let last: Run<T> | undefined;

  const start = (make: (signal: AbortSignal) => Promise<T>): Run<T> => {
    const stop = new AbortController();
    const startedAt = clock.monotonic();
    const run: Run<T> = { startedAt, answer: make(stop.signal), stop, waiting: 0, isOver: false };
    run.answer.then(
      () => {
        run.isOver = true;
      },
      () => {
        if (last === run) last = undefined;
      },
    );
    return run;
  };

  return async (maxAgeMs, signal, make) => {
    signal.throwIfAborted();
    const isFresh = last && (!last.isOver || clock.monotonic() - last.startedAt < maxAgeMs);
    const run = last && isFresh ? last : start(make);
    last = run;
    return await waitFor(run, signal, () => {
      if (last === run) last = undefined;
    });
  };
}

/** @param abandon called when the last of those who waited has left before the answer came */
async function waitFor<T>(run: Run<T>, signal: AbortSignal, abandon: () => void): Promise<T> {
  const left = Promise.withResolvers<never>();
  const leave = (): void => left.reject(signal.reason);
  signal.addEventListener('abort', leave, { once: true });
  run.waiting += 1;
  try {
    return await Promise.race([run.answer, left.promise]);
  } finally {
    signal.removeEventListener('abort', leave);
    run.waiting -= 1;
    if (run.waiting === 0 && !run.isOver) {
      abandon();
      run.stop.abort(signal.reason);
    }
  }
}
