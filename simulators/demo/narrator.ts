import { styleText } from 'node:util';
import type { JournalEntry } from '../cvm/journal.ts';

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
      const time = paint('dim', new Date(now()).toISOString().slice(11, 19));
      const who = paint(speaker === 'cloud' ? 'cyan' : 'dim', speaker.padEnd(8));
      write(`${time}  ${who}  ${colour ? paint(colour, text) : text}\n`);
    },
    block: write,
  };
}

/** What the cloud's journal is worth telling; `undefined` for the many questions in between. */
export function tellCloud(entry: JournalEntry): { readonly text: string; readonly colour?: Colour } | undefined {
  if (entry.kind === 'call') {
    const isChange = entry.action === 'RunInstances' || entry.action === 'TerminateInstances';
    if (!isChange) return undefined;
    if (entry.result !== 'ok') return { text: `${entry.action} refused: ${entry.result}`, colour: 'yellow' };
    return { text: `${entry.action} ${entry.instanceIds.join(', ')}` };
  }
  if (entry.event !== 'instance')
    return { text: `${entry.event} ${entry.id} ${entry.detail}`.trim(), colour: 'yellow' };
  const arrow = `${entry.id} ${entry.from === 'ABSENT' ? 'new' : entry.from} -> ${entry.to === 'ABSENT' ? 'gone' : entry.to}`;
  return entry.cause === 'reclaim' ? { text: `${arrow} (reclaimed)`, colour: 'red' } : { text: arrow };
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
