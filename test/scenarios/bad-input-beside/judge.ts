import type { CallEntry, JournalEntry } from '../../../simulators/cvm/journal.ts';

// Compares what healthy pools have lived through in two towns, from the cloud's journal alone: nothing here knows the operator.

/** A call or an event, told in words that are the same in every run: without ids, marks and tokens that chance has drawn. */
export interface Line {
  readonly atMs: number;
  readonly text: string;
}

interface Life {
  readonly entries: readonly JournalEntry[];
  readonly startedAt: number;
}

/**
 * All that was done with a key: every call and what became of every machine bought with it, told to the millisecond. Who looks
 * at the same instant may share an answer or not, as the network has it: the same words at one instant are told once.
 */
export function booksOf(life: Life, secretId: string): readonly Line[] {
  const names = namesOf(life, secretId);
  const isMeant = (entry: JournalEntry): boolean =>
    entry.kind === 'call' ? entry.secretId === secretId : names.has(entry.id);
  const lines = linesOf(life, isMeant, names);
  return lines.filter(({ atMs, text }, index) => atMs !== lines[index - 1]?.atMs || text !== lines[index - 1]?.text);
}

/** What concerns one pool alone: purchases under its name, calls that name its machines, and what became of those. */
export function booksOfPool(life: Life, secretId: string, pool: string): readonly Line[] {
  const all = namesOf(life, secretId);
  const names = new Map([...all].filter(([, name]) => name.startsWith(`${pool}#`)));
  const isOfPool = (entry: JournalEntry): boolean => {
    if (entry.kind === 'event') return names.has(entry.id);
    if (entry.secretId !== secretId) return false;
    return entry.action === 'RunInstances' ? poolOf(entry) === pool : entry.instanceIds.some((id) => names.has(id));
  };
  return linesOf(life, isOfPool, names);
}

/** Of these the calls that change something: what was bought and released. */
export function deedsOf(life: Life, secretId: string, pool: string): readonly Line[] {
  const calls = life.entries.filter((entry) => entry.kind === 'call' && !/^(Describe|Inquiry)/.test(entry.action));
  return booksOfPool({ ...life, entries: calls }, secretId, pool);
}

/** The same life, as if it had ended then. */
export function until(life: Life, endMs: number): Life {
  return { ...life, entries: life.entries.filter(({ at }) => at - life.startedAt < endMs) };
}

/** The first difference in words; `undefined` when both tell the same. Times may differ by up to `withinMs`. */
export function differenceOf(expected: readonly Line[], seen: readonly Line[], withinMs = 0): string | undefined {
  for (let index = 0; index < Math.max(expected.length, seen.length); index += 1) {
    const [a, b] = [expected[index], seen[index]];
    if (a && b && a.text === b.text && Math.abs(a.atMs - b.atMs) <= withinMs) continue;
    return `line ${index + 1}: expected ${textOf(a)}, seen ${textOf(b)}`;
  }
  return undefined;
}

function textOf(line: Line | undefined): string {
  return line ? `${(line.atMs / 1000).toFixed(3)} s ${line.text}` : 'nothing';
}

/** `POOL#N` for the N-th machine of each pool, by its id. */
function namesOf({ entries }: Life, secretId: string): ReadonlyMap<string, string> {
  const counts = new Map<string, number>();
  const names = new Map<string, string>();
  for (const entry of entries) {
    if (entry.kind !== 'call' || entry.action !== 'RunInstances' || entry.secretId !== secretId) continue;
    for (const id of entry.instanceIds) {
      const pool = poolOf(entry);
      const count = (counts.get(pool) ?? 0) + 1;
      counts.set(pool, count);
      names.set(id, `${pool}#${count}`);
    }
  }
  return names;
}

/** Names of machines are the pool's, a mark of its uid, and a mark of the purchase. */
function poolOf({ body }: CallEntry): string {
  const name = body !== null && typeof body === 'object' && 'InstanceName' in body ? String(body.InstanceName) : '';
  return name.replace(/-[^-]*-[^-]*$/, '');
}

function linesOf(
  { entries, startedAt }: Life,
  isMeant: (entry: JournalEntry) => boolean,
  names: ReadonlyMap<string, string>,
): readonly Line[] {
  const tell = (text: string): string => text.replace(/\bins-[a-z0-9]+/g, (id) => names.get(id) ?? 'ins-?');
  return entries
    .filter(isMeant)
    .map((entry) => ({ atMs: entry.at - startedAt, text: tell(wordsOf(entry)) }))
    .toSorted((a, b) => a.atMs - b.atMs || (a.text < b.text ? -1 : a.text > b.text ? 1 : 0));
}

function wordsOf(entry: JournalEntry): string {
  if (entry.kind === 'event') {
    return entry.event === 'instance'
      ? `${entry.id}: ${entry.from} -> ${entry.to} (${entry.cause})`
      : `${entry.id}: ${entry.event} ${entry.detail}`;
  }
  const body = JSON.stringify(entry.body)
    .replace(/"ClientToken":"[^"]*"/, '"ClientToken":"…"')
    .replace(/"InstanceName":"([^"]*)-[^"-]*"/, '"InstanceName":"$1-…"');
  return `${entry.action} ${body} = ${entry.result} ${entry.instanceIds.toSorted().join(' ')}`;
}
