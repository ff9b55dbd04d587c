import { keyText } from '../api/meta.ts';
import type { SpotPool } from '../api/spotpool.ts';
import { offeringId } from '../cloud/cloud.ts';
import type { EpochMs } from '../lib/clock.ts';
import { toMicros } from '../lib/money.ts';
import { brakesOf } from './brakes.ts';
import type { Holding, OfferPrice, OperatorBudget } from './budget.ts';
import type { Observation } from './observe.ts';
import type { Step } from './plan.ts';
import { hourlyTotal } from './prices.ts';
import { trialOf } from './trial.ts';

/** What was seen, with how much more of each offering may be bought. */
export function withBrakes(pool: SpotPool, seen: Observation, budget: OperatorBudget, now: EpochMs): Observation {
  const own = brakesOf(pool, seen.machines, trialOf(pool, seen.machines), now);
  const holding = holdingIn(pool, seen);
  const candidates = seen.candidates.map((candidate) => {
    const price = offerPriceOf(offeringId(candidate.offering), seen, pool);
    return { ...candidate, brakes: [...own, ...budget.brakes(keyText(pool.metadata), holding, price)] };
  });
  return { ...seen, candidates };
}

/** Notes what the pool has and is about to order, so that no other pool counts on the same room. */
export function reserve(pool: SpotPool, seen: Observation, steps: readonly Step[], budget: OperatorBudget): void {
  const now = holdingIn(pool, seen);
  const orders = [
    ...seen.intents.map(({ intent, known }) => ({
      offering: intent.offering,
      count: Math.max(0, intent.count - known),
    })),
    ...steps.flatMap((step) =>
      step.kind === 'intend' ? [{ offering: offeringId(step.offering), count: step.count }] : [],
    ),
  ];
  const priced = orders.map(({ offering, count }) => ({ count, price: offerPriceOf(offering, seen, pool)?.perHour }));
  const ordered = priced.reduce((sum, { count }) => sum + count, seen.untagged);
  const unpriced = priced.reduce((sum, { count, price }) => sum + (price === undefined ? count : 0), seen.untagged);
  const cost = priced.reduce((sum, { count, price = 0 }) => sum + count * price, 0);
  budget.hold(keyText(pool.metadata), {
    ...now,
    machines: now.machines + ordered,
    costPerHour: now.costPerHour + cost,
    unpriced: now.unpriced + unpriced,
  });
}

/** By the price of today, or else by the last one known: a question that goes unanswered must not keep a pool small. */
function offerPriceOf(offering: string, { prices }: Observation, { status }: SpotPool): OfferPrice | undefined {
  const price = prices.get(offering);
  if (price?.isKnown) return { perHour: hourlyTotal(price.price), currency: price.price.currency };
  const last = status?.offerings?.find((each) => each.offering === offering)?.hourlyCost;
  const currency = status?.currency;
  if (last === undefined || currency === undefined) return undefined;
  return { perHour: toMicros(Number(last)), currency };
}

/** The machines that are alive; what is ordered beyond them is not in it. */
function holdingIn({ status }: SpotPool, { machines, prices }: Observation): Holding {
  const alive = machines.filter(({ isAlive }) => isAlive);
  const known = [...prices.values()].find((price) => price.isKnown);
  return {
    machines: alive.length,
    costPerHour: alive.reduce((sum, { cost }) => sum + cost, 0),
    unpriced: alive.filter(({ cost }) => cost === 0).length,
    currency: known?.price.currency ?? status?.currency,
  };
}
