import type { Clock, EpochMs } from '../../../src/lib/clock.ts';
import { OllamaError } from './errors.ts';

/** The place of one request in the loaded model. */
export interface Lease {
  /** How long the request waited until it was admitted: queue and loading. */
  readonly waitedMs: number;
  /** Gives the place back; may be called twice. */
  release(): void;
}

/** What one request wants of the model. */
export interface Want {
  /** Window in tokens; another one than the loaded model has makes it load again. */
  readonly contextLength: number;
  /** How long the model stays afterwards; `Infinity` for ever. */
  readonly keepAliveMs: number;
  /** Aborted when the client has gone away. */
  readonly signal: AbortSignal;
}

/** The model in memory, as `/api/ps` shows it. */
export interface Loaded {
  readonly contextLength: number;
  readonly expiresAt: EpochMs;
}

/** Loads, unloads and shares out the one model. */
export interface Scheduler {
  /** Waits for a place, loading the model first where needed. Rejects with the signal's reason when it is aborted.
   * @throws {OllamaError} 503 when too many wait already */
  admit(want: Want): Promise<Lease>;
  /** Ends the stay of the model: at once when it is idle, else after the answers under way. */
  expire(): void;
  loaded(): Loaded | undefined;
  stop(): void;
}

export interface SchedulerOptions {
  readonly clock: Clock;
  readonly loadMs: number;
  readonly parallel: number;
  readonly maxQueue: number;
}

interface Waiting extends Want {
  readonly since: number;
  readonly start: (lease: Lease) => void;
}

interface Resident {
  readonly contextLength: number;
  phase: 'loading' | 'ready' | 'leaving';
  active: number;
  keepAliveMs: number;
  /** Known from the end of the first use on. */
  expiresAt: EpochMs | undefined;
}

/** Taking a model out of memory; meanwhile it is still listed. */
const UNLOAD_MS = 500;
/** What Ollama shows for "for ever": the longest duration that Go knows, 2^63 ns. */
const FOR_EVER_MS = 2 ** 63 / 1e6;

/** A scheduler for one model; the requests are served in the order in which they came, `parallel` at once. */
export function createScheduler(options: SchedulerOptions): Scheduler {
  const { clock, loadMs, parallel, maxQueue } = options;
  const queue: Waiting[] = [];
  let resident: Resident | undefined;
  let cancelTimer = (): void => {};
  let stopped = false;

  const later = (ms: number, run: () => void): void => {
    cancelTimer();
    if (!stopped) cancelTimer = clock.after(ms, run);
  };
  const load = ({ contextLength, keepAliveMs }: Want): void => {
    const own: Resident = { contextLength, keepAliveMs, phase: 'loading', active: 0, expiresAt: undefined };
    resident = own;
    later(loadMs, () => {
      own.phase = 'ready';
      serve();
      // Whoever asked for it may have left meanwhile.
      restIfIdle(own);
    });
  };
  const leave = (own: Resident): void => {
    own.phase = 'leaving';
    later(UNLOAD_MS, () => {
      resident = undefined;
      serve();
    });
  };
  const idle = (own: Resident): void => {
    own.expiresAt = clock.now() + Math.min(own.keepAliveMs, FOR_EVER_MS);
    if (own.keepAliveMs === 0) leave(own);
    else if (own.keepAliveMs !== Number.POSITIVE_INFINITY) later(own.keepAliveMs, () => leave(own));
  };
  const restIfIdle = (own: Resident): void => {
    if (resident === own && own.phase === 'ready' && own.active === 0) idle(own);
  };
  const admitHead = (own: Resident, head: Waiting): void => {
    cancelTimer();
    own.active += 1;
    own.keepAliveMs = head.keepAliveMs;
    let held = true;
    head.start({
      waitedMs: clock.monotonic() - head.since,
      release() {
        if (!held) return;
        held = false;
        own.active -= 1;
        if (resident !== own) return;
        serve();
        restIfIdle(own);
      },
    });
  };
  function serve(): void {
    for (let head = queue[0]; head; head = queue[0]) {
      const isFitting = resident?.contextLength === head.contextLength;
      const isFree = !resident || (resident.phase === 'ready' && resident.active === 0 && !isFitting);
      if (isFree) load(head);
      if (resident?.phase !== 'ready' || !isFitting) return;
      if (resident.active >= parallel) return;
      queue.shift();
      admitHead(resident, head);
    }
  }

  return {
    async admit(want) {
      want.signal.throwIfAborted();
      if (queue.length >= maxQueue) {
        throw new OllamaError(503, 'server busy, please try again.  maximum pending requests exceeded');
      }
      return await new Promise<Lease>((resolve, reject) => {
        const gone = (): void => {
          queue.splice(queue.indexOf(own), 1);
          reject(want.signal.reason);
        };
        const own: Waiting = {
          ...want,
          since: clock.monotonic(),
          start(lease) {
            want.signal.removeEventListener('abort', gone);
            resolve(lease);
          },
        };
        want.signal.addEventListener('abort', gone, { once: true });
        queue.push(own);
        serve();
      });
    },
    expire() {
      if (!resident || resident.phase === 'leaving') return;
      resident.keepAliveMs = 0;
      resident.expiresAt = clock.now();
      if (resident.phase === 'ready' && resident.active === 0) leave(resident);
    },
    loaded() {
      if (!resident) return undefined;
      const { contextLength, expiresAt, keepAliveMs } = resident;
      return { contextLength, expiresAt: expiresAt ?? clock.now() + Math.min(keepAliveMs, FOR_EVER_MS) };
    },
    stop() {
      stopped = true;
      cancelTimer();
    },
  };
}
