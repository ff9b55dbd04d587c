import type { KindDefinition } from '../../api/kind.ts';
import { apiVersionOf } from '../../api/kinds.ts';
import type { KubeObject, ObjectMeta } from '../../api/meta.ts';
import { deepFreeze } from '../deep-freeze.ts';
import type { RawObject } from './informer.ts';

/** Parses a spec as the API server keeps it. */
export type ParseSpec = (
  kind: KindDefinition,
  raw: unknown,
) =>
  | { readonly ok: true; readonly spec: unknown }
  | { readonly ok: false; readonly problems: readonly { readonly message: string }[] };

/** An object of ours, or what keeps us from reading it. */
export type Decoded =
  | { readonly ok: true; readonly object: KubeObject }
  | { readonly ok: false; readonly metadata: ObjectMeta; readonly problem: string };

/** Turns what the API server sends into an object as reconcilers know it: spec parsed, lists and maps never absent. */
export function decodeObject(raw: RawObject, kind: KindDefinition, parse: ParseSpec): Decoded {
  const metadata = metadataOf(raw);
  const parsed = parse(kind, raw['spec']);
  if (!parsed.ok) {
    return { ok: false, metadata, problem: parsed.problems.map(({ message }) => message).join('; ') };
  }
  const status = raw['status'] === undefined ? {} : { status: raw['status'] };
  const object = { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata, spec: parsed.spec, ...status };
  return { ok: true, object: deepFreeze(object) };
}

/** Secrets and ConfigMaps: their entries are all there is. Entries of a Secret arrive in base64. Source: Secret v1. */
export function decodePlain(raw: RawObject, kind: 'Secret' | 'ConfigMap'): KubeObject {
  const given = (raw['data'] ?? {}) as Readonly<Record<string, string>>;
  const data = kind === 'Secret' ? mapValues(given, (text) => Buffer.from(text, 'base64')) : given;
  // Bytes cannot be frozen; the object around them is.
  return Object.freeze({
    apiVersion: 'v1',
    kind,
    metadata: deepFreeze(metadataOf(raw)),
    spec: undefined,
    data: Object.freeze(data),
  });
}

function metadataOf({ metadata }: RawObject): ObjectMeta {
  const { deletionTimestamp } = metadata as Partial<ObjectMeta>;
  const given = metadata as Partial<ObjectMeta>;
  return {
    name: metadata.name,
    namespace: metadata.namespace ?? '',
    uid: metadata.uid,
    generation: given.generation ?? 1,
    resourceVersion: metadata.resourceVersion,
    creationTimestamp: given.creationTimestamp ?? '',
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    finalizers: given.finalizers ?? [],
    labels: given.labels ?? {},
    annotations: given.annotations ?? {},
  };
}

function mapValues<A, B>(given: Readonly<Record<string, A>>, map: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, map(value)]));
}
