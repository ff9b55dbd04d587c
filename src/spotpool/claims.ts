import { keyText, toTime } from '../api/meta.ts';
import type { BuyingStop, LaunchIntent, SpotPool } from '../api/spotpool.ts';
import type { Cloud, Instance, Offering } from '../cloud/cloud.ts';
import type { EpochMs } from '../lib/clock.ts';
import { msSince } from '../lib/since.ts';
import type { SpotPoolEdges } from './edges.ts';
import { isNameOf, MARK_LENGTH, namePrefixOf } from './order.ts';
import type { IdentityConflict, SeenIntent } from './plan.ts';
import { CUT_MS } from './plan.ts';

/**
 * The longest that a machine may be missing from lists after its purchase. Seconds in the field; an unknown purchase is
 * looked for after this time, since a second purchase costs more than half a minute.
 */
export const LONGEST_LAG_MS = 30_000;
/** Untagged machines with our kind of name hold purchases back for so long; tags take seconds. */
const TAGS_ARRIVE_WITHIN_MS = 5 * 60_000;

/** The pool's machines by id; `undefined`: recorded, and the cloud, asked by id, does not know it. */
export type Listed = Map<string, Instance | undefined>;

/** Whose machines are looked for, and with what. */
export interface Search {
  readonly pool: SpotPool;
  readonly cloud: Cloud;
  readonly edges: SpotPoolEdges;
}

/** Whether a machine's tags say that it is this pool's. */
function isOurs({ owner }: Instance, { pool, edges }: Search): boolean {
  return owner?.installation === edges.store.installationId && owner.poolUid === pool.metadata.uid;
}

/** A machine without tags (they arrive late) is this pool's only under a name that nobody else gives. */
function mayBeOurs(instance: Instance, search: Search): boolean {
  return instance.owner ? isOurs(instance, search) : isNameOf(search.pool.metadata, instance.name);
}

interface SweepIndex {
  readonly byUid: ReadonlyMap<string, readonly Instance[]>;
  readonly byPool: ReadonlyMap<string, readonly Instance[]>;
}
const indexes = new WeakMap<readonly Instance[], SweepIndex>();

/** One sweep serves many pools: it is sorted once, so that a pool's own machines are not searched among all. */
function indexOf(instances: readonly Instance[]): SweepIndex {
  const known = indexes.get(instances);
  if (known) return known;
  const owned = instances.filter(({ owner }) => owner !== undefined);
  const index: SweepIndex = {
    byUid: Map.groupBy(owned, ({ owner }) => owner?.poolUid ?? ''),
    byPool: Map.groupBy(owned, ({ owner }) => owner?.pool ?? ''),
  };
  indexes.set(instances, index);
  return index;
}

/** Somebody else's machines under this pool's name: another installation, or an earlier life of the pool. */
export function conflictIn(instances: readonly Instance[], search: Search): IdentityConflict | undefined {
  const { pool, edges } = search;
  const text = keyText(pool.metadata);
  const strangers = (indexOf(instances).byPool.get(text) ?? []).filter(
    (instance) => !isOurs(instance, search) && instance.state !== 'Terminating' && instance.state !== 'LaunchFailed',
  );
  const sorted = strangers.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const first = sorted[0]?.owner;
  if (!first) return undefined;
  const ids = sorted.map(({ id }) => id);
  const shown = ids.slice(0, 5).join(', ') + (ids.length > 5 ? `, … (${ids.length})` : '');
  return {
    ids,
    message:
      `${shown} carry the name ${text}, but belong to installation ${first.installation}, pool uid ${first.poolUid}; ` +
      `this is installation ${edges.store.installationId}, pool uid ${pool.metadata.uid}. Nothing is bought or released until that is settled; \`aiops adopt ${pool.metadata.name} ID…\` takes them in.`,
  };
}

/** The pool's machines: those tagged as its own, and the recorded ones that the list lacks, confirmed by id. */
export async function listMachines(
  search: Search,
  instances: readonly Instance[],
  signal: AbortSignal,
): Promise<Listed> {
  const { pool, cloud } = search;
  const listed: Listed = new Map(
    (indexOf(instances).byUid.get(pool.metadata.uid) ?? [])
      .filter((instance) => isOurs(instance, search))
      .map((instance) => [instance.id, instance]),
  );
  const missing = (pool.status?.instances ?? []).map(({ instanceId }) => instanceId).filter((id) => !listed.has(id));
  if (missing.length === 0) return listed;
  const found = await cloud.find(missing, signal);
  const claimed = new Map(found.filter((each) => mayBeOurs(each, search)).map((each) => [each.id, each]));
  for (const id of missing) listed.set(id, claimed.get(id));
  return listed;
}

/** The pool's unsettled purchases; those that are due are looked for by their mark. */
export async function lookForIntents(
  search: Search,
  listed: Listed,
  signal: AbortSignal,
): Promise<readonly SeenIntent[]> {
  const { pool, edges } = search;
  const look = async (intent: LaunchIntent): Promise<SeenIntent> => {
    const known = [...listed.values()].filter((instance) => instance?.name.startsWith(intent.name)).length;
    // Another process may have looked for it, and sent it, since this one planned it.
    const isUnsent = edges.unsentTokens.has(intent.token) && intent.unknownSince === undefined;
    const isDue = !isUnsent && edges.clock.now() >= lookDueAt(intent, edges.clock.now());
    return { intent, isUnsent, known, ...(isDue ? await lookFor(intent, search, listed, signal) : NOT_LOOKED) };
  };
  return Promise.all((pool.status?.intents ?? []).map(look));
}

type Look = Pick<SeenIntent, 'found' | 'isFirstLook'>;
const NOT_LOOKED: Look = { found: undefined, isFirstLook: false };

/**
 * Looks for the machines of a purchase of unknown outcome. As many as were ordered settle it at once. Fewer (there were no
 * more) do when a second look, some time later, shows no more: one list may come back short. A list that lacks
 * a machine which is known to exist says nothing at all.
 */
async function lookFor(intent: LaunchIntent, search: Search, listed: Listed, signal: AbortSignal): Promise<Look> {
  const place = offeringFromId(intent.offering);
  const prefix = intent.name.slice(0, -MARK_LENGTH);
  const rows = await search.cloud.findByName(prefix, place, signal);
  const found = rows.filter((row) => row.name.startsWith(intent.name) && mayBeOurs(row, search));
  if (found.length >= intent.count) return { found, isFirstLook: false };
  const ids = new Set(rows.map(({ id }) => id));
  const isShort = [...listed.values()].some(
    (known) =>
      known !== undefined &&
      known.zone === place.zone &&
      known.subnetId === place.subnetId &&
      known.name.startsWith(prefix) &&
      !ids.has(known.id),
  );
  if (isShort) return NOT_LOOKED;
  return intent.emptyLookAt === undefined ? { found: undefined, isFirstLook: true } : { found, isFirstLook: false };
}

/** When an intent may be looked for (next); infinity while its outcome is not unknown. */
export function lookDueAt({ unknownSince, emptyLookAt }: LaunchIntent, now: EpochMs): EpochMs {
  const since = emptyLookAt ?? unknownSince;
  if (since === undefined) return Number.POSITIVE_INFINITY;
  return now - msSince(since, now) + LONGEST_LAG_MS + CUT_MS;
}

/** An offering as its own id tells it: intents and machines outlive the spec that they were bought with. */
export function offeringFromId(id: string): Offering {
  const [zone = '', instanceType = '', subnetId = '', chargeType] = id.split('/');
  return { zone, instanceType, subnetId, chargeType: chargeType === 'POSTPAID_BY_HOUR' ? chargeType : 'SPOTPAID' };
}

/**
 * Whether machines must be looked for by name: nothing is recorded (a new pool, a lost state file, a status wiped by hand),
 * or the pool is being deleted; a purchase just before may not carry its tags yet.
 */
export function isLookingAround({ status, metadata }: SpotPool): boolean {
  return (
    status?.instances === undefined ||
    status.buyingStopped?.reason === 'StatusLost' ||
    metadata.deletionTimestamp !== undefined
  );
}

/**
 * Looks for machines that only their name tells. Those whose tags have arrived meanwhile are added to `listed`.
 * @returns how many young ones there are whose tags have not
 */
export async function lookAround(search: Search, listed: Listed, signal: AbortSignal): Promise<number> {
  const { pool, cloud, edges } = search;
  const places = new Map(pool.spec.offerings.map((offering) => [`${offering.zone}/${offering.subnetId}`, offering]));
  const prefix = namePrefixOf(pool.metadata, pool.spec);
  const found = await Promise.all([...places.values()].map((place) => cloud.findByName(prefix, place, signal)));
  const unlisted = found.flat().filter(({ id }) => !listed.has(id));
  for (const instance of unlisted) if (isOurs(instance, search)) listed.set(instance.id, instance);
  const now = edges.clock.now();
  const young = unlisted.filter(
    ({ owner, createdAt, state }) =>
      !owner && now - createdAt < TAGS_ARRIVE_WITHIN_MS && state !== 'LaunchFailed' && state !== 'Terminating',
  );
  return new Set(young.map(({ id }) => id)).size;
}

/**
 * The reason not to buy that holds now. A refusal holds until its time, or until the spec has changed. While it is not
 * certain which machines the pool has (its record is gone), nothing is bought until lists and tags have caught up.
 */
export function stopInForce(
  pool: SpotPool,
  evidence: { readonly isStatusLost: boolean; readonly untagged: number },
  now: EpochMs,
): BuyingStop | undefined {
  const { generation, deletionTimestamp } = pool.metadata;
  if (evidence.isStatusLost || (evidence.untagged > 0 && deletionTimestamp === undefined)) {
    const message = 'It is not known which machines the pool has: its record was lost. They are looked for first.';
    return { reason: 'StatusLost', message, until: toTime(now + LONGEST_LAG_MS + CUT_MS), generation };
  }
  const stop = pool.status?.buyingStopped;
  // No refusal holds for so long: it was written under a wrong clock.
  if (!stop || msSince(stop.until, now) >= 0) return undefined;
  return stop.generation === generation || stop.reason === 'StatusLost' ? stop : undefined;
}
