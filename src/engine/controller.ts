import { randomUUID } from 'node:crypto';
import { type KubeObject, keyFromText, type ObjectKey } from '../api/meta.ts';
import { type Clock, sleep } from '../lib/clock.ts';
import type { KindRef, ObjectEvent, Store } from '../store/store.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { EngineMetrics } from './engine-metrics.ts';
import type { Predicate } from './predicates.ts';
import { createQueue, type Taken, type WorkQueue } from './queue.ts';
import { createSourceList } from './source-list.ts';
import type { Poller } from './sources.ts';
import { type Ending, type Outcome, type Verdict, verdictOn } from './verdict.ts';

/** At a stop reconciles may end by themselves for this part of the grace; then their signals are aborted. */
const UNDISTURBED_PART = 0.8;
/** A reconcile that goes on so long after its signal was aborted does not heed it. */
const HUNG_AFTER_MS = 60_000;

/** What a reconcile is given. It sees a key, not an event: why it was called must not matter to it. */
export interface ReconcileContext {
  /** Aborted when the time is up or the process must end. Belongs into every outgoing call. */
  readonly signal: AbortSignal;
  /** Tells controller, namespace, name and reconcileID on each line. */
  readonly log: Logger;
  /** Whether this process is still the one that acts. Ask right before each paid call and each status write. */
  readonly mayAct: () => boolean;
  readonly clock: Clock;
  /** Notes an event on an object, within the limits against floods. */
  readonly recordEvent: (object: KubeObject, event: ObjectEvent) => void;
}

/**
 * Brings the world closer to what one object wants. Called again after a failure, with growing delays; an object that is
 * missing is a success.
 * @throws {TerminalError} when trying again cannot help
 */
export type Reconcile = (key: ObjectKey, context: ReconcileContext) => Promise<Outcome>;

/** What a controller needs besides its own options; the manager gives it. */
interface ControllerEdges {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: EngineMetrics;
  readonly mayAct: () => boolean;
  readonly recordEvent: (object: KubeObject, event: ObjectEvent) => void;
  /** Makes reconcile ids; default random UUIDs. */
  readonly newId?: () => string;
}

export interface ControllerOptions {
  /** Label of metrics and logs. */
  readonly name: string;
  readonly reconcile: Reconcile;
  /** How many keys may be worked on at once; default 1. */
  readonly concurrency?: number;
  /** After so long the signal of a reconcile is aborted; default 60,000. */
  readonly timeoutMs?: number;
}

/** Where the keys of a controller come from. */
interface Sources {
  /** The kind that is reconciled: each of its events that passes `predicate` is looked at. */
  for(kind: KindRef, predicate?: Predicate): this;
  /** A kind that others depend on: `map` gives the keys to look at, asked with the old and the new state of an update. */
  watches<T extends KubeObject>(kind: KindRef, map: (object: T) => Iterable<ObjectKey>): this;
  /** Keys from outside, for instance of reclaim notices. */
  channel(keys: AsyncIterable<ObjectKey>): this;
  /** Asks about each object of the `for` kinds regularly; a different answer is an event. */
  poller(poller: Poller<ObjectKey>): this;
}

export interface Controller extends Sources {
  readonly name: string;
  /** Begins the watches. Resolves once all initial objects are in the queue. */
  watch(store: Store, signal: AbortSignal): Promise<void>;
  /** Begins to work, to poll and to listen to channels. Aborting `intake` ends polling and listening. */
  start(intake: AbortSignal): void;
  /**
   * Takes no more keys and waits for running reconciles, `graceMs` at most.
   * @returns the keys whose reconcile did not end
   */
  drain(graceMs: number): Promise<readonly string[]>;
  /** Takes no more keys and aborts running reconciles at once, without waiting for them. */
  abort(reason: Error): void;
  /** Keys whose reconcile goes on long after its signal was aborted. */
  hung(): readonly string[];
}

interface Run {
  readonly since: number;
  readonly stop: AbortController;
}

export function createController(options: ControllerOptions, edges: ControllerEdges): Controller {
  const { name, reconcile, concurrency = 1, timeoutMs = 60_000 } = options;
  const { clock, newId = randomUUID } = edges;
  const log = edges.log.child({ controller: name });
  const metrics = edges.metrics.of(name, concurrency);
  const queue = createQueue({ clock, metrics: metrics.queue });
  const runs = new Map<string, Run>();
  const workers: Promise<void>[] = [];
  let isStopping = false;

  const work = async (): Promise<void> => {
    for (let taken = await queue.get(); taken; taken = await queue.get()) await runOne(taken);
  };

  const runOne = async (taken: Taken): Promise<void> => {
    const key = keyFromText(taken.key);
    const runLog = log.child({ ...key, reconcileID: newId() });
    const run: Run = { since: clock.monotonic(), stop: new AbortController() };
    const cancel = clock.after(timeoutMs, () => {
      metrics.timedOut();
      runLog.warn('reconcile takes too long; aborting it', { timeoutMs });
      run.stop.abort(new DOMException(`reconcile took longer than ${timeoutMs} ms`, 'TimeoutError'));
    });
    runs.set(taken.key, run);
    metrics.started();
    const { mayAct, recordEvent } = edges;
    const ending = await settle(() =>
      reconcile(key, { signal: run.stop.signal, log: runLog, mayAct, clock, recordEvent }),
    );
    cancel();
    runs.delete(taken.key);
    const verdict = verdictOn(ending, isStopping || !mayAct());
    const ms = clock.monotonic() - run.since;
    metrics.ended(ms, verdict);
    runLog[verdict.log.level](verdict.log.message, {
      reason: taken.reason,
      ms: Math.round(ms),
      ...('error' in ending ? { error: ending.error, failures: queue.failures(taken.key) } : {}),
    });
    requeue(queue, taken, ending, verdict);
    queue.done(taken.key);
  };

  const sources = createSourceList({ queue, log, clock, timeoutMs });
  const controller: Controller = {
    name,
    for(kind, predicate) {
      sources.addFor(kind, predicate);
      return controller;
    },
    watches(kind, map) {
      sources.addWatches(kind, map);
      return controller;
    },
    channel(keys) {
      sources.addChannel(keys);
      return controller;
    },
    poller(poller) {
      sources.addPoller(poller);
      return controller;
    },
    watch: (store, signal) => sources.watch(store, signal),
    start(intake) {
      for (let index = 0; index < concurrency; index++) workers.push(work());
      sources.start(intake);
    },
    async drain(graceMs) {
      isStopping = true;
      queue.shutDown();
      const abortAll = (): void => {
        for (const run of runs.values()) run.stop.abort(new DOMException('the process is stopping', 'AbortError'));
      };
      const cancel = clock.after(graceMs * UNDISTURBED_PART, abortAll);
      const enough = new AbortController();
      await Promise.race([Promise.all(workers), sleep(clock, graceMs, enough.signal).catch(() => {})]);
      enough.abort();
      cancel();
      return [...runs.keys()];
    },
    abort(reason) {
      isStopping = true;
      queue.shutDown();
      for (const run of runs.values()) run.stop.abort(reason);
    },
    hung() {
      const limit = clock.monotonic() - timeoutMs - HUNG_AFTER_MS;
      return [...runs].filter(([, run]) => run.since < limit).map(([key]) => key);
    },
  };
  return controller;
}

/** Calls `reconcile` so that whatever it does comes back as a value. */
async function settle(reconcile: () => Promise<Outcome>): Promise<Ending> {
  try {
    return { outcome: (await reconcile()) ?? {} };
  } catch (error) {
    return { error };
  }
}

function requeue(queue: WorkQueue, taken: Taken, ending: Ending, verdict: Verdict): void {
  const { key } = taken;
  if (verdict.isForgiven) queue.forget(key);
  const priority = ('outcome' in ending ? ending.outcome.priority : undefined) ?? taken.priority;
  if (verdict.next === 'afterBackoff') queue.add(key, { isRateLimited: true, priority, reason: 'retry' });
  else if (verdict.next !== 'nothing') queue.add(key, { ...verdict.next, priority, reason: 'requeue' });
}
