import { isDeepStrictEqual } from 'node:util';
import { type KubeObject, keyText, type ObjectKey, toTime } from '../api/meta.ts';
import type { Clock } from '../lib/clock.ts';
import { byKey } from './by-key.ts';
import { deepFreeze } from './deep-freeze.ts';
import type { EventLog } from './event-log.ts';
import { type KindRef, type Store, StoreError, type WatchEvent } from './store.ts';
import { createWatchers } from './watchers.ts';

/** As much as etcd takes for one object, so that a status that fits here also fits in a cluster. */
const MAX_STATUS_BYTES = 1.5 * 1024 * 1024;
const MAX_CELL_BYTES = 8 * 1024 * 1024;

/** What keeps a table beyond the process, or nothing. */
export interface Backing {
  /**
   * Runs `work`, whose calls below are kept all or not at all. `version` is the highest one given out.
   * @throws {StoreError} `Unavailable`: nothing was changed
   */
  atomically(version: number, work: () => void): void;
  put(id: string, object: KubeObject): void;
  /** Removes the object and all that belongs to it. */
  drop(id: string): void;
  readCell(id: string, key: string): { readonly bytes: Uint8Array; readonly version: string } | undefined;
  writeCell(id: string, key: string, bytes: Uint8Array, version: string): void;
}

/** A change to make: the object as it shall be, or one that shall be gone. */
export type Change =
  | { readonly kind: 'put'; readonly object: KubeObject }
  | { readonly kind: 'drop'; readonly object: KubeObject };

/** The rules that every object keeps, whatever it is kept on. Stores on this machine are this and a backing. */
export interface ObjectTable extends Store {
  find(id: string): KubeObject | undefined;
  all(): Iterable<readonly [string, KubeObject]>;
  /** A resource version that was never given out before. */
  nextVersion(): string;
  /** Makes changes, all or none, and tells the watchers. `alongside` runs in the same transaction. */
  commit(changes: readonly Change[], alongside?: () => void): void;
  /**
   * The wish to delete: the object is gone at once, or waits for its finalizers.
   * @throws {StoreError} `NotFound`, `Unavailable`
   */
  requestDeletion(kind: KindRef, key: ObjectKey, alongside?: () => void): void;
}

export interface ObjectTableOptions {
  readonly installationId: string;
  readonly clock: Clock;
  readonly backing: Backing;
  readonly events: EventLog;
  /** Told when a listener of `watch` throws. */
  readonly onListenerError?: (error: unknown) => void;
  /** The highest version that was given out before. */
  readonly lastVersion?: number;
  /** What exists already. */
  readonly objects?: readonly KubeObject[];
}

/** `SpotPool.demo.aiops.org/default/a`: names an object among all kinds; the version of the API is no part of it. */
export function objectId(kind: KindRef, key: ObjectKey): string {
  return `${kindId(kind)}/${keyText(key)}`;
}

function kindId({ apiVersion, kind }: KindRef): string {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? kind : `${kind}.${apiVersion.slice(0, slash)}`;
}

export function createObjectTable(options: ObjectTableOptions): ObjectTable {
  const { backing, clock, events } = options;
  const objects = new Map<string, KubeObject>();
  const watchers = createWatchers(options.onListenerError);
  let version = options.lastVersion ?? 0;
  for (const object of options.objects ?? []) objects.set(objectId(object, object.metadata), deepFreeze(object));

  const nextVersion = (): string => String(++version);
  const idOf = (object: KubeObject): string => objectId(object, object.metadata);
  const same = (object: KubeObject): KubeObject | undefined => {
    const stored = objects.get(idOf(object));
    return stored?.metadata.uid === object.metadata.uid ? stored : undefined;
  };
  /** The stored object, provided that `object` is it as it stands. */
  const current = (object: KubeObject): KubeObject => {
    const stored = same(object);
    if (!stored) throw new StoreError('NotFound', `${describe(object)} does not exist`);
    if (stored.metadata.resourceVersion !== object.metadata.resourceVersion) {
      throw new StoreError('Conflict', `${describe(object)} has changed since it was read; read it again`);
    }
    return stored;
  };
  const changed = (object: KubeObject, members: Partial<KubeObject>): KubeObject => {
    const metadata = { ...object.metadata, ...members.metadata, resourceVersion: nextVersion() };
    return { ...object, ...members, metadata };
  };
  const list = (kind: KindRef, namespace?: string): readonly KubeObject[] => {
    const prefix = `${kindId(kind)}/`;
    return [...objects]
      .filter(([id, { metadata }]) => id.startsWith(prefix) && (namespace ?? metadata.namespace) === metadata.namespace)
      .map(([, object]) => object)
      .sort(byKey);
  };

  const commit: ObjectTable['commit'] = (changes, alongside) => {
    backing.atomically(version, () => {
      for (const { kind, object } of changes) {
        if (kind === 'put') backing.put(idOf(object), object);
        else backing.drop(idOf(object));
      }
      alongside?.();
    });
    for (const change of changes) {
      const id = idOf(change.object);
      const old = objects.get(id);
      if (change.kind === 'put') {
        objects.set(id, deepFreeze(change.object));
        watchers.publish(kindId(change.object), eventOf(change.object, old));
      } else if (old) {
        objects.delete(id);
        events.forget(id);
        watchers.publish(kindId(change.object), { type: 'deleted', object: old, isInitial: false });
      }
    }
  };
  const put = (object: KubeObject, alongside?: () => void): KubeObject => {
    commit([{ kind: 'put', object }], alongside);
    return object;
  };

  return {
    installationId: options.installationId,
    find: (id) => objects.get(id),
    all: () => objects,
    nextVersion,
    commit,

    async get<T extends KubeObject>(kind: KindRef, key: ObjectKey) {
      return objects.get(objectId(kind, key)) as T | undefined;
    },
    async confirm(object) {
      current(object);
    },
    async list<T extends KubeObject>(kind: KindRef, namespace?: string) {
      return list(kind, namespace) as readonly T[];
    },
    async watch<T extends KubeObject>(kind: KindRef, listener: (event: WatchEvent<T>) => void, signal: AbortSignal) {
      const initial = list(kind).map((object) => ({ type: 'added' as const, object, isInitial: true }));
      watchers.add(kindId(kind), initial, listener as (event: WatchEvent) => void, signal);
    },

    async writeStatus<T extends KubeObject>(object: T, status: NonNullable<T['status']>) {
      const stored = current(object);
      const text = JSON.stringify(status);
      const bytes = Buffer.byteLength(text);
      if (bytes > MAX_STATUS_BYTES) {
        throw new StoreError(
          'Invalid',
          `The status of ${describe(object)} has ${bytes} bytes; ${MAX_STATUS_BYTES} fit`,
        );
      }
      // As JSON keeps it, so that a member that is undefined makes no difference.
      const next: unknown = JSON.parse(text);
      if (isDeepStrictEqual(next, stored.status)) return stored as T;
      return put(changed(stored, { status: next })) as T;
    },
    async addFinalizer<T extends KubeObject>(object: T, finalizer: string) {
      const stored = current(object);
      const { finalizers, deletionTimestamp } = stored.metadata;
      if (finalizers.includes(finalizer)) return stored as T;
      if (deletionTimestamp !== undefined) {
        throw new StoreError('Invalid', `${describe(object)} is being deleted and takes no new finalizer`);
      }
      return put(changed(stored, { metadata: { ...stored.metadata, finalizers: [...finalizers, finalizer] } })) as T;
    },
    async removeFinalizer(object, finalizer) {
      if (!same(object)) return;
      const stored = current(object);
      const { metadata } = stored;
      if (!metadata.finalizers.includes(finalizer)) return;
      const finalizers = metadata.finalizers.filter((other) => other !== finalizer);
      const next = changed(stored, { metadata: { ...metadata, finalizers } });
      const isGone = metadata.deletionTimestamp !== undefined && finalizers.length === 0;
      commit([{ kind: isGone ? 'drop' : 'put', object: next }]);
    },
    requestDeletion(kind, key, alongside) {
      const stored = objects.get(objectId(kind, key));
      if (!stored) throw new StoreError('NotFound', `${kind.kind} ${keyText(key)} does not exist`);
      const { metadata } = stored;
      if (metadata.deletionTimestamp !== undefined) return;
      if (metadata.finalizers.length === 0) {
        commit([{ kind: 'drop', object: stored }], alongside);
        return;
      }
      const generation = metadata.generation + 1;
      put(
        changed(stored, { metadata: { ...metadata, generation, deletionTimestamp: toTime(clock.now()) } }),
        alongside,
      );
    },

    recordEvent(object, event) {
      if (same(object)) events.record(idOf(object), event);
    },
    async events(object) {
      return same(object) ? events.of(idOf(object)) : [];
    },
    state(object, key) {
      return {
        async read() {
          return same(object) ? backing.readCell(idOf(object), key) : undefined;
        },
        async write(bytes, expected) {
          if (!same(object)) throw new StoreError('NotFound', `${describe(object)} does not exist`);
          if (backing.readCell(idOf(object), key)?.version !== expected) {
            throw new StoreError('Conflict', `State "${key}" of ${describe(object)} has changed since it was read`);
          }
          if (bytes.length > MAX_CELL_BYTES) {
            const message = `State "${key}" of ${describe(object)} has ${bytes.length} bytes; ${MAX_CELL_BYTES} fit`;
            throw new StoreError('Invalid', message);
          }
          const next = nextVersion();
          backing.atomically(version, () => backing.writeCell(idOf(object), key, bytes, next));
          return next;
        },
      };
    },
  };
}

function eventOf(object: KubeObject, old: KubeObject | undefined): WatchEvent {
  return old ? { type: 'modified', object, old, isInitial: false } : { type: 'added', object, isInitial: false };
}

function describe(object: KubeObject): string {
  return `${object.kind} ${keyText(object.metadata)}`;
}
