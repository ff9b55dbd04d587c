import { parseSpec } from '../../src/api/parse.ts';
import type { InstanceStatus, LaunchIntent, SpotPool, SpotPoolSpec } from '../../src/api/spotpool.ts';
import { SpotPoolKind } from '../../src/api/spotpool.ts';
import type { Cloud, Instance } from '../../src/cloud/cloud.ts';
import { offeringId } from '../../src/cloud/cloud.ts';
import type { EpochMs } from '../../src/lib/clock.ts';
import type { Machine } from '../../src/spotpool/machine.ts';
import type { Observation } from '../../src/spotpool/observe.ts';
import type { OfferingMemo } from '../../src/spotpool/offerings.ts';
import type { Candidate, Desired, Seen, SeenIntent } from '../../src/spotpool/plan.ts';
import { offering } from './launch-order.ts';

/** When tests begin; the default start of the fake clock. */
export const NOW: EpochMs = Date.UTC(2026, 10, 1);

export const OWNER = { installation: 'installation-1', poolUid: 'pool-uid-1', pool: 'default/first' };

/** A spec as users write it, read by the real parser. Minimum 2, maximum 3, keys of the operator. */
export function spec(changes: Record<string, unknown> = {}): SpotPoolSpec {
  const parsed = parseSpec(SpotPoolKind, {
    region: 'ap-singapore',
    availabilityZone: 'ap-singapore-2',
    instanceType: 'GN7.2XLARGE32',
    minimum: 2,
    maximum: 3,
    subnetId: 'subnet-gfrv79s2',
    vpcId: 'vpc-86f66zht',
    securityGroupIds: ['sg-aglabemo'],
    imageId: 'img-5gn3j31i',
    ...changes,
  });
  if (!parsed.ok) throw new Error(parsed.problems.map(({ message }) => message).join('; '));
  return parsed.spec;
}

export function pool(
  changes: {
    spec?: Record<string, unknown>;
    metadata?: Partial<SpotPool['metadata']>;
    status?: SpotPool['status'];
  } = {},
): SpotPool {
  return {
    apiVersion: 'demo.aiops.org/v1',
    kind: 'SpotPool',
    metadata: {
      name: 'first',
      namespace: 'default',
      uid: OWNER.poolUid,
      generation: 1,
      resourceVersion: '1',
      creationTimestamp: '2026-11-01T00:00:00Z',
      finalizers: ['demo.aiops.org/cleanup'],
      labels: {},
      annotations: {},
      ...changes.metadata,
    },
    spec: spec(changes.spec),
    ...(changes.status === undefined ? {} : { status: changes.status }),
  };
}

export function record(changes: Partial<InstanceStatus> = {}): InstanceStatus {
  return {
    instanceId: 'ins-00000001',
    phase: 'Ready',
    reason: 'Answering',
    offering: offeringId(offering()),
    createdAt: '2026-10-31T00:00:00Z',
    runningAt: '2026-10-31T00:01:00Z',
    readyAt: '2026-10-31T00:02:00Z',
    ...changes,
  };
}

export function instance(changes: Partial<Instance> = {}): Instance {
  return {
    id: 'ins-00000001',
    name: 'first-k3f9',
    state: 'Running',
    vendorState: 'RUNNING',
    isNormal: true,
    zone: 'ap-singapore-2',
    instanceType: 'GN7.2XLARGE32',
    subnetId: 'subnet-gfrv79s2',
    vpcId: 'vpc-86f66zht',
    imageId: 'img-5gn3j31i',
    chargeType: 'SPOTPAID',
    createdAt: Date.UTC(2026, 9, 31),
    publicIp: '198.18.0.1',
    privateIp: '10.0.0.1',
    owner: OWNER,
    ...changes,
  };
}

/** A machine as judged: ready, unless told otherwise. `with` changes its record. */
export function machine(id: string, changes: Partial<Machine> & { with?: Partial<InstanceStatus> } = {}): Machine {
  const { with: facts, ...rest } = changes;
  const made = record({ instanceId: id, ...facts });
  return {
    id,
    record: made,
    before: made,
    fate: 'Keep',
    isAlive: true,
    isAnswering: made.phase === 'Ready',
    isSilent: made.phase !== 'Ready' && made.phase !== 'Draining',
    cost: 0,
    ...rest,
  };
}

export function desired(changes: Partial<Desired> = {}): Desired {
  return {
    low: 2,
    high: 3,
    maximum: 3,
    surge: 0,
    drainTimeoutMs: 30_000,
    checkIntervalMs: 20_000,
    readyTimeoutMs: 600_000,
    mode: 'Run',
    ...changes,
  };
}

export function memo(changes: Partial<OfferingMemo> = {}): OfferingMemo {
  return {
    blockedUntil: 0,
    reason: 'NotTried',
    message: '',
    backoffMs: 0,
    lastTriedAt: 0,
    isSoldOutConfirmed: false,
    ...changes,
  };
}

export function candidate(changes: Partial<Candidate> = {}): Candidate {
  return { offering: offering(), orderHash: 'order-1', memo: memo(), brakes: [], ...changes };
}

export function intent(changes: Partial<LaunchIntent> = {}): LaunchIntent {
  return {
    token: 'token-1',
    name: 'first-00000000-mark000001',
    offering: offeringId(offering()),
    count: 1,
    specHash: 'order-1',
    plannedAt: '2026-11-01T00:00:00Z',
    ...changes,
  };
}

export function seenIntent(changes: Partial<SeenIntent> = {}): SeenIntent {
  return { intent: intent(), isUnsent: true, found: undefined, isFirstLook: false, known: 0, ...changes };
}

/** All that a run has seen, of a cloud that nobody calls. */
export function observation(changes: Partial<Observation> = {}): Observation {
  return {
    ...seen(),
    cloud: {} as Cloud,
    accountKey: 'account',
    sweptAt: NOW,
    isAnyOfOurs: true,
    prices: new Map(),
    troubles: [],
    ...changes,
  };
}

export function seen(changes: Partial<Seen> = {}): Seen {
  return {
    machines: [],
    intents: [],
    candidates: [candidate()],
    untagged: 0,
    buyingStopped: undefined,
    conflict: undefined,
    ...changes,
  };
}
