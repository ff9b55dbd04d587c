import type { EpochMs } from '../../src/lib/clock.ts';

/** One API call. Written when its effect has happened, before the answer is sent. */
export interface CallEntry {
  readonly seq: number;
  /** World time. */
  readonly at: EpochMs;
  readonly kind: 'call';
  readonly action: string;
  readonly region: string;
  readonly secretId: string;
  readonly clientToken: string;
  /** The parameters, without keys, signatures and passwords. */
  readonly body: unknown;
  /** `ok`, the error's code, or `none` when nothing was decided (hang, reset and 5xx before the effect). */
  readonly result: string;
  /** Instances that the call made, changed or was asked about. */
  readonly instanceIds: readonly string[];
  /** Kind of the fault that was applied. */
  readonly fault?: string;
  /** Status that went out; 0 when none did. */
  readonly httpStatus: number;
  readonly requestId: string;
}

/** Something that happened to an instance. `ABSENT` stands for "no such instance". */
export interface InstanceEntry {
  readonly seq: number;
  readonly at: EpochMs;
  readonly kind: 'event';
  readonly event: 'instance';
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly cause: string;
}

/** Anything else that happened in the world. */
export interface WorldEntry {
  readonly seq: number;
  readonly at: EpochMs;
  readonly kind: 'event';
  readonly event: 'notice' | 'stock' | 'balance' | 'price' | 'arrears';
  readonly id: string;
  readonly detail: string;
}

export type JournalEntry = CallEntry | InstanceEntry | WorldEntry;

type Unnumbered<E> = E extends JournalEntry ? Omit<E, 'seq' | 'at'> & { readonly at?: EpochMs } : never;

/** What happened, in order. The judge's source: nothing is dropped unless a cap is set. */
export interface Journal {
  readonly entries: readonly JournalEntry[];
  add(entry: Unnumbered<JournalEntry>): void;
  /** Calls `listen` for each later entry; the returned function ends that. */
  watch(listen: (entry: JournalEntry) => void): () => void;
}

/** @param cap how many entries are kept, the newest; all when absent */
export function createJournal(now: () => EpochMs, cap = Number.POSITIVE_INFINITY): Journal {
  const entries: JournalEntry[] = [];
  const listeners = new Set<(entry: JournalEntry) => void>();
  let seq = 0;
  return {
    entries,
    add(unnumbered) {
      seq += 1;
      const entry = { seq, ...unnumbered, at: unnumbered.at ?? now() } as JournalEntry;
      entries.push(entry);
      if (entries.length > cap) entries.shift();
      for (const listen of listeners) listen(entry);
    },
    watch(listen) {
      listeners.add(listen);
      return () => listeners.delete(listen);
    },
  };
}
