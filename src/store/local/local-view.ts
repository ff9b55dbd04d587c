import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { KindDefinition } from '../../api/kind.ts';
import { apiVersionOf } from '../../api/kinds.ts';
import type { KubeObject, ObjectKey } from '../../api/meta.ts';
import { uuid5 } from '../../lib/uuid.ts';
import { objectId } from '../object-table.ts';
import { type KindRef, type RecordedEvent, StoreError } from '../store.ts';
import type { ManifestProblem } from './problem.ts';
import { withReplicas } from './replicas.ts';
import { type Owner, readEvents, readMeta, readObjects, readOwner, readProblems, type StoredObject } from './rows.ts';
import { isCurrent } from './schema.ts';
import { toStoreError } from './sqlite.ts';

const BUSY_TIMEOUT_MS = 2000;

/**
 * A state file as the command line sees it: read only, without its lock, while the operator runs or is stopped. Specs are
 * as users wrote them, keys masked, with what `scale` set. Secrets and ConfigMaps are not in it.
 */
export interface LocalView {
  readonly installationId: string;
  /** Which process said last that it owns the state; it may have been killed since. `undefined` after a proper stop. */
  owner(): Owner | undefined;
  get(kind: KindRef, key: ObjectKey): KubeObject | undefined;
  /** Ordered by namespace and name. */
  list(kind: KindRef, namespace?: string): readonly KubeObject[];
  /** The events of an object, oldest first; at most a second behind. */
  events(object: KubeObject): readonly RecordedEvent[];
  /** What was wrong with the manifests when the operator last looked. */
  problems(): readonly ManifestProblem[];
  /** Changes whenever the state does: for watching by asking again. */
  version(): number;
  close(): void;
}

/** @throws {StoreError} `Unavailable` (no state there, or not readable), `TooNew` */
export function openLocalView(options: { statePath: string; kinds: readonly KindDefinition[] }): LocalView {
  const { statePath, kinds } = options;
  if (!existsSync(statePath)) throw nothingThere(statePath);
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(statePath, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
    if (!isCurrent(db, statePath)) throw nothingThere(statePath);
    const installationId = readMeta(db, 'installation');
    if (installationId === undefined) throw nothingThere(statePath);
    return viewOf(db, { statePath, kinds, installationId });
  } catch (error) {
    db?.close();
    throw toStoreError(statePath, error);
  }
}

function viewOf(
  db: DatabaseSync,
  options: { statePath: string; kinds: readonly KindDefinition[]; installationId: string },
): LocalView {
  const { statePath, kinds, installationId } = options;
  const guarded = <T>(read: () => T): T => {
    try {
      return read();
    } catch (error) {
      throw toStoreError(statePath, error);
    }
  };
  const list = (kind: KindRef, namespace?: string): readonly KubeObject[] =>
    guarded(() => readObjects(db))
      .filter(({ id, metadata }) => id === objectId(kind, metadata))
      .filter(({ metadata }) => (namespace ?? metadata.namespace) === metadata.namespace)
      .map((row) => toObject(row, kinds, installationId));

  return {
    installationId,
    owner: () => guarded(() => readOwner(db)),
    list,
    get: (kind, key) => list(kind, key.namespace).find(({ metadata }) => metadata.name === key.name),
    events: (object) => guarded(() => readEvents(db, objectId(object, object.metadata))),
    problems: () => guarded(() => readProblems(db)),
    version: () => guarded(() => Number(db.prepare('PRAGMA data_version').get()?.['data_version'])),
    close: () => db.close(),
  };
}

function toObject(row: StoredObject, kinds: readonly KindDefinition[], installationId: string): KubeObject {
  const { override, origin } = row;
  const definition = kinds.find((kind) => kind.kind === row.kind && apiVersionOf(kind) === row.apiVersion);
  const spec = override && definition ? withReplicas(definition, origin.raw, override.replicas) : origin.raw;
  const metadata = { ...row.metadata, uid: uuid5(installationId, row.id) };
  const status = row.status === undefined ? {} : { status: row.status };
  return { apiVersion: row.apiVersion, kind: row.kind, metadata, spec, ...status };
}

function nothingThere(path: string): StoreError {
  const message = `There is no state of aiops at ${path}; start the operator with "aiops run", or name its file with --state.`;
  return new StoreError('Unavailable', message);
}
