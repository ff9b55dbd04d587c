import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { KubeObject } from '../../api/meta.ts';
import type { Backing } from '../object-table.ts';
import type { RecordedEvent } from '../store.ts';
import { isPlainKind } from './plain-kinds.ts';
import type { ManifestProblem } from './problem.ts';
import {
  type Override,
  type Owner,
  readEvents,
  readMeta,
  readObjects,
  type StoredObject,
  type StoredOrigin,
} from './rows.ts';
import { migrate } from './schema.ts';
import { createPrivately, inTransaction, toStoreError } from './sqlite.ts';

/** How long to wait for a reader that holds the file for a moment. */
const BUSY_TIMEOUT_MS = 2000;

/** The state of a standalone installation: one SQLite file. All methods that write throw {StoreError} `Unavailable`. */
export interface StateFile extends Backing {
  readonly installationId: string | undefined;
  /** The highest resource version that was given out. */
  readonly lastVersion: number;
  readonly objects: readonly StoredObject[];
  /** Content of the documents whose objects were deleted, and when, by id. */
  readonly deletions: ReadonlyMap<string, { readonly hash: string; readonly at: string }>;
  eventsOf(id: string): readonly RecordedEvent[];
  claim(installationId: string, owner: Owner): void;
  saveProblems(problems: readonly ManifestProblem[]): void;
  saveEvents(events: ReadonlyMap<string, readonly RecordedEvent[]>): void;
  /** The following belong inside `atomically`. */
  saveOrigin(id: string, origin: StoredOrigin): void;
  saveOverride(id: string, override: Override | undefined): void;
  saveDeletion(id: string, hash: string, at: string): void;
  forgetDeletion(id: string): void;
  /** Gives the state up. Safe to call twice. */
  close(): void;
}

/**
 * Opens a state file, makes a new one when there is none, and brings an older one up to date.
 * @throws {StoreError} `TooNew`, `Unavailable`
 */
export function openStateFile(path: string, options: { maxBytes: number }): StateFile {
  let db: DatabaseSync | undefined;
  try {
    createPrivately(path);
    db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
    migrateCarefully(db, path);
    const pageBytes = Number(db.prepare('PRAGMA page_size').get()?.['page_size']);
    db.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(options.maxBytes / pageBytes))}`);
    return stateFileOf(db, path);
  } catch (error) {
    db?.close();
    throw toStoreError(path, error);
  }
}

/** A promise that was kept survives a crash of the machine only with FULL; WAL lets others read meanwhile. */
function migrateCarefully(db: DatabaseSync, path: string): void {
  db.exec('PRAGMA synchronous = FULL');
  migrate(db, path);
  db.exec('PRAGMA journal_mode = WAL');
  db.exec('PRAGMA synchronous = FULL');
}

function stateFileOf(db: DatabaseSync, path: string): StateFile {
  const prepared = new Map<string, StatementSync>();
  const sql = (text: string): StatementSync => {
    const statement = prepared.get(text) ?? db.prepare(text);
    prepared.set(text, statement);
    return statement;
  };
  const guarded = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw toStoreError(path, error);
    }
  };
  const transaction = (work: () => void): void => guarded(() => inTransaction(db, work));
  const setMeta = (key: string, value: string): unknown =>
    sql('INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value').run(key, value);

  const deletions = sql('SELECT * FROM deletions').all();
  return {
    installationId: readMeta(db, 'installation'),
    lastVersion: Number(readMeta(db, 'version') ?? 0),
    objects: readObjects(db),
    deletions: new Map(deletions.map((row) => [`${row['id']}`, { hash: `${row['hash']}`, at: `${row['at']}` }])),
    eventsOf: (id) => guarded(() => readEvents(db, id)),

    atomically(version, work) {
      transaction(() => {
        work();
        setMeta('version', String(version));
      });
    },
    put(id, object) {
      // Secrets never lie on the disk.
      if (isPlainKind(object.apiVersion, object.kind)) return;
      const { status } = object;
      sql(
        `INSERT INTO objects VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET api_version = excluded.api_version,
         metadata = excluded.metadata, status = excluded.status`,
      ).run(
        id,
        object.apiVersion,
        object.kind,
        object.metadata.namespace,
        object.metadata.name,
        metadataText(object),
        status === undefined ? null : JSON.stringify(status),
      );
    },
    drop: (id) => void sql('DELETE FROM objects WHERE id = ?').run(id),
    readCell(id, key) {
      const row = guarded(() => sql('SELECT bytes, version FROM cells WHERE id = ? AND key = ?').get(id, key));
      const bytes = row?.['bytes'];
      return bytes instanceof Uint8Array ? { bytes, version: `${row?.['version']}` } : undefined;
    },
    writeCell(id, key, bytes, version) {
      sql(
        `INSERT INTO cells VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET bytes = excluded.bytes,
         version = excluded.version`,
      ).run(id, key, bytes, version);
    },

    claim(installationId, owner) {
      transaction(() => {
        setMeta('installation', installationId);
        setMeta('owner', JSON.stringify(owner));
      });
    },
    saveProblems(problems) {
      transaction(() => {
        sql('DELETE FROM problems').run();
        problems.forEach((problem, index) => {
          sql('INSERT INTO problems VALUES (?, ?)').run(index, JSON.stringify(problem));
        });
      });
    },
    saveEvents(events) {
      transaction(() => {
        for (const [id, list] of events) {
          sql('DELETE FROM events WHERE id = ?').run(id);
          list.forEach(({ type, reason, note, count, firstSeen, lastSeen }, index) => {
            const values = [id, index, type, reason, note, count, firstSeen, lastSeen];
            sql('INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)').run(...values);
          });
        }
      });
    },
    saveOrigin(id, { source, hash, specHash, raw }) {
      sql(
        `INSERT INTO origins VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET source = excluded.source,
         hash = excluded.hash, spec_hash = excluded.spec_hash, spec = excluded.spec`,
      ).run(id, source, hash, specHash, JSON.stringify(raw));
    },
    saveOverride(id, override) {
      sql('DELETE FROM overrides WHERE id = ?').run(id);
      if (override) sql('INSERT INTO overrides VALUES (?, ?, ?)').run(id, override.replicas, override.written);
    },
    saveDeletion(id, hash, at) {
      sql(
        'INSERT INTO deletions VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET hash = excluded.hash, at = excluded.at',
      ).run(id, hash, at);
    },
    forgetDeletion: (id) => void sql('DELETE FROM deletions WHERE id = ?').run(id),
    close() {
      if (!db.isOpen) return;
      try {
        sql(`DELETE FROM meta WHERE key = 'owner'`).run();
      } catch {
        // A full disk must not keep the operator from ending; the lock, not this row, says who owns the state.
      }
      db.close();
    },
  };
}

function metadataText(object: KubeObject): string {
  const { uid: _, ...metadata } = object.metadata;
  return JSON.stringify(metadata);
}
