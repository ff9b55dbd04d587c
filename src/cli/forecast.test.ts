import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HourlyPrice, Offering, SpotQuota, Stock } from '../cloud/cloud.ts';
import { forecastOf, type OfferingFacts } from './forecast.ts';

interface Given {
  readonly zone?: string;
  readonly isSelling?: boolean;
  /** vCPU left; every machine has 8. */
  readonly left?: number;
  readonly bid?: string;
  readonly chargeType?: Offering['chargeType'];
}

/** Facts of an offering that costs 0.3 an hour; what is not given is not known. */
function facts({ zone = 'z-1', isSelling, left, bid, chargeType = 'SPOTPAID' }: Given = {}): OfferingFacts {
  const offering = {
    zone,
    subnetId: 'subnet-a',
    instanceType: 'T',
    chargeType,
    ...(bid === undefined ? {} : { maxPrice: bid }),
  };
  const stock: Stock | undefined =
    isSelling === undefined ? undefined : { zone, instanceType: 'T', chargeType, isSelling, cpu: 8 };
  const quota: SpotQuota | undefined = left === undefined ? undefined : { zone, used: 10, total: 10 + left };
  const price: HourlyPrice = { currency: 'USD', machine: 300_000, disk: 0, bandwidth: 0, trafficPerGiB: 0 };
  return { offering, stock, quota, price };
}

const selling = { isSelling: true };

describe('forecastOf', () => {
  it.each<{
    name: string;
    need: number;
    given: Given[];
    counts: number[];
    obstacles?: (string | undefined)[];
    missing: number;
  }>([
    { name: 'takes all from the first that sells', need: 3, given: [selling, selling], counts: [3, 0], missing: 0 },
    {
      name: 'walks past one that is sold out',
      need: 3,
      given: [{ isSelling: false }, selling],
      counts: [0, 3],
      obstacles: ['sold out', undefined],
      missing: 0,
    },
    { name: 'asks where the stock is not known', need: 2, given: [{}], counts: [2], missing: 0 },
    {
      name: 'takes what the quota allows and goes on',
      need: 3,
      given: [
        { ...selling, left: 16 },
        { ...selling, zone: 'z-2' },
      ],
      counts: [2, 1],
      missing: 0,
    },
    {
      name: 'counts the quota of a zone once',
      need: 3,
      given: [
        { ...selling, left: 16 },
        { ...selling, left: 16 },
      ],
      counts: [2, 0],
      obstacles: [undefined, 'no quota left'],
      missing: 1,
    },
    {
      name: 'walks past a quota that is used up',
      need: 1,
      given: [{ ...selling, left: 7 }],
      counts: [0],
      obstacles: ['no quota left'],
      missing: 1,
    },
    {
      name: 'has no quota for the full price',
      need: 3,
      given: [{ ...selling, left: 0, chargeType: 'POSTPAID_BY_HOUR' }],
      counts: [3],
      missing: 0,
    },
    {
      name: 'walks past a bid below the price',
      need: 1,
      given: [{ ...selling, bid: '0.299' }],
      counts: [0],
      obstacles: ['bid below the price'],
      missing: 1,
    },
    { name: 'takes a bid at the price', need: 1, given: [{ ...selling, bid: '0.3' }], counts: [1], missing: 0 },
    { name: 'takes nothing where nothing is needed', need: 0, given: [selling], counts: [0], missing: 0 },
  ])('$name', ({ need, given, counts, obstacles, missing }) => {
    const forecast = forecastOf(need, given.map(facts));
    expect(forecast.offerings.map(({ count }) => count)).toEqual(counts);
    expect(forecast.offerings.map(({ obstacle }) => obstacle)).toEqual(obstacles ?? given.map(() => undefined));
    expect(forecast.missing).toBe(missing);
  });

  it('gives each machine one place, and none where there is an obstacle', () => {
    const given = fc.record({
      zone: fc.constantFrom('z-1', 'z-2'),
      isSelling: fc.boolean(),
      left: fc.nat(64),
      bid: fc.constantFrom('0.1', '0.5'),
    });
    fc.assert(
      fc.property(fc.nat(20), fc.array(given, { maxLength: 6 }), (need, all) => {
        const { offerings, missing } = forecastOf(need, all.map(facts));
        expect(offerings.reduce((sum, { count }) => sum + count, missing)).toBe(need);
        expect(missing).toBeGreaterThanOrEqual(0);
        expect(offerings.filter(({ obstacle, count }) => obstacle !== undefined && count > 0)).toEqual([]);
      }),
    );
  });
});
