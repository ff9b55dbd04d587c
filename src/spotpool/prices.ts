import type { SpotPoolSpec } from '../api/spotpool.ts';
import type { Cloud, HourlyPrice, Offering } from '../cloud/cloud.ts';
import { CloudError } from '../cloud/errors.ts';
import type { Clock } from '../lib/clock.ts';
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
  priceOf(account: string, cloud: Cloud, spec: SpotPoolSpec, offering: Offering, signal: AbortSignal): Promise<Price>;
}

export function createPriceBook(clock: Clock, limit = 1000): PriceBook {
  const kept = new Map<string, { readonly at: number; readonly price: Promise<Price> }>();
  return {
    priceOf(account, cloud, spec, offering, signal) {
      const order = orderOf(spec, offering);
      // Names of keys, groups and tags do not change the price.
      const key = `${account} ${fingerprint({ offering, image: spec.imageId, disk: order.systemDisk, net: order.publicBandwidthMbps })}`;
      const known = kept.get(key);
      if (known && clock.monotonic() - known.at < PRICE_KEPT_MS) return known.price;
      const forget = (): boolean => kept.delete(key);
      const price = ask(cloud, order, signal).then(
        (answer) => {
          // An outage is not worth remembering: the next look asks again.
          if (!answer.isKnown && isPassing(answer.error)) forget();
          return answer;
        },
        (error: unknown) => {
          forget();
          throw error;
        },
      );
      kept.delete(key);
      kept.set(key, { at: clock.monotonic(), price });
      const oldest = kept.size > limit ? kept.keys().next().value : undefined;
      if (oldest !== undefined) kept.delete(oldest);
      return price;
    },
  };
}

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
