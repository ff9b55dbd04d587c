import { z } from 'zod';
import { StoreError, type StoreReason } from '../store.ts';
import type { StoreLog } from './folder-watch.ts';
import type { LocalStore } from './local-store.ts';

/** The longest request or answer, its end of line included: far more than any of them needs. */
export const MAX_LINE_BYTES = 64 * 1024;

/** What fits into a `sockaddr_un` on Linux, without the zero at its end. Source: unix(7). */
const MAX_SOCKET_PATH_BYTES = 107;

const Target = {
  apiVersion: z.string().max(253),
  kind: z.string().max(63),
  namespace: z.string().max(63),
  name: z.string().max(253),
};

/** What the command line may ask of a running operator; one line of JSON. */
const ControlRequest = z.discriminatedUnion('op', [
  z.strictObject({ op: z.literal('ping') }),
  z.strictObject({ op: z.literal('delete'), ...Target }),
  z.strictObject({ op: z.literal('scale'), ...Target, replicas: z.int() }),
]);
export type ControlRequest = z.infer<typeof ControlRequest>;

const REASONS: readonly StoreReason[] = ['Conflict', 'NotFound', 'Invalid', 'Locked', 'TooNew', 'Unavailable'];

/** The answer; one line of JSON. */
export const ControlAnswer = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), pid: z.int() }),
  z.object({ ok: z.literal(false), reason: z.enum(REASONS).catch('Invalid'), message: z.string() }),
]);
export type ControlAnswer = z.infer<typeof ControlAnswer>;

/** Where a running operator listens. @throws {StoreError} `Invalid` when the path is longer than a Unix socket allows */
export function socketPath(statePath: string): string {
  const path = `${statePath}.sock`;
  const bytes = Buffer.byteLength(path);
  if (bytes <= MAX_SOCKET_PATH_BYTES) return path;
  throw new StoreError(
    'Invalid',
    `The path ${path} has ${bytes} bytes, and a Unix socket takes ${MAX_SOCKET_PATH_BYTES}; name a shorter one with --state.`,
  );
}

/** Does what a line asks, and notes who was asked to go or to change. Never throws. */
export async function answerControl(
  store: Pick<LocalStore, 'delete' | 'scale'>,
  line: string,
  log: Pick<StoreLog, 'info'>,
): Promise<ControlAnswer> {
  try {
    const request = parseRequest(line);
    if (request.op !== 'ping') log.info('control request', request);
    await carryOut(store, request);
    return { ok: true, pid: process.pid };
  } catch (error) {
    const reason = error instanceof StoreError ? error.reason : 'Unavailable';
    return { ok: false, reason, message: error instanceof Error ? error.message : String(error) };
  }
}

async function carryOut(store: Pick<LocalStore, 'delete' | 'scale'>, request: ControlRequest): Promise<void> {
  switch (request.op) {
    case 'ping':
      return;
    case 'delete':
      return store.delete(request, request);
    case 'scale':
      return store.scale(request, request, request.replicas);
  }
}

function parseRequest(line: string): ControlRequest {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    throw new StoreError('Invalid', 'The request is not a line of JSON.');
  }
  const parsed = ControlRequest.safeParse(json);
  if (parsed.success) return parsed.data;
  const op = json !== null && typeof json === 'object' && 'op' in json ? json.op : undefined;
  const known = ControlRequest.options.map((option) => option.shape.op.value);
  const message = known.some((name) => name === op)
    ? `The request ${JSON.stringify(op)} is not understood: ${z.prettifyError(parsed.error)}`
    : `This operator knows no request ${JSON.stringify(op)?.slice(0, 80)}, only ${known.join(', ')}; is the command of another version?`;
  throw new StoreError('Invalid', message);
}
