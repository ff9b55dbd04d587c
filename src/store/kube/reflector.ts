import type { KubeError } from './kube-error.ts';

/** First delay after a failure, doubled by each further one up to the cap. Source: client-go's reflector. */
const BASE_DELAY_MS = 800;
const MAX_DELAY_MS = 30_000;
/** A failure after so long a time without one is the first of a new row. Source: client-go's reflector. */
const FORGIVEN_AFTER_MS = 2 * 60_000;
/** So many failures in a row, and the version to watch from is no longer relied upon. */
const FAILURES_BEFORE_LIST = 3;

/** Why everything is listed: the `reason` of `informer_relists_total`. Add names, never rename one. */
export type ListReason =
  | 'Initial'
  /** The server has forgotten the version to watch from. */
  | 'Expired'
  /** The server does not know that version yet: its storage was put back. */
  | 'ResourceVersionTooLarge'
  /** The watch failed several times in a row. */
  | 'WatchFailed'
  /** The watch has missed something. */
  | 'Drift'
  /** To see whether the watch has missed something. */
  | 'Compare';

/** What is done next, `afterMs` from now. */
export type Step =
  | { readonly do: 'list'; readonly afterMs: number; readonly reason: ListReason }
  | { readonly do: 'watch'; readonly afterMs: number; readonly version: string };

/** What came of a step. `version` is that of the last event delivered. */
export type Outcome =
  | { readonly is: 'listed'; readonly version: string }
  | { readonly is: 'list failed'; readonly error: KubeError }
  | (WatchEnd & { readonly is: 'watch closed' })
  | (WatchEnd & { readonly is: 'watch broken'; readonly error: KubeError })
  /** We ended the watch ourselves, because it cannot be relied upon. */
  | { readonly is: 'watch left'; readonly reason: 'Drift' | 'Compare' };

interface WatchEnd {
  readonly version: string;
  /** Whether it brought something new, or lived a second after the server's 200. */
  readonly isProven: boolean;
  /** Whether a comparison was under way, which nobody can finish now. */
  readonly wasComparing: boolean;
}

/** What is remembered from step to step. */
export interface Plan {
  readonly step: Step;
  /** Failures in a row. */
  readonly failures: number;
  /** When the last one was, on the monotonic clock. */
  readonly failedAtMs: number;
  /** Whether a version expired since a watch last worked: the first time costs no delay. */
  readonly hasExpired: boolean;
}

export interface Moment {
  /** Milliseconds on the monotonic clock. */
  readonly nowMs: number;
  /** In [0, 1): spreads the delays of many clients. */
  readonly random: number;
}

export const firstPlan: Plan = {
  step: { do: 'list', afterMs: 0, reason: 'Initial' },
  failures: 0,
  failedAtMs: 0,
  hasExpired: false,
};

/**
 * Decides the next step of a list-and-watch from what came of the last one. Pure; the table of its test is the contract:
 * back-off of 0.8 s × 2 up to 30 s, each delay jittered to [d, 2d] and never shorter than the server asks for.
 */
export function nextPlan(plan: Plan, outcome: Outcome, moment: Moment): Plan {
  switch (outcome.is) {
    case 'listed':
      return { ...plan, step: { do: 'watch', afterMs: 0, version: outcome.version } };
    case 'list failed':
      return afterFailure(plan, outcome.error, reasonOf(plan.step), moment);
    case 'watch left':
      return { ...plan, step: { do: 'list', afterMs: 0, reason: outcome.reason } };
    case 'watch closed':
      return unlessCompared(outcome, afterClose(plan, outcome, moment));
    case 'watch broken':
      return unlessCompared(outcome, afterFailure(forgive(plan, outcome.isProven), outcome.error, outcome, moment));
  }
}

function afterClose(plan: Plan, end: WatchEnd, moment: Moment): Plan {
  // A server that ends watches at once would be asked again without a pause.
  if (!end.isProven) return backOff(plan, 0, end, moment);
  return { ...forgive(plan, true), step: { do: 'watch', afterMs: 0, version: end.version } };
}

function afterFailure(plan: Plan, error: KubeError, retry: ListReason | WatchEnd, moment: Moment): Plan {
  const lost = lostVersion(error);
  if (lost && !plan.hasExpired) {
    return { ...plan, hasExpired: true, step: { do: 'list', afterMs: 0, reason: lost } };
  }
  const asked = error.retryAfterSeconds ?? 0;
  return backOff(plan, Number.isFinite(asked) ? asked * 1000 : 0, lost ?? retry, moment);
}

/** Counts one more failure and tries again: the list, or the watch unless it has failed too often. */
function backOff(plan: Plan, atLeastMs: number, retry: ListReason | WatchEnd, { nowMs, random }: Moment): Plan {
  const isNewRow = nowMs - plan.failedAtMs > FORGIVEN_AFTER_MS;
  const failures = (isNewRow ? 0 : plan.failures) + 1;
  const delay = Math.min(BASE_DELAY_MS * 2 ** (failures - 1), MAX_DELAY_MS) * (1 + random);
  const afterMs = Math.max(delay, atLeastMs);
  const step = (): Step => {
    if (typeof retry === 'string') return { do: 'list', afterMs, reason: retry };
    if (failures >= FAILURES_BEFORE_LIST) return { do: 'list', afterMs, reason: 'WatchFailed' };
    return { do: 'watch', afterMs, version: retry.version };
  };
  return { ...plan, step: step(), failures, failedAtMs: nowMs };
}

function forgive(plan: Plan, isProven: boolean): Plan {
  return isProven ? { ...plan, failures: 0, hasExpired: false } : plan;
}

function unlessCompared({ wasComparing }: WatchEnd, plan: Plan): Plan {
  if (!wasComparing || plan.step.do === 'list') return plan;
  return { ...plan, step: { do: 'list', afterMs: plan.step.afterMs, reason: 'Compare' } };
}

function reasonOf(step: Step): ListReason {
  return step.do === 'list' ? step.reason : 'WatchFailed';
}

/** Why the version that was asked for is of no use any more, if that is what the error says. */
function lostVersion({ reason, code }: KubeError): 'Expired' | 'ResourceVersionTooLarge' | undefined {
  if (reason === 'ResourceVersionTooLarge') return reason;
  return reason === 'Expired' || reason === 'Gone' || code === 410 ? 'Expired' : undefined;
}
