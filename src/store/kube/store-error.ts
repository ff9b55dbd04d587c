import { StoreError, type StoreReason } from '../store.ts';
import { KubeError, type KubeReason } from './kube-error.ts';

/** What a refusal of the API server means to the store's callers; `Failed` depends on its code. */
const REASONS: Readonly<Record<Exclude<KubeReason, 'Failed' | 'Forbidden'>, StoreReason>> = {
  NotFound: 'NotFound',
  AlreadyExists: 'Conflict',
  Conflict: 'Conflict',
  Invalid: 'Invalid',
  BadRequest: 'Invalid',
  UnsupportedMediaType: 'Invalid',
  // These pass with time, or when somebody gives us what is missing: worth another try.
  Unauthorized: 'Unavailable',
  Gone: 'Unavailable',
  Expired: 'Unavailable',
  TooManyRequests: 'Unavailable',
  ResourceVersionTooLarge: 'Unavailable',
  NotInstalled: 'Unavailable',
  Timeout: 'Unavailable',
  Unreachable: 'Unavailable',
};

/** A failed call in the store's own words. The message stays the server's, which names what it refused; `cause` is `error`. */
export function storeErrorFrom(error: KubeError): StoreError {
  return new StoreError(reasonOf(error), error.message, { cause: error });
}

/** What `work` comes to, with each `KubeError` told in the store's words. Everything else is thrown as it is. */
export async function inStoreTerms<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof KubeError ? storeErrorFrom(error) : error;
  }
}

/**
 * Whether a creation was refused because its namespace is being deleted. The cause's type does not reach us, its
 * message does. Source: Kubernetes, NamespaceLifecycle admission ("… because it is being terminated").
 */
export function isNamespaceTerminating(error: KubeError): boolean {
  if (error.reason !== 'Forbidden') return false;
  return [error.message, ...error.causes].some((text) => text.includes('is being terminated'));
}

function reasonOf(error: KubeError): StoreReason {
  if (error.reason === 'Forbidden') return isNamespaceTerminating(error) ? 'Invalid' : 'Unavailable';
  if (error.reason !== 'Failed') return REASONS[error.reason];
  return error.code >= 400 && error.code < 500 && error.code !== 408 ? 'Invalid' : 'Unavailable';
}
