import { StoreError } from '../store.ts';
import { findObject } from './owner.ts';
import type { RawObject } from './raw-object.ts';
import { inStoreTerms } from './store-error.ts';
import type { KubeTransport } from './transport.ts';

/** Every cluster has it, and it lives as long as the cluster. */
const NAMESPACE = 'kube-system';

/** Who this installation is, in the tags of machines. */
export interface Identity {
  /** @throws {StoreError} `Unavailable` before it was learnt */
  id(): string;
  /** Asks the cluster, once. @throws {StoreError} `Unavailable` when it cannot be known now */
  learn(signal: AbortSignal): Promise<void>;
}

/** The uid of namespace `kube-system`, unless another was given. */
export function createIdentity(options: {
  readonly transport: KubeTransport;
  readonly installationId?: string;
}): Identity {
  let known = options.installationId;
  return {
    id() {
      if (known !== undefined) return known;
      throw new StoreError('Unavailable', 'the cluster has not been reached yet, so it is not known which one it is');
    },
    async learn(signal) {
      if (known !== undefined) return;
      const request = { path: `/api/v1/namespaces/${NAMESPACE}` };
      const found = await inStoreTerms(findObject<RawObject>(options.transport, request, signal));
      if (!found) {
        const message = `the cluster has no namespace ${NAMESPACE}, whose uid tells it from others; give --installation-id`;
        throw new StoreError('Unavailable', message);
      }
      known = found.metadata.uid;
    },
  };
}
