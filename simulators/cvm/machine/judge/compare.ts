/** A recording of a real server: requests in order, and what it answered. */
export interface Recording {
  readonly title: string;
  readonly steps: readonly Step[];
}

export interface Step {
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: unknown;
    /** The body was not kept, only its size: `4662 bytes`. */
    readonly bodyNote?: string;
    readonly raw?: string;
  };
  readonly response: Answer;
}

/** An answer as it arrived. Of a header that came several times the recorder kept the last. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Each with its line feed, where it had one; `… 14 more …` stands for lines that were not kept. */
  readonly lines: readonly string[];
  readonly end: string;
}

/** `value` differences may be allowed, by the path `at`; `shape` differences never are. */
export interface Difference {
  readonly kind: 'value' | 'shape';
  /** `header Date`, `line.message.content`, `line.choices[].delta.content`, … */
  readonly at: string;
  readonly recorded: unknown;
  readonly actual: unknown;
}

/** Everything in which an answer differs from the recorded one. */
export function differences(recorded: Answer, actual: Answer): Difference[] {
  return [
    ...compare('status', recorded.status, actual.status),
    ...compare('end', recorded.end, actual.end),
    ...compareHeaders(recorded, actual),
    ...compareLines(recorded.lines, actual.lines),
  ];
}

function compare(at: string, recorded: unknown, actual: unknown): Difference[] {
  return recorded === actual ? [] : [{ kind: 'shape', at, recorded, actual }];
}

/** The names in their order, then the values. */
function compareHeaders(recorded: Answer, actual: Answer): Difference[] {
  const names = Object.keys(recorded.headers);
  const found = compare('header names', names.join(', '), Object.keys(actual.headers).join(', '));
  for (const name of names) {
    const [was, is] = [recorded.headers[name], actual.headers[name]];
    if (is !== undefined && was !== is) found.push({ kind: 'value', at: `header ${name}`, recorded: was, actual: is });
  }
  return found;
}

const LEFT_OUT = /^… (\d+) more …\n$/;

function compareLines(recorded: readonly string[], actual: readonly string[]): Difference[] {
  const gap = recorded.findIndex((line) => LEFT_OUT.test(line));
  const left = gap < 0 ? 0 : Number(LEFT_OUT.exec(recorded[gap] ?? '')?.[1]) - 1;
  const found = compare('number of lines', recorded.length + left, actual.length);
  for (const [index, line] of recorded.entries()) {
    if (index === gap) continue;
    const other = actual[gap >= 0 && index > gap ? index + left : index];
    if (other !== undefined) found.push(...compareLine(line, other));
  }
  return found;
}

/** A line is a JSON object, alone or as a server-sent event, or else a text that must be the same. */
const JSON_LINE = /^(data: )?(\{.*\})(\n?)$/s;

function compareLine(recorded: string, actual: string): Difference[] {
  const was = JSON_LINE.exec(recorded);
  const is = JSON_LINE.exec(actual);
  if (!was || !is) return compare('line', recorded, actual);
  const framing = (match: RegExpExecArray): string => `${match[1] ?? ''}{}${match[3]}`;
  return [
    ...compare('framing', framing(was), framing(is)),
    ...compareJson('line', JSON.parse(was[2] ?? ''), JSON.parse(is[2] ?? '')),
  ];
}

function compareJson(at: string, recorded: unknown, actual: unknown): Difference[] {
  if (typeOf(recorded) !== typeOf(actual)) return [{ kind: 'shape', at: `type of ${at}`, recorded, actual }];
  if (Array.isArray(recorded) && Array.isArray(actual)) return compareArrays(at, recorded, actual);
  if (isObject(recorded) && isObject(actual)) {
    const found = compare(`keys of ${at}`, Object.keys(recorded).join(', '), Object.keys(actual).join(', '));
    for (const [key, value] of Object.entries(recorded)) {
      if (key in actual) found.push(...compareJson(`${at}.${key}`, value, actual[key]));
    }
    return found;
  }
  return Object.is(recorded, actual) ? [] : [{ kind: 'value', at, recorded, actual }];
}

/** A list of numbers is one value: token ids, whose number follows from the text. */
function compareArrays(at: string, recorded: readonly unknown[], actual: readonly unknown[]): Difference[] {
  const isTokens = [recorded, actual].every((list) => list.length > 0 && list.every(Number.isInteger));
  if (isTokens) {
    return recorded.join() === actual.join() ? [] : [{ kind: 'value', at, recorded, actual }];
  }
  const found = compare(`length of ${at}`, recorded.length, actual.length);
  const common = Math.min(recorded.length, actual.length);
  for (let index = 0; index < common; index += 1) {
    found.push(...compareJson(`${at}[]`, recorded[index], actual[index]));
  }
  return found;
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return Number.isInteger(value) ? 'integer' : typeof value;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
