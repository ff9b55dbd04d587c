import { type Answer, type Difference, differences } from './compare.ts';

/** Why a value may differ, and the form that it must keep. */
const FORMS = {
  date: isLike(/^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/),
  time: isLike(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?Z$/),
  unixSeconds: isAbove(1_700_000_000),
  id: isLike(/^chatcmpl-\d{1,3}$/),
  text: (value: unknown) => typeof value === 'string' && value !== '',
  nanoseconds: isAbove(1000),
  tokens: (value: unknown) => Array.isArray(value) && value.every((token) => Number.isInteger(token) && token >= 0),
} as const;

function isLike(pattern: RegExp): (value: unknown) => boolean {
  return (value) => typeof value === 'string' && pattern.test(value);
}

function isAbove(least: number): (value: unknown) => boolean {
  return (value) => Number.isInteger(value) && (value as number) > least;
}

/** `[file, steps, path, form]`: in these steps the value at this path may differ, and does. */
type Row = readonly [file: string, steps: readonly number[], at: string, form: keyof typeof FORMS];

const upTo = (end: number): number[] => Array.from({ length: end }, (_, index) => index);
/** The figures at the end of each native answer. */
const durations = (file: string, steps: readonly number[]): Row[] =>
  ['total_duration', 'load_duration', 'prompt_eval_duration', 'eval_duration'].map((name) => [
    file,
    steps,
    `line.${name}`,
    'nanoseconds',
  ]);

/**
 * The one list of values that may differ from the recordings. Every row must be needed in every step that it names. The
 * `Content-Length` is not listed: it may differ where a listed value does, and must be the body's.
 */
export const ALLOWED: readonly Row[] = [
  ['01-liveness.json', upTo(12), 'header Date', 'date'],
  ['01-liveness.json', [3], 'line.models[].modified_at', 'time'],
  ['01-liveness.json', [4], 'line.models[].expires_at', 'time'],
  ['01-liveness.json', [6], 'line.data[].created', 'unixSeconds'],
  ['01-liveness.json', [7], 'line.created', 'unixSeconds'],

  ['02-load-unload.json', upTo(6), 'header Date', 'date'],
  ['02-load-unload.json', [0, 2, 4], 'line.created_at', 'time'],
  ['02-load-unload.json', [1, 3, 5], 'line.models[].expires_at', 'time'],

  ['03-generate.json', upTo(2), 'header Date', 'date'],
  ['03-generate.json', upTo(2), 'line.created_at', 'time'],
  ...durations('03-generate.json', upTo(2)),

  ['04-chat.json', upTo(4), 'header Date', 'date'],
  ['04-chat.json', upTo(4), 'line.created_at', 'time'],
  ['04-chat.json', [2], 'line.message.content', 'text'],
  ...durations('04-chat.json', upTo(4)),

  ['05-openai-chat.json', upTo(5), 'header Date', 'date'],
  ['05-openai-chat.json', upTo(5), 'line.created', 'unixSeconds'],
  ['05-openai-chat.json', upTo(5), 'line.id', 'id'],
  ['05-openai-chat.json', [2, 3], 'line.choices[].message.content', 'text'],

  ['06-truncation.json', upTo(5), 'header Date', 'date'],
  ['06-truncation.json', [0, 1, 4], 'line.created_at', 'time'],
  ['06-truncation.json', [0, 1], 'line.message.content', 'text'],
  ['06-truncation.json', [4], 'line.response', 'text'],
  // The recording keeps the first three tokens only.
  ['06-truncation.json', [4], 'line.context', 'tokens'],
  ['06-truncation.json', [3], 'line.models[].expires_at', 'time'],
  ...durations('06-truncation.json', [0, 1, 4]),

  ['07-errors.json', upTo(11), 'header Date', 'date'],
  ['07-errors.json', [8, 10], 'line.created', 'unixSeconds'],
  ['07-errors.json', [8, 10], 'line.id', 'id'],

  ['08-client-leaves.json', upTo(3), 'header Date', 'date'],
  ['08-client-leaves.json', [0, 2], 'line.created_at', 'time'],
  ['08-client-leaves.json', [0], 'line.message.content', 'text'],
  ['08-client-leaves.json', [1], 'line.models[].expires_at', 'time'],
  ...durations('08-client-leaves.json', [2]),

  ['09-serial.json', upTo(4), 'header Date', 'date'],
  ['09-serial.json', [0, 2], 'line.created', 'unixSeconds'],
  ['09-serial.json', [0, 2], 'line.id', 'id'],
  ['09-serial.json', [1, 3], 'line.created_at', 'time'],
  ['09-serial.json', [2], 'line.choices[].message.content', 'text'],
  ['09-serial.json', [1, 3], 'line.message.content', 'text'],
  ...durations('09-serial.json', [1, 3]),
];

/** What the judge says of one step. */
export interface Verdict {
  /** Differences that no row allows; empty when the step passes. */
  readonly refused: readonly Difference[];
  /** `file step path` of each row that was needed. */
  readonly used: ReadonlySet<string>;
}

/** Judges one answer against the recorded one. */
export function judge(file: string, step: number, recorded: Answer, actual: Answer, rows = ALLOWED): Verdict {
  const used = new Set<string>();
  const lengths: Difference[] = [];
  const refused = differences(recorded, actual).filter((difference) => {
    if (difference.at === 'header Content-Length') {
      lengths.push(difference);
      return false;
    }
    const row = rows.find(([name, steps, at]) => name === file && steps.includes(step) && at === difference.at);
    if (difference.kind !== 'value' || !row || !FORMS[row[3]](difference.actual)) return true;
    used.add(rowKey(file, step, difference.at));
    return false;
  });
  const differsInText = [...used].some((key) => key.includes(' line.'));
  const bytes = Buffer.byteLength(actual.lines.join(''));
  const isHonest = bytes === 0 || (actual.headers['Content-Length'] ?? String(bytes)) === String(bytes);
  return { refused: differsInText && isHonest ? refused : [...refused, ...lengths], used };
}

export function rowKey(file: string, step: number, at: string): string {
  return `${file} ${step} ${at}`;
}
