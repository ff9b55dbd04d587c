import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as wait } from 'node:timers/promises';

/** How often a process that waits for the lock looks again. */
const POLL_MS = 200;

/**
 * Runs `run` while no other process does so under the same file. The lock is one that the system takes back when its
 * process is gone, however it died: a transaction of SQLite, which nothing is ever written in.
 * @param onWait is told once when another process has the lock
 */
export async function withLock<T>(
  file: string,
  options: { readonly signal?: AbortSignal | undefined; readonly onWait?: () => void },
  run: () => Promise<T>,
): Promise<T> {
  mkdirSync(dirname(file), { recursive: true });
  const db = new DatabaseSync(file, { timeout: 0 });
  try {
    if (!take(db)) {
      options.onWait?.();
      do await wait(POLL_MS, undefined, { signal: options.signal });
      while (!take(db));
    }
    return await run();
  } finally {
    db.close();
  }
}

function take(db: DatabaseSync): boolean {
  try {
    // Nothing is written, so there is nothing to roll back, and no second file that a killed process would leave.
    db.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return true;
  } catch (error) {
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return false;
    throw error;
  }
}

const SQLITE_BUSY = 5;
