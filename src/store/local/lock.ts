import { DatabaseSync } from 'node:sqlite';
import { createPrivately, SQLITE_BUSY, sqliteCode, toStoreError } from './sqlite.ts';

/**
 * Takes the lock of a state file, or answers `undefined` when another process holds it. It is an exclusive transaction
 * on a file beside the state, so that the system releases it however the process ends, and readers of the state are
 * not disturbed.
 * @returns what releases it; may be called twice
 * @throws {StoreError} `Unavailable`
 */
export function takeLock(statePath: string): (() => void) | undefined {
  const path = `${statePath}.lock`;
  let db: DatabaseSync | undefined;
  try {
    createPrivately(path);
    db = new DatabaseSync(path, { timeout: 0 });
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db?.close();
    if (sqliteCode(error) === SQLITE_BUSY) return undefined;
    throw toStoreError(path, error);
  }
  const held = db;
  return () => {
    if (held.isOpen) held.close();
  };
}
