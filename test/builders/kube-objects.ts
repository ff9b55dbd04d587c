import type { KubeObject } from '../../src/api/meta.ts';
import { KubeError, type KubeReason } from '../../src/store/kube/kube-error.ts';
import type { Resource } from '../../src/store/kube/resource.ts';
import type { KubeRequest, KubeTransport } from '../../src/store/kube/transport.ts';

// biome-ignore lint/suspicious/noExplicitAny: whatever JSON was sent
type Json = any;

/** What becomes of a call: carried out; refused with this error; or carried out, and then the error. */
export type CallFate = 'fine' | { readonly error: KubeError; readonly isCarriedOut?: boolean };

/** A map from paths to objects that answers like an API server: for tests of what calls one, without the network. */
export interface KubeObjects {
  readonly transport: KubeTransport;
  readonly objects: ReadonlyMap<string, Json>;
  readonly calls: readonly KubeRequest[];
  /** Asked at each call, in order; `index` counts from 0. May wait. */
  fate: (request: KubeRequest, index: number) => CallFate | Promise<CallFate>;
  /** What a person does: creates or replaces, and takes away. */
  put(path: string, object: Json): void;
  take(path: string): void;
}

export const ThingResource: Resource = { apiVersion: 'demo.aiops.org/v1', kind: 'Thing', plural: 'things' };

const EVENTS = '/apis/events.k8s.io/v1/';
const CODES: Partial<Record<KubeReason, number>> = {
  NotFound: 404,
  NotInstalled: 404,
  AlreadyExists: 409,
  Conflict: 409,
  Invalid: 422,
  BadRequest: 400,
  Forbidden: 403,
  TooManyRequests: 429,
  Failed: 500,
};

/** An error as the transport throws it. */
export function kubeError(reason: KubeReason, message = 'said the server'): KubeError {
  return new KubeError(reason, `${message} (${reason})`, { code: CODES[reason] ?? 0 });
}

/** An object in the default namespace; put it under its path to make it exist. */
export function thing(name: string, uid: string): KubeObject {
  const metadata = { name, namespace: 'default', uid, generation: 1, resourceVersion: '7' };
  const rest = { creationTimestamp: '2026-11-01T00:00:00Z', finalizers: [], labels: {}, annotations: {} };
  return { apiVersion: ThingResource.apiVersion, kind: 'Thing', metadata: { ...metadata, ...rest }, spec: {} };
}

export function thingPath(object: KubeObject): string {
  return `/apis/demo.aiops.org/v1/namespaces/default/things/${object.metadata.name}`;
}

export function createKubeObjects(): KubeObjects {
  const objects = new Map<string, Json>();
  const calls: KubeRequest[] = [];
  let versions = 100;
  const store = (path: string, object: Json): Json => {
    versions += 1;
    const metadata = { uid: `uid-${versions}`, ...object.metadata, resourceVersion: String(versions) };
    const stored = { ...structuredClone(object), metadata };
    objects.set(path, stored);
    return structuredClone(stored);
  };
  const at = (path: string): Json => {
    const object = objects.get(path);
    if (!object) throw kubeError('NotFound', path);
    return object;
  };

  const carryOut = (request: KubeRequest): Json => {
    // The old and the new spelling of events are one thing.
    const isOld = /^\/api\/v1\/.*\/events(\/|$)/.test(request.path);
    const path = isOld ? request.path.replace('/api/v1/', EVENTS) : request.path;
    const body = structuredClone(request.body) as Json;
    switch (request.method) {
      case 'GET':
        return isCollection(path) ? list(objects, path, request) : view(at(path), request);
      case 'POST': {
        const target = `${path}/${body.metadata.name}`;
        if (objects.has(target)) throw kubeError('AlreadyExists', target);
        checkName(body.metadata.name);
        if (path.startsWith(EVENTS)) checkEvent(body);
        return store(target, body);
      }
      case 'PUT': {
        const before = at(path);
        if (body.metadata.resourceVersion !== before.metadata.resourceVersion) throw kubeError('Conflict', path);
        return store(path, { ...body, metadata: { uid: before.metadata.uid, ...body.metadata } });
      }
      case 'PATCH': {
        const before = at(path);
        const { message, ...rest } = body;
        if (!isOld && 'note' in body) throw kubeError('Invalid', 'note: field is immutable');
        const next = { ...before, ...rest, ...(isOld && message !== undefined ? { note: message } : {}) };
        if (path.startsWith(EVENTS)) checkEvent(next);
        return store(path, next);
      }
      case 'DELETE': {
        const { uid } = at(path).metadata;
        if (body?.preconditions?.uid !== uid) throw kubeError('Conflict', `${path}: uid ${uid}`);
        objects.delete(path);
        return { kind: 'Status', status: 'Success' };
      }
    }
  };

  const world: KubeObjects = {
    objects,
    calls,
    fate: () => 'fine',
    put: (path, object) => void store(path, object),
    take: (path) => void objects.delete(path),
    transport: {
      server: 'https://127.0.0.1:1',
      async request<T>(request: KubeRequest, signal?: AbortSignal): Promise<T> {
        signal?.throwIfAborted();
        const index = calls.push(request) - 1;
        const fate = await world.fate(request, index);
        if (fate === 'fine') return carryOut(request) as T;
        if (fate.isCarriedOut) carryOut(request);
        throw fate.error;
      },
      stream: () => Promise.reject(new Error('nothing here is watched')),
      close() {},
    },
  };
  return world;
}

function isCollection(path: string): boolean {
  return path.split('/').length % 2 === (path.startsWith('/apis/') ? 1 : 0);
}

function view(object: Json, { accept = '' }: KubeRequest): Json {
  const { apiVersion, kind, metadata } = object;
  if (!accept.includes('as=PartialObjectMetadata')) return structuredClone({ apiVersion, kind, ...object });
  return structuredClone({ apiVersion: 'meta.k8s.io/v1', kind: 'PartialObjectMetadata', metadata });
}

function list(objects: ReadonlyMap<string, Json>, path: string, request: KubeRequest): Json {
  const { labelSelector = '', fieldSelector = '' } = request.query ?? {};
  const fits = (object: Json): boolean =>
    pairs(labelSelector).every(([name, value]) => object.metadata.labels?.[name] === value) &&
    pairs(fieldSelector).every(([name, value]) => {
      return name.split('.').reduce((member: Json, part) => member?.[part], object) === value;
    });
  const found = [...objects].filter(([at, object]) => at.startsWith(`${path}/`) && fits(object));
  const items = found.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => view(object, request));
  return { metadata: { resourceVersion: '1000' }, items: items.length > 0 ? items : null };
}

function pairs(selector: string): [string, string][] {
  const parts = selector === '' ? [] : selector.split(',');
  return parts.map((part) => [part.slice(0, part.indexOf('=')), part.slice(part.indexOf('=') + 1)]);
}

function checkName(name: string): void {
  const part = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
  const isFine = name.length <= 253 && new RegExp(`^${part}(\\.${part})*$`).test(name);
  if (!isFine) throw kubeError('Invalid', `metadata.name "${name}"`);
}

/** What Kubernetes asks of an Event. Source: pkg/apis/core/validation/events.go. */
function checkEvent(event: Json): void {
  const isMicroTime = (text: unknown): boolean => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(String(text));
  const fine: Record<string, boolean> = {
    eventTime: isMicroTime(event.eventTime),
    reportingController: /^([a-z0-9.-]+\/)?[\w.-]{1,63}$/.test(event.reportingController),
    reportingInstance: within(event.reportingInstance, 1, 128),
    action: within(event.action, 1, 128),
    reason: within(event.reason, 1, 128),
    note: within(event.note, 0, 1024),
    type: event.type === 'Normal' || event.type === 'Warning',
    'regarding.namespace': event.regarding.namespace === event.metadata.namespace,
    series: !event.series || (event.series.count >= 2 && isMicroTime(event.series.lastObservedTime)),
  };
  for (const [field, isFine] of Object.entries(fine)) {
    if (!isFine) throw kubeError('Invalid', `${field}: ${JSON.stringify(event[field])}`);
  }
}

function within(text: unknown, least: number, most: number): boolean {
  const bytes = Buffer.byteLength(String(text ?? ''));
  return bytes >= least && bytes <= most;
}
