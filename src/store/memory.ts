import { isDeepStrictEqual } from 'node:util';
import { type KubeObject, type ObjectKey, toTime } from '../api/meta.ts';
import type { Clock } from '../lib/clock.ts';
import { uuid5 } from '../lib/uuid.ts';
import { createEventLog } from './event-log.ts';
import { type Backing, createObjectTable, objectId } from './object-table.ts';
import { type KindRef, type Store, StoreError, type StoreReason } from './store.ts';

const DEFAULT_INSTALLATION = '00000000-0000-4000-8000-000000000001';

/** An object as a person writes it; the store adds the rest. `spec` is in its parsed form. */
export interface NewObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    /** Default: `default`. */
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: unknown;
  /** Only for Secrets and ConfigMaps. */
  readonly data?: Readonly<Record<string, unknown>>;
}

/** A store that forgets: for tests and for trying things out. The extra methods do what a person does with kubectl. */
export interface MemoryStore extends Store {
  /** Creates the object, or changes spec, data, labels and annotations of the one that exists. */
  apply<T extends KubeObject = KubeObject>(object: NewObject): T;
  /** Asks for deletion. @throws {StoreError} `NotFound` */
  delete(kind: KindRef, key: ObjectKey): void;
  /** Makes every write fail with this reason, until called with `undefined`. */
  refuseWrites(reason: StoreReason | undefined): void;
}

export function createMemoryStore(options: { clock: Clock; installationId?: string }): MemoryStore {
  const installationId = options.installationId ?? DEFAULT_INSTALLATION;
  const { clock } = options;
  const cells = new Map<string, Map<string, { bytes: Uint8Array; version: string }>>();
  let refusal: StoreReason | undefined;

  const backing: Backing = {
    atomically(_version, work) {
      if (refusal) throw new StoreError(refusal, 'Writes are refused for the time being.');
      work();
    },
    put() {},
    drop: (id) => cells.delete(id),
    readCell(id, key) {
      const cell = cells.get(id)?.get(key);
      return cell && { bytes: cell.bytes.slice(), version: cell.version };
    },
    writeCell(id, key, bytes, version) {
      const ofObject = cells.get(id) ?? new Map<string, { bytes: Uint8Array; version: string }>();
      cells.set(id, ofObject.set(key, { bytes: new Uint8Array(bytes), version }));
    },
  };
  const table = createObjectTable({ installationId, clock, backing, events: createEventLog(clock) });

  return {
    ...table,
    apply<T extends KubeObject>(given: NewObject) {
      const key = { namespace: given.metadata.namespace ?? 'default', name: given.metadata.name };
      const stored = table.find(objectId(given, key));
      const written = structuredClone({
        apiVersion: given.apiVersion,
        kind: given.kind,
        spec: given.spec,
        ...(given.data ? { data: given.data } : {}),
      });
      const labels = { ...given.metadata.labels };
      const annotations = { ...given.metadata.annotations };
      const resourceVersion = table.nextVersion();
      if (!stored) {
        const uid = uuid5(installationId, `${objectId(given, key)} ${resourceVersion}`);
        const creationTimestamp = toTime(clock.now());
        const metadata = { ...key, uid, resourceVersion, creationTimestamp, generation: 1, finalizers: [] };
        const object: KubeObject = { ...written, metadata: { ...metadata, labels, annotations } };
        table.commit([{ kind: 'put', object }]);
        return object as T;
      }
      const isNewSpec = !isDeepStrictEqual(stored.spec, written.spec);
      const generation = stored.metadata.generation + (isNewSpec ? 1 : 0);
      const next = { ...stored, ...written, metadata: { ...stored.metadata, labels, annotations, generation } };
      if (isDeepStrictEqual(next, stored)) return stored as T;
      const object: KubeObject = { ...next, metadata: { ...next.metadata, resourceVersion } };
      table.commit([{ kind: 'put', object }]);
      return object as T;
    },
    delete(kind, key) {
      table.requestDeletion(kind, key);
    },
    refuseWrites(reason) {
      refusal = reason;
    },
  };
}
