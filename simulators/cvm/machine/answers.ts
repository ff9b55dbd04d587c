import { hash } from './tokens.ts';

/** What an answer depends on. */
export interface Question {
  /** The text of the last message. */
  readonly prompt: string;
  /** 0 gives the same answer each time; otherwise the variants come in turn. */
  readonly temperature: number;
  /** How often this prompt was answered with a temperature above 0 before. */
  readonly asked: number;
  /** `json`, or a JSON schema that the answer must fit. */
  readonly format?: 'json' | Schema;
}

/** The part of JSON Schema that the answers follow. */
export interface Schema {
  readonly [keyword: string]: unknown;
}

const NUMBERS = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten', 'eleven', 'twelve'];

/** Answers to the prompts of the recordings, of the same length in tokens; the first is the one at temperature 0. */
const CANNED: Readonly<Record<string, readonly string[]>> = {
  'Say hi.': ['Hi! How can I assist you today?'],
  'Count from one to five.': ['One, two, three, four, five.', '1. 1\n2. 2\n3. 3\n4. 4\n5. 5\n'],
  'Count slowly to fifty.': [
    Array.from({ length: 50 }, (_, index) => `${index + 1}  \n`).join(''),
    `${[...NUMBERS, ...NUMBERS, ...NUMBERS].join(', ')}.`,
    '7',
    'Sure, I can do that! Tell me when to start counting.',
  ],
};

const SENTENCES = [
  'I looked at what you sent.',
  'The service answers, but more slowly than usual.',
  'The first error appears shortly before the others.',
  'A full disk or a broken connection would explain it.',
  'Check the free space and the latest deployment first.',
  'If the numbers do not change, restart one replica and watch it.',
  'The other machines show nothing unusual.',
  'Keep the old version at hand until the errors stop.',
  'Nothing here needs to be done tonight.',
  'The requests that failed can be sent again without harm.',
];
const WORDS = ['warning', 'critical', 'normal', 'unknown', 'pending', 'ready'];
const SHORT_ANSWER = 4;
/** Long enough (about 1500 tokens) that a stream lasts a minute at the default pace. */
const LONG_ANSWER = 150;
const DEEPEST_SCHEMA = 12;

/** The text of an answer: canned, made up from the prompt, or JSON that fits the wanted format. */
export function answerTo(question: Question): string {
  const { prompt, format } = question;
  const turn = question.temperature === 0 ? 0 : question.asked;
  if (format !== undefined) {
    const schema = format === 'json' ? objectNamedIn(prompt) : format;
    return JSON.stringify(sampleOf(schema, hash(prompt) + turn, prompt), null, 2);
  }
  const canned = CANNED[prompt.trim()];
  if (canned) return canned[turn % canned.length] ?? '';
  const length = /\b(long|story|essay)\b/i.test(prompt) ? LONG_ANSWER : SHORT_ANSWER;
  const start = hash(prompt) + turn;
  return Array.from({ length }, (_, index) => SENTENCES[(start + index * 3) % SENTENCES.length]).join(' ');
}

/** For free JSON: an object with the key that the prompt asks for ("with a key severity"), else with one key `answer`. */
function objectNamedIn(prompt: string): Schema {
  const key = /\bkeys? "?([A-Za-z_]\w*)/.exec(prompt)?.[1] ?? 'answer';
  return { type: 'object', properties: { [key]: { type: 'string' } }, required: [key] };
}

/** A value that fits a schema; always the same for the same `seed`. An enum member that the prompt names is preferred. */
export function sampleOf(schema: Schema, seed: number, prompt = '', root = schema, depth = 0): unknown {
  const next = (part: unknown, salt: number): unknown =>
    sampleOf(isSchema(part) ? part : {}, seed + salt, prompt, root, depth + 1);
  if (depth > DEEPEST_SCHEMA) return null;
  if ('const' in schema) return schema['const'];
  const options = schema['enum'];
  if (Array.isArray(options) && options.length > 0) {
    const named = options.find((option) => typeof option === 'string' && prompt.toLowerCase().includes(option));
    return named ?? options[seed % options.length];
  }
  if (typeof schema['$ref'] === 'string') return next(resolve(schema['$ref'], root), 0);
  for (const keyword of ['anyOf', 'oneOf', 'allOf']) {
    const parts = schema[keyword];
    if (Array.isArray(parts) && parts.length > 0) return next(parts[0], 0);
  }
  switch (typeOf(schema)) {
    case 'object': {
      const properties = Object.entries(isSchema(schema['properties']) ? schema['properties'] : {});
      return Object.fromEntries(properties.map(([key, part], index) => [key, next(part, index + 1)]));
    }
    case 'array':
      return Array.from({ length: Math.min(16, numberOr(schema['minItems'], 1)) }, (_, index) =>
        next(schema['items'], index + 1),
      );
    case 'integer':
    case 'number':
      return numberWithin(schema, seed);
    case 'boolean':
      return seed % 2 === 0;
    case 'null':
      return null;
    default:
      return wordWithin(schema, seed);
  }
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function typeOf(schema: Schema): unknown {
  const type = schema['type'];
  if (Array.isArray(type)) return type.find((name) => name !== 'null') ?? 'null';
  return type ?? ('properties' in schema ? 'object' : 'items' in schema ? 'array' : 'string');
}

/** Follows `#/$defs/Name`. */
function resolve(reference: string, root: Schema): unknown {
  let at: unknown = root;
  for (const key of reference.replace(/^#\/?/, '').split('/')) at = isSchema(at) ? at[key] : undefined;
  return at;
}

function numberOr(value: unknown, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise;
}

function numberWithin(schema: Schema, seed: number): number {
  const least = numberOr(schema['minimum'], 0);
  const most = numberOr(schema['maximum'], Math.max(least, 10));
  return Math.min(most, Math.ceil(least) + (seed % Math.max(1, Math.floor(most - least) + 1)));
}

function wordWithin(schema: Schema, seed: number): string {
  if (schema['format'] === 'date-time') return '2026-11-01T00:00:00Z';
  const word = WORDS[seed % WORDS.length] ?? '';
  return word.padEnd(numberOr(schema['minLength'], 0), 'x').slice(0, numberOr(schema['maxLength'], 1000));
}
