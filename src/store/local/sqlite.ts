import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { StoreError } from '../store.ts';

/** Primary result codes. Source: SQLite, "Result and Error Codes". */
export const SQLITE_BUSY = 5;
const SQLITE_READONLY = 8;
const SQLITE_IOERR = 10;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_CANTOPEN = 14;
const SQLITE_NOTADB = 26;

const advice: Readonly<Record<number, string>> = {
  [SQLITE_BUSY]: 'another program holds it; end that program',
  [SQLITE_READONLY]: 'it is read-only; give this user the right to write it and its folder',
  [SQLITE_IOERR]: 'the disk failed to read or write; check the disk',
  [SQLITE_CORRUPT]: 'it is damaged; move it away and start again: machines are found again by their tags',
  [SQLITE_FULL]: 'the disk is full; make room, the operator then goes on by itself',
  [SQLITE_CANTOPEN]: 'it cannot be opened; check that its folder exists and may be written',
  [SQLITE_NOTADB]: 'it is not a database; name another file with --state, or move this one away',
};

/** SQLite's primary result code, or `undefined` when the error does not come from SQLite. */
export function sqliteCode(error: unknown): number | undefined {
  const code = error instanceof Error && 'errcode' in error ? error.errcode : undefined;
  return typeof code === 'number' ? code & 0xff : undefined;
}

/** What went wrong with the state file, in words that say what to do. Errors that are ours already pass through. */
export function toStoreError(path: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const detail = error instanceof Error ? error.message : String(error);
  const hint = advice[sqliteCode(error) ?? -1] ?? 'it cannot be used';
  return new StoreError('Unavailable', `The state file ${path}: ${hint}. (${detail})`, { cause: error });
}

/**
 * Creates an empty file that only this user may read, when there is none, and its folder.
 * One that exists is never opened here: closing it would release the locks that SQLite holds on it in this process.
 */
export function createPrivately(path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}

/** Runs `work` in a transaction: all of it is on disk when this returns, or none. */
export function inTransaction(db: DatabaseSync, work: () => void): void {
  db.exec('BEGIN IMMEDIATE');
  try {
    work();
    db.exec('COMMIT');
  } catch (error) {
    // SQLite has ended the transaction itself after some errors, a full disk among them.
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}
