import { styleText } from 'node:util';
import type { CallEntry, InstanceEntry, JournalEntry } from '../cvm/journal.ts';

/** Who speaks in a line. */
type Speaker = 'cloud' | 'operator' | 'demo';
type Colour = 'cyan' | 'green' | 'yellow' | 'red' | 'dim';

/** Prints what happens, one line an event: time on the common clock, who says it, what it is. */
export interface Narrator {
  say(speaker: Speaker, text: string, colour?: Colour): void;
  /** Text of several lines, as it is. */
  block(text: string): void;
}

export function createNarrator(write: (text: string) => void, now: () => number, hasColours: boolean): Narrator {
  const paint = (colour: Colour, text: string): string =>
    hasColours ? styleText(colour, text, { validateStream: false }) : text;
  return {
    say(speaker, text, colour) {
      const time = paint('dim', timeOfDay(now()));
      const who = paint(speaker === 'cloud' ? 'cyan' : 'dim', speaker.padEnd(8));
      write(`${time}  ${who}  ${colour ? paint(colour, text) : text}\n`);
    },
    block: write,
  };
}

/** What the cloud's journal is worth telling; `undefined` for the many questions in between. */
export function tellCloud(entry: JournalEntry): { readonly text: string; readonly colour?: Colour } | undefined {
  if (entry.kind === 'call') return tellCall(entry);
  switch (entry.event) {
    case 'instance':
      return tellChange(entry);
    case 'notice':
      return { text: `${entry.id} will be reclaimed at ${timeOfDay(Date.parse(entry.detail))}`, colour: 'red' };
    case 'arrears':
      return { text: `account ${entry.id} is in arrears`, colour: 'yellow' };
    case 'balance':
      return { text: `account ${entry.id} has a balance of ${entry.detail}`, colour: 'yellow' };
    case 'stock':
    case 'price':
      return { text: `${entry.event} of ${entry.id}: ${entry.detail}`, colour: 'yellow' };
  }
}

function tellCall({ action, result, instanceIds }: CallEntry): ReturnType<typeof tellCloud> {
  if (action !== 'RunInstances' && action !== 'TerminateInstances') return undefined;
  if (result !== 'ok') return { text: `${action} refused: ${result}`, colour: 'yellow' };
  return { text: `${action === 'RunInstances' ? 'sold' : 'asked to take back'} ${instanceIds.join(', ')}` };
}

function tellChange({ id, from, to, cause }: InstanceEntry): ReturnType<typeof tellCloud> {
  // The purchase itself says so.
  if (from === 'ABSENT') return undefined;
  const text = `${id} ${from} -> ${to === 'ABSENT' ? 'gone' : to}`;
  return cause === 'reclaim' ? { text: `${text} (reclaimed)`, colour: 'red' } : { text };
}

const timeOfDay = (at: number): string => new Date(at).toISOString().slice(11, 19);

/** An offering's id as the operator writes it: zone, type, subnet, charge type. */
const OFFERING = /([\w-]+)\/([\w.]+)\/subnet-\w+\/(?:SPOTPAID|POSTPAID_BY_HOUR)/g;
/** The cloud's own words at the end of a message. The cloud has a line of its own. */
const QUOTE = / \(\w+\.\w+: .*\)$/;

/** A decision in a line that fits a terminal: what both pools have in common and the cloud's own words are left out. */
export function tellDecision({ pool, reason, note }: Decision): string {
  const short = note.replace(OFFERING, '$2 in $1').replace(QUOTE, '');
  return `${pool.split('/')[1] ?? '-'}  ${reason}: ${short}`;
}

/** One decision (or error) of the operator, out of a line of its JSON log; `undefined` for its other lines. */
export interface Decision {
  readonly pool: string;
  readonly reason: string;
  readonly note: string;
  readonly isWarning: boolean;
}

export function readDecision(line: string): Decision | undefined {
  let record: Readonly<Record<string, unknown>>;
  try {
    record = JSON.parse(line) as Readonly<Record<string, unknown>>;
  } catch {
    return undefined;
  }
  const { msg, note, namespace, name, level, error } = record;
  const isError = level === 'error';
  if (typeof note !== 'string' && !isError) return undefined;
  return {
    pool: typeof name === 'string' ? `${namespace}/${name}` : '',
    reason: String(msg),
    note: typeof note === 'string' ? note : ((error as { message?: string } | undefined)?.message ?? ''),
    isWarning: isError || level === 'warn',
  };
}
