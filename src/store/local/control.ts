import { chmodSync, existsSync, lstatSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { StoreError } from '../store.ts';
import { answerControl, type ControlAnswer, MAX_LINE_BYTES, socketPath } from './control-protocol.ts';
import type { StoreLog } from './folder-watch.ts';
import type { LocalStore } from './local-store.ts';

/** A command that says nothing for so long has died. */
const IDLE_MS = 10_000;
const MAX_CONNECTIONS = 32;

/**
 * Listens beside the state file for requests of this user, until `signal` is aborted. The caller holds the lock of the
 * state, so a socket that lies there already was left by a process that was killed, and is replaced.
 * @throws {StoreError} `Invalid` (path too long), `Unavailable`
 */
export async function serveControl(
  statePath: string,
  store: Pick<LocalStore, 'delete' | 'scale'>,
  { signal, log }: { readonly signal: AbortSignal; readonly log: Pick<StoreLog, 'info'> },
): Promise<void> {
  const path = socketPath(statePath);
  removeStale(path);
  const connections = new Set<Socket>();
  const server = createServer((socket) => {
    connections.add(socket);
    socket.on('close', () => connections.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.setTimeout(IDLE_MS, () => socket.destroy());
    eachLine(socket, async (line) => {
      socket.write(`${JSON.stringify(await answerControl(store, line, log))}\n`);
    });
  });
  server.maxConnections = MAX_CONNECTIONS;
  await listen(server, path);
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  const closed = new Promise((resolve) => server.close(resolve));
  for (const socket of connections) socket.destroy();
  await closed;
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      reject(new StoreError('Unavailable', `Cannot listen on ${path}: ${cause.message}`, { cause }));
    });
    server.listen(path, resolve);
    // The socket is there as soon as `listen` returns, before anything could be accepted from it.
    if (existsSync(path)) chmodSync(path, 0o600);
  });
}

function removeStale(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isSocket()) {
    throw new StoreError(
      'Unavailable',
      `${path} is in the way: it is not a socket. Remove it, or name another --state.`,
    );
  }
  rmSync(path);
}

/** Hands complete lines to `handle`, one after the other. A line that is too long ends the connection. */
function eachLine(socket: Socket, handle: (line: string) => Promise<void>): void {
  let waiting = Buffer.alloc(0);
  let running = Promise.resolve();
  socket.on('data', (chunk: Buffer) => {
    waiting = Buffer.concat([waiting, chunk]);
    for (let end = waiting.indexOf('\n'); end >= 0; end = waiting.indexOf('\n')) {
      const line = waiting.subarray(0, end).toString('utf8');
      waiting = waiting.subarray(end + 1);
      running = running.then(() => handle(line));
    }
    if (waiting.length <= MAX_LINE_BYTES) return;
    const message = `A request has at most ${MAX_LINE_BYTES} bytes.`;
    socket.end(`${JSON.stringify({ ok: false, reason: 'Invalid', message } satisfies ControlAnswer)}\n`);
    waiting = Buffer.alloc(0);
    socket.removeAllListeners('data');
    socket.resume();
  });
}
