import type { InstanceStatus, SpotPool } from '../api/spotpool.ts';
import type { Cloud, Instance, Offering } from '../cloud/cloud.ts';
import { offeringId } from '../cloud/cloud.ts';
import { CloudError } from '../cloud/errors.ts';
import type { EpochMs } from '../lib/clock.ts';
import { unlessLate } from '../lib/clock.ts';
import type { Micros } from '../lib/money.ts';
import { fromMicros, toMicros } from '../lib/money.ts';
import { offeringFromId } from './claims.ts';
import type { SpotPoolEdges } from './edges.ts';
import type { Machine } from './machine.ts';
import { offeringOfInstance } from './machine.ts';
import { afterRefusal, afterSuccess } from './offerings.ts';
import { offeringOf } from './order.ts';
import type { Price } from './prices.ts';
import { hourlyTotal } from './prices.ts';

/** How old the stock data may be. It lags by minutes anyway. */
const STOCK_MAX_AGE_MS = 60_000;
/** Nobody waits longer for it: it only informs. */
const STOCK_PATIENCE_MS = 1000;
/** Prices are also asked for machines whose offering has left the spec, but not for ever more of those. */
const MOST_OLD_OFFERINGS = 16;

/** A purchase is made at the price that was asked so long before it at most; prices are stable for long spells. */
const PRICE_OF_PURCHASE_MS = 60_000;

/** Where prices and stock are asked. */
export interface Market {
  readonly pool: SpotPool;
  readonly cloud: Cloud;
  readonly accountKey: string;
  readonly edges: SpotPoolEdges;
  /** Calls that only inform and failed are added here. */
  readonly troubles: CloudError[];
}

/** Brings the shared memory up to date: with what this pool's status recorded, and with the stock while anything is blocked. */
export async function refreshOfferings(market: Market, signal: AbortSignal): Promise<void> {
  const { pool, cloud, accountKey, edges, troubles } = market;
  const { offerings } = pool.spec;
  restoreOfferings(market);
  const now = edges.clock.now();
  if (!offerings.some((offering) => edges.offerings.get(accountKey, offering).blockedUntil > now)) return;
  try {
    const asked = cloud.stock(STOCK_MAX_AGE_MS, signal);
    // One that comes late is there for the next look.
    const stock = await unlessLate(edges.clock, STOCK_PATIENCE_MS, asked, () => []);
    edges.offerings.learnStock(accountKey, offerings, stock, edges.clock.now());
  } catch (error) {
    if (!(error instanceof CloudError)) throw error;
    troubles.push(error);
  }
}

/** Two offerings that differ only in their bid have one id: the first of them is the first in the status, and so on. */
function restoreOfferings({ pool, accountKey, edges }: Market): void {
  const recorded = [...(pool.status?.offerings ?? [])];
  for (const offering of pool.spec.offerings) {
    const index = recorded.findIndex((status) => status.offering === offeringId(offering));
    const [status] = index < 0 ? [] : recorded.splice(index, 1);
    if (status) edges.offerings.restore(accountKey, offering, status);
  }
}

/** What the pool's offerings cost, and those by which its machines were bought before the spec changed. */
export async function readPrices(
  market: Market,
  machines: readonly Instance[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Price>> {
  const { pool, cloud, accountKey, edges, troubles } = market;
  const wanted = [...pool.spec.offerings, ...oldOfferings(pool, machines)];
  const now = edges.clock.now();
  const ask = (offering: Offering): Promise<Price> =>
    edges.prices.priceOf(accountKey, cloud, pool.spec, offering, signal, maxAgeFor(pool, offering, now));
  const prices = await Promise.all(wanted.map(ask));
  for (const price of prices) if (!price.isKnown) troubles.push(price.error);
  return new Map(wanted.map((offering, index) => [offeringId(offering), prices[index] as Price]));
}

function oldOfferings({ spec, status }: SpotPool, machines: readonly Instance[]): readonly Offering[] {
  const priced = new Set(
    (status?.instances ?? []).filter(({ hourlyCost }) => hourlyCost !== undefined).map(({ instanceId }) => instanceId),
  );
  const ids = new Set(machines.filter(({ id }) => !priced.has(id)).map(offeringOfInstance));
  return [...ids]
    .filter((id) => offeringOf(spec, id) === undefined)
    .slice(0, MOST_OLD_OFFERINGS)
    .map(offeringFromId);
}

/** How old a price may be, so that it is the one at which the youngest machine of the offering was bought. */
function maxAgeFor({ status }: SpotPool, offering: Offering, now: EpochMs): number {
  const id = offeringId(offering);
  const young = (status?.instances ?? []).filter(
    (record) => record.offering === id && record.phase !== 'Failed' && !isPriceFixed(record),
  );
  return young.reduce(
    (least, { createdAt }) => Math.min(least, now - Date.parse(createdAt) + PRICE_OF_PURCHASE_MS),
    Number.POSITIVE_INFINITY,
  );
}

/**
 * A machine keeps the price at which it was bought. The vendor says that the market price is paid and that it is stable for
 * long spells, but not what a machine pays that runs when it moves (reference §4), and no call tells what a machine is
 * billed. So its price is that of the market while it is being made, and never changes once it has run.
 */
function isPriceFixed(before: InstanceStatus | undefined): boolean {
  return before?.runningAt !== undefined || before?.terminatingSince !== undefined;
}

/** What a machine costs by the hour; 0 when that is not known. */
export function costOf(
  before: InstanceStatus | undefined,
  instance: Instance | undefined,
  prices: ReadonlyMap<string, Price>,
): Micros {
  const recorded = before?.hourlyCost === undefined ? undefined : toMicros(Number(before.hourlyCost));
  if (recorded !== undefined && isPriceFixed(before)) return recorded;
  const price = prices.get(before?.offering ?? (instance ? offeringOfInstance(instance) : ''));
  return price?.isKnown ? hourlyTotal(price.price) : (recorded ?? 0);
}

/** What a machine of the offering would cost by the hour on demand, as text; fixed as its price is. `undefined`: not known. */
export function listCostOf(
  before: InstanceStatus | undefined,
  offering: string,
  prices: ReadonlyMap<string, Price>,
): string | undefined {
  if (before?.hourlyListCost !== undefined && isPriceFixed(before)) return before.hourlyListCost;
  const price = prices.get(offering);
  const onDemand = price?.isKnown ? price.price.onDemand : undefined;
  return onDemand === undefined ? before?.hourlyListCost : fromMicros(onDemand);
}

/** What the machines themselves tell of their offerings, whoever heard of the purchases. */
export function learnFromMachines(market: Market, machines: readonly Machine[]): void {
  endRefusals(market, machines);
  noteLaunchFailures(market, machines);
}

/** A machine that the cloud could not start speaks against its offering, just as a refused purchase does. Each tells it once. */
function noteLaunchFailures({ pool, accountKey, edges }: Market, machines: readonly Machine[]): void {
  const told = new Set<string>();
  for (const { fate, before, record } of machines) {
    if (fate !== 'LaunchFailed' || before?.reason === 'LaunchFailed' || told.has(record.offering)) continue;
    told.add(record.offering);
    const offering = offeringOf(pool.spec, record.offering);
    if (!offering) continue;
    const refusal = { reason: 'LaunchFailed', message: record.message ?? '' };
    const memo = afterRefusal(edges.offerings.get(accountKey, offering), refusal, edges.clock.now());
    edges.offerings.set(accountKey, offering, memo);
  }
}

/** A machine that was made after the last try has ended a row of refusals. */
function endRefusals({ pool, accountKey, edges }: Market, machines: readonly Machine[]): void {
  for (const { fate, record } of machines) {
    const offering = fate === 'Gone' ? undefined : offeringOf(pool.spec, record.offering);
    if (!offering) continue;
    const memo = edges.offerings.get(accountKey, offering);
    const madeAt = Date.parse(record.createdAt);
    if (memo.backoffMs > 0 && madeAt > memo.lastTriedAt)
      edges.offerings.set(accountKey, offering, afterSuccess(memo, madeAt));
  }
}
