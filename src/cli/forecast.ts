import type { SpotPoolSpec } from '../api/spotpool.ts';
import type { HourlyPrice, Offering, SpotQuota, Stock } from '../cloud/cloud.ts';
import { toMicros } from '../lib/money.ts';

/** What the cloud says of one way to buy; what it did not say is `undefined`. */
export interface OfferingFacts {
  readonly offering: Offering;
  readonly stock: Stock | undefined;
  readonly quota: SpotQuota | undefined;
  readonly price: HourlyPrice | undefined;
}

/** Why an offering would not be bought, in words. */
export type Obstacle = 'sold out' | 'no quota left' | 'bid below the price';

/** What a pool would buy of one offering. */
export interface OfferingForecast extends OfferingFacts {
  readonly count: number;
  readonly obstacle?: Obstacle;
}

/** What a pool would buy, offering by offering, in the order in which they are asked. */
export interface Forecast {
  readonly offerings: readonly OfferingForecast[];
  /** Machines that are wanted and cannot be had. */
  readonly missing: number;
}

/**
 * Walks the offerings in the pool's order, as the operator does, taking what stock, quota and bid allow. Pure. What is
 * not known stands in nobody's way: the operator would ask, too.
 */
export function forecastOf(need: number, facts: readonly OfferingFacts[]): Forecast {
  let left = need;
  // Machines of one zone draw on one quota, whatever their offering.
  const cores = new Map<string, number>();
  const offerings = facts.map((fact): OfferingForecast => {
    const { obstacle, room } = roomOf(fact, cores);
    const count = Math.min(left, room);
    left -= count;
    spend(fact, count, cores);
    return { ...fact, count, ...(obstacle === undefined ? {} : { obstacle }) };
  });
  return { offerings, missing: left };
}

function roomOf(fact: OfferingFacts, spent: ReadonlyMap<string, number>): { obstacle?: Obstacle; room: number } {
  const { offering, stock, quota, price } = fact;
  if (stock?.isSelling === false) return { obstacle: 'sold out', room: 0 };
  if (price && offering.maxPrice !== undefined && toMicros(Number(offering.maxPrice)) < price.machine) {
    return { obstacle: 'bid below the price', room: 0 };
  }
  if (offering.chargeType !== 'SPOTPAID' || !quota || !stock || stock.cpu <= 0) {
    return { room: Number.POSITIVE_INFINITY };
  }
  const room = Math.floor((quota.total - quota.used - (spent.get(offering.zone) ?? 0)) / stock.cpu);
  return room > 0 ? { room } : { obstacle: 'no quota left', room: 0 };
}

function spend({ offering, stock }: OfferingFacts, count: number, spent: Map<string, number>): void {
  if (offering.chargeType !== 'SPOTPAID') return;
  spent.set(offering.zone, (spent.get(offering.zone) ?? 0) + count * (stock?.cpu ?? 0));
}

/** The facts of each offering of a pool, picked from what the cloud answered. */
export function factsOf(
  spec: SpotPoolSpec,
  answers: {
    readonly stock: readonly Stock[];
    readonly quotas: readonly SpotQuota[];
    readonly prices: readonly (HourlyPrice | undefined)[];
  },
): readonly OfferingFacts[] {
  return spec.offerings.map((offering, index) => ({
    offering,
    stock: answers.stock.find(
      (row) =>
        row.zone === offering.zone &&
        row.instanceType === offering.instanceType &&
        row.chargeType === offering.chargeType,
    ),
    quota: offering.chargeType === 'SPOTPAID' ? answers.quotas.find(({ zone }) => zone === offering.zone) : undefined,
    price: answers.prices[index],
  }));
}
