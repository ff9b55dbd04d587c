import type { KubeObject } from '../api/meta.ts';
import type { HistoryEntry, SpotPool } from '../api/spotpool.ts';
import type { CloudCredentials, CloudProvider } from '../cloud/cloud.ts';
import type { Clock, EpochMs } from '../lib/clock.ts';
import type { ObjectEvent, Store } from '../store/store.ts';
import type { Restraint } from './act.ts';
import type { OperatorBudget } from './budget.ts';
import type { OfferingMemory } from './offerings.ts';
import type { PriceBook } from './prices.ts';
import type { PoolTelemetry } from './telemetry.ts';

/** What a machine said when its readiness path was asked. */
export type Answer = { readonly isOk: true } | { readonly isOk: false; readonly why: string };

/** Asks a machine whether its model answers. Never throws for a machine's fault: that is an answer too. */
export type Probe = (url: string, timeoutMs: number, signal: AbortSignal) => Promise<Answer>;

/** Everything of the outside world that a pool uses, built in `main.ts`. */
export interface SpotPoolEdges {
  readonly store: Store;
  readonly clouds: CloudProvider;
  /** Where the keys of a pool come from. */
  readonly credentialsFor: (pool: SpotPool) => CloudCredentials;
  readonly probe: Probe;
  readonly clock: Clock;
  /** In [0, 1). Used for tokens, marks and jitter. */
  readonly random: () => number;
  /** Shared by all pools: which offerings are sold out, by account and region. */
  readonly offerings: OfferingMemory;
  /** Shared by all pools: what offerings cost. */
  readonly prices: PriceBook;
  /**
   * Tokens of purchases that this process has planned and not sent. Only these are sent without looking first: for any
   * other intent an earlier process may have bought already.
   */
  readonly unsentTokens: Set<string>;
  /** Why nothing outside may be changed, if so; asked right before each call that would. */
  readonly restraint: () => Restraint | undefined;
  /** What all pools have together, and how much that may be. */
  readonly budget: OperatorBudget;
  /** False once the right to act is lost; asked right before each call that costs money or takes something away. */
  readonly mayAct: () => boolean;
  /** When a store that had lost its state was begun anew: pools that were there by then may have had a life before. */
  readonly stateLostAt?: EpochMs;
  /** Notes an event on a pool, within the limits against floods. */
  readonly recordEvent: (object: KubeObject, event: ObjectEvent) => void;
  /** Tells Prometheus how pools fare. */
  readonly telemetry: PoolTelemetry;
  /** Writes a decision to the log, as it stands in the history of the pool. */
  readonly logDecision: (entry: HistoryEntry) => void;
}
