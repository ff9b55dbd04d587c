import type { KubeObject } from '../../api/meta.ts';
import { KubeError } from './kube-error.ts';
import { type Resource, resourcePath } from './resource.ts';
import type { KubeTransport } from './transport.ts';

/** Asks for no more than metadata: whether something exists, and in which version. */
export const METADATA_ONLY = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';

/** Reads an object, or only its metadata; `undefined` when there is none. @throws {KubeError} */
export async function findObject<T>(
  transport: KubeTransport,
  request: { readonly path: string; readonly accept?: string },
  signal: AbortSignal,
): Promise<T | undefined> {
  try {
    return await transport.request<T>({ method: 'GET', ...request }, signal);
  } catch (error) {
    if (error instanceof KubeError && error.reason === 'NotFound') return undefined;
    throw error;
  }
}

/**
 * Whether the very object exists, and not only one of its name, as the API server itself says. Asked before what belongs to
 * an object is shown or written: only a cluster with a garbage collector removes that, and not at once.
 * @throws {KubeError}
 */
export async function ownerExists(
  transport: KubeTransport,
  resource: Resource,
  { metadata }: KubeObject,
  signal: AbortSignal,
): Promise<boolean> {
  const request = { path: resourcePath(resource, metadata), accept: METADATA_ONLY };
  const found = await findObject<{ readonly metadata?: { readonly uid?: string } }>(transport, request, signal);
  return found?.metadata?.uid === metadata.uid;
}
