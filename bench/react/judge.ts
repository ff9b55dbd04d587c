// How long it took until a lost machine's replacement was ordered, from the journal of the simulated cloud alone.

import type { JournalEntry } from '../journal-entry.ts';

export interface ReactVerdict {
  readonly lost: number;
  /** Milliseconds from each loss to the purchase that made up for it, shortest first; those never made up for are not in it. */
  readonly waitsMs: readonly number[];
}

/**
 * Each machine that is bought makes up for the oldest open loss of its pool; the first ones, before anything was lost, for
 * none. A machine is lost when the cloud takes it while it runs.
 */
export function judgeReact(entries: readonly JournalEntry[]): ReactVerdict {
  const poolOf = new Map<string, string>();
  const open = new Map<string, number[]>();
  const waitsMs: number[] = [];
  let lost = 0;
  for (const entry of entries) {
    if (entry.event === 'instance' && entry.cause === 'reclaim' && entry.from === 'RUNNING') {
      const pool = poolOf.get(entry.id ?? '') ?? '';
      open.set(pool, [...(open.get(pool) ?? []), entry.at]);
      lost += 1;
    }
    if (entry.kind !== 'call' || entry.action !== 'RunInstances' || entry.result !== 'ok') continue;
    const pool = poolIn(entry.body);
    for (const id of entry.instanceIds ?? []) {
      poolOf.set(id, pool);
      const since = open.get(pool)?.shift();
      if (since !== undefined) waitsMs.push(entry.at - since);
    }
  }
  return { lost, waitsMs: waitsMs.toSorted((a, b) => a - b) };
}

interface RunBody {
  readonly TagSpecification?: readonly { readonly Tags: readonly { readonly Key: string; readonly Value: string }[] }[];
}

function poolIn(body: unknown): string {
  const tags = ((body ?? {}) as RunBody).TagSpecification?.flatMap(({ Tags }) => Tags) ?? [];
  return tags.find(({ Key }) => Key.endsWith('/pool'))?.Value ?? '';
}

/** The smallest of `sorted` that at least `share` of them do not exceed. @throws {RangeError} without any */
export function quantile(sorted: readonly number[], share: number): number {
  const value = sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
  if (value === undefined) throw new RangeError('there is nothing to take a quantile of');
  return value;
}
