import { describe, expect, it } from 'vitest';
import { instance, intent, NOW, OWNER, pool } from '../../test/builders/spotpool.ts';
import { toTime } from '../api/meta.ts';
import type { LaunchIntent } from '../api/spotpool.ts';
import type { Cloud, Instance } from '../cloud/cloud.ts';
import type { Listed, Search } from './claims.ts';
import { conflictIn, listMachines, lookAround, lookForIntents, offeringFromId } from './claims.ts';
import type { SpotPoolEdges } from './edges.ts';
import { namePrefixOf } from './order.ts';

const signal = AbortSignal.any([]);
const untagged = (changes: Partial<Instance> = {}): Instance => {
  const { owner: _nobody, ...rest } = instance({ createdAt: NOW - 1000 });
  return { ...rest, ...changes };
};

/** A search in a cloud that finds these by name and by id. */
function search(found: readonly Instance[], of = pool()): Search {
  const cloud = { find: async () => found, findByName: async () => found } as unknown as Cloud;
  const edges = { store: { installationId: OWNER.installation }, clock: { now: () => NOW } } as SpotPoolEdges;
  return { pool: of, cloud, edges };
}

describe('looking around', () => {
  it.each([
    { name: 'whose tags have just arrived are taken in', found: instance(), untagged: 0, listed: ['ins-00000001'] },
    { name: 'whose tags have not arrived are counted', found: untagged(), untagged: 1, listed: [] },
    {
      name: 'that are old and have no tags are nobody’s',
      found: untagged({ createdAt: NOW - 300_001 }),
      untagged: 0,
      listed: [],
    },
    { name: 'that never came up are not counted', found: untagged({ state: 'LaunchFailed' }), untagged: 0, listed: [] },
    {
      name: 'that are somebody else’s are left alone',
      found: instance({ owner: { ...OWNER, poolUid: 'other' } }),
      untagged: 0,
      listed: [],
    },
  ])('machines $name', async ({ found, untagged: count, listed: ids }) => {
    const listed: Listed = new Map();
    expect(await lookAround(search([found]), listed, signal)).toBe(count);
    expect([...listed.keys()]).toEqual(ids);
  });
});

describe('the machines of a pool', () => {
  const recorded = pool({
    status: {
      instances: [
        { instanceId: 'ins-00000001', phase: 'Ready', reason: '', offering: '', createdAt: '2026-11-01T00:00:00Z' },
      ],
    },
  });

  it('are those tagged as its own', async () => {
    const others = [
      instance({ id: 'ins-2', owner: { ...OWNER, installation: 'other' } }),
      instance({ id: 'ins-3', owner: { ...OWNER, poolUid: 'other' } }),
    ];
    expect([...(await listMachines(search([]), [instance(), ...others], signal)).keys()]).toEqual(['ins-00000001']);
  });

  it.each([
    { name: 'a name that only this pool gives', mark: namePrefixOf(recorded.metadata, recorded.spec), isKept: true },
    { name: 'another name', mark: 'first-00000000-', isKept: false },
  ])('a recorded machine without tags and with $name is kept: $isKept', async ({ mark, isKept }) => {
    const listed = await listMachines(search([untagged({ name: `${mark}k3f9` })], recorded), [], signal);
    expect(listed.get('ins-00000001') !== undefined).toBe(isKept);
  });

  it('a recorded machine that is tagged as somebody else’s is given up', async () => {
    const taken = instance({ owner: { ...OWNER, poolUid: 'other' } });
    const listed = await listMachines(search([taken], recorded), [taken], signal);
    expect(listed.get('ins-00000001')).toBeUndefined();
  });
});

describe('a conflict', () => {
  const stranger = { ...OWNER, poolUid: 'other' };
  it.each([
    { name: 'another life of the pool', changes: { owner: stranger }, isOne: true },
    { name: 'another installation', changes: { owner: { ...OWNER, installation: 'other' } }, isOne: true },
    { name: 'its own machines', changes: {}, isOne: false },
    { name: 'another pool', changes: { owner: { ...stranger, pool: 'default/second' } }, isOne: false },
    { name: 'a stranger on its way out', changes: { owner: stranger, state: 'Terminating' as const }, isOne: false },
  ])('$name: $isOne', ({ changes, isOne }) => {
    expect(conflictIn([instance(changes)], search([])) !== undefined).toBe(isOne);
  });

  it('reads the same in whatever order machines are listed, and names five of them', () => {
    const many = [3, 1, 2, 5, 4, 6].map((index) => instance({ id: `ins-${index}`, owner: stranger }));
    const message = conflictIn(many, search([]))?.message;
    expect(message).toContain('ins-1, ins-2, ins-3, ins-4, ins-5, … (6) carry the name default/first');
    expect(conflictIn(many.toReversed(), search([]))?.message).toBe(message);
  });
});

it('an offering is read back from its id', () => {
  expect(offeringFromId('z-1/T1/subnet-a/POSTPAID_BY_HOUR')).toEqual({
    zone: 'z-1',
    instanceType: 'T1',
    subnetId: 'subnet-a',
    chargeType: 'POSTPAID_BY_HOUR',
  });
});

describe('looking for a purchase of unknown outcome', () => {
  const prefix = namePrefixOf(pool().metadata, pool().spec);
  const sent = (changes: Partial<LaunchIntent> = {}): LaunchIntent =>
    intent({ name: `${prefix}mark000001`, count: 2, unknownSince: toTime(NOW - 31_000), ...changes });
  const bought = (id: string): Instance => instance({ id, name: `${prefix}mark000001-${id}` });
  const other = instance({ id: 'ins-old', name: `${prefix}mark000000` });
  const both = [bought('a'), bought('b')];
  const looked = toTime(NOW - 31_000);

  it.each<[string, Partial<LaunchIntent>, readonly Instance[], readonly Instance[], string]>([
    ['not before the longest lag is over', { unknownSince: toTime(NOW - 30_000) }, both, [], 'waits'],
    ['all of them settle it at once', {}, both, [], 'a b'],
    ['none may be a short list: a second look decides', {}, [], [], 'first look'],
    ['some may be too: a purchase is all or nothing', {}, [bought('a')], [], 'first look'],
    [
      'the second look comes no sooner than a longest lag later',
      { emptyLookAt: toTime(NOW - 30_000) },
      [],
      [],
      'waits',
    ],
    ['at the second look none means none', { emptyLookAt: looked }, [], [], 'none'],
    ['at the second look some are all', { emptyLookAt: looked }, [bought('a')], [], 'a'],
    ['a list without a machine that is known says nothing', {}, [], [other], 'waits'],
    ['not at the second look either', { emptyLookAt: looked }, [], [other], 'waits'],
    ['a list with it does', { emptyLookAt: looked }, [other], [other], 'none'],
    [
      'a machine of another zone may be missing',
      { emptyLookAt: looked },
      [],
      [{ ...other, zone: 'ap-singapore-3' }],
      'none',
    ],
    ['so may one of another subnet', { emptyLookAt: looked }, [], [{ ...other, subnetId: 'subnet-9' }], 'none'],
    ['machines of another purchase are not its own', { emptyLookAt: looked }, [other], [], 'none'],
    [
      'nor are those of somebody else',
      { emptyLookAt: looked },
      [{ ...bought('a'), owner: { ...OWNER, poolUid: 'x' } }],
      [],
      'none',
    ],
  ])('%s', async (_name, changes, rows, known, shown) => {
    const of = pool({ status: { intents: [sent(changes)] } });
    const listed: Listed = new Map(known.map((each) => [each.id, each]));
    const edges = { ...search(rows, of).edges, unsentTokens: new Set<string>() } as SpotPoolEdges;
    const [look] = await lookForIntents({ ...search(rows, of), edges }, listed, signal);
    const ids = look?.found?.map(({ id }) => id).join(' ');
    expect(look?.isFirstLook ? 'first look' : ids === undefined ? 'waits' : ids || 'none').toBe(shown);
  });
});
