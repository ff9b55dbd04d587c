import { describe, expect, it } from 'vitest';
import type { LeaseRecord } from '../../engine/election.ts';
import { KubeError, type KubeReason } from './kube-error.ts';
import { createLeaseLock } from './lease.ts';
import type { KubeRequest, KubeTransport } from './transport.ts';

const { signal } = new AbortController();
const record: LeaseRecord = {
  holderIdentity: 'host_1',
  leaseDurationSeconds: 15,
  acquireTime: '2026-11-01T00:00:00.000000Z',
  renewTime: '2026-11-01T00:00:02.000000Z',
  leaseTransitions: 3,
};
const lease = (resourceVersion: string, spec: unknown = record, metadata: object = {}) => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name: 'operator', namespace: 'aiops', resourceVersion, ...metadata },
  spec,
});
const refused = (reason: KubeReason, code: number) => new KubeError(reason, `the server said ${reason}`, { code });

/** A transport that gives these answers in turn, and what it was asked. */
const scripted = (...answers: unknown[]) => {
  const asked: KubeRequest[] = [];
  const signals: (AbortSignal | undefined)[] = [];
  const transport: Pick<KubeTransport, 'request'> = {
    async request<T>(request: KubeRequest, own?: AbortSignal): Promise<T> {
      asked.push(request);
      signals.push(own);
      const answer = answers.shift();
      if (answer instanceof Error) throw answer;
      return answer as T;
    },
  };
  return { lock: createLeaseLock(transport, { namespace: 'aiops', name: 'operator' }), asked, signals };
};

it('asks the server itself, for 5 s at most, with the signal it was given', async () => {
  const { lock, asked, signals } = scripted(lease('7'));
  expect(await lock.read(signal)).toEqual({ record, version: '7' });
  expect(asked).toEqual([
    { method: 'GET', path: '/apis/coordination.k8s.io/v1/namespaces/aiops/leases/operator', timeoutMs: 5000 },
  ]);
  expect(signals).toEqual([signal]);
  expect(lock.description).toBe('aiops/operator');
});

it.each([
  ['no spec', undefined],
  ['an empty spec', {}],
  ['a spec that is null', null],
])('reads %s as a lease that nobody holds', async (_name, spec) => {
  const { lock } = scripted({ metadata: { resourceVersion: '1' }, spec });
  expect((await lock.read(signal))?.record).toMatchObject({ holderIdentity: '', leaseTransitions: 0 });
});

it('takes a held lease that names no duration to last 15 s', async () => {
  const { lock } = scripted(lease('1', { holderIdentity: 'other' }));
  expect((await lock.read(signal))?.record).toMatchObject({ holderIdentity: 'other', leaseDurationSeconds: 15 });
});

it('makes the lease, strictly', async () => {
  const { lock, asked } = scripted(lease('1'));
  expect(await lock.create(record, signal)).toBe('1');
  expect(asked).toEqual([
    {
      method: 'POST',
      path: '/apis/coordination.k8s.io/v1/namespaces/aiops/leases',
      query: { fieldValidation: 'Strict' },
      body: {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { namespace: 'aiops', name: 'operator' },
        spec: record,
      },
      timeoutMs: 5000,
    },
  ]);
});

it('replaces the lease at the version it was given, and leaves what others put there', async () => {
  const others = {
    labels: { team: 'sre' },
    annotations: { note: 'x' },
    uid: 'u1',
    managedFields: [{ manager: 'kubectl' }],
  };
  const read = lease('7', { ...record, strategy: 'OldestEmulationVersion' }, others);
  const { lock, asked } = scripted(read, lease('8', undefined, others), lease('9'));
  await lock.read(signal);
  expect(await lock.update({ ...record, leaseTransitions: 4 }, '7', signal)).toBe('8');
  expect(asked[1]).toEqual({
    method: 'PUT',
    path: '/apis/coordination.k8s.io/v1/namespaces/aiops/leases/operator',
    query: { fieldValidation: 'Strict' },
    body: {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {
        ...{ namespace: 'aiops', name: 'operator', resourceVersion: '7', uid: 'u1' },
        ...{ labels: { team: 'sre' }, annotations: { note: 'x' } },
      },
      spec: { ...record, strategy: 'OldestEmulationVersion', leaseTransitions: 4 },
    },
    timeoutMs: 5000,
  });
  await lock.update(record, '8', signal);
  expect(asked[2]?.body).toMatchObject({ metadata: { labels: { team: 'sre' }, resourceVersion: '8' } });
});

it('forgets what belonged to a lease that is gone', async () => {
  const { lock, asked } = scripted(lease('7', record, { uid: 'u1' }), refused('NotFound', 404), lease('9'));
  await lock.read(signal);
  expect(await lock.read(signal)).toBeUndefined();
  await lock.update(record, '8', signal);
  expect(asked[2]?.body).toMatchObject({ metadata: { name: 'operator', resourceVersion: '8' } });
  expect(asked[2]?.body).not.toHaveProperty('metadata.uid');
});

describe('refusals', () => {
  it.each([
    ['create', 'AlreadyExists', 409, { name: 'StoreError', reason: 'Conflict' }],
    ['update', 'Conflict', 409, { name: 'StoreError', reason: 'Conflict' }],
    ['update', 'NotFound', 404, { name: 'StoreError', reason: 'NotFound', message: 'lease aiops/operator is gone' }],
    ['create', 'Forbidden', 403, { name: 'KubeError', reason: 'Forbidden' }],
    ['update', 'Unreachable', 0, { name: 'KubeError', reason: 'Unreachable' }],
    ['read', 'Forbidden', 403, { name: 'KubeError', reason: 'Forbidden' }],
    ['read', 'NotInstalled', 404, { name: 'KubeError', reason: 'NotInstalled' }],
  ] as const)('of %s with %s', async (verb, reason, code, error) => {
    const { lock } = scripted(refused(reason, code));
    const calls = {
      read: () => lock.read(signal),
      create: () => lock.create(record, signal),
      update: () => lock.update(record, '7', signal),
    };
    await expect(calls[verb]()).rejects.toMatchObject(error);
  });

  it('names the namespace that is missing and what to do', async () => {
    const { lock } = scripted(refused('NotFound', 404));
    await expect(lock.create(record, signal)).rejects.toThrow(
      'lease aiops/operator cannot be made: there is no namespace aiops. Create it, or name another for the lease.',
    );
  });

  it('passes on the reason of an aborted signal', async () => {
    const reason = new DOMException('the process is stopping', 'AbortError');
    const { lock } = scripted(reason);
    await expect(lock.update(record, '7', signal)).rejects.toBe(reason);
  });
});
