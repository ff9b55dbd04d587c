import { keyText } from '../api/meta.ts';
import type { InstanceStatus, LaunchIntent, SpotPool, SpotPoolStatus } from '../api/spotpool.ts';
import type { Cloud, Instance, Offering } from '../cloud/cloud.ts';
import { offeringId } from '../cloud/cloud.ts';
import { CloudError } from '../cloud/errors.ts';
import type { Micros } from '../lib/money.ts';
import type { Answer, SpotPoolEdges } from './edges.ts';
import type { Machine } from './machine.ts';
import { canAnswer, judgeMachine, probeUrl } from './machine.ts';
import { afterRefusal } from './offerings.ts';
import { namePrefixOf } from './order.ts';
import type { Candidate, IdentityConflict, Seen, SeenIntent } from './plan.ts';
import type { Price } from './prices.ts';
import { hourlyTotal } from './prices.ts';

/**
 * The longest that a machine may be missing from lists after its purchase. Seconds in the field; an unknown purchase is
 * looked for after this time, since a second purchase costs more than half a minute.
 */
export const LONGEST_LAG_MS = 30_000;
/** Untagged machines with our kind of name hold purchases back for so long; tags take seconds. */
const TAGS_ARRIVE_WITHIN_MS = 5 * 60_000;
const PROBES_AT_ONCE = 16;

/** What was seen, with the client that the steps need. */
export interface Observation extends Seen {
  readonly cloud: Cloud;
  readonly accountKey: string;
  readonly prices: ReadonlyMap<string, Price>;
  /** Calls that only inform (price, stock) and failed: told in a condition, never in the way. */
  readonly troubles: readonly CloudError[];
}

/**
 * Looks at the cloud by tag and by recorded id, at the machines' own answers, at unknown purchases, stock and prices.
 * @throws {CloudError} when the machines cannot be listed: nothing may then be decided
 */
export async function observe(pool: SpotPool, edges: SpotPoolEdges, signal: AbortSignal): Promise<Observation> {
  const { spec } = pool;
  const { cloud, accountKey } = await edges.clouds.open(edges.credentialsFor(pool), spec.region, signal);
  const status = pool.status ?? {};
  const sweep = await cloud.sweep(Math.min(spec.checkIntervalMs, 20_000) / 2, signal);
  const ours = sweep.instances.filter((instance) => isOurs(instance, pool, edges));
  const listed = await withRecorded(cloud, ours, sweep.instances, status, pool, edges, signal);
  const intents = await lookForIntents(cloud, pool, [...listed.values()], edges, signal);
  const untagged = await findUntagged(cloud, pool, listed, edges, signal);
  const troubles: CloudError[] = [];
  const candidates = await readOfferings(cloud, accountKey, pool, edges, troubles, signal);
  const prices = await readPrices(cloud, accountKey, pool, edges, troubles, signal);
  const machines = await judgeAll(pool, listed, prices, edges, signal);
  noteLaunchFailures(machines, candidates, accountKey, edges);
  return {
    machines,
    intents,
    candidates: candidates.map(({ offering }) => ({ offering, memo: edges.offerings.get(accountKey, offering) })),
    untagged,
    buyingStopped: stopInForce(pool, edges),
    conflict: conflictIn(sweep.instances, pool, edges),
    cloud,
    accountKey,
    prices,
    troubles,
  };
}

function isOurs({ owner }: Instance, pool: SpotPool, edges: SpotPoolEdges): boolean {
  return owner?.installation === edges.store.installationId && owner.poolUid === pool.metadata.uid;
}

/** Somebody else's machines under this pool's name: another installation, or an earlier life of the pool. */
function conflictIn(
  instances: readonly Instance[],
  pool: SpotPool,
  edges: SpotPoolEdges,
): IdentityConflict | undefined {
  const text = keyText(pool.metadata);
  const strangers = instances.filter(
    (instance) =>
      instance.owner?.pool === text &&
      !isOurs(instance, pool, edges) &&
      instance.state !== 'Terminating' &&
      instance.state !== 'LaunchFailed',
  );
  const first = strangers[0]?.owner;
  if (!first) return undefined;
  const ids = strangers.map(({ id }) => id);
  const shown = ids.slice(0, 5).join(', ') + (ids.length > 5 ? `, … (${ids.length})` : '');
  return {
    ids,
    message:
      `${shown} carry the name ${text}, but belong to installation ${first.installation}, pool uid ${first.poolUid}; ` +
      `this is installation ${edges.store.installationId}, pool uid ${pool.metadata.uid}. Nothing is bought or released until that is settled.`,
  };
}

/** The pool's machines by id: those listed, and the recorded ones that the list lacks, confirmed by id. `undefined`: gone. */
async function withRecorded(
  cloud: Cloud,
  ours: readonly Instance[],
  all: readonly Instance[],
  status: SpotPoolStatus,
  pool: SpotPool,
  edges: SpotPoolEdges,
  signal: AbortSignal,
): Promise<Map<string, Instance | undefined>> {
  const byId = new Map<string, Instance | undefined>(ours.map((instance) => [instance.id, instance]));
  const foreign = new Set(
    all.filter((instance) => instance.owner && !isOurs(instance, pool, edges)).map(({ id }) => id),
  );
  const missing = (status.instances ?? [])
    .map(({ instanceId }) => instanceId)
    .filter((id) => !byId.has(id) && !foreign.has(id));
  if (missing.length === 0) return byId;
  const found = new Map((await cloud.find(missing, signal)).map((instance) => [instance.id, instance]));
  for (const id of missing) {
    const instance = found.get(id);
    // Tagged as somebody else's since we last looked: no longer ours to count or to touch.
    if (instance?.owner && !isOurs(instance, pool, edges)) continue;
    byId.set(id, instance);
  }
  return byId;
}

async function lookForIntents(
  cloud: Cloud,
  pool: SpotPool,
  listed: readonly (Instance | undefined)[],
  edges: SpotPoolEdges,
  signal: AbortSignal,
): Promise<readonly SeenIntent[]> {
  const now = edges.clock.now();
  const look = async (intent: LaunchIntent): Promise<SeenIntent> => {
    const known = listed.filter((instance) => instance?.name.startsWith(intent.name)).length;
    const isUnsent = edges.unsentTokens.has(intent.token);
    const isDue = intent.unknownSince !== undefined && now - Date.parse(intent.unknownSince) >= LONGEST_LAG_MS;
    if (isUnsent || !isDue) return { intent, isUnsent, found: undefined, known };
    const found = await cloud.findByName(intent.name, offeringFromId(intent.offering), signal);
    return {
      intent,
      isUnsent,
      found: found.filter(({ owner }) => owner === undefined || owner.poolUid === pool.metadata.uid),
      known,
    };
  };
  return Promise.all((pool.status?.intents ?? []).map(look));
}

/** An intent outlives the spec that it was planned with, so its offering is read from its own id. */
function offeringFromId(id: string): Offering {
  const [zone = '', instanceType = '', subnetId = '', chargeType] = id.split('/');
  return { zone, instanceType, subnetId, chargeType: chargeType === 'POSTPAID_BY_HOUR' ? chargeType : 'SPOTPAID' };
}

/**
 * Machines that only their name tells, for a pool of which nothing is recorded (a lost state file, a status wiped by hand)
 * and for one that is being deleted: a purchase just before may not carry its tags yet.
 */
async function findUntagged(
  cloud: Cloud,
  pool: SpotPool,
  listed: ReadonlyMap<string, unknown>,
  edges: SpotPoolEdges,
  signal: AbortSignal,
): Promise<number> {
  const isNeeded = pool.status?.instances === undefined || pool.metadata.deletionTimestamp !== undefined;
  if (!isNeeded) return 0;
  const places = new Map(pool.spec.offerings.map((offering) => [`${offering.zone}/${offering.subnetId}`, offering]));
  const prefix = namePrefixOf(pool.metadata, pool.spec);
  const found = await Promise.all([...places.values()].map((place) => cloud.findByName(prefix, place, signal)));
  const now = edges.clock.now();
  const young = found
    .flat()
    .filter(
      ({ id, owner, createdAt, state }) =>
        !owner && !listed.has(id) && now - createdAt < TAGS_ARRIVE_WITHIN_MS && state !== 'LaunchFailed',
    );
  return new Set(young.map(({ id }) => id)).size;
}

async function readOfferings(
  cloud: Cloud,
  account: string,
  pool: SpotPool,
  edges: SpotPoolEdges,
  troubles: CloudError[],
  signal: AbortSignal,
): Promise<readonly Candidate[]> {
  const { offerings } = pool.spec;
  for (const offering of offerings) {
    const recorded = pool.status?.offerings?.find((status) => status.offering === offeringId(offering));
    if (recorded) edges.offerings.restore(account, offering, recorded);
  }
  const now = edges.clock.now();
  const isAnyBlocked = offerings.some((offering) => edges.offerings.get(account, offering).blockedUntil > now);
  if (isAnyBlocked) {
    try {
      edges.offerings.learnStock(account, offerings, await cloud.stock(60_000, signal), edges.clock.now());
    } catch (error) {
      if (!(error instanceof CloudError)) throw error;
      troubles.push(error);
    }
  }
  return offerings.map((offering) => ({ offering, memo: edges.offerings.get(account, offering) }));
}

async function readPrices(
  cloud: Cloud,
  account: string,
  pool: SpotPool,
  edges: SpotPoolEdges,
  troubles: CloudError[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Price>> {
  const { offerings } = pool.spec;
  const prices = await Promise.all(
    offerings.map((offering) => edges.prices.priceOf(account, cloud, pool.spec, offering, signal)),
  );
  for (const price of prices) if (!price.isKnown) troubles.push(price.error);
  return new Map(offerings.map((offering, index) => [offeringId(offering), prices[index] as Price]));
}

async function judgeAll(
  pool: SpotPool,
  listed: ReadonlyMap<string, Instance | undefined>,
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
    return judgeMachine(
      { id, before, instance, answer: answers[index] },
      pool.spec,
      now,
      costOf(before, instance, prices),
    );
  });
}

function costOf(
  before: InstanceStatus | undefined,
  instance: Instance | undefined,
  prices: ReadonlyMap<string, Price>,
): Micros {
  const id =
    before?.offering ??
    (instance ? `${instance.zone}/${instance.instanceType}/${instance.subnetId}/${instance.chargeType}` : '');
  const price = prices.get(id);
  return price?.isKnown ? hourlyTotal(price.price) : 0;
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

/** A machine that the cloud could not start speaks against its offering, just as a refused purchase does. Told once. */
function noteLaunchFailures(
  machines: readonly Machine[],
  candidates: readonly Candidate[],
  account: string,
  edges: SpotPoolEdges,
): void {
  for (const { fate, before, record } of machines) {
    if (fate !== 'LaunchFailed' || before?.reason === 'LaunchFailed') continue;
    const offering = candidates.find((candidate) => offeringId(candidate.offering) === record.offering)?.offering;
    if (!offering) continue;
    const memo = afterRefusal(
      edges.offerings.get(account, offering),
      { reason: 'LaunchFailed', message: record.message ?? '' },
      edges.clock.now(),
    );
    edges.offerings.set(account, offering, memo);
  }
}

/** A stop holds until its time or until the spec has changed, whichever comes first. */
function stopInForce(pool: SpotPool, edges: SpotPoolEdges): SpotPoolStatus['buyingStopped'] {
  const stop = pool.status?.buyingStopped;
  if (!stop || stop.generation !== pool.metadata.generation) return undefined;
  return Date.parse(stop.until) > edges.clock.now() ? stop : undefined;
}
