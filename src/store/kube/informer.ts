import type { ObjectKey } from '../../api/meta.ts';
import { type Clock, sleep } from '../../lib/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { createWatchers } from '../watchers.ts';
import { createComparison } from './comparison.ts';
import type { InformerMetrics } from './informer-metrics.ts';
import { KubeError } from './kube-error.ts';
import { listPages, type Selection } from './list-pages.ts';
import { createObjectCache, type InformerChange } from './object-cache.ts';
import { type RawObject, toRawObject } from './raw-object.ts';
import { firstPlan, type ListReason, nextPlan, type Outcome, type Plan } from './reflector.ts';
import type { Resource } from './resource.ts';
import type { KubeTransport } from './transport.ts';
import { createTrouble, toKubeError } from './trouble.ts';
import { watchOnce } from './watch.ts';
import type { WatchLine } from './watch-line.ts';

/** How long a watch may take to tell of what a list has shown. Under load an API server is late by a second or two. */
const GRACE_MS = 10_000;
/** How often the watch is held against a list, ± 10 %. */
const COMPARE_EVERY_MS = 30 * 60_000;
/**
 * After a broken connection, or a comparison that failed, the next one comes sooner: when the server's storage was put
 * back, its watches stay silent and only a list shows it. Not too soon after the last list, which may be long.
 */
const COMPARE_AFTER_TROUBLE_MS = 60_000;
const COMPARE_NOT_BEFORE_MS = 5 * 60_000;
const REFRESH_AGE_MS = 15_000;

export type { InformerChange, RawObject };

export interface InformerOptions {
  readonly transport: KubeTransport;
  readonly resource: Resource;
  /** `undefined`: all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  /** Only metadata is fetched and kept: for kinds whose content we must not hold (Secrets). */
  readonly metadataOnly?: boolean;
  /** The first list may come from the server's cache: for large foreign kinds only. */
  readonly mayBeStale?: boolean;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  readonly metrics: InformerMetrics;
}

/** Knows the objects of a kind, as a list and a watch of the API server tell of them. */
export interface Informer {
  /** Lists and watches until `signal` is aborted, whatever fails meanwhile. May be called once. */
  run(signal: AbortSignal): Promise<void>;
  /** Resolves when the first complete list has been delivered; rejects with the reason of `signal`, or of that of `run`. */
  waitForSync(signal: AbortSignal): Promise<void>;
  readonly isSynced: boolean;
  /** Why it is not synced; `undefined` once it is. For people. */
  problem(): string | undefined;
  get(key: ObjectKey): RawObject | undefined;
  /** Ordered by namespace and name. */
  list(namespace?: string): readonly RawObject[];
  /**
   * Tells of everything that exists and then of each change, synchronously, in order, never two at a time. For each uid
   * versions rise, unless the server's storage was put back. A listener that throws is logged and harms nobody.
   */
  listen(listener: (change: InformerChange) => void, signal: AbortSignal): void;
  /**
   * Takes over the answer to a write of our own, so that nobody reads what was before it. Counts when it is newer than
   * what is known, and never brings back what was deleted. Only for objects that this informer selects.
   */
  wrote(object: RawObject): void;
  /** The object does not exist any more: our own deletion, or the last finalizer was removed. */
  gone(object: RawObject): void;
}

export function createInformer(options: InformerOptions): Informer {
  const { transport, resource, clock, random } = options;
  const log = options.log.child({ kind: resource.kind, ...(options.namespace && { namespace: options.namespace }) });
  const metrics = options.metrics.of(resource.kind, options.namespace ?? '');
  const selection: Selection = options;
  const cache = createObjectCache();
  const watchers = createWatchers<InformerChange>((error) => log.error('listener of an informer failed', { error }));
  const trouble = createTrouble(resource, log);
  const synced = Promise.withResolvers<void>();
  synced.promise.catch(() => {});
  let isSynced = false;
  let hasRun = false;
  let compareAt = 0;
  let listedAt = 0;
  let heardAt = clock.monotonic();
  let size = 0;

  const heard = (): void => {
    heardAt = clock.monotonic();
  };
  const publish = (changes: readonly InformerChange[]): void => {
    if (cache.size !== size) metrics.objects(cache.size - size);
    size = cache.size;
    if (changes.length > 0) watchers.publish('', ...changes);
  };
  const scheduleComparison = (): void => {
    compareAt = clock.monotonic() + COMPARE_EVERY_MS * (0.9 + 0.2 * random());
  };
  const compareSoon = (): void => {
    const soon = Math.max(clock.monotonic() + COMPARE_AFTER_TROUBLE_MS, listedAt + COMPARE_NOT_BEFORE_MS);
    compareAt = Math.min(compareAt, soon);
  };

  const list = async (reason: ListReason, signal: AbortSignal): Promise<string> => {
    const how = { isStale: options.mayBeStale === true && reason === 'Initial', isInitial: !isSynced };
    let replacement = cache.replace(how);
    const begin = () => {
      replacement = cache.replace(how);
      return (objects: readonly RawObject[], version: string): void => {
        signal.throwIfAborted();
        heard();
        publish(replacement.page(objects, version));
      };
    };
    const version = await listPages(transport, selection, how.isStale, begin, signal);
    publish(replacement.finish());
    if (isSynced) metrics.relisted(reason);
    listedAt = clock.monotonic();
    scheduleComparison();
    isSynced = true;
    synced.resolve();
    return version;
  };

  /** Whether the watch must be left, because a list shows that it cannot be relied upon. */
  const compare = async (signal: AbortSignal): Promise<'Drift' | 'Compare' | undefined> => {
    let comparison = createComparison(cache);
    const begin = () => {
      comparison = createComparison(cache);
      return comparison.page;
    };
    try {
      await listPages(transport, selection, false, begin, signal);
    } catch (error) {
      signal.throwIfAborted();
      log.warn('comparison of the watch with a list failed', { error: toKubeError(error, log).message });
      compareAt = clock.monotonic() + COMPARE_NOT_BEFORE_MS;
      return undefined;
    }
    metrics.relisted('Compare');
    if (comparison.differences().missed > 0) await sleep(clock, GRACE_MS, signal);
    const { missed, isReshaped } = comparison.differences();
    scheduleComparison();
    if (missed === 0) return isReshaped ? 'Compare' : undefined;
    metrics.drifted(missed);
    log.warn('watch had missed changes; listing again', { objects: missed });
    return 'Drift';
  };

  /** Takes over one line of the watch. @returns its version */
  const take = (line: WatchLine): string => {
    heard();
    if (line.is === 'error') throw line.error;
    if (line.is === 'bookmark') {
      cache.heardOf(line.version);
      return line.version;
    }
    const object = toRawObject(line.object, resource, options.metadataOnly);
    publish(line.is === 'put' ? cache.put(object) : cache.remove(object));
    return object.metadata.resourceVersion;
  };

  const carryOut = async ({ step }: Plan, signal: AbortSignal): Promise<Outcome> => {
    if (step.do === 'watch') {
      const compareInMs = compareAt - clock.monotonic();
      const proven = (): void => trouble.over();
      const { version } = step;
      return watchOnce({ ...options, selection, version, compareInMs, heard, take, proven, compare }, signal);
    }
    try {
      return { is: 'listed', version: await list(step.reason, signal) };
    } catch (error) {
      signal.throwIfAborted();
      return { is: 'list failed', error: toKubeError(error, log) };
    }
  };

  const loop = async (signal: AbortSignal): Promise<void> => {
    for (let plan = firstPlan; ; ) {
      if (plan.step.afterMs > 0) await sleep(clock, plan.step.afterMs, signal);
      const outcome = await carryOut(plan, signal);
      signal.throwIfAborted();
      plan = nextPlan(plan, outcome, { nowMs: clock.monotonic(), random: random() });
      if (plan.step.afterMs === 0) continue;
      compareSoon();
      trouble.met('error' in outcome ? outcome.error : watchEndedAtOnce(), plan.step.afterMs);
    }
  };

  /** @returns what ends the showing */
  const showAge = (): (() => void) => {
    metrics.age(clock.monotonic() - heardAt);
    let cancel = clock.after(REFRESH_AGE_MS, function again() {
      metrics.age(clock.monotonic() - heardAt);
      cancel = clock.after(REFRESH_AGE_MS, again);
    });
    return () => cancel();
  };

  return {
    async run(signal) {
      if (hasRun) throw new Error('An informer runs once; make another one');
      hasRun = true;
      const hideAge = showAge();
      try {
        signal.throwIfAborted();
        await loop(signal);
      } catch (error) {
        if (!signal.aborted) throw error;
      } finally {
        hideAge();
        metrics.close();
        synced.reject(signal.reason);
      }
    },
    waitForSync: (signal) => unlessAborted(synced.promise, signal),
    get isSynced() {
      return isSynced;
    },
    problem: () => (isSynced ? undefined : trouble.text()),
    get: cache.get,
    list: cache.list,
    listen(listener, signal) {
      const initial = cache.list().map((object) => ({ type: 'added' as const, object, isInitial: true }));
      watchers.add('', initial, listener, signal);
    },
    wrote: (object) => publish(cache.put(toRawObject(object, resource, options.metadataOnly))),
    gone: (object) => publish(cache.bury(toRawObject(object, resource, options.metadataOnly))),
  };
}

function watchEndedAtOnce(): KubeError {
  return new KubeError('Failed', 'The server ended the watch within a second, without an event', { code: 200 });
}

/** What `promise` comes to, unless `signal` is aborted first. Leaves no listener behind. */
async function unlessAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const stop = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  try {
    await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
