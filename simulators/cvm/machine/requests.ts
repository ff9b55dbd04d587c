import { OllamaError } from './errors.ts';
import type { Message } from './tokens.ts';

/** A JSON object as it came in. */
export type Fields = Readonly<Record<string, unknown>>;

/** The settings of the server that stand in where a request says nothing. */
export interface Defaults {
  readonly contextLength: number;
  /** `Infinity` for ever. */
  readonly keepAliveMs: number;
}

/** Ollama's default `temperature`. The OpenAI side has its own, 1. */
const TEMPERATURE = 0.8;

/**
 * Reads a request's body as Go's decoder does: an object whose known fields have their types.
 * @throws {OllamaError} 400 with the decoder's text; `EOF` for an empty body
 */
export function parseBody(raw: string, kind: string, types: Readonly<Record<string, GoType>>): Fields {
  if (raw.trim() === '') throw new OllamaError(400, 'EOF');
  let body: unknown;
  try {
    body = JSON.parse(raw);
  } catch (error) {
    throw new OllamaError(400, decoderText(raw, error));
  }
  if (!isObject(body)) {
    throw new OllamaError(400, `json: cannot unmarshal ${goName(body)} into Go value of type ${kind}`);
  }
  for (const [name, wanted] of Object.entries(types)) {
    const value = body[name];
    if (value === undefined || value === null || goName(value) === JSON_NAMES[wanted]) continue;
    throw new OllamaError(
      400,
      `json: cannot unmarshal ${goName(value)} into Go struct field ${kind.replace(/^.*\./, '')}.${name} of type ${wanted}`,
    );
  }
  return body;
}

/** The Go types that our fields have, and how JSON calls them. */
export type GoType = keyof typeof JSON_NAMES;
const JSON_NAMES = {
  string: 'string',
  bool: 'bool',
  int: 'number',
  float64: 'number',
  '[]api.Message': 'array',
  '[]openai.Message': 'array',
  'map[string]interface {}': 'object',
  '[]int': 'array',
} as const;

function goName(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

export function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What Go says where V8 says something else: cut off, or a character that should not be there. */
function decoderText(raw: string, error: unknown): string {
  const message = error instanceof Error ? error.message : '';
  const at = Number(/position (\d+)/.exec(message)?.[1] ?? raw.search(/[^\s]/));
  if (/end of JSON|Unterminated/.test(message) || at >= raw.trimEnd().length) return 'unexpected EOF';
  return `invalid character '${raw[at] ?? ''}' looking for beginning of value`;
}

/** The messages of a chat; a content in parts is joined. */
export function toMessages(value: unknown): Message[] {
  const list = Array.isArray(value) ? value.filter(isObject) : [];
  return list.map(({ role, content }) => ({ role: typeof role === 'string' ? role : '', content: textOf(content) }));
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  const parts = Array.isArray(content) ? content.filter(isObject) : [];
  return parts.map(({ text }) => (typeof text === 'string' ? text : '')).join('');
}

const UNITS_MS: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 1e-3,
  µs: 1e-3,
  ns: 1e-6,
};

/** Reads `keep_alive`: seconds as a number or a Go duration as text; below 0 is for ever. @throws {OllamaError} 400 */
export function toKeepAlive(value: unknown, otherwise: number): number {
  if (value === undefined || value === null) return otherwise;
  if (typeof value === 'number') return forEver(value * 1000);
  if (typeof value !== 'string') throw new OllamaError(400, `Unsupported type: '${goName(value)}'`);
  const [, sign, amounts] = /^([-+]?)(0|(?:(?:\d+\.?\d*|\.\d+)(?:h|ms|m|s|us|µs|ns))+)$/.exec(value) ?? [];
  if (amounts === undefined) throw new OllamaError(400, `time: invalid duration ${JSON.stringify(value)}`);
  let total = 0;
  for (const [, amount, unit] of amounts.matchAll(/([\d.]+)(h|ms|m|s|us|µs|ns)/g)) {
    total += Number(amount) * (UNITS_MS[unit ?? ''] ?? 0);
  }
  return forEver(sign === '-' ? -total : total);
}

function forEver(ms: number): number {
  return ms < 0 ? Number.POSITIVE_INFINITY : ms;
}

/** The options that the simulated model follows. @throws {OllamaError} 500 for an option of the wrong type, as the server does */
export function toOptions(value: unknown, defaults: Defaults): ModelOptions {
  const options = isObject(value) ? value : {};
  const number = (name: string, otherwise: number): number => {
    const given = options[name] ?? otherwise;
    if (typeof given === 'number') return given;
    const type = name === 'temperature' ? 'float32' : 'integer';
    throw new OllamaError(500, `option "${name}" must be of type ${type}`);
  };
  return {
    contextLength: Math.max(4, Math.trunc(number('num_ctx', defaults.contextLength))),
    limit: Math.trunc(number('num_predict', -1)),
    temperature: number('temperature', TEMPERATURE),
    stops: stopsOf(options['stop']),
  };
}

export interface ModelOptions {
  readonly contextLength: number;
  readonly limit: number;
  readonly temperature: number;
  readonly stops: readonly string[];
}

function stopsOf(value: unknown): string[] {
  const list = Array.isArray(value) ? value : [value];
  return list.filter((stop) => typeof stop === 'string' && stop !== '');
}
