/** A number of places; who finds none free waits, in the order of coming. */
export interface Slots {
  /** Resolves with what gives the place back; it may be called twice. @throws the reason of `signal` */
  take(signal: AbortSignal): Promise<() => void>;
}

export function createSlots(count: number): Slots {
  let free = count;
  const waiting = new Set<() => void>();

  const place = (): (() => void) => {
    let isTaken = true;
    return () => {
      if (!isTaken) return;
      isTaken = false;
      free += 1;
      const [next] = waiting;
      next?.();
    };
  };

  return {
    take(signal) {
      if (signal.aborted) return Promise.reject(signal.reason);
      if (free > 0 && waiting.size === 0) {
        free -= 1;
        return Promise.resolve(place());
      }
      return new Promise((resolve, reject) => {
        const leave = (): void => {
          waiting.delete(enter);
          signal.removeEventListener('abort', stop);
        };
        const enter = (): void => {
          leave();
          free -= 1;
          resolve(place());
        };
        const stop = (): void => {
          leave();
          reject(signal.reason);
        };
        waiting.add(enter);
        signal.addEventListener('abort', stop, { once: true });
      });
    },
  };
}
