import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import type { Clock } from '../../lib/clock.ts';
import { KubeError } from './kube-error.ts';

/** One request as it goes over the wire. */
export interface Exchange {
  /** Where to and with what headers; the agent opens the connection. */
  readonly options: https.RequestOptions;
  readonly body: string | undefined;
  readonly clock: Clock;
  /** From the connection's being there to the answer's headers. */
  readonly headersTimeoutMs: number;
  /** For all of it; may be `Infinity`. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Names the call, for messages. */
  readonly call: string;
}

/** The connection failed before there was an answer. */
export class WireError extends Error {
  override readonly name = 'WireError';
  /** An idle connection was used that the server was about to close: nothing of an answer came. */
  readonly wasStale: boolean;
  constructor(cause: unknown, wasStale: boolean) {
    super('no answer', { cause });
    this.wasStale = wasStale;
  }
}

/**
 * Sends one request and hands the answer to `read`, whose outcome is the outcome. Whatever ends it early destroys the
 * connection; no listener and no timer stays behind.
 * @throws {WireError}; {@link KubeError} of reason `Timeout`; the reason of `signal`; what `read` throws
 */
export function exchange<T>(wire: Exchange, read: (answer: http.IncomingMessage) => Promise<T>): Promise<T> {
  const { options, body, clock, signal } = wire;
  if (signal.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const undo: (() => void)[] = [];
    let isOver = false;
    const finish = (settle: () => void): void => {
      if (isOver) return;
      isOver = true;
      for (const one of undo) one();
      settle();
    };
    const fail = (error: unknown): void =>
      finish(() => {
        request.destroy();
        reject(error);
      });
    const deadline = (ms: number, what: string): (() => void) =>
      ms === Number.POSITIVE_INFINITY
        ? () => {}
        : clock.after(ms, () => fail(new KubeError('Timeout', `${wire.call}: ${what} within ${ms} ms`, { code: 0 })));

    const request = (options.protocol === 'https:' ? https : http).request(options);
    const stop = (): void => fail(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    undo.push(() => signal.removeEventListener('abort', stop), deadline(wire.timeoutMs, 'the answer was not complete'));

    let hasAnswer = false;
    request.once('socket', (socket: Socket) => {
      const note = (): void => {
        hasAnswer = true;
      };
      socket.once('data', note);
      const cancel = deadline(wire.headersTimeoutMs, 'no answer');
      request.once('response', cancel);
      undo.push(() => socket.off('data', note), cancel);
    });
    // Node reports some failures after the fact: the listener stays.
    request.on('error', (error: NodeJS.ErrnoException) => {
      const isReset = error.code === 'ECONNRESET' || error.code === 'EPIPE';
      fail(new WireError(error, isReset && request.reusedSocket && !hasAnswer));
    });
    request.once('response', (answer) => {
      read(answer).then(
        (value) => finish(() => resolve(value)),
        // A refusal that was read to its end leaves a connection that is good for the next request.
        (error: unknown) => (answer.readableEnded ? finish(() => reject(error)) : fail(error)),
      );
    });
    request.end(body);
  });
}

/**
 * Takes in an answer, piece by piece. What `onChunk` throws is thrown here.
 * @throws {KubeError} of reason `Unreachable` when it breaks off
 */
export function consume(answer: http.IncomingMessage, call: string, onChunk: (chunk: Buffer) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    let isOver = false;
    const broke = (): void => reject(new KubeError('Unreachable', `${call}: the answer broke off`, { code: 0 }));
    answer.on('data', (chunk: Buffer) => {
      if (isOver) return;
      try {
        onChunk(chunk);
      } catch (error) {
        isOver = true;
        reject(error);
      }
    });
    answer.on('error', broke).once('close', broke);
    answer.once('end', () => (answer.complete ? resolve() : broke()));
  });
}
