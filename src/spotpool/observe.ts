import type { SpotPool } from '../api/spotpool.ts';
import type { Cloud, Instance } from '../cloud/cloud.ts';
import type { CloudError } from '../cloud/errors.ts';
import type { EpochMs } from '../lib/clock.ts';
import type { Listed, Search } from './claims.ts';
import { conflictIn, isLookingAround, listMachines, lookAround, lookForIntents, stopInForce } from './claims.ts';
import type { Answer, SpotPoolEdges } from './edges.ts';
import type { Machine } from './machine.ts';
import { canAnswer, judgeMachine, probeUrl } from './machine.ts';
import type { Market } from './market.ts';
import { costOf, learnFromMachines, readPrices, refreshOfferings } from './market.ts';
import { orderHashOf } from './order.ts';
import type { Seen } from './plan.ts';
import type { Price } from './prices.ts';

const PROBES_AT_ONCE = 16;
/** A sweep that another pool has just made is good enough; it is never older than this, or than half a check interval. */
const SWEEP_MAX_AGE_MS = 10_000;

/** What was seen, with the client that the steps need. */
export interface Observation extends Seen {
  readonly cloud: Cloud;
  readonly accountKey: string;
  readonly sweptAt: EpochMs;
  /** The list shows machines of this installation, of whatever pool. */
  readonly isAnyOfOurs: boolean;
  readonly prices: ReadonlyMap<string, Price>;
  /** Calls that only inform (price, stock) and failed: told in a condition, never in the way. */
  readonly troubles: readonly CloudError[];
}

/**
 * Looks at the cloud by tag and by recorded id, at the machines' own answers, at unknown purchases, stock and prices.
 * @param isStatusLost the pool has been looked after before, and its status does not tell its machines
 * @throws {CloudError} when the machines cannot be listed: nothing may then be decided
 */
export async function observe(
  pool: SpotPool,
  isStatusLost: boolean,
  edges: SpotPoolEdges,
  signal: AbortSignal,
): Promise<Observation> {
  const { spec } = pool;
  const { cloud, accountKey } = await edges.clouds.open(edges.credentialsFor(pool), spec.region, signal);
  const search: Search = { pool, cloud, edges };
  const mustLookAround = isLookingAround(pool);
  const sweep = await cloud.sweep(mustLookAround ? 0 : Math.min(SWEEP_MAX_AGE_MS, spec.checkIntervalMs / 2), signal);
  const listed = await listMachines(search, sweep.instances, signal);
  const untagged = mustLookAround ? await lookAround(search, listed, signal) : 0;
  const intents = await lookForIntents(search, listed, signal);
  const market: Market = { pool, cloud, accountKey, edges, troubles: [] };
  await refreshOfferings(market, signal);
  const prices = await readPrices(
    market,
    [...listed.values()].filter((each): each is Instance => !!each),
    signal,
  );
  const machines = await judgeAll(pool, listed, prices, edges, signal);
  learnFromMachines(market, machines);
  return {
    machines,
    intents,
    candidates: spec.offerings.map((offering) => ({
      offering,
      orderHash: orderHashOf(spec, offering),
      memo: edges.offerings.get(accountKey, offering),
      brakes: [],
    })),
    untagged,
    buyingStopped: stopInForce(pool, { isStatusLost, untagged }, edges.clock.now()),
    conflict: conflictIn(sweep.instances, search),
    cloud,
    accountKey,
    sweptAt: sweep.at,
    isAnyOfOurs: sweep.instances.some(({ owner }) => owner?.installation === edges.store.installationId),
    prices,
    troubles: market.troubles,
  };
}

async function judgeAll(
  pool: SpotPool,
  listed: Listed,
  prices: ReadonlyMap<string, Price>,
  edges: SpotPoolEdges,
  signal: AbortSignal,
): Promise<readonly Machine[]> {
  const entries = [...listed];
  const answers = await mapBounded(entries, PROBES_AT_ONCE, ([, instance]) =>
    askMachine(instance, pool, edges, signal),
  );
  const records = new Map((pool.status?.instances ?? []).map((record) => [record.instanceId, record]));
  const now = edges.clock.now();
  return entries.map(([id, instance], index) => {
    const before = records.get(id);
    const evidence = { id, before, instance, answer: answers[index] };
    return judgeMachine(evidence, pool.spec, now, costOf(before, instance, prices));
  });
}

async function askMachine(
  instance: Instance | undefined,
  pool: SpotPool,
  edges: SpotPoolEdges,
  signal: AbortSignal,
): Promise<Answer | undefined> {
  if (!canAnswer(instance)) return undefined;
  return edges.probe(probeUrl(instance, pool.spec), pool.spec.readiness.timeoutMs, signal);
}

/** `map` with at most `limit` calls under way; results in the order of the input. */
async function mapBounded<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = new Array(items.length);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index] as T);
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  return results;
}
