import { readFile } from 'node:fs/promises';
import type { Clock } from '../../lib/clock.ts';
import { KubeConfigError } from './kubeconfig.ts';

/** Kubeconfigs, certificates and tokens are far smaller. */
const MAX_FILE_BYTES = 4 * 1024 * 1024;

/** @throws {RangeError} when the file is too large; the system's errors, for {@link unreadable} */
export async function readBounded(path: string): Promise<Buffer> {
  const bytes = await readFile(path);
  if (bytes.length > MAX_FILE_BYTES) throw new RangeError(`is larger than ${MAX_FILE_BYTES} bytes`);
  return bytes;
}

/** Says after a path what was wrong with it. */
export function unreadable(error: unknown): string {
  if (error instanceof RangeError) return error.message;
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'does not exist';
  if (code === 'EISDIR') return 'is a folder, not a file';
  if (code === 'EACCES' || code === 'EPERM') return 'may not be read by this user';
  return `cannot be read (${code})`;
}

/**
 * A file that others renew: read again when it was read `maxAgeMs` ago. While it cannot be read, its last content holds.
 * @throws {KubeConfigError} when it could never be read
 */
export function watchFile(
  path: string | undefined,
  what: string,
  maxAgeMs: number,
  clock: Clock,
): () => Promise<Buffer | undefined> {
  if (path === undefined) return async () => undefined;
  let content: Buffer | undefined;
  let readAt = 0;
  return async () => {
    if (content && clock.monotonic() - readAt < maxAgeMs) return content;
    readAt = clock.monotonic();
    try {
      const bytes = await readBounded(path);
      if (bytes.length > 0 || content === undefined) content = bytes;
    } catch (error) {
      if (content === undefined) throw new KubeConfigError(`${what} in ${path} ${unreadable(error)}`);
    }
    return content;
  };
}
