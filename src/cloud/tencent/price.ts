import { type Micros, toMicros } from '../../lib/money.ts';
import type { HourlyPrice } from '../cloud.ts';
import type { Client } from './client.ts';
import { type PricedOrder, toPriceInquiry } from './requests.ts';
import { InquiryPriceAnswer, type ItemPrice } from './schema.ts';

/** How much the disk of the second inquiry differs; disks are priced by the GiB. */
const DISK_STEP_GIB = 100;
/** The largest system disk that the second inquiry may name. Source: RunInstances, SystemDisk. */
const MAX_SYSTEM_DISK_GIB = 1024;

/**
 * The vendor names one price for machine and disk together. The disk's share is worked out from a second inquiry with another
 * size; where that fails the whole price counts as the machine's. The sum is always the vendor's own figure.
 *
 * A third inquiry asks for the same on demand: `UnitPrice` of a spot price may be the list price or what is paid, which the
 * vendor does not say. Where it fails the on-demand price is not known, and nothing else is the worse for it.
 */
export async function inquirePrice(
  client: Client,
  order: PricedOrder,
  currency: HourlyPrice['currency'],
  signal: AbortSignal,
): Promise<HourlyPrice> {
  const { sizeGiB } = order.systemDisk;
  const step = sizeGiB + DISK_STEP_GIB <= MAX_SYSTEM_DISK_GIB ? DISK_STEP_GIB : -Math.min(DISK_STEP_GIB, sizeGiB - 1);
  const other = { ...order, systemDisk: { ...order.systemDisk, sizeGiB: sizeGiB + step } };
  const hourly = { ...order, offering: { ...order.offering, chargeType: 'POSTPAID_BY_HOUR' } } as const;
  const isHourly = order.offering.chargeType === 'POSTPAID_BY_HOUR';
  const [price, otherPrice, hourlyPrice] = await Promise.all([
    inquire(client, order, signal),
    inquire(client, other, signal).catch(() => undefined),
    isHourly ? undefined : inquire(client, hourly, signal).catch(() => undefined),
  ]);
  signal.throwIfAborted();
  const total = toPaid(price.InstancePrice);
  const perStep = otherPrice ? toPaid(otherPrice.InstancePrice) - total : 0;
  const disk = Math.min(total, Math.max(0, Math.round((perStep / step) * sizeGiB)));
  const onDemand = toTotal(isHourly ? price : hourlyPrice);
  return {
    currency,
    machine: total - disk,
    disk,
    ...toBandwidth(price.BandwidthPrice),
    ...(onDemand === undefined ? {} : { onDemand }),
  };
}

/** What is paid for an hour of everything; a price of nothing is none. */
function toTotal(price: Awaited<ReturnType<typeof inquire>> | undefined): Micros | undefined {
  const total = price ? toPaid(price.InstancePrice) + toBandwidth(price.BandwidthPrice).bandwidth : 0;
  return total > 0 ? total : undefined;
}

async function inquire(client: Client, order: PricedOrder, signal: AbortSignal) {
  const call = {
    action: 'InquiryPriceRunInstances',
    body: toPriceInquiry(order),
    answer: InquiryPriceAnswer,
    kind: 'read',
  } as const;
  return (await client.call(call, signal)).Price;
}

function toPaid(price: ItemPrice): Micros {
  return toMicros(price.UnitPriceDiscount ? price.UnitPriceDiscount : (price.UnitPrice ?? 0));
}

/** Traffic is priced by the GB, bandwidth by the hour; the unit tells which. */
function toBandwidth(price: ItemPrice | null | undefined): Pick<HourlyPrice, 'bandwidth' | 'trafficPerGiB'> {
  const paid = price ? toPaid(price) : 0;
  return price?.ChargeUnit?.toUpperCase() === 'GB'
    ? { bandwidth: 0, trafficPerGiB: paid }
    : { bandwidth: paid, trafficPerGiB: 0 };
}
