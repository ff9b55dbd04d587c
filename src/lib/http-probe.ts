import http from 'node:http';
import type { Clock } from './clock.ts';
import { withDeadline } from './clock.ts';
import type { Egress } from './egress.ts';

/** What a machine said when it was asked. */
export type Answer = { readonly isOk: true } | { readonly isOk: false; readonly why: string };

/** An answer's body is not needed; a machine that sends more than this is not asked for the rest. */
const MAX_BODY_BYTES = 1024 * 1024;

/**
 * Asks an HTTP server with GET and takes status 200 with a whole body for "yes". Every other outcome is an answer too, with
 * its reason in words; it throws only the reason of an aborted `signal`. One connection a question, so that a machine that
 * left is never asked over an old connection.
 * @param scale how many milliseconds of `clock` pass in one real millisecond: an answer takes real time on any clock
 */
export function createHttpProbe(
  egress: Egress,
  clock: Clock,
  scale: number,
): (url: string, timeoutMs: number, signal: AbortSignal) => Promise<Answer> {
  const agent = egress.agent('http:', { maxAnswerBytes: MAX_BODY_BYTES, maxSockets: 64 });
  return async (url, timeoutMs, signal) => {
    try {
      const status = await withDeadline(clock, timeoutMs * scale, signal, (own) => get(url, agent, own));
      return status === 200 ? { isOk: true } : { isOk: false, why: `${url} answers ${status}` };
    } catch (error) {
      signal.throwIfAborted();
      return { isOk: false, why: `${url}: ${reasonOf(error, timeoutMs)}` };
    }
  };
}

function get(url: string, agent: http.Agent, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { agent, signal, headers: { connection: 'close' } }, (response) => {
      response.on('error', reject);
      response.on('end', () => resolve(response.statusCode ?? 0));
      response.resume();
    });
    request.on('error', reject);
  });
}

function reasonOf(error: unknown, timeoutMs: number): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'AbortError' || error.name === 'TimeoutError') return `no answer within ${timeoutMs} ms`;
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ECONNREFUSED') return 'connection refused';
  if (code === 'ECONNRESET') return 'connection reset';
  if (code === 'EHOSTUNREACH' || code === 'ENETUNREACH') return 'not reachable';
  return error.message;
}
