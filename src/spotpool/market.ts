import type { InstanceStatus, SpotPool } from '../api/spotpool.ts';
import type { Cloud, Instance, Offering } from '../cloud/cloud.ts';
import { offeringId } from '../cloud/cloud.ts';
import { CloudError } from '../cloud/errors.ts';
import type { Micros } from '../lib/money.ts';
import { toMicros } from '../lib/money.ts';
import { offeringFromId } from './claims.ts';
import type { SpotPoolEdges } from './edges.ts';
import type { Machine } from './machine.ts';
import { offeringOfInstance } from './machine.ts';
import { afterRefusal } from './offerings.ts';
import { offeringOf } from './order.ts';
import type { Price } from './prices.ts';
import { hourlyTotal } from './prices.ts';

/** How old the stock data may be. It lags by minutes anyway. */
const STOCK_MAX_AGE_MS = 60_000;
/** Prices are also asked for machines whose offering has left the spec, but not for ever more of those. */
const MOST_OLD_OFFERINGS = 16;

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
    const stock = await cloud.stock(STOCK_MAX_AGE_MS, signal);
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
  const prices = await Promise.all(
    wanted.map((offering) => edges.prices.priceOf(accountKey, cloud, pool.spec, offering, signal)),
  );
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

/** What a machine costs: by the price of today, or else by the last one known; 0 when none is. */
export function costOf(
  before: InstanceStatus | undefined,
  instance: Instance | undefined,
  prices: ReadonlyMap<string, Price>,
): Micros {
  const price = prices.get(before?.offering ?? (instance ? offeringOfInstance(instance) : ''));
  if (price?.isKnown) return hourlyTotal(price.price);
  return before?.hourlyCost === undefined ? 0 : toMicros(Number(before.hourlyCost));
}

/** A machine that the cloud could not start speaks against its offering, just as a refused purchase does. Each tells it once. */
export function noteLaunchFailures({ pool, accountKey, edges }: Market, machines: readonly Machine[]): void {
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
