import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../../../src/lib/clock.ts';

/** How the two halves of the server call JSON; the exact texts are Ollama's. */
export const JSON_NATIVE = 'application/json; charset=utf-8';
export const JSON_OPENAI = 'application/json';
export const NDJSON = 'application/x-ndjson';
export const EVENTS = 'text/event-stream';

/** Go's server buffers this much of an answer; a longer one goes out in chunks, without a length. */
const BUFFERED_BYTES = 2048;

/** One exchange, answered with exactly the headers of a Go server: no `Connection`, no `Keep-Alive`. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly clock: Clock;
  /** Headers that stand before the others, for instance those of CORS; in order, names may repeat. */
  readonly headers: readonly (readonly [string, string])[];
}

/** Answers whole. */
export function send(exchange: Exchange, status: number, type: string, body: string): void {
  const bytes = Buffer.from(body);
  const framing: Header =
    bytes.length > BUFFERED_BYTES ? ['Transfer-Encoding', 'chunked'] : ['Content-Length', String(bytes.length)];
  head(exchange, status, [['Content-Type', type]], [framing]);
  exchange.response.end(bytes);
}

/** Answers without a body; 204 has no length either. */
export function sendEmpty(exchange: Exchange, status: number): void {
  head(exchange, status, [], status === 204 ? [] : [['Content-Length', '0']]);
  exchange.response.end();
}

/** Opens a stream; the pieces follow with `response.write`. */
export function openStream(exchange: Exchange, type: string): void {
  head(exchange, 200, [['Content-Type', type]], [['Transfer-Encoding', 'chunked']]);
}

type Header = readonly [string, string];

function head(exchange: Exchange, status: number, own: readonly Header[], framing: readonly Header[]): void {
  const { response, clock } = exchange;
  response.sendDate = false;
  // Node would announce the connection's fate; Go does so only when it closes it.
  if (response.shouldKeepAlive) response.removeHeader('Connection');
  const sorted = [...exchange.headers, ...own].toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  response.writeHead(status, [...sorted, ['Date', new Date(clock.now()).toUTCString()], ...framing].flat());
}

/** JSON as Go writes it: `<`, `>` and `&` escaped, so that the text is safe inside HTML. */
export function goJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Aborted when the connection ends before the answer does. */
export function clientSignal({ response }: Exchange): AbortSignal {
  const client = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) client.abort(new Error('the client went away'));
  });
  return client.signal;
}

/** Longer bodies are not read; the connection is reset. Far above what a prompt needs. */
const MOST_BODY_BYTES = 64 * 1024 * 1024;

/** Reads the whole body as text. Rejects when the client goes away or sends too much. */
export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MOST_BODY_BYTES) request.socket.resetAndDestroy();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
