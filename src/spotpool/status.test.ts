import { describe, expect, it } from 'vitest';
import { offering } from '../../test/builders/launch-order.ts';
import {
  candidate,
  desired,
  instance,
  intent,
  machine,
  NOW,
  observation,
  pool,
  record,
} from '../../test/builders/spotpool.ts';
import { toTime } from '../api/meta.ts';
import type { SpotPool, SpotPoolStatus } from '../api/spotpool.ts';
import { SpotPoolKind } from '../api/spotpool.ts';
import { offeringId } from '../cloud/cloud.ts';
import type { CloudReason } from '../cloud/errors.ts';
import { CloudError } from '../cloud/errors.ts';
import type { Done } from './act.ts';
import { historyOf } from './history.ts';
import type { Observation } from './observe.ts';
import { orderHashOf, specHashOf } from './order.ts';
import type { Price } from './prices.ts';
import { statusOf, statusOfFailure } from './status.ts';

const id = offeringId(offering());
const price: Price = {
  isKnown: true,
  price: { currency: 'USD', machine: 250_000, disk: 20_000, bandwidth: 0, trafficPerGiB: 0 },
};

function status(
  situation: { pool?: SpotPool; seen?: Partial<Observation>; done?: readonly Done[]; now?: number } = {},
): SpotPoolStatus {
  const looked = observation({ prices: new Map([[id, price]]), ...situation.seen });
  const { now = NOW, done = [], pool: of = pool() } = situation;
  return statusOf(of, desired(), looked, done, {
    restraint: undefined,
    decisions: historyOf(of, looked, done, now),
    now,
    random: () => 0.5,
  });
}

const launchStep = { kind: 'launch', intent: intent({ count: 2 }), offering: offering() } as const;
const refused = (reason: CloudReason): Done => ({
  step: launchStep,
  refusal: new CloudError(reason, 'why', { action: 'RunInstances' }),
});
const planned = pool({ status: { intents: [intent({ count: 2 })], instances: [] } });

describe('machines', () => {
  it('are counted while they are alive', () => {
    const machines = [
      machine('a', { cost: 270_000 }),
      machine('b', { cost: 270_000, with: { phase: 'Pending', isOutdated: true } }),
      machine('c', { fate: 'LaunchFailed', isAlive: false, with: { phase: 'Failed', reason: 'LaunchFailed' } }),
      machine('d', { fate: 'Leaving', isAlive: false, with: { phase: 'Terminating' } }),
      machine('e', { fate: 'Gone', isAlive: false, with: { phase: 'Terminating' } }),
    ];
    const told = status({ seen: { machines } });
    expect(told).toMatchObject({ size: 2, ready: 1, outdated: 1, hourlyCost: '0.54', currency: 'USD' });
    expect(told.instances?.map(({ instanceId }) => instanceId)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('stand in the order of their age, whatever order they were listed in', () => {
    const older = machine('z', { with: { createdAt: '2026-10-01T00:00:00Z' } });
    const [one, two] = [machine('a'), machine('b')];
    const order = (machines: Observation['machines']) =>
      status({ seen: { machines } }).instances?.map(({ instanceId }) => instanceId);
    expect(order([two, one, older])).toEqual(['z', 'a', 'b']);
    expect(order([one, older, two])).toEqual(['z', 'a', 'b']);
  });

  it('that were bought are recorded at once', () => {
    const told = status({ pool: planned, done: [{ step: launchStep, ids: ['ins-1', 'ins-2'] }] });
    expect(told.instances).toEqual(
      ['ins-1', 'ins-2'].map((instanceId) => ({
        instanceId,
        phase: 'Requested',
        reason: 'Bought',
        offering: id,
        hourlyCost: '0.27',
        imageId: 'img-5gn3j31i',
        specHash: specHashOf(pool().spec),
        createdAt: toTime(NOW),
        isOutdated: false,
      })),
    );
    expect(told).toMatchObject({ size: 2, hourlyCost: '0.54' });
    expect(told.intents).toBeUndefined();
  });

  it.each([
    { name: 'of the spec of today', hash: orderHashOf(pool().spec, offering()), isOutdated: false },
    { name: 'of a spec that has changed since', hash: 'older', isOutdated: true },
  ])('that were found after a purchase $name: outdated $isOutdated', ({ hash, isOutdated }) => {
    const sent = intent({ specHash: hash });
    const told = status({
      pool: pool({ status: { intents: [sent] } }),
      seen: { candidates: [candidate({ orderHash: orderHashOf(pool().spec, offering()) })] },
      done: [{ step: { kind: 'takeIn', intent: sent, instances: [instance({ id: 'ins-1' })] } }],
    });
    expect(told.instances).toMatchObject([{ instanceId: 'ins-1', reason: 'Found', isOutdated }]);
    expect(told.instances?.[0]?.specHash === specHashOf(pool().spec)).toBe(!isOutdated);
    expect(told.intents).toBeUndefined();
  });

  it('that were known already are not recorded twice', () => {
    const found = intent();
    const told = status({
      seen: { machines: [machine('ins-1')] },
      done: [{ step: { kind: 'takeIn', intent: found, instances: [instance({ id: 'ins-1' })] } }],
    });
    expect(told.instances).toHaveLength(1);
    expect(told.instances?.[0]?.phase).toBe('Ready');
  });

  it('that were told to leave say since when and why', () => {
    const [a, b, c] = [machine('a'), machine('b'), machine('c')];
    const error = new Error('busy');
    const told = status({
      seen: { machines: [a, b, c] },
      done: [
        { step: { kind: 'drain', machine: a, reason: 'Surplus' } },
        { step: { kind: 'release', machine: b, reason: 'NeverReady' }, error: undefined },
        { step: { kind: 'release', machine: c, reason: 'NeverReady' }, error },
      ],
    });
    expect(told.instances).toMatchObject([
      { phase: 'Draining', reason: 'Surplus', drainingSince: toTime(NOW) },
      { phase: 'Terminating', reason: 'NeverReady', terminatingSince: toTime(NOW) },
      { phase: 'Ready', message: 'Its release failed: busy' },
    ]);
    expect(told.size).toBe(2);
  });

  it('whose price is not known leave the sum untold rather than too low', () => {
    const machines = [machine('a', { cost: 270_000 }), machine('b', { cost: 0 })];
    expect(status({ seen: { machines } })).not.toHaveProperty('hourlyCost');
  });

  it('keep the price that was known last, and the pool its currency', () => {
    const before = pool({ status: { currency: 'USD', instances: [record({ hourlyCost: '0.3' })] } });
    const machines = [machine('ins-00000001', { cost: 300_000, with: { hourlyCost: '0.3' } })];
    expect(status({ pool: before, seen: { machines, prices: new Map() } })).toMatchObject({
      hourlyCost: '0.3',
      currency: 'USD',
    });
  });
});

describe('purchases', () => {
  it('that are planned are written down', () => {
    const fresh = intent({ token: 'token-2' });
    const step = { kind: 'intend', offering: offering(), orderHash: 'order-1', count: 1, low: 1 } as const;
    expect(status({ done: [{ step, intent: fresh }] }).intents).toEqual([fresh]);
  });

  it('of an earlier process are of unknown outcome from now on, and no later', () => {
    const first = status({
      pool: planned,
      done: [{ step: { kind: 'await', intent: intent({ count: 2 }), isFirstLook: false } }],
    });
    expect(first.intents).toMatchObject([{ token: 'token-1', unknownSince: toTime(NOW) }]);
    const [waiting = intent()] = first.intents ?? [];
    const later = status({
      pool: pool({ status: first }),
      done: [{ step: { kind: 'await', intent: waiting, isFirstLook: false } }],
      now: NOW + 20_000,
    });
    expect(later.intents).toEqual([waiting]);
  });

  it.each<[CloudReason, string]>([
    ['Unreachable', 'unknown'],
    ['ServerError', 'unknown'],
    ['SoldOut', 'gone'],
    ['Throttled', 'held'],
    ['Busy', 'held'],
    ['InsufficientBalance', 'stopped'],
    ['AccountRestricted', 'stopped'],
    ['InvalidCredentials', 'stopped'],
    ['PermissionDenied', 'stopped'],
    ['InvalidReference', 'stopped'],
    ['InvalidRequest', 'stopped'],
    ['Unexpected', 'stopped'],
  ])('refused with %s: %s', (reason, expected) => {
    const told = status({ pool: planned, done: [refused(reason)] });
    const isUnknown = told.intents?.[0]?.unknownSince !== undefined;
    const stop = told.buyingStopped;
    const waits = { '2026-11-01T00:10:00Z': 'stopped', '2026-11-01T00:00:45Z': 'held' }[stop?.until ?? ''];
    expect(waits ?? (isUnknown ? 'unknown' : 'gone')).toBe(expected);
    if (!stop) return;
    expect(told.intents).toBeUndefined();
    expect(stop).toMatchObject({ reason, message: 'why', generation: 1 });
  });
});

describe('the whole', () => {
  it('keeps to its schema', () => {
    const told = status({
      pool: planned,
      seen: { machines: [machine('a', { cost: 1 })] },
      done: [refused('InsufficientBalance')],
    });
    expect(SpotPoolKind.statusSchema.parse(told)).toEqual(told);
  });

  it('is the same when nothing has changed, a while later', () => {
    const first = status({ seen: { machines: [machine('a')] } });
    expect(status({ pool: pool({ status: first }), seen: { machines: [machine('a')] }, now: NOW + 60_000 })).toEqual(
      first,
    );
  });

  it('keeps what was known when nothing could be seen', () => {
    const before: SpotPoolStatus = { size: 1, instances: [record()], intents: [intent()] };
    const obstacle = { reason: 'Unreachable', message: 'why', needsPerson: false };
    expect(statusOfFailure(pool({ status: before }), false, obstacle, NOW)).toMatchObject({ ...before, minimum: 2 });
    expect(statusOfFailure(pool(), false, obstacle, NOW).instances).toEqual([]);
    expect(statusOfFailure(pool(), true, obstacle, NOW)).not.toHaveProperty('instances');
  });
});
