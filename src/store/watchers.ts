import type { WatchEvent } from './store.ts';

interface Watcher {
  readonly kind: string;
  readonly queue: WatchEvent[];
  readonly listener: (event: WatchEvent) => void;
  isDelivering: boolean;
}

/** Hands events to listeners in order, never two at a time: what a listener causes itself waits until it has returned. */
export interface Watchers {
  /** Delivers `initial` and then whatever is published for `kind`, until `signal` is aborted. */
  add(kind: string, initial: readonly WatchEvent[], listener: (event: WatchEvent) => void, signal: AbortSignal): void;
  publish(kind: string, event: WatchEvent): void;
}

export function createWatchers(onError: (error: unknown) => void = () => {}): Watchers {
  const watchers = new Set<Watcher>();

  const deliver = (watcher: Watcher): void => {
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
      const watcher: Watcher = { kind, queue: [...initial], listener, isDelivering: false };
      const stop = (): void => {
        watchers.delete(watcher);
        watcher.queue.length = 0;
      };
      signal.addEventListener('abort', stop, { once: true });
      watchers.add(watcher);
      deliver(watcher);
    },
    publish(kind, event) {
      for (const watcher of watchers) {
        if (watcher.kind !== kind) continue;
        watcher.queue.push(event);
        deliver(watcher);
      }
    },
  };
}
