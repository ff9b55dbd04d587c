import type { EventEmitter } from 'node:events';
import type { Logger } from '../telemetry/logger.ts';

/** The part of `process` that is needed here. */
export interface ProcessEdge extends Pick<EventEmitter, 'on'> {
  exit(code: number): void;
}

/**
 * Turns SIGTERM and SIGINT into a signal to stop. The second one ends the process with code 1 at once. As process 1 of
 * a container nothing would stop it otherwise.
 */
export function stopOnSignals(process: ProcessEdge, log: Logger): AbortSignal {
  const stop = new AbortController();
  const onSignal = (signal: unknown): void => {
    if (stop.signal.aborted) {
      log.warn('told to stop twice; ending at once', { signal });
      process.exit(1);
      return;
    }
    log.info('stopping', { signal });
    stop.abort(new DOMException(`received ${signal}`, 'AbortError'));
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  return stop.signal;
}

/**
 * Ends the process with code 1 after an error that nobody handled: what it left behind is unknown. It is logged, and
 * counted by `count` (origin `unhandledRejection` or `uncaughtException`) for whoever scrapes until then.
 */
export function dieOnStrayErrors(process: ProcessEdge, log: Logger, count: (origin: string) => void): void {
  for (const origin of ['unhandledRejection', 'uncaughtException']) {
    process.on(origin, (error: unknown) => {
      try {
        count(origin);
        log.error('an error that nobody handled; ending', { origin, error });
      } finally {
        process.exit(1);
      }
    });
  }
}
