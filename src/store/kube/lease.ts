import type { LeaseLock, LeaseRecord } from '../../engine/election.ts';
import { StoreError, type StoreReason } from '../store.ts';
import { KubeError, type KubeReason } from './kube-error.ts';
import { type Resource, resourcePath } from './resource.ts';
import type { KubeTransport } from './transport.ts';

/** No answer about a lease is worth waiting for longer: it must be renewed in time. */
const REQUEST_MS = 5000;
/** What a held lease that names no duration is taken to last. */
const USUAL_DURATION_SECONDS = 15;

const Lease: Resource = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', plural: 'leases' };

/** The part of a Lease that is read here; every field of its spec may be absent. */
interface LeaseObject {
  readonly metadata: { readonly resourceVersion: string; readonly managedFields?: unknown };
  readonly spec?: Partial<LeaseRecord> | null;
}

interface LeaseLockOptions {
  readonly namespace: string;
  readonly name: string;
}

/**
 * A Lease object as the lock of an election. Labels, annotations and fields of others stay as they are. Needs the verbs `get`,
 * `create` and `update` on `leases` of `coordination.k8s.io` in that namespace.
 * Its methods throw what `LeaseLock` says, and `KubeError` for everything else.
 */
export function createLeaseLock(
  transport: Pick<KubeTransport, 'request'>,
  { namespace, name }: LeaseLockOptions,
): LeaseLock {
  const description = `${namespace}/${name}`;
  const path = resourcePath(Lease, { namespace, name });
  /** As it was last seen: a PUT replaces everything, so what is not ours is sent back. */
  let last: LeaseObject | undefined;

  const keep = (lease: LeaseObject): string => {
    last = lease;
    return lease.metadata.resourceVersion;
  };
  const body = (metadata: object, spec: object) => ({ apiVersion: Lease.apiVersion, kind: Lease.kind, metadata, spec });

  return {
    description,
    async read(signal) {
      try {
        const lease = await transport.request<LeaseObject>({ method: 'GET', path, timeoutMs: REQUEST_MS }, signal);
        return { record: toRecord(lease), version: keep(lease) };
      } catch (error) {
        if (!(error instanceof KubeError && error.reason === 'NotFound')) throw error;
        last = undefined;
        return undefined;
      }
    },
    async create(record, signal) {
      const request = {
        method: 'POST',
        path: resourcePath(Lease, { namespace }),
        query: { fieldValidation: 'Strict' },
        body: body({ namespace, name }, record),
        timeoutMs: REQUEST_MS,
      } as const;
      try {
        return keep(await transport.request<LeaseObject>(request, signal));
      } catch (error) {
        throw refusal(error, {
          AlreadyExists: ['Conflict', `lease ${description} was made by somebody else in between`],
          NotFound: [
            'NotFound',
            `lease ${description} cannot be made: there is no namespace ${namespace}. Create it, or name another for the lease.`,
          ],
        });
      }
    },
    async update(record, version, signal) {
      const { managedFields: _ofTheServer, ...metadata } = last?.metadata ?? {};
      const request = {
        method: 'PUT',
        path,
        query: { fieldValidation: 'Strict' },
        body: body({ ...metadata, namespace, name, resourceVersion: version }, { ...last?.spec, ...record }),
        timeoutMs: REQUEST_MS,
      } as const;
      try {
        return keep(await transport.request<LeaseObject>(request, signal));
      } catch (error) {
        throw refusal(error, {
          Conflict: ['Conflict', `lease ${description} was changed by somebody else in between`],
          NotFound: ['NotFound', `lease ${description} is gone`],
        });
      }
    },
  };
}

/** What the server said, in the words of the port; anything else stays as it is. */
function refusal(
  error: unknown,
  words: Partial<Record<KubeReason, readonly [reason: StoreReason, message: string]>>,
): unknown {
  const known = error instanceof KubeError ? words[error.reason] : undefined;
  return known ? new StoreError(...known, { cause: error }) : error;
}

function toRecord({ spec }: LeaseObject): LeaseRecord {
  return {
    holderIdentity: spec?.holderIdentity ?? '',
    leaseDurationSeconds: spec?.leaseDurationSeconds ?? USUAL_DURATION_SECONDS,
    acquireTime: spec?.acquireTime ?? '',
    renewTime: spec?.renewTime ?? '',
    leaseTransitions: spec?.leaseTransitions ?? 0,
  };
}
