import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import type { ObjectMeta } from '../../api/meta.ts';
import type { RecordedEvent } from '../store.ts';
import type { ManifestProblem } from './problem.ts';

/** What `scale` wrote over the manifest. */
export interface Override {
  readonly replicas: number;
  /** The value in the manifest at that time, as JSON: the override ends when it changes. */
  readonly written: string;
}

/** Where an object comes from. */
export interface StoredOrigin {
  readonly source: string;
  readonly hash: string;
  readonly specHash: string;
  /** The spec as the user wrote it, keys masked. */
  readonly raw: unknown;
}

export interface StoredObject {
  readonly id: string;
  readonly apiVersion: string;
  readonly kind: string;
  /** Without uid: it follows from the installation and the id. */
  readonly metadata: Omit<ObjectMeta, 'uid'>;
  readonly status?: unknown;
  readonly origin: StoredOrigin;
  readonly override?: Override;
}

/** Which process owns a state. */
export interface Owner {
  readonly pid: number;
  readonly host: string;
  /** RFC 3339. */
  readonly since: string;
  /** How its clock runs when that is not the machine's own, as `readClock` reads it: the times in the state are of it. */
  readonly clock?: string;
}

type Row = Readonly<Record<string, SQLOutputValue>>;

const OBJECTS = `SELECT o.*, g.source, g.hash, g.spec_hash, g.spec, v.replicas, v.written
  FROM objects o JOIN origins g USING (id) LEFT JOIN overrides v USING (id) ORDER BY namespace, name, kind`;

/** Every object in a state, ordered by namespace and name. */
export function readObjects(db: DatabaseSync): readonly StoredObject[] {
  return db.prepare(OBJECTS).all().map(toObject);
}

function toObject(row: Row): StoredObject {
  const { status, replicas } = row;
  return {
    id: text(row['id']),
    apiVersion: text(row['api_version']),
    kind: text(row['kind']),
    metadata: JSON.parse(text(row['metadata'])) as StoredObject['metadata'],
    ...(typeof status === 'string' ? { status: JSON.parse(status) as unknown } : {}),
    origin: {
      source: text(row['source']),
      hash: text(row['hash']),
      specHash: text(row['spec_hash']),
      raw: JSON.parse(text(row['spec'])) as unknown,
    },
    ...(typeof replicas === 'number' ? { override: { replicas, written: text(row['written']) } } : {}),
  };
}

/** The events of an object, oldest first. */
export function readEvents(db: DatabaseSync, id: string): readonly RecordedEvent[] {
  const rows = db.prepare('SELECT * FROM events WHERE id = ? ORDER BY position').all(id);
  return rows.map((row) => ({
    type: row['type'] === 'Warning' ? 'Warning' : 'Normal',
    reason: text(row['reason']),
    note: text(row['note']),
    count: Number(row['count']),
    firstSeen: text(row['first_seen']),
    lastSeen: text(row['last_seen']),
  }));
}

export function readProblems(db: DatabaseSync): readonly ManifestProblem[] {
  const rows = db.prepare('SELECT problem FROM problems ORDER BY position').all();
  return rows.map((row) => JSON.parse(text(row['problem'])) as ManifestProblem);
}

export function readMeta(db: DatabaseSync, key: 'installation' | 'owner' | 'version'): string | undefined {
  const value = db.prepare('SELECT value FROM meta WHERE key = ?').get(key)?.['value'];
  return typeof value === 'string' ? value : undefined;
}

export function readOwner(db: DatabaseSync): Owner | undefined {
  const owner = readMeta(db, 'owner');
  return owner === undefined ? undefined : (JSON.parse(owner) as Owner);
}

function text(value: SQLOutputValue | undefined): string {
  return typeof value === 'string' ? value : '';
}
