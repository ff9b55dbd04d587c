import { connect } from 'node:net';
import { type Clock, withDeadline } from '../../lib/clock.ts';
import { StoreError } from '../store.ts';
import { ControlAnswer, type ControlRequest, MAX_LINE_BYTES, socketPath } from './control-protocol.ts';

/** Longer than any request takes; a disk that is slow to sync included. */
const ANSWER_WITHIN_MS = 10_000;

/**
 * Asks the operator that owns a state file.
 * @throws {StoreError} what the operator answered, or `Unavailable` when none is running or it does not answer
 */
export async function callControl(
  options: { readonly statePath: string; readonly clock: Clock },
  request: ControlRequest,
): Promise<{ readonly pid: number }> {
  const { statePath, clock } = options;
  const path = socketPath(statePath);
  let line: string;
  try {
    line = await withDeadline(clock, ANSWER_WITHIN_MS, undefined, (signal) => exchange(path, request, signal));
  } catch (cause) {
    throw unreachable(statePath, cause);
  }
  const answer = ControlAnswer.parse(JSON.parse(line));
  if (answer.ok) return { pid: answer.pid };
  throw new StoreError(answer.reason, answer.message);
}

function exchange(path: string, request: ControlRequest, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    let text = '';
    const stop = (): void => void socket.destroy(new Error(String(signal.reason)));
    signal.addEventListener('abort', stop, { once: true });
    socket.setEncoding('utf8');
    socket.on('connect', () => socket.write(`${JSON.stringify(request)}\n`));
    socket.on('data', (chunk: string) => {
      text += chunk;
      const end = text.indexOf('\n');
      if (end >= 0) resolve(text.slice(0, end));
      if (end >= 0 || text.length > MAX_LINE_BYTES) socket.destroy();
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('the operator hung up')));
  });
}

function unreachable(statePath: string, cause: unknown): StoreError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'ENOENT' || code === 'ECONNREFUSED') {
    const message = `No operator is running on ${statePath}; start it with "aiops run".`;
    return new StoreError('Unavailable', message, { cause });
  }
  if (code === 'EACCES') {
    return new StoreError('Unavailable', `The operator on ${statePath} belongs to another user; ask as that user.`, {
      cause,
    });
  }
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new StoreError('Unavailable', `The operator on ${statePath} does not answer (${detail}).`, { cause });
}
