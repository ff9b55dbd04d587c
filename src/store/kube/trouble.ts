import type { Logger } from '../../telemetry/logger.ts';
import { KubeError, type KubeReason } from './kube-error.ts';
import type { Resource } from './resource.ts';

/** What hinders an informer: told to people once each time that it changes, not at every attempt. */
export interface Trouble {
  /** An attempt failed; the next one comes in `retryInMs`. */
  met(error: KubeError, retryInMs: number): void;
  /** It works again. */
  over(): void;
  /** What hinders, with what to do about it. */
  text(): string;
}

/** What to do about those failures that do not end by themselves. */
const ADVICE: Partial<Readonly<Record<KubeReason, string>>> = {
  NotInstalled: 'kind not installed: run make install',
  NotFound: 'kind not installed: run make install',
  Forbidden: 'not allowed: give the role the rule that the server names',
  Unauthorized: 'not logged in: renew the credentials',
};

export function createTrouble({ kind }: Resource, log: Logger): Trouble {
  let told: KubeError | undefined;
  return {
    met(error, retryInMs) {
      const isTold = told?.reason === error.reason;
      told = error;
      if (isTold) return;
      const message = ADVICE[error.reason] ?? 'list and watch interrupted';
      log.warn(message, { reason: error.reason, error: error.message, retryInMs: Math.round(retryInMs) });
    },
    over() {
      if (told) log.info('watching again', { after: told.reason });
      told = undefined;
    },
    text() {
      if (!told) return `${kind}: the first list has not been answered yet`;
      const advice = ADVICE[told.reason];
      return `${kind}: ${advice === undefined ? '' : `${advice}. `}${told.message}`;
    },
  };
}

/** Any error as one of a call that failed. What no call can cause is a fault of ours: it is logged with its stack. */
export function toKubeError(error: unknown, log: Logger): KubeError {
  if (error instanceof KubeError) return error;
  log.error('informer failed unexpectedly', { error });
  const message = error instanceof Error ? error.message : String(error);
  return new KubeError('Failed', message, { code: 0, cause: error });
}
