/** Milliseconds since 1970-01-01T00:00:00Z. */
export type EpochMs = number;

/** Where time comes from. Everything that waits or looks at the time takes one, so that tests and the demo can bend it. */
export interface Clock {
  /** Wall time; may jump when the machine's clock is set. Use it for what people read and for deadlines kept on disk. */
  now(): EpochMs;
  /** Milliseconds that never jump or go back, from an arbitrary start. Use it for delays and durations. */
  monotonic(): number;
  /** Runs `run` once after `ms` (negative counts as 0). The returned function cancels it and may be called twice. */
  after(ms: number, run: () => void): () => void;
}

/** `setTimeout` fires at once above this (2^31 - 1 ms, about 24.8 days): longer waits are made of several. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The machine's own clock. */
export const systemClock: Clock = acceleratedClock({ realStart: 0, start: 0, factor: 1 });

/**
 * A clock that runs `factor` times as fast as the machine's: at the real instant `realStart` it shows `start`.
 * Two processes given the same three numbers agree on the time.
 */
export function acceleratedClock(options: { realStart: EpochMs; start: EpochMs; factor: number }): Clock {
  const { realStart, start, factor } = options;
  const monotonic = (): number => performance.now() * factor;
  return {
    now: () => start + (Date.now() - realStart) * factor,
    monotonic,
    after(ms, run) {
      const due = monotonic() + Math.max(0, ms);
      let timer: NodeJS.Timeout;
      const arm = (): void => {
        const left = (due - monotonic()) / factor;
        if (left > LONGEST_TIMER_MS) timer = setTimeout(arm, LONGEST_TIMER_MS);
        else timer = setTimeout(run, Math.max(0, left));
      };
      arm();
      return () => clearTimeout(timer);
    },
  };
}

/**
 * Reads a clock that processes share: `REALSTART,START,FACTOR`, two instants in milliseconds since 1970 and a factor, as
 * `aiops demo` hands it to what it starts in `AIOPS_CLOCK`. Empty or absent: the machine's own clock, factor 1.
 * @throws {RangeError} naming the variable, the value and what is allowed
 */
export function readClock(text: string | undefined): { readonly clock: Clock; readonly factor: number } {
  if (text === undefined || text === '') return { clock: systemClock, factor: 1 };
  const [realStart, start, factor] = text.split(',').map(Number);
  if (![realStart, start, factor].every(Number.isFinite) || !factor || factor <= 0) {
    throw new RangeError(`AIOPS_CLOCK "${text}": write REALSTART,START,FACTOR, three numbers, FACTOR above 0`);
  }
  return { clock: acceleratedClock({ realStart: realStart ?? 0, start: start ?? 0, factor }), factor };
}

/** Waits `ms` on `clock`. Rejects with the signal's reason as soon as `signal` is aborted. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const stop = (): void => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.after(ms, () => {
      signal?.removeEventListener('abort', stop);
      resolve();
    });
    signal?.addEventListener('abort', stop, { once: true });
  });
}

/**
 * Runs `work` with a signal that is aborted after `ms` on `clock` (reason: a `DOMException` named `TimeoutError`) or when
 * `parent` is aborted. Each call owns its controller, so that no listener outlives the call.
 */
export async function withDeadline<T>(
  clock: Clock,
  ms: number,
  parent: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const own = new AbortController();
  if (parent?.aborted) throw parent.reason;
  const follow = (): void => own.abort(parent?.reason);
  parent?.addEventListener('abort', follow, { once: true });
  const cancel = clock.after(ms, () => own.abort(new DOMException(`no answer within ${ms} ms`, 'TimeoutError')));
  try {
    return await work(own.signal);
  } finally {
    cancel();
    parent?.removeEventListener('abort', follow);
  }
}

/** What `work` comes to within `ms` on `clock`, or else `late`; the work then goes on, and what becomes of it is nobody's concern here. */
export async function unlessLate<T>(
  clock: Clock,
  ms: number,
  work: Promise<T>,
  late: () => T | Promise<T>,
): Promise<T> {
  work.catch(() => {});
  let cancel = (): void => {};
  const passed = new Promise<'late'>((resolve) => {
    cancel = clock.after(ms, () => resolve('late'));
  });
  try {
    const first = await Promise.race([work.then((value) => ({ value })), passed]);
    return first === 'late' ? await late() : first.value;
  } finally {
    cancel();
  }
}
