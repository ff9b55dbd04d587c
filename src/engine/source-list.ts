import { type KubeObject, keyFromText, keyText, type ObjectKey } from '../api/meta.ts';
import type { Clock } from '../lib/clock.ts';
import type { KindRef, Store, WatchEvent } from '../store/store.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Predicate } from './predicates.ts';
import type { AddOptions, WorkQueue } from './queue.ts';
import { drink, type Poller, poll, watchKind } from './sources.ts';

/** For what was there at the start, and for updates that change nothing: a restart must not delay an edit. */
const LOW_PRIORITY = -100;

/** The sources that were declared for one controller, and how to start them. */
interface SourceList {
  addFor(kind: KindRef, predicate?: Predicate): void;
  addWatches<T extends KubeObject>(kind: KindRef, map: (object: T) => Iterable<ObjectKey>): void;
  addChannel(keys: AsyncIterable<ObjectKey>): void;
  addPoller(poller: Poller<ObjectKey>): void;
  /** Begins the watches. Resolves once all initial objects were enqueued. */
  watch(store: Store, signal: AbortSignal): Promise<void>;
  /** Begins to listen to channels and to poll, until `signal` is aborted. */
  start(signal: AbortSignal): void;
}

interface SourceEdges {
  readonly queue: Pick<WorkQueue, 'add'>;
  readonly log: Logger;
  readonly clock: Clock;
  /** Longest time for one answer of a poll. */
  readonly timeoutMs: number;
}

export function createSourceList({ queue, log, clock, timeoutMs }: SourceEdges): SourceList {
  const watches: { readonly kind: KindRef; readonly listener: (event: WatchEvent) => void }[] = [];
  const intakes: ((signal: AbortSignal) => Promise<void>)[] = [];
  /** The objects of the `for` kinds: what a poller asks about. */
  const known = new Set<string>();

  return {
    addFor(kind, predicate = () => true) {
      const listener = (event: WatchEvent): void => {
        const key = keyText(event.object.metadata);
        if (event.type === 'deleted') known.delete(key);
        else known.add(key);
        if (predicate(event)) queue.add(key, weigh(event));
      };
      watches.push({ kind, listener });
    },
    addWatches<T extends KubeObject>(kind: KindRef, map: (object: T) => Iterable<ObjectKey>) {
      const listener = (event: WatchEvent): void => {
        const states = event.old ? [event.old, event.object] : [event.object];
        // A watch of this kind delivers objects of this kind.
        const keys = new Set(states.flatMap((state) => [...map(state as T)].map(keyText)));
        for (const key of keys) queue.add(key, weigh(event));
      };
      watches.push({ kind, listener });
    },
    addChannel(keys) {
      intakes.push((signal) => drink(keys, (key) => queue.add(keyText(key), { reason: 'channel' }), signal, log));
    },
    addPoller({ fetch, ...poller }) {
      const byText = { ...poller, fetch: (key: string, signal: AbortSignal) => fetch(keyFromText(key), signal) };
      const wake = (key: string): void => queue.add(key, { reason: 'poll' });
      intakes.push((signal) => poll(byText, { keys: () => known, timeoutMs, wake }, signal, { clock, log }));
    },
    async watch(store, signal) {
      await Promise.all(watches.map(({ kind, listener }) => watchKind(store, kind, listener, signal, { clock, log })));
    },
    start(signal) {
      // Each handles its own failures; the signal ends them.
      for (const intake of intakes) void intake(signal);
    },
  };
}

function weigh({ type, isInitial, object, old }: WatchEvent): AddOptions {
  if (isInitial) return { priority: LOW_PRIORITY, reason: 'startup' };
  const isNoChange = type === 'modified' && old?.metadata.resourceVersion === object.metadata.resourceVersion;
  return { priority: isNoChange ? LOW_PRIORITY : 0, reason: 'event' };
}
