import type { IncomingMessage } from 'node:http';
import type { EpochMs } from '../../lib/clock.ts';
import { consume } from './exchange.ts';
import { KubeError } from './kube-error.ts';
import { createLineSplitter } from './lines.ts';
import { errorFromAnswer } from './status-error.ts';

/** A page of 500 objects, each well above the usual. */
const MAX_BODY_BYTES = 64 * 1024 * 1024;
/** etcd holds no object above 1.5 MiB, and JSON at most multiplies that. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;
/** An error is a `Status`; what is longer is somebody else's page. */
const MAX_ERROR_BYTES = 64 * 1024;

/** The whole text of an answer. */
async function readText(answer: IncomingMessage, name: string): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  await consume(answer, name, (chunk) => {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) {
      throw new KubeError('Failed', `${name}: the answer is larger than ${MAX_BODY_BYTES} bytes`, { code: 0 });
    }
    chunks.push(chunk);
  });
  return Buffer.concat(chunks).toString('utf8');
}

/**
 * An answer of 2xx as the value that it is; `undefined` for one without a body (204).
 * @throws {KubeError} when it breaks off, is too large, or is no JSON
 */
export async function readJson(answer: IncomingMessage, name: string): Promise<unknown> {
  const text = await readText(answer, name);
  const code = answer.statusCode ?? 0;
  if (text === '' && code === 204) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's message would quote the answer, which may be a Secret.
    throw new KubeError('Failed', `${name}: the answer is not JSON (${code})`, { code });
  }
  // A list of nothing may come without a list.
  if (isEmptyList(value)) value.items = [];
  return value;
}

function isEmptyList(value: unknown): value is { items: unknown } {
  const { kind, items } = (value ?? {}) as Record<string, unknown>;
  return typeof kind === 'string' && kind.endsWith('List') && items === null;
}

/**
 * Hands over the lines of an answer that goes on, as they come, until `signal` is aborted.
 * @throws {KubeError} when it breaks off, ends in the middle of a line, or has a line that is too long; what `onLine` throws
 */
export async function readLines(
  answer: IncomingMessage,
  name: string,
  onLine: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  let isTheirs = false;
  const guarded = (line: string): void => {
    isTheirs = true;
    onLine(line);
    isTheirs = false;
  };
  const lines = createLineSplitter(MAX_LINE_BYTES, guarded, () => signal.aborted);
  await consume(answer, name, (chunk) => {
    try {
      lines.push(chunk);
    } catch (error) {
      if (isTheirs) throw error;
      throw new KubeError('Failed', `${name}: ${(error as Error).message}`, { code: 200 });
    }
  });
  if (lines.pendingBytes > 0) {
    throw new KubeError('Unreachable', `${name}: the answer ended in the middle of a line`, { code: 0 });
  }
}

/** The error that an answer of another kind than 2xx stands for. Where it breaks off, what came has to do. */
export async function readRefusal(answer: IncomingMessage, call: string, now: EpochMs): Promise<KubeError> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  await consume(answer, call, (chunk) => {
    bytes += chunk.length;
    chunks.push(chunk);
    if (bytes > MAX_ERROR_BYTES) throw new RangeError('enough');
  }).catch(() => {});
  const body = Buffer.concat(chunks).toString('utf8');
  const { statusCode: code = 0, headers } = answer;
  return errorFromAnswer({ code, retryAfter: headers['retry-after'], body, call }, now);
}
