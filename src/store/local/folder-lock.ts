import { accessSync, closeSync, constants, openSync, type Stats, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { SQLITE_BUSY, sqliteCode } from './sqlite.ts';

/** Lies beside the identity: whoever works on a folder of manifests under that identity holds it. */
const LOCK = '.aiops-installation.lock';
/** Others look into the file for an instant only. */
const READERS_LEAVE_WITHIN_MS = 2000;

/** Where this process stands with a folder. */
export type FolderClaim =
  | { readonly is: 'held' }
  /** Another operator works on it; `statePath` is that one's state file, where that can be told. */
  | { readonly is: 'taken'; readonly statePath: string | undefined }
  /** It is read-only, say: nothing keeps two operators apart. */
  | { readonly is: 'impossible'; readonly why: string };

/** Keeps operators with different state files from working on one folder, where both would be one installation. */
export interface FolderLock {
  /**
   * Takes the lock of the folder that is there now, if it is not held yet. A folder that was away and is back may be another
   * one, so this is to be asked before each time that the folder is believed. Never throws.
   */
  claim(): FolderClaim;
  /** Gives it up. Safe to call twice. */
  release(): void;
}

interface Held {
  readonly db: DatabaseSync;
  readonly file: Stats;
}

/**
 * The lock is a transaction that is kept open on a SQLite file in the folder, so that the system releases it however the process
 * ends. The file says which state its holder has; it is written only when that is another one than last time.
 */
export function createFolderLock(options: { readonly manifestsDir: string; readonly statePath: string }): FolderLock {
  const path = join(options.manifestsDir, LOCK);
  const statePath = resolve(options.statePath);
  let held: Held | undefined;

  const release = (): void => {
    if (held?.db.isOpen) held.db.close();
    held = undefined;
  };
  const isStillThere = (): boolean => {
    const file = statSync(path, { throwIfNoEntry: false });
    return held !== undefined && file?.ino === held.file.ino && file.dev === held.file.dev;
  };

  return {
    claim() {
      try {
        if (isStillThere()) return { is: 'held' };
        const taken = take(path, statePath);
        if ('is' in taken) return taken;
        release();
        held = taken;
        return { is: 'held' };
      } catch (error) {
        return { is: 'impossible', why: error instanceof Error ? error.message : String(error) };
      }
    },
    release,
  };
}

/** @throws {Error} of the file system or of SQLite when the folder cannot be locked */
function take(path: string, statePath: string): Held | FolderClaim {
  createEmpty(path);
  // In a file that it may only read, SQLite begins a transaction that locks nothing.
  accessSync(path, constants.W_OK);
  const db = new DatabaseSync(path, { timeout: 0 });
  try {
    begin(db, statePath);
    return { db, file: statSync(path) };
  } catch (error) {
    const claim = sqliteCode(error) === SQLITE_BUSY ? ({ is: 'taken', statePath: holderOf(db) } as const) : undefined;
    db.close();
    if (claim) return claim;
    throw error;
  }
}

/** The folder itself is never made: one that is missing is not mounted, perhaps. */
function createEmpty(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o644));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}

/** Opens the transaction that is the lock; readers are let in, so that others can see who holds it. */
function begin(db: DatabaseSync, statePath: string): void {
  for (;;) {
    db.exec('BEGIN IMMEDIATE');
    // Between the two transactions another one may have got in and written its own name.
    if (holderOf(db) === statePath) return;
    db.exec(`PRAGMA busy_timeout = ${READERS_LEAVE_WITHIN_MS}`);
    db.exec('CREATE TABLE IF NOT EXISTS holder (id INTEGER PRIMARY KEY CHECK (id = 1), state TEXT NOT NULL)');
    db.prepare('INSERT OR REPLACE INTO holder VALUES (1, ?)').run(statePath);
    db.exec('COMMIT');
    db.exec('PRAGMA busy_timeout = 0');
  }
}

/** Best effort: a message is worth having without it. */
function holderOf(db: DatabaseSync): string | undefined {
  try {
    const state = db.prepare('SELECT state FROM holder WHERE id = 1').get()?.['state'];
    return typeof state === 'string' ? state : undefined;
  } catch {
    return undefined;
  }
}
