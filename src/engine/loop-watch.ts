import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type Clock, sleep } from '../lib/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Runnable } from './manager.ts';

const LOOK_EVERY_MS = 60_000;
/** Longer pauses put the renewal of a lease at risk. */
const TOLERATED_MS = 200;

/** How late timers were since the last `reset`. */
interface LoopDelay {
  /** In nanoseconds. */
  percentile(percent: number): number;
  reset(): void;
}

/** Warns once a minute while the event loop was blocked: when one timer in a hundred came more than 200 ms late. */
export function createLoopWatch(clock: Clock, log: Logger, delay: LoopDelay = measured()): Runnable {
  return {
    name: 'event loop watch',
    needsLeadership: false,
    async run(signal) {
      while (!signal.aborted) {
        await sleep(clock, LOOK_EVERY_MS, signal).catch(() => {});
        const p99Ms = Math.round(delay.percentile(99) / 1e6);
        if (p99Ms > TOLERATED_MS) log.warn('the event loop was blocked', { p99Ms, toleratedMs: TOLERATED_MS });
        delay.reset();
      }
    },
  };
}

function measured(): LoopDelay {
  const histogram = monitorEventLoopDelay({ resolution: 20 });
  histogram.enable();
  return histogram;
}
