import { beforeEach, describe, expect, it } from 'vitest';
import type { FakeClock } from '../../test/builders/fake-clock.ts';
import { createFakeClock } from '../../test/builders/fake-clock.ts';
import { offering } from '../../test/builders/launch-order.ts';
import { instance, machine, memo, NOW, pool, record } from '../../test/builders/spotpool.ts';
import { toTime } from '../api/meta.ts';
import type { InstanceStatus } from '../api/spotpool.ts';
import { offeringId } from '../cloud/cloud.ts';
import type { MemoryCloud } from '../cloud/memory.ts';
import { createMemoryCloud } from '../cloud/memory.ts';
import { fromMicros } from '../lib/money.ts';
import type { SpotPoolEdges } from './edges.ts';
import type { Machine } from './machine.ts';
import type { Market } from './market.ts';
import { costOf, learnFromMachines, listCostOf, readPrices } from './market.ts';
import type { OfferingMemo } from './offerings.ts';
import { afterRefusal, createOfferingMemory } from './offerings.ts';
import type { Price } from './prices.ts';
import { createPriceBook } from './prices.ts';

const MINUTE = 60_000;
const SPOT = offeringId(offering());
const priced = (machine: number, onDemand?: number): ReadonlyMap<string, Price> => {
  const price = { currency: 'USD', machine, disk: 20_000, bandwidth: 0, trafficPerGiB: 0 } as const;
  return new Map([[SPOT, { isKnown: true, price: onDemand === undefined ? price : { ...price, onDemand } }]]);
};
const NONE: ReadonlyMap<string, Price> = new Map();

const bought: InstanceStatus = { ...record(), hourlyCost: '0.27', hourlyListCost: '1.27' };
const { runningAt: _ran, ...young } = bought;
const { hourlyCost: _cost, hourlyListCost: _list, ...unpriced } = bought;

describe('the price of a machine', () => {
  it.each([
    { name: 'is the one at which it was bought, once it has run', before: bought, now: priced(300_000), cost: '0.27' },
    { name: 'follows the market while it is being made', before: young, now: priced(300_000), cost: '0.32' },
    { name: 'is the last one known while none can be had', before: young, now: NONE, cost: '0.27' },
    { name: 'that was never known is that of today', before: unpriced, now: priced(300_000), cost: '0.32' },
    { name: 'that is not known at all counts as nothing', before: unpriced, now: NONE, cost: '0' },
    { name: 'of one just adopted is that of today', before: undefined, now: priced(300_000), cost: '0.32' },
  ])('$name', ({ before, now, cost }) => {
    expect(fromMicros(costOf(before, instance(), now))).toBe(cost);
  });

  it.each([
    { name: 'is kept with it', before: bought, now: priced(300_000, 2_000_000), list: '1.27' },
    { name: 'follows the market while it is being made', before: young, now: priced(1, 2_000_000), list: '2' },
    { name: 'is the last one known while none can be had', before: young, now: priced(300_000), list: '1.27' },
    { name: 'is made up for when it was not known', before: unpriced, now: priced(1, 2_000_000), list: '2' },
    { name: 'is not known where the cloud does not tell', before: unpriced, now: priced(1), list: undefined },
  ])('on demand $name', ({ before, now, list }) => {
    expect(listCostOf(before, SPOT, now)).toBe(list);
  });
});

describe('prices are asked anew', () => {
  let clock: FakeClock;
  let memory: MemoryCloud;
  let edges: SpotPoolEdges;
  beforeEach(() => {
    clock = createFakeClock();
    memory = createMemoryCloud({ clock, random: () => 0 });
    edges = { clock, prices: createPriceBook(clock) } as unknown as SpotPoolEdges;
  });
  const asked = (): number => memory.calls.filter(({ method }) => method === 'price').length;
  const read = (...instances: InstanceStatus[]) => {
    const of = pool({ status: { instances } });
    const market = { pool: of, cloud: memory.cloud, accountKey: 'account', edges, troubles: [] };
    return readPrices(market, [], AbortSignal.any([]));
  };
  const madeAt = (at: number): InstanceStatus => ({ ...young, createdAt: toTime(at) });

  it('once for a machine that was bought when they were older than a minute', async () => {
    await read();
    await clock.advance(5 * MINUTE);
    await read(madeAt(NOW + 5 * MINUTE));
    await clock.advance(10_000);
    await read(madeAt(NOW + 5 * MINUTE));
    expect(asked()).toBe(2);
  });

  it('for none that has its price, nor for one that has failed', async () => {
    await read();
    await clock.advance(5 * MINUTE);
    const createdAt = toTime(NOW + 5 * MINUTE);
    await read({ ...bought, createdAt }, { ...madeAt(NOW + 5 * MINUTE), phase: 'Failed', reason: 'LaunchFailed' });
    await read(madeAt(NOW + MINUTE - 1000));
    expect(asked()).toBe(1);
  });
});

describe('what machines tell of their offering', () => {
  const MADE_AT = NOW - 10 * MINUTE;
  const refused = afterRefusal(
    afterRefusal(memo(), { reason: 'SoldOut', message: '' }, 0),
    { reason: 'SoldOut', message: '' },
    0,
  );
  const learn = (lastTriedAt: number, changes: Partial<Machine> = {}): OfferingMemo => {
    const offerings = createOfferingMemory();
    offerings.set('account', offering(), { ...refused, lastTriedAt });
    const edges = { offerings, clock: createFakeClock() } as unknown as SpotPoolEdges;
    const made = machine('a', { ...changes, with: { offering: SPOT, createdAt: toTime(MADE_AT) } });
    learnFromMachines({ pool: pool(), accountKey: 'account', edges, troubles: [] } as unknown as Market, [made]);
    return offerings.get('account', offering());
  };

  it.each<[string, number, Partial<Machine>, boolean]>([
    ['one made after the last refusal has ended the row of refusals', MADE_AT - MINUTE, {}, true],
    ['one made before says nothing of it', MADE_AT + MINUTE, {}, false],
    ['one that is gone neither', MADE_AT - MINUTE, { fate: 'Gone' }, false],
  ])('%s', (_name, lastTriedAt, changes, isEnded) => {
    expect(learn(lastTriedAt, changes).backoffMs === 0).toBe(isEnded);
  });
});
