import type { HistoryEntry } from '../api/spotpool.ts';
import type { EpochMs } from '../lib/clock.ts';
import type { CliIo } from './io.ts';
import { dataText } from './objects-text.ts';
import { poolNamed } from './pool-argument.ts';
import { nowOf, warnAboutState, withState } from './state.ts';
import { columnsText } from './text.ts';

/** From when on: an instant, or so many milliseconds before now. */
export type Since = { readonly at: EpochMs } | { readonly agoMs: number };

export interface HistoryOptions {
  readonly namespace: string;
  readonly since?: Since;
  readonly output?: 'yaml' | 'json';
  readonly state: string;
}

/** @throws {CliError} when there is no such pool; {StoreError} when the state cannot be read */
export async function history(word: string, options: HistoryOptions, io: CliIo): Promise<void> {
  const { namespace, since, output, state } = options;
  await withState(state, async (view) => {
    const pool = poolNamed(view, word, namespace);
    const from = since === undefined ? undefined : fromOf(since, nowOf(view, io));
    const entries = entriesSince(pool.status?.history ?? [], from);
    if (output !== undefined) io.stdout(dataText(output, entries));
    else if (entries.length === 0) io.stderr(from === undefined ? NOTHING : NOTHING_SINCE);
    else io.stdout(historyText(entries));
    await warnAboutState(view, state, io);
  });
}

const NOTHING = 'Nothing has been decided yet.\n';
const NOTHING_SINCE = 'Nothing has been decided since then.\n';

function fromOf(since: Since, now: EpochMs): EpochMs {
  return 'at' in since ? since.at : now - since.agoMs;
}

/** Of repeats the last one counts. Times in the history are cut to whole seconds, so the limit is too. */
function entriesSince(all: readonly HistoryEntry[], from: EpochMs | undefined): readonly HistoryEntry[] {
  if (from === undefined) return all;
  const second = Math.floor(from / 1000) * 1000;
  return all.filter(({ time }) => Date.parse(time) >= second);
}

const HEADS = ['TIME', 'REASON', 'MACHINES', 'OFFERING', 'PRICE/H', 'TRIGGER', 'MESSAGE'];
/** More ids than these make a line that nobody reads; `-o json` has them all. */
const MOST_MACHINES = 5;

/** The table, the latest last. Pure. */
export function historyText(entries: readonly HistoryEntry[]): string {
  return columnsText([HEADS, ...entries.map(rowOf)]);
}

function rowOf(entry: HistoryEntry): readonly string[] {
  const { time, reason, machines = [], offering = '', price = '', trigger = '', message = '' } = entry;
  const ids = machines.slice(0, MOST_MACHINES).join(',');
  const more = machines.length > MOST_MACHINES ? `,… (${machines.length})` : '';
  return [time, `${reason}${repeatsText(entry)}`, `${ids}${more}`, offering, price, trigger, message];
}

function repeatsText({ times = 1, firstTime }: HistoryEntry): string {
  if (times <= 1) return '';
  return firstTime === undefined ? ` (x${times})` : ` (x${times} since ${firstTime})`;
}
