import { isDeepStrictEqual } from 'node:util';
import type { KindDefinition } from '../../api/kind.ts';
import type { KubeObject, ObjectKey } from '../../api/meta.ts';
import { keyText } from '../../api/meta.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { byKey } from '../by-key.ts';
import type { KindRef, ObjectEvent, Store, WatchEvent } from '../store.ts';
import { StoreError } from '../store.ts';
import type { ParseSpec } from './decode.ts';
import { createDecoder } from './decoder.ts';
import type { KubeEvents } from './events.ts';
import { createKubeEvents } from './events.ts';
import { createIdentity } from './identity.ts';
import type { InformerMetrics } from './informer-metrics.ts';
import { createInformerPool } from './informer-pool.ts';
import { KubeError } from './kube-error.ts';
import { createKubeKinds } from './kube-kinds.ts';
import { listPages } from './list-pages.ts';
import { mergePatch } from './merge-patch.ts';
import { findObject } from './owner.ts';
import type { RawObject } from './raw-object.ts';
import type { Resource } from './resource.ts';
import { resourcePath } from './resource.ts';
import { createStateCells } from './state-cells.ts';
import { inStoreTerms } from './store-error.ts';
import type { KubeTransport } from './transport.ts';

/** As much as etcd takes for one object. */
const MAX_STATUS_BYTES = 1.5 * 1024 * 1024;
const STRICT = { fieldValidation: 'Strict' };

export interface KubeStoreOptions {
  readonly transport: KubeTransport;
  readonly kinds: readonly KindDefinition[];
  readonly parse: ParseSpec;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
  readonly metrics: InformerMetrics;
  /** Only these are looked at; default: all. */
  readonly namespaces?: readonly string[];
  /** `--installation-id`: a UUID that counts more than the uid of namespace `kube-system`. */
  readonly installationId?: string;
  /** Which process this is, as events name it. */
  readonly instance: string;
  /** Whether this process may write: asked before each write, which is refused with `Unavailable` otherwise. Default: always. */
  readonly mayWrite?: () => boolean;
  /** Told of each event that could not be kept. */
  readonly onEventDropped?: (kind: string, type: ObjectEvent['type']) => void;
  /** How often a state cell is written at most; default 10,000. */
  readonly minCellIntervalMs?: number;
}

/** The store of an operator in a cluster: objects live in the API server, and are read from a cache that a watch keeps. */
export interface KubeStore extends Store {
  /** Why objects cannot be read, by kind; empty when all that is watched is known. */
  problems(): readonly string[];
  /** Tries to write the events that wait; gives up after `timeoutMs`. */
  flush(timeoutMs: number): Promise<void>;
  /** Ends watches and writes. */
  close(): void;
}

/** Opens the store of a cluster. Speaks to the API server only when something is asked of it. */
export function openKubeStore(options: KubeStoreOptions): KubeStore {
  const { transport, clock, log, random, mayWrite = () => true } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  const kinds = createKubeKinds(options.kinds);
  const identity = createIdentity(options);
  const informers = createInformerPool({ ...options, signal });
  const shared = { transport, clock, log, random, resourceOf: kinds.resourceOf };
  const events: KubeEvents = createKubeEvents({
    ...shared,
    reportingController: 'aiops.org/operator',
    reportingInstance: options.instance,
    ...(options.onEventDropped ? { onDropped: options.onEventDropped } : {}),
  });
  const tell: KubeEvents['record'] = (object, event) => {
    // A standby reads all that the leader reads, and would tell everything a second time.
    if (mayWrite()) events.record(object, event);
  };
  const decoder = createDecoder({ ...options, tell });
  const cells = createStateCells({
    ...shared,
    signal,
    ...(options.minCellIntervalMs === undefined ? {} : { minWriteIntervalMs: options.minCellIntervalMs }),
  });

  const assertMayWrite = (): void => {
    if (!mayWrite()) throw new StoreError('Unavailable', 'this process has lost the lease and writes nothing any more');
  };
  const read = async (kind: KindRef, key: ObjectKey): Promise<RawObject | undefined> =>
    inStoreTerms(findObject<RawObject>(transport, { path: resourcePath(kinds.resourceOf(kind), key) }, signal));
  /** The answer to a write: nobody in this process reads what was before it. */
  const took = <T extends KubeObject>(raw: RawObject): T => {
    informers.wrote(kinds.resourceOf(refOf(raw)), raw);
    const decoded = decoder.decode(raw, refOf(raw));
    if (decoded) return decoded as T;
    throw new StoreError(
      'Invalid',
      `${raw.kind} ${raw.metadata.namespace}/${raw.metadata.name} cannot be read any more`,
    );
  };
  /** What a conflict in a patch that was guarded by tests means, asked of the object itself. */
  const whyRefused = async (object: KubeObject, error: unknown): Promise<'gone' | 'changed'> => {
    if (!(error instanceof KubeError)) throw error;
    if (error.reason === 'NotFound') return 'gone';
    if (error.reason !== 'Invalid' && error.reason !== 'Conflict') return inStoreTerms(Promise.reject(error));
    const found = await read(object, object.metadata);
    if (found?.metadata.uid !== object.metadata.uid) return 'gone';
    if (found.metadata.resourceVersion !== object.metadata.resourceVersion) return 'changed';
    return inStoreTerms(Promise.reject(error));
  };
  const patch = (
    object: KubeObject,
    body: unknown,
    options: { readonly isStatus?: boolean; readonly isJsonPatch?: boolean },
  ) =>
    transport.request<RawObject>(
      {
        method: 'PATCH',
        path: `${resourcePath(kinds.resourceOf(object), object.metadata)}${options.isStatus ? '/status' : ''}`,
        query: STRICT,
        contentType: options.isJsonPatch ? 'application/json-patch+json' : 'application/merge-patch+json',
        body,
      },
      signal,
    );

  return {
    get installationId() {
      return identity.id();
    },
    problems: informers.problems,
    flush: events.flush,
    close() {
      stopping.abort(new DOMException('the store is closed', 'AbortError'));
      events.stop();
    },

    async get<T extends KubeObject>(kind: KindRef, key: ObjectKey) {
      if (!kinds.isKnown(kind)) return undefined;
      const cached = informers.get(kinds.resourceOf(kind), key);
      const raw = cached.isKnown ? cached.object : await read(kind, key);
      return raw && (decoder.decode(raw, kind) as T | undefined);
    },
    async confirm(object) {
      const found = await read(object, object.metadata);
      const name = `${object.kind} ${keyText(object.metadata)}`;
      if (found?.metadata.uid !== object.metadata.uid) throw new StoreError('NotFound', `${name} does not exist`);
      if (found.metadata.resourceVersion === object.metadata.resourceVersion) return;
      informers.wrote(kinds.resourceOf(object), found);
      throw new StoreError('Conflict', `${name} has changed since it was read; read it again`);
    },
    async list<T extends KubeObject>(kind: KindRef, namespace?: string) {
      if (!kinds.isKnown(kind)) return [];
      const resource = kinds.resourceOf(kind);
      const raws = informers.list(resource, namespace) ?? (await listAll(options, resource, namespace, signal));
      return raws.flatMap((raw) => decoder.decode(raw, kind) ?? []) as readonly KubeObject[] as readonly T[];
    },
    async watch<T extends KubeObject>(kind: KindRef, listener: (event: WatchEvent<T>) => void, stop: AbortSignal) {
      await identity.learn(stop);
      const told = decoder.listener(kind, listener as (event: WatchEvent) => void);
      await informers.watch(kinds.resourceOf(kind), kinds.isSecret(kind), told, stop);
    },

    async writeStatus<T extends KubeObject>(object: T, status: NonNullable<T['status']>) {
      assertMayWrite();
      const text = JSON.stringify(status);
      const bytes = Buffer.byteLength(text);
      const name = `${object.kind} ${keyText(object.metadata)}`;
      if (bytes > MAX_STATUS_BYTES) {
        throw new StoreError('Invalid', `The status of ${name} has ${bytes} bytes; ${MAX_STATUS_BYTES} fit`);
      }
      // As JSON keeps it, so that a member that is undefined makes no difference.
      const next: unknown = JSON.parse(text);
      if (isDeepStrictEqual(next, object.status)) return object;
      const { resourceVersion, uid } = object.metadata;
      const body = { metadata: { resourceVersion, uid }, status: mergePatch(object.status ?? {}, next) };
      return took<T>(await inStoreTerms(patch(object, body, { isStatus: true })));
    },
    async addFinalizer<T extends KubeObject>(object: T, finalizer: string) {
      assertMayWrite();
      const { finalizers, deletionTimestamp, resourceVersion, uid } = object.metadata;
      if (finalizers.includes(finalizer)) return object;
      if (deletionTimestamp !== undefined) {
        const message = `${object.kind} ${keyText(object.metadata)} is being deleted and takes no new finalizer`;
        throw new StoreError('Invalid', message);
      }
      const body = { metadata: { resourceVersion, uid, finalizers: [...finalizers, finalizer] } };
      return took<T>(await inStoreTerms(patch(object, body, {})));
    },
    async removeFinalizer(object, finalizer) {
      assertMayWrite();
      const { finalizers, resourceVersion, uid } = object.metadata;
      const index = finalizers.indexOf(finalizer);
      if (index < 0) return;
      const path = `/metadata/finalizers/${index}`;
      const body = [
        { op: 'test', path: '/metadata/uid', value: uid },
        { op: 'test', path: '/metadata/resourceVersion', value: resourceVersion },
        { op: 'test', path, value: finalizer },
        { op: 'remove', path },
      ];
      const resource = kinds.resourceOf(object);
      try {
        const left = await patch(object, body, { isJsonPatch: true });
        const { deletionTimestamp, finalizers: others = [] } = left.metadata as Partial<KubeObject['metadata']>;
        if (deletionTimestamp !== undefined && others.length === 0) informers.gone(resource, left);
        else informers.wrote(resource, left);
      } catch (error) {
        if ((await whyRefused(object, error)) === 'gone') return;
        const message = `${object.kind} ${keyText(object.metadata)} has changed since it was read; read it again`;
        throw new StoreError('Conflict', message, { cause: error });
      }
    },

    recordEvent: tell,
    events: (object) => events.list(object, signal),
    state(object, key) {
      const cell = cells(object, key);
      return {
        read: () => cell.read(),
        async write(bytes, expected) {
          assertMayWrite();
          return cell.write(bytes, expected);
        },
      };
    },
  };
}

function refOf(raw: RawObject): KindRef {
  return { apiVersion: raw.apiVersion ?? '', kind: raw.kind ?? '' };
}

/** Asks the API server itself for all objects, in the namespaces that are looked at. */
async function listAll(
  { transport, namespaces }: KubeStoreOptions,
  resource: Resource,
  namespace: string | undefined,
  signal: AbortSignal,
): Promise<readonly RawObject[]> {
  const all: RawObject[] = [];
  for (const one of namespace === undefined ? (namespaces ?? [undefined]) : [namespace]) {
    let found: RawObject[] = [];
    const begin = () => {
      found = [];
      return (page: readonly RawObject[]) => void found.push(...page);
    };
    await inStoreTerms(listPages(transport, { resource, namespace: one }, false, begin, signal));
    all.push(...found);
  }
  return all.sort(byKey);
}
