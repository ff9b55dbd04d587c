import { deepFreeze } from '../deep-freeze.ts';
import { KubeError } from './kube-error.ts';
import type { Resource } from './resource.ts';

/** An object as the API server sends it. */
export interface RawObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly [member: string]: unknown;
  };
  readonly [member: string]: unknown;
}

/** kubectl keeps the whole object here, so that it holds what metadata alone must not: the content of a Secret. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/**
 * What is kept of an object: `apiVersion` and `kind` filled in (items of a list come without, metadata under another
 * name), without `managedFields`, deeply frozen. With `metadataOnly` nothing but metadata.
 * @throws {KubeError} `Failed` when it is no object of the API; the message holds nothing of its content
 */
export function toRawObject(value: unknown, resource: Resource, metadataOnly = false): RawObject {
  const object = value as Partial<RawObject> | null | undefined;
  const metadata = object?.metadata as Partial<RawObject['metadata']> | null | undefined;
  for (const member of ['name', 'uid', 'resourceVersion'] as const) {
    if (typeof metadata?.[member] === 'string' && metadata[member] !== '') continue;
    throw new KubeError('Failed', `The server sent a ${resource.kind} without metadata.${member}`, { code: 0 });
  }
  const { managedFields: _, ...kept } = metadata as RawObject['metadata'];
  const { apiVersion, kind } = resource;
  if (metadataOnly) return deepFreeze({ apiVersion, kind, metadata: withoutContent(kept) });
  return deepFreeze({ ...object, apiVersion, kind, metadata: kept });
}

function withoutContent(metadata: RawObject['metadata']): RawObject['metadata'] {
  const annotations = metadata['annotations'] as Readonly<Record<string, unknown>> | undefined;
  if (annotations?.[LAST_APPLIED] === undefined) return metadata;
  const { [LAST_APPLIED]: _, ...kept } = annotations;
  return { ...metadata, annotations: kept };
}
