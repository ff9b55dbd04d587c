import type { ObjectKey } from '../../api/meta.ts';

/** Where a namespaced kind is found in the API. */
export interface Resource {
  /** `demo.aiops.org/v1`, or `v1`. */
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
}

/** The path of all objects of a kind, of those in a namespace, or of one of them. */
export function resourcePath({ apiVersion, plural }: Resource, key: Partial<ObjectKey> = {}): string {
  const group = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const namespace = key.namespace === undefined ? '' : `/namespaces/${encodeURIComponent(key.namespace)}`;
  const name = key.name === undefined ? '' : `/${encodeURIComponent(key.name)}`;
  return `${group}${namespace}/${plural}${name}`;
}
