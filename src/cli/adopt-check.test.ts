import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseSpec } from '../api/parse.ts';
import type { SpotPool, SpotPoolSpec, SpotPoolStatus } from '../api/spotpool.ts';
import { SpotPoolKind } from '../api/spotpool.ts';
import type { Instance, InstanceState } from '../cloud/cloud.ts';
import { adopterOf, misfitsOf, noRoomFor, objectionTo, ownerText } from './adopt-check.ts';

function specOf(changes: object = {}): SpotPoolSpec {
  const read = parseSpec(SpotPoolKind, {
    region: 'ap-singapore',
    availabilityZone: 'ap-singapore-2',
    instanceType: 'GN7',
    subnetId: 'subnet-a',
    vpcId: 'vpc-a',
    securityGroupIds: ['sg-a'],
    imageId: 'img-a',
    minimum: 1,
    maximum: 3,
    offerings: [{}, { instanceType: 'GN8', instanceChargeType: 'POSTPAID_BY_HOUR' }],
    ...changes,
  });
  if (!read.ok) throw new Error(read.problems.map(({ message }) => message).join());
  return read.spec;
}

function poolOf(name: string, more: { spec?: object; status?: SpotPoolStatus } = {}): SpotPool {
  return {
    apiVersion: 'demo.aiops.org/v1',
    kind: 'SpotPool',
    metadata: {
      name,
      namespace: 'default',
      uid: `uid-${name}`,
      generation: 1,
      resourceVersion: '1',
      creationTimestamp: '2026-11-01T00:00:00Z',
      finalizers: [],
      labels: {},
      annotations: {},
    },
    spec: specOf(more.spec),
    ...(more.status ? { status: more.status } : {}),
  };
}

const own = { installation: 'here', poolUid: 'uid-a', pool: 'default/a' };

function machine(changes: Partial<Instance> = {}): Instance {
  return {
    id: 'ins-1',
    name: 'by-hand',
    state: 'Running',
    vendorState: (changes.state ?? 'Running').toUpperCase(),
    isNormal: true,
    zone: 'ap-singapore-2',
    instanceType: 'GN7',
    subnetId: 'subnet-a',
    vpcId: 'vpc-a',
    imageId: 'img-a',
    chargeType: 'SPOTPAID',
    createdAt: 0,
    ...changes,
  };
}

const adopter = (more: Parameters<typeof poolOf>[1] = {}) =>
  adopterOf(poolOf('a', more), 'here', [poolOf('a'), poolOf('b')]);

describe('what fits', () => {
  it.each<[string, Partial<Instance>, string[]]>([
    ['a machine as the pool buys it', {}, []],
    ['one of its other offering', { instanceType: 'GN8', chargeType: 'POSTPAID_BY_HOUR' }, []],
    ['another image', { imageId: 'img-b' }, ['image']],
    ['another type', { instanceType: 'GN9' }, ['type']],
    ['another zone and subnet', { zone: 'ap-singapore-1', subnetId: 'subnet-b' }, ['zone', 'subnet']],
    ['another charge type', { chargeType: 'PREPAID' }, ['charge type']],
    ['parts of two offerings', { instanceType: 'GN8' }, ['combination of these']],
  ])('%s', (_name, changes, misfits) => expect(misfitsOf(machine(changes), adopter())).toEqual(misfits));
});

describe('what cannot be taken in', () => {
  it.each<[string, Partial<Instance>, RegExp | undefined]>([
    ['a machine of nobody can', {}, undefined],
    ['one that does not fit can', { imageId: 'img-b', instanceType: 'GN9', zone: 'ap-singapore-1' }, undefined],
    ['its own can', { owner: own }, undefined],
    ['one of another installation can', { owner: { ...own, installation: 'there', poolUid: 'uid-b' } }, undefined],
    ['one of an earlier life of the pool can', { owner: { ...own, poolUid: 'uid-before' } }, undefined],
    ['one of a pool that is there cannot', { owner: { ...own, poolUid: 'uid-b', pool: 'x/y' } }, /SpotPool default\/b/],
    ['one in another VPC cannot', { vpcId: 'vpc-b' }, /vpc-b, and the pool in vpc-a/],
    ['a prepaid one cannot', { chargeType: 'PREPAID' }, /PREPAID/],
    ['a stopped one cannot', { state: 'Stopped' }, /STOPPED: the pool would release it at once/],
    ['an isolated one cannot', { isNormal: false }, /isolated/],
    ['one on its way out cannot', { state: 'Terminating' }, /^is TERMINATING$/],
    ['one that never came up cannot', { state: 'LaunchFailed' }, /^is LAUNCHFAILED$/],
  ])('%s', (_name, changes, objection) => {
    const answer = objectionTo(machine(changes), adopter());
    if (objection) expect(answer).toMatch(objection);
    else expect(answer).toBeUndefined();
  });

  it('one that does not exist', () => {
    expect(objectionTo(undefined, adopter())).toContain('does not exist in ap-singapore');
  });
});

describe('whose a machine is', () => {
  it.each<[string | undefined, Instance['owner']]>([
    [undefined, undefined],
    ['this pool', own],
    ['SpotPool default/b', { ...own, poolUid: 'uid-b' }],
    ['default/a, which is gone (uid uid-x)', { ...own, poolUid: 'uid-x' }],
    ['default/a of installation there', { ...own, installation: 'there' }],
    ['a pool of installation there', { ...own, installation: 'there', pool: '' }],
  ])('%s', (text, owner) => expect(ownerText(machine(owner ? { owner } : {}), adopter())).toBe(text));
});

describe('room', () => {
  const ids = (count: number, from = 1): string[] => Array.from({ length: count }, (_, index) => `ins-${from + index}`);
  const mine = (count: number, state: InstanceState = 'Running'): Instance[] =>
    ids(count, 100).map((id) => machine({ id, owner: own, state }));
  const record = (id: string, phase: 'Ready' | 'Terminating' = 'Ready') =>
    ({ instanceId: id, phase, reason: 'x', offering: 'x', createdAt: '2026-11-01T00:00:00Z' }) as const;
  const intent = { token: 't', name: 'a-x', offering: 'o', count: 2, specHash: 'h', plannedAt: '2026-11-01T00:00:00Z' };

  it.each<[string, string[], Instance[], Parameters<typeof poolOf>[1], RegExp | undefined]>([
    ['an empty pool takes its maximum', ids(3), [], {}, undefined],
    [
      'and no more',
      ids(4),
      [],
      {},
      /0 machines, its maximum is 3, and with 4 more it would release the surplus\. Raise/,
    ],
    ['what it has counts', ids(2), mine(2), {}, /it has 2 machines/],
    ['what others have does not', ids(3), [machine({ id: 'ins-9' })], {}, undefined],
    ['what goes does not', ids(3), mine(2, 'Terminating'), {}, undefined],
    [
      'what it has recorded and no list shows counts',
      ids(3),
      [],
      { status: { instances: [record('ins-8')] } },
      /1 machine,/,
    ],
    ['but once', ids(3), [], { status: { instances: [record('ins-1')] } }, undefined],
    ['and not when it goes', ids(3), [], { status: { instances: [record('ins-8', 'Terminating')] } }, undefined],
    ['what is ordered counts', ids(2), [], { status: { intents: [intent] } }, /0 machines and 2 ordered/],
    [
      'but not twice',
      ids(1),
      mine(2).map((each) => ({ ...each, name: 'a-x1' })),
      { status: { intents: [intent] } },
      undefined,
    ],
    ['replicas are a limit', ids(2), [], { spec: { replicas: 1 } }, /it wants 1 \(replicas\).*Scale it up/],
  ])('%s', (_name, wanted, swept, more, answer) => {
    const said = noRoomFor(wanted, swept, adopter(more));
    if (answer) expect(said).toMatch(answer);
    else expect(said).toBeUndefined();
  });

  it('never lets a pool take in more than would stay', () => {
    const counts = fc.nat({ max: 6 });
    fc.assert(
      fc.property(counts, counts, counts, (has, adopted, maximum) => {
        const said = noRoomFor(ids(adopted), mine(has), adopter({ spec: { minimum: 0, maximum } }));
        expect(said === undefined).toBe(has + adopted <= maximum);
      }),
    );
  });
});
