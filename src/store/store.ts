import type { KubeObject, ObjectKey } from '../api/meta.ts';

/** Which kind of object is meant. Implementations know how to find and parse each kind that they were built with. */
export interface KindRef {
  /** `demo.aiops.org/v1`, or `v1` for Secret and ConfigMap. */
  readonly apiVersion: string;
  readonly kind: string;
}

/** A Kubernetes Secret; `data` is decoded to bytes, `stringData` merged into it. */
export interface Secret extends KubeObject<undefined, undefined> {
  readonly data: Readonly<Record<string, Uint8Array>>;
}
export const SecretKind: KindRef = { apiVersion: 'v1', kind: 'Secret' };

/** Why a store refused. */
export type StoreReason =
  /** Somebody wrote in between: read again and decide again. */
  | 'Conflict'
  /** The object is gone. Reads answer `undefined` instead; only writes fail with it. */
  | 'NotFound'
  /** The write is not allowed, for instance a new finalizer on an object that is being deleted. */
  | 'Invalid'
  /** Another process owns this state. */
  | 'Locked'
  /** Made by a newer version of this program. */
  | 'TooNew'
  /** The disk is full, or the file cannot be read or written: nothing was changed. */
  | 'Unavailable';

export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly reason: StoreReason;
  constructor(reason: StoreReason, message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.reason = reason;
  }
}

export interface WatchEvent<T extends KubeObject = KubeObject> {
  /** `deleted` carries the last known state. */
  readonly type: 'added' | 'modified' | 'deleted';
  readonly object: T;
  /** The state before, for `modified`. */
  readonly old?: T;
  /** True for the objects that existed when the watch began. */
  readonly isInitial: boolean;
}

/** What a person reads with `describe`. Repeats of (type, reason, note) on one object are counted, not listed anew. */
export interface ObjectEvent {
  readonly type: 'Normal' | 'Warning';
  /** CamelCase, permanent; at most 128 characters. */
  readonly reason: string;
  /** At most 1 KiB; never a secret. */
  readonly note: string;
}

/** An event as kept: with how often and when it was seen (RFC 3339, UTC). */
export interface RecordedEvent extends ObjectEvent {
  readonly count: number;
  readonly firstSeen: string;
  readonly lastSeen: string;
}

/** Versioned bytes that a capability should not forget. Losing them costs relearning, never a second purchase. */
export interface StateCell {
  read(): Promise<{ readonly bytes: Uint8Array; readonly version: string } | undefined>;
  /**
   * Replaces the bytes. `expected` is the version read before, or `undefined` for "nothing yet".
   * @returns the new version
   * @throws {StoreError} `Conflict`, `Unavailable`
   */
  write(bytes: Uint8Array, expected: string | undefined): Promise<string>;
}

/**
 * Where objects live. The reconcilers see only this; a folder of YAML with SQLite and a Kubernetes API server are two
 * implementations. A promise that resolves means that the write survives a crash at any later instant.
 */
export interface Store {
  /** Identifies this installation in the tags of machines and gateway objects: a UUID. */
  readonly installationId: string;

  /**
   * The object as this process knows it: never older than its own last write, nor than the last event of a watch.
   * `undefined` when it does not exist.
   */
  get<T extends KubeObject>(kind: KindRef, key: ObjectKey): Promise<T | undefined>;
  /**
   * Makes sure, where the object lives and never in a cache, that it is still exactly as it was read. For the moment before
   * a call that costs money or takes something away.
   * @throws {StoreError} `Conflict`, `NotFound`, `Unavailable`
   */
  confirm(object: KubeObject): Promise<void>;
  /** Every object of a kind, in all namespaces or in one, ordered by namespace and name. */
  list<T extends KubeObject>(kind: KindRef, namespace?: string): Promise<readonly T[]>;
  /**
   * Tells `listener` of every object that exists and then of every change, strictly in order, never two at a time.
   * The listener only enqueues; when it throws, the watch goes on. Ends when `signal` is aborted.
   * Resolves once the initial objects have been delivered.
   */
  watch<T extends KubeObject>(
    kind: KindRef,
    listener: (event: WatchEvent<T>) => void,
    signal: AbortSignal,
  ): Promise<void>;

  /**
   * Replaces the status. `object` must be as read: its `resourceVersion` is the lock.
   * @returns the object as stored; the same object when the status is deeply equal (nothing is written then)
   * @throws {StoreError} `Conflict`, `NotFound`, `Unavailable`
   */
  writeStatus<T extends KubeObject>(object: T, status: NonNullable<T['status']>): Promise<T>;
  /** Adds a finalizer; no write when it is there. @throws {StoreError} `Conflict`, `NotFound`, `Invalid` (being deleted), `Unavailable` */
  addFinalizer<T extends KubeObject>(object: T, finalizer: string): Promise<T>;
  /**
   * Removes a finalizer. An object that is being deleted and has none left is gone afterwards.
   * @throws {StoreError} `Conflict`, `Unavailable`; an object that is gone already is fine
   */
  removeFinalizer(object: KubeObject, finalizer: string): Promise<void>;

  /** Notes an event. Bounded and best effort: it never blocks or fails a reconcile. */
  recordEvent(object: KubeObject, event: ObjectEvent): void;
  /** The events of an object, oldest first. */
  events(object: KubeObject): Promise<readonly RecordedEvent[]>;
  /** A named cell of bytes that belongs to an object and goes with it. */
  state(object: KubeObject, key: string): StateCell;
}
