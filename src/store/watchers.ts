import type { WatchEvent } from './store.ts';

interface Watcher<E> {
  readonly kind: string;
  readonly queue: E[];
  readonly listener: (event: E) => void;
  isDelivering: boolean;
}

/** Hands events to listeners in order, never two at a time: what a listener causes itself waits until it has returned. */
export interface Watchers<E = WatchEvent> {
  /** Delivers `initial` and then whatever is published for `kind`, until `signal` is aborted. */
  add(kind: string, initial: readonly E[], listener: (event: E) => void, signal: AbortSignal): void;
  /** Events that belong to one change, which is finished: a listener that is added while they are told does not get them. */
  publish(kind: string, ...events: readonly E[]): void;
}

export function createWatchers<E = WatchEvent>(onError: (error: unknown) => void = () => {}): Watchers<E> {
  const watchers = new Set<Watcher<E>>();

  const deliver = (watcher: Watcher<E>): void => {
    if (watcher.isDelivering) return;
    watcher.isDelivering = true;
    for (let event = watcher.queue.shift(); event; event = watcher.queue.shift()) {
      try {
        watcher.listener(event);
      } catch (error) {
        onError(error);
      }
    }
    watcher.isDelivering = false;
  };

  return {
    add(kind, initial, listener, signal) {
      if (signal.aborted) return;
      const watcher: Watcher<E> = { kind, queue: [...initial], listener, isDelivering: false };
      const stop = (): void => {
        watchers.delete(watcher);
        watcher.queue.length = 0;
      };
      signal.addEventListener('abort', stop, { once: true });
      watchers.add(watcher);
      deliver(watcher);
    },
    publish(kind, ...events) {
      const told = [...watchers].filter((watcher) => watcher.kind === kind);
      // First all queues, then the listeners: what a listener causes must stand behind this in every other queue too.
      for (const watcher of told) watcher.queue.push(...events);
      for (const watcher of told) deliver(watcher);
    },
  };
}
