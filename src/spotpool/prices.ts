import type { SpotPoolSpec } from '../api/spotpool.ts';
import type { Cloud, HourlyPrice, Offering } from '../cloud/cloud.ts';
import { CloudError } from '../cloud/errors.ts';
import type { Clock } from '../lib/clock.ts';
import { unlessLate } from '../lib/clock.ts';
import { fingerprint } from '../lib/hash.ts';
import type { Micros } from '../lib/money.ts';
import { orderOf } from './order.ts';

/** Spot prices are stable for long spells: asking for each six times an hour is plenty. */
const PRICE_KEPT_MS = 10 * 60_000;

/** What is known of a price: asked, or why it is not known. */
export type Price =
  | { readonly isKnown: true; readonly price: HourlyPrice }
  | { readonly isKnown: false; readonly error: CloudError };

/** What offerings cost, asked once for all pools that buy the same, and kept for ten minutes. */
export interface PriceBook {
  /** @param maxAgeMs how old the answer may be, when ten minutes are too much */
  priceOf(
    account: string,
    cloud: Cloud,
    spec: SpotPoolSpec,
    offering: Offering,
    signal: AbortSignal,
    maxAgeMs?: number,
  ): Promise<Price>;
}

interface Kept {
  readonly at: number;
  readonly price: Promise<Price>;
  /** It could not be asked anew, and is not before this time, however old it is. */
  readonly heldUntil: number;
  /** The answer before, while this one is being asked. */
  readonly before?: Promise<Price>;
}

/** Nobody waits longer than this for an answer that only informs. It is used by the next look, when it comes later. */
const PATIENCE_MS = 1000;
/** After an answer that failed, or was late, no other is asked for so long. */
const ASK_AGAIN_MS = 60_000;

export function createPriceBook(clock: Clock, limit = 1000): PriceBook {
  const kept = new Map<string, Kept>();
  const keep = (key: string, entry: Kept): void => {
    kept.delete(key);
    kept.set(key, entry);
    const oldest = kept.size > limit ? kept.keys().next().value : undefined;
    if (oldest !== undefined) kept.delete(oldest);
  };
  return {
    async priceOf(account, cloud, spec, offering, signal, maxAgeMs = PRICE_KEPT_MS) {
      const order = orderOf(spec, offering);
      // Names of keys, groups and tags do not change the price.
      const key = `${account} ${fingerprint({ offering, image: spec.imageId, disk: order.systemDisk, net: order.publicBandwidthMbps })}`;
      const now = clock.monotonic();
      const known = kept.get(key);
      const ageMs = known ? now - known.at : Number.POSITIVE_INFINITY;
      // One that was asked anew before its time is still better than none.
      const fallback = ageMs < PRICE_KEPT_MS ? known : undefined;
      let current = known;
      if (!current || (ageMs >= Math.min(maxAgeMs, PRICE_KEPT_MS) && now >= current.heldUntil)) {
        const price = ask(cloud, order, signal).then((answer) => {
          if (answer.isKnown || !isPassing(answer.error)) return answer;
          const instead = fallback?.price ?? Promise.resolve(answer);
          if (signal.aborted && !fallback) kept.delete(key);
          else
            keep(key, {
              at: fallback?.at ?? Number.NEGATIVE_INFINITY,
              price: instead,
              heldUntil: signal.aborted ? 0 : clock.monotonic() + ASK_AGAIN_MS,
            });
          return instead;
        });
        price.catch(() => kept.delete(key));
        current = { at: now, price, heldUntil: 0, ...(known ? { before: known.price } : {}) };
        keep(key, current);
      }
      const patience = Math.max(0, current.at + PATIENCE_MS - now);
      const { before = LATE } = current;
      return unlessLate(clock, patience, current.price, () => before);
    },
  };
}

const LATE: Price = {
  isKnown: false,
  error: new CloudError('Unreachable', 'The price is being asked, and no answer has come yet.', {
    action: 'InquiryPriceRunInstances',
  }),
};

async function ask(cloud: Cloud, order: Parameters<Cloud['price']>[0], signal: AbortSignal): Promise<Price> {
  try {
    return { isKnown: true, price: await cloud.price(order, signal) };
  } catch (error) {
    if (error instanceof CloudError) return { isKnown: false, error };
    if (signal.aborted)
      return {
        isKnown: false,
        error: new CloudError('Unreachable', 'asking the price was cut off', { action: 'InquiryPriceRunInstances' }),
      };
    throw error;
  }
}

function isPassing(error: CloudError): boolean {
  return error.reason === 'Unreachable' || error.reason === 'ServerError' || error.reason === 'Throttled';
}

/** The sum for one hour: machine, disk and bandwidth. Traffic billed by volume is not in it. */
export function hourlyTotal(price: HourlyPrice): Micros {
  return price.machine + price.disk + price.bandwidth;
}
