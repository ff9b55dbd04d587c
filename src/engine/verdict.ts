import { StoreError } from '../store/store.ts';
import type { LogLevel } from '../telemetry/logger.ts';

/** What a reconcile wants next. `{}`: nothing until something changes. */
export interface Outcome {
  /** Look again after so many milliseconds, or at the next event if that comes first. */
  readonly requeueAfterMs?: number;
  /** For the look after that; otherwise the priority of this one is kept. */
  readonly priority?: number;
}

/** A failure that trying again cannot mend: the key is left alone until its next event. */
export class TerminalError extends Error {
  override readonly name = 'TerminalError';
}

/** How a call of `reconcile` ended. */
export type Ending = { readonly outcome: Outcome } | { readonly error: unknown };

/** The `result` label of `controller_runtime_reconcile_total`. `requeue` is never given; dashboards expect the series. */
export type Result = 'success' | 'requeue_after' | 'requeue' | 'error';

/** What the controller does about an ending. */
export interface Verdict {
  /** `undefined`: not counted. */
  readonly result: Result | undefined;
  /** Clear the failures of the key. */
  readonly isForgiven: boolean;
  readonly next: 'nothing' | 'afterBackoff' | { readonly afterMs: number };
  /** Counted as an error; a conflict is not, it is how optimistic locking works. */
  readonly isError: boolean;
  readonly isTerminal: boolean;
  /** A bug of ours, not a failure of the world. */
  readonly isPanic: boolean;
  readonly log: { readonly level: LogLevel; readonly message: string };
}

/** Judges how a reconcile ended. `isStopping`: the process was told to stop, or lost the lease, while it ran. */
export function verdictOn(ending: Ending, isStopping: boolean): Verdict {
  const quiet = { isError: false, isTerminal: false, isPanic: false };
  if (!('error' in ending)) {
    const { requeueAfterMs = 0 } = ending.outcome;
    const log = { level: 'debug', message: 'reconciled' } as const;
    if (requeueAfterMs > 0) {
      return { ...quiet, result: 'requeue_after', isForgiven: true, next: { afterMs: requeueAfterMs }, log };
    }
    return { ...quiet, result: 'success', isForgiven: true, next: 'nothing', log };
  }
  const { error } = ending;
  if (isStopping) {
    const log = { level: 'debug', message: 'reconcile cut off' } as const;
    // A stopped queue drops the add; a lease that was only late must not cost the key its turn.
    return { ...quiet, result: undefined, isForgiven: false, next: 'afterBackoff', log };
  }
  if (error instanceof TerminalError) {
    const log = { level: 'error', message: 'reconcile failed for good; waiting for a change' } as const;
    return { ...quiet, result: 'error', isForgiven: true, next: 'nothing', isError: true, isTerminal: true, log };
  }
  if (error instanceof StoreError && error.reason === 'Conflict') {
    const log = { level: 'debug', message: 'object changed meanwhile; reading again' } as const;
    return { ...quiet, result: 'error', isForgiven: false, next: 'afterBackoff', log };
  }
  const isPanic = isBug(error);
  const log = { level: 'error', message: isPanic ? 'reconcile failed with a bug' : 'reconcile failed' } as const;
  return { ...quiet, result: 'error', isForgiven: false, next: 'afterBackoff', isError: true, isPanic, log };
}

function isBug(error: unknown): boolean {
  return (
    error instanceof TypeError ||
    error instanceof RangeError ||
    (error instanceof Error && 'code' in error && error.code === 'ERR_ASSERTION')
  );
}
