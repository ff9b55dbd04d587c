import type { DatabaseSync } from 'node:sqlite';
import { StoreError } from '../store.ts';
import { inTransaction } from './sqlite.ts';

/** Marks a database as ours: "aiop". */
const APPLICATION_ID = 0x61696f70;

/** Each brings the state one version further; `PRAGMA user_version` counts them. Released ones are never changed. */
const migrations: readonly string[] = [
  `CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
   CREATE TABLE objects (
     id TEXT PRIMARY KEY, api_version TEXT NOT NULL, kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
     metadata TEXT NOT NULL, status TEXT
   ) STRICT;
   CREATE TABLE origins (
     id TEXT PRIMARY KEY REFERENCES objects ON DELETE CASCADE,
     source TEXT NOT NULL, hash TEXT NOT NULL, spec_hash TEXT NOT NULL, spec TEXT NOT NULL
   ) STRICT;
   CREATE TABLE overrides (
     id TEXT PRIMARY KEY REFERENCES objects ON DELETE CASCADE, replicas INTEGER NOT NULL, written TEXT NOT NULL
   ) STRICT;
   CREATE TABLE cells (
     id TEXT NOT NULL REFERENCES objects ON DELETE CASCADE, key TEXT NOT NULL, bytes BLOB NOT NULL,
     version TEXT NOT NULL, PRIMARY KEY (id, key)
   ) STRICT;
   CREATE TABLE events (
     id TEXT NOT NULL REFERENCES objects ON DELETE CASCADE, position INTEGER NOT NULL, type TEXT NOT NULL,
     reason TEXT NOT NULL, note TEXT NOT NULL, count INTEGER NOT NULL, first_seen TEXT NOT NULL,
     last_seen TEXT NOT NULL, PRIMARY KEY (id, position)
   ) STRICT;
   CREATE TABLE deletions (id TEXT PRIMARY KEY, hash TEXT NOT NULL, at TEXT NOT NULL) STRICT;
   CREATE TABLE problems (position INTEGER PRIMARY KEY, problem TEXT NOT NULL) STRICT;`,
];

/**
 * Says whether a database holds our state, and of which version; 0 is an empty one.
 * @throws {StoreError} `TooNew`, or `Unavailable` for a database of another program
 */
function schemaVersion(db: DatabaseSync, path: string): number {
  const version = pragma(db, 'user_version');
  const owner = pragma(db, 'application_id');
  const tables = db.prepare('SELECT count(*) AS count FROM sqlite_schema').get()?.['count'];
  if (owner !== APPLICATION_ID && tables !== 0) {
    const message = `The file ${path} is the database of another program; name another file with --state.`;
    throw new StoreError('Unavailable', message);
  }
  if (version > migrations.length) {
    throw new StoreError(
      'TooNew',
      `The state file ${path} was written by a newer version of aiops (its format is ${version}, this version knows ` +
        `up to ${migrations.length}). Install that version or a later one; the file was not changed.`,
    );
  }
  return version;
}

/** Brings a state of any older version up to date, in one transaction. */
export function migrate(db: DatabaseSync, path: string): void {
  const version = schemaVersion(db, path);
  if (version === migrations.length) return;
  inTransaction(db, () => {
    for (const migration of migrations.slice(version)) db.exec(migration);
    db.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
    db.exec(`PRAGMA user_version = ${migrations.length}`);
  });
}

function pragma(db: DatabaseSync, name: 'user_version' | 'application_id'): number {
  return Number(db.prepare(`PRAGMA ${name}`).get()?.[name] ?? 0);
}

/** Whether a state is of this version. @throws {StoreError} `TooNew`, `Unavailable` for an older one or another program's */
export function isCurrent(db: DatabaseSync, path: string): boolean {
  const version = schemaVersion(db, path);
  if (version === 0) return false;
  if (version === migrations.length) return true;
  const message = `The state file ${path} is of an older version; start the operator once, it brings the file up to date.`;
  throw new StoreError('Unavailable', message);
}
