// What a steady load costs, from the journal of the simulated cloud and the process table. Stands on nothing of the operator.

import type { JournalEntry } from '../journal-entry.ts';

export interface SteadyVerdict {
  /** Passes over all machines that began in the window and ended before the last one in it began. */
  readonly sweeps: number;
  /** Calls that such a pass took, on average; `null` without one. */
  readonly callsPerSweep: number | null;
  /** Other DescribeInstances: single machines that were asked about by id or by name. */
  readonly otherDescribes: number;
  readonly lost: number;
  readonly bought: number;
}

/** Judges the entries of a window of time, `from` included, `to` not. */
export function judgeSteady(entries: readonly JournalEntry[], from: number, to: number): SteadyVerdict {
  const within = entries.filter(({ at }) => at >= from && at < to);
  const calls = within.filter(({ kind }) => kind === 'call');
  const describes = calls.filter(({ action }) => action === 'DescribeInstances');
  const pages = describes.filter(isPageOfSweep);
  const starts = pages.flatMap((page, index) => (offsetOf(page) === 0 ? [index] : []));
  const sweeps = Math.max(0, starts.length - 1);
  const counted = (starts.at(-1) ?? 0) - (starts[0] ?? 0);
  const reclaimed = within.filter(({ event, to: state, cause }) => {
    return event === 'instance' && state === 'ABSENT' && cause === 'reclaim';
  });
  return {
    sweeps,
    callsPerSweep: sweeps === 0 ? null : counted / sweeps,
    otherDescribes: describes.length - pages.length,
    lost: reclaimed.length,
    bought: calls
      .filter(({ action, result }) => action === 'RunInstances' && result === 'ok')
      .reduce((sum, { instanceIds = [] }) => sum + instanceIds.length, 0),
  };
}

interface DescribeBody {
  readonly Filters?: readonly { readonly Name: string }[];
  readonly Offset?: number;
}

/** A list of all machines with a tag: whoever looks for single ones names ids, or a place. */
function isPageOfSweep({ body }: JournalEntry): boolean {
  const { Filters = [] } = (body ?? {}) as DescribeBody;
  return Filters.some(({ Name }) => Name.startsWith('tag'));
}

function offsetOf({ body }: JournalEntry): number {
  return (body as DescribeBody).Offset ?? 0;
}

/** Clock ticks that a process has used, its threads included, from the text of `/proc/PID/stat`. */
export function ticksOf(stat: string): number {
  // The name of the program, the second field, may hold anything, also blanks and brackets.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  if (!Number.isSafeInteger(ticks)) throw new Error('no utime and stime in /proc/PID/stat');
  return ticks;
}

/** The most memory that a process ever held, in MiB, from the text of `/proc/PID/status`. */
export function peakMibOf(status: string): number {
  const kib = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  if (kib === undefined) throw new Error('no VmHWM in /proc/PID/status');
  return Number(kib) / 1024;
}
