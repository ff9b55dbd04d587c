/** Keys that wait for a time, nearest first. Every operation costs at most the logarithm of their number. */
interface WaitingLine {
  /** Puts `key` in the line for `at`, or moves it there. */
  set(key: string, at: number): void;
  delete(key: string): void;
  /** The time of the nearest key. */
  nearest(): number | undefined;
  /** Takes out a key whose time is not after `until`; the nearest first, equal times in the order of `set`. */
  takeDue(until: number): string | undefined;
}

interface Entry {
  readonly key: string;
  readonly at: number;
  readonly order: number;
}

/** A binary heap that knows where each key lies, so that a key can leave from the middle. */
export function createWaitingLine(): WaitingLine {
  const heap: Entry[] = [];
  const places = new Map<string, number>();
  let made = 0;

  const isBefore = (a: Entry, b: Entry): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);
  const put = (entry: Entry, place: number): void => {
    heap[place] = entry;
    places.set(entry.key, place);
  };
  const rise = (entry: Entry, from: number): void => {
    let place = from;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = heap[above] as Entry;
      if (!isBefore(entry, parent)) break;
      put(parent, place);
      place = above;
    }
    put(entry, place);
  };
  const sink = (entry: Entry, from: number): void => {
    let place = from;
    for (;;) {
      const left = heap[2 * place + 1];
      const right = heap[2 * place + 2];
      if (!left) break;
      const isRight = right !== undefined && isBefore(right, left);
      const child = isRight ? right : left;
      if (!isBefore(child, entry)) break;
      put(child, place);
      place = 2 * place + (isRight ? 2 : 1);
    }
    put(entry, place);
  };
  const remove = (key: string): void => {
    const place = places.get(key);
    if (place === undefined) return;
    places.delete(key);
    const last = heap.pop();
    if (!last || last.key === key) return;
    // The last one fills the gap, from where it may have to go either way.
    const above = heap[(place - 1) >> 1];
    if (place > 0 && above && isBefore(last, above)) rise(last, place);
    else sink(last, place);
  };

  return {
    set(key, at) {
      remove(key);
      rise({ key, at, order: made++ }, heap.length);
    },
    delete: remove,
    nearest: () => heap[0]?.at,
    takeDue(until) {
      const first = heap[0];
      if (!first || first.at > until) return undefined;
      remove(first.key);
      return first.key;
    },
  };
}

/** Keys that are ready, highest priority first, within a priority in the order in which they came. */
interface ReadyLine {
  push(key: string, priority: number): void;
  delete(key: string, priority: number): void;
  /** Takes out the first key that `mayLeave` lets go. */
  take(mayLeave: (key: string) => boolean): string | undefined;
}

export function createReadyLine(): ReadyLine {
  const lanes = new Map<number, Set<string>>();
  let priorities: readonly number[] = [];
  const sortPriorities = (): void => {
    priorities = [...lanes.keys()].toSorted((a, b) => b - a);
  };
  const drop = (key: string, priority: number): void => {
    const lane = lanes.get(priority);
    if (!lane?.delete(key) || lane.size > 0) return;
    lanes.delete(priority);
    sortPriorities();
  };
  return {
    push(key, priority) {
      const lane = lanes.get(priority);
      if (lane) lane.add(key);
      else {
        lanes.set(priority, new Set([key]));
        sortPriorities();
      }
    },
    delete: drop,
    take(mayLeave) {
      for (const priority of priorities) {
        for (const key of lanes.get(priority) ?? []) {
          if (!mayLeave(key)) continue;
          drop(key, priority);
          return key;
        }
      }
      return undefined;
    },
  };
}
