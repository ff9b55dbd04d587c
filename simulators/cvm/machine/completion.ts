import { type Clock, sleep } from '../../../src/lib/clock.ts';
import { answerTo, type Schema } from './answers.ts';
import { OllamaError } from './errors.ts';
import type { Scheduler } from './scheduler.ts';
import { contextIds, countPrompt, fitMessages, type Message, tokenize } from './tokens.ts';

/** One request for text, in the words of neither API. */
export interface Ask {
  readonly messages: readonly Message[];
  /** The raw `format` field: `"json"`, a schema, or something that is refused once the model runs. */
  readonly format?: unknown;
  readonly contextLength: number;
  readonly keepAliveMs: number;
  /** Tokens at most; 0 or below for no limit. */
  readonly limit: number;
  readonly temperature: number;
  readonly stops: readonly string[];
  /** `false` refuses a prompt that does not fit the window; otherwise it is cut in silence. */
  readonly truncate: boolean;
  /** Tokens of an earlier exchange that the client handed back. */
  readonly earlier: readonly number[];
}

/** The figures at the end of an answer; durations in whole nanoseconds. */
export interface Totals {
  readonly reason: 'stop' | 'length';
  readonly promptTokens: number;
  readonly answerTokens: number;
  readonly totalNs: number;
  readonly loadNs: number;
  readonly promptNs: number;
  readonly answerNs: number;
  /** Ids of prompt and answer, for `/api/generate`. */
  readonly context: () => readonly number[];
}

/** What an answer consists of: pieces of text, then the totals. */
export type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'end'; readonly totals: Totals };

/** What writes the answers. */
export interface Writer {
  readonly clock: Clock;
  readonly random: () => number;
  readonly scheduler: Scheduler;
  readonly tokensPerSecond: number;
  readonly promptTokensPerSecond: number;
  /** How often each prompt was answered with a temperature above 0; bounded. */
  readonly asked: Map<string, number>;
  /** The prompt read last: asked again at once, it need not be read again. */
  lastPrompt: string;
}

/** Scheduling and templating, even when the model is loaded. */
const OVERHEAD_MS = 20;
const MOST_PROMPTS_KEPT = 256;

/**
 * Writes one answer at the model's pace. Waits for its turn first; leaving the loop early, or aborting `signal`, frees the
 * place at once.
 * @throws {OllamaError} before the first piece: 503 queue full, 500 unknown format, 400 too long
 */
export async function* complete(writer: Writer, ask: Ask, signal: AbortSignal): AsyncGenerator<Piece, void> {
  const { clock, scheduler } = writer;
  const began = clock.monotonic();
  const lease = await scheduler.admit({ ...ask, signal });
  try {
    await sleep(clock, OVERHEAD_MS, signal);
    const admitted = clock.monotonic();
    const format = checkFormat(ask.format);
    const promptTokens = promptSize(ask);
    const answer = plan(writer, ask, format);

    const read = promptCost(writer, ask, promptTokens);
    await sleep(clock, read, signal);
    const start = clock.monotonic();
    // Each piece is due at its own time, so that a coarse timer does not slow the whole answer down.
    for (const [index, text] of answer.pieces.entries()) {
      await until(clock, start + ((index + 1) * 1000) / writer.tokensPerSecond, signal);
      yield { kind: 'text', text };
    }
    if (answer.reason === 'stop') {
      await until(clock, start + (answer.tokens * 1000) / writer.tokensPerSecond, signal);
    }
    const end = clock.monotonic();
    const ns = (ms: number): number => Math.max(1, Math.round(ms * 1e6 + writer.random() * 1e5));
    const totals = { loadNs: ns(admitted - began), promptNs: ns(start - admitted), answerNs: ns(end - start) };
    yield {
      kind: 'end',
      totals: {
        reason: answer.reason,
        promptTokens,
        answerTokens: answer.tokens,
        totalNs: totals.loadNs + totals.promptNs + totals.answerNs + ns(0),
        ...totals,
        context: () => [...ask.earlier, ...contextIds(lastOf(ask), answer.pieces, ask.contextLength)],
      },
    };
  } finally {
    lease.release();
  }
}

/** Waits for a place and gives it back: what a request without a prompt does to have the model loaded. */
export async function loadOnly(
  writer: Writer,
  want: Pick<Ask, 'contextLength' | 'keepAliveMs'>,
  signal: AbortSignal,
): Promise<void> {
  const lease = await writer.scheduler.admit({ ...want, signal });
  lease.release();
}

async function until(clock: Clock, due: number, signal: AbortSignal): Promise<void> {
  const left = due - clock.monotonic();
  if (left > 0) await sleep(clock, left, signal);
  else signal.throwIfAborted();
}

function checkFormat(format: unknown): 'json' | Schema | undefined {
  if (format === undefined || format === null || format === '') return undefined;
  if (format === 'json') return 'json';
  if (typeof format === 'object' && !Array.isArray(format)) return format as Schema;
  const quoted = JSON.stringify(JSON.stringify(format));
  throw new OllamaError(500, `invalid format: ${quoted}; expected "json" or a valid JSON Schema object`);
}

/** What is counted as read: after old messages were dropped, and at most the whole window. */
function promptSize(ask: Ask): number {
  const size = (messages: readonly Message[]): number => ask.earlier.length + countPrompt(messages);
  if (!ask.truncate && size(ask.messages) > ask.contextLength) {
    throw new OllamaError(400, 'the input length exceeds the context length');
  }
  return Math.min(ask.contextLength, size(fitMessages(ask.messages, ask.contextLength)));
}

function promptCost(writer: Writer, ask: Ask, tokens: number): number {
  const prompt = JSON.stringify([ask.contextLength, ask.messages]);
  const isCached = writer.lastPrompt === prompt;
  writer.lastPrompt = prompt;
  return ((isCached ? 1 : tokens) * 1000) / writer.promptTokensPerSecond;
}

interface Plan {
  readonly pieces: readonly string[];
  /** The pieces, and one more for the sign that ends an answer by itself. */
  readonly tokens: number;
  readonly reason: 'stop' | 'length';
}

function plan(writer: Writer, ask: Ask, format: 'json' | Schema | undefined): Plan {
  const prompt = lastOf(ask);
  const asked = writer.asked.get(prompt) ?? 0;
  if (ask.temperature > 0) {
    writer.asked.set(prompt, asked + 1);
    const oldest = writer.asked.keys().next().value;
    if (writer.asked.size > MOST_PROMPTS_KEPT && oldest !== undefined) writer.asked.delete(oldest);
  }
  const text = answerTo({ prompt, asked, temperature: ask.temperature, ...(format && { format }) });
  const pieces = tokenize(beforeStop(text, ask.stops));
  if (ask.limit > 0 && pieces.length >= ask.limit) {
    return { pieces: pieces.slice(0, ask.limit), tokens: ask.limit, reason: 'length' };
  }
  return { pieces, tokens: pieces.length + 1, reason: 'stop' };
}

function beforeStop(text: string, stops: readonly string[]): string {
  const ends = stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0);
  return text.slice(0, Math.min(text.length, ...ends));
}

function lastOf(ask: Ask): string {
  return ask.messages.at(-1)?.content ?? '';
}
