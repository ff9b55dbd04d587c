import { mergeConditions } from '../api/conditions.ts';
import { toTime } from '../api/meta.ts';
import type { HistoryEntry, InstanceStatus, LaunchIntent, SpotPool, SpotPoolStatus } from '../api/spotpool.ts';
import type { Offering } from '../cloud/cloud.ts';
import { offeringId } from '../cloud/cloud.ts';
import type { CloudReason } from '../cloud/errors.ts';
import { CloudError } from '../cloud/errors.ts';
import type { EpochMs } from '../lib/clock.ts';
import { fromMicros, toMicros } from '../lib/money.ts';
import type { Done, Restraint } from './act.ts';
import { launchesOf } from './brakes.ts';
import type { Obstacle } from './conditions.ts';
import { conditionsOf, conditionsOfFailure } from './conditions.ts';
import { withHistory } from './history.ts';
import { hourlySavingsOf, spendOf } from './ledger.ts';
import type { Machine } from './machine.ts';
import { listCostOf } from './market.ts';
import type { Observation } from './observe.ts';
import { toOfferingStatus } from './offerings.ts';
import { specHashOf } from './order.ts';
import type { Desired } from './plan.ts';
import type { Price } from './prices.ts';
import { hourlyTotal } from './prices.ts';
import { afterLaunch, trialOf } from './trial.ts';

/** A refusal of this kind concerns the account or the spec, so the whole pool waits; it is asked again slowly. */
const STOPS_BUYING: ReadonlySet<CloudReason> = new Set([
  'InsufficientBalance',
  'AccountRestricted',
  'InvalidCredentials',
  'PermissionDenied',
  'InvalidReference',
  'InvalidRequest',
  'Unexpected',
]);
/** Refusals that pass by themselves: only the purchase waits, for a moment. */
const HOLDS_BUYING: ReadonlySet<CloudReason> = new Set(['Throttled', 'Busy']);
const HELD_FROM_MS = 30_000;
const HELD_WITHIN_MS = 30_000;
/** Five to fifteen minutes: soon enough for someone who has just topped up, rare enough to cost nothing. */
const ASK_AGAIN_FROM_MS = 5 * 60_000;
const ASK_AGAIN_WITHIN_MS = 10 * 60_000;

/** What the status is made of beside what was seen and done. */
interface Around {
  readonly restraint: Restraint | undefined;
  /** What this run adds to the history. */
  readonly decisions: readonly HistoryEntry[];
  readonly now: EpochMs;
  readonly random: () => number;
}

/** What the pool is now: what was seen, changed by what was done. Pure but for `random`, which spreads the next try. */
export function statusOf(
  pool: SpotPool,
  desired: Desired,
  seen: Observation,
  done: readonly Done[],
  { restraint, decisions, now, random }: Around,
): SpotPoolStatus {
  const instances = instancesOf(pool, seen, done, now);
  const intents = intentsOf(pool, done, now);
  const buyingStopped = stopOf(pool, seen, done, now, random);
  const alive = instances.filter(({ phase, reason }) => phase !== 'Terminating' && reason !== 'LaunchFailed');
  const counts = { size: alive.length, ready: instances.filter(({ phase }) => phase === 'Ready').length };
  const trial = trialOf(pool, seen.machines);
  const bought = boughtIn(done);
  const change = { imageId: pool.spec.imageId, bought, failed: seen.machines.filter(hasJustFailed).length };
  const launches = launchesOf(pool.status?.launches ?? [], change, now);
  const history = withHistory(pool.status?.history ?? [], decisions);
  const spend = spendOf(pool, instances, now);
  const next = { instances, ...(intents.length === 0 ? {} : { intents }), ...(buyingStopped ? { buyingStopped } : {}) };
  return {
    observedGeneration: pool.metadata.generation,
    minimum: pool.spec.minimum,
    maximum: pool.spec.maximum,
    account: seen.accountKey,
    ...counts,
    outdated: alive.filter(({ isOutdated }) => isOutdated).length,
    ...costOf(pool, alive, seen),
    conditions: mergeConditions(
      pool.status?.conditions ?? [],
      conditionsOf(pool, desired, seen, done, next, counts, restraint, now),
      pool.metadata.generation,
      now,
    ),
    offerings: seen.candidates.map(({ offering, memo }) =>
      toOfferingStatus(offering, memo, priceTextOf(offering, seen, pool), now),
    ),
    trial: bought > 0 ? afterLaunch(trial.record, now) : trial.record,
    ...(trial.provenImages.length === 0 ? {} : { provenImages: [...trial.provenImages] }),
    ...(launches.length === 0 ? {} : { launches: [...launches] }),
    ...(history.length === 0 ? {} : { history }),
    ...(spend === undefined ? {} : { spend }),
    ...next,
  };
}

function hasJustFailed({ fate, before, record }: Machine): boolean {
  return (
    fate === 'LaunchFailed' && before !== undefined && before.reason !== 'LaunchFailed' && record.specHash !== undefined
  );
}

/** Machines that purchases have brought in this run. */
function boughtIn(done: readonly Done[]): number {
  return done.reduce((sum, outcome) => {
    if (outcome.step.kind === 'takeIn') return sum + outcome.step.instances.length;
    return 'ids' in outcome ? sum + outcome.ids.length : sum;
  }, 0);
}

/** The price of today, or the last one that was known. */
function priceTextOf(offering: Offering, { prices }: Observation, { status }: SpotPool): string | undefined {
  const id = offeringId(offering);
  return textOf(prices.get(id)) ?? status?.offerings?.find((each) => each.offering === id)?.hourlyCost;
}

function textOf(price: Price | undefined): string | undefined {
  return price?.isKnown ? fromMicros(hourlyTotal(price.price)) : undefined;
}

function instancesOf(pool: SpotPool, seen: Observation, done: readonly Done[], now: EpochMs): InstanceStatus[] {
  const known = seen.machines
    .filter(({ fate }) => fate !== 'Gone')
    .map(({ id, record, before, cost }) => {
      const changed = done.reduce((current, outcome) => afterStep(id, current, outcome, now), record);
      const hourlyListCost = listCostOf(before, record.offering, seen.prices);
      return {
        ...changed,
        ...(cost === 0 ? {} : { hourlyCost: fromMicros(cost) }),
        ...(hourlyListCost === undefined ? {} : { hourlyListCost }),
      };
    });
  const bought = done.flatMap((outcome) => newRecords(pool, seen, outcome, now));
  const ids = new Set(known.map(({ instanceId }) => instanceId));
  return [...known, ...bought.filter(({ instanceId }) => !ids.has(instanceId))].toSorted(byAge);
}

function byAge(a: InstanceStatus, b: InstanceStatus): number {
  return Date.parse(a.createdAt) - Date.parse(b.createdAt) || (a.instanceId < b.instanceId ? -1 : 1);
}

function afterStep(id: string, record: InstanceStatus, outcome: Done, now: EpochMs): InstanceStatus {
  const { step } = outcome;
  if (step.kind === 'drain' && step.machine.id === id) {
    return { ...record, phase: 'Draining', reason: step.reason, drainingSince: toTime(now) };
  }
  if (step.kind !== 'release' || step.machine.id !== id || !('error' in outcome)) return record;
  const { message: _old, releaseRefusal: _why, releaseRefusedAt: _when, ...rest } = record;
  if (outcome.error) return { ...rest, message: releaseFailure(outcome.error), ...refusalOf(outcome.error, now) };
  return { ...rest, phase: 'Terminating', reason: step.reason, terminatingSince: toTime(now) };
}

/** Noted where somebody must change something first. */
function refusalOf(error: Error, now: EpochMs): Pick<InstanceStatus, 'releaseRefusal' | 'releaseRefusedAt'> {
  if (!(error instanceof CloudError)) return {};
  const { reason } = error;
  if (reason !== 'ReleaseRefused' && reason !== 'PermissionDenied') return {};
  return { releaseRefusal: reason, releaseRefusedAt: toTime(now) };
}

/** What the record of a machine says whose release has failed. */
export function releaseFailure(error: Error): string {
  return `Its release failed: ${error.message}`.slice(0, 1024);
}

function newRecords(pool: SpotPool, seen: Observation, outcome: Done, now: EpochMs): InstanceStatus[] {
  const { step } = outcome;
  if (step.kind !== 'launch' && step.kind !== 'takeIn') return [];
  const { offering, specHash } = step.intent;
  const cost = textOf(seen.prices.get(offering));
  const hourlyListCost = listCostOf(undefined, offering, seen.prices);
  const common = {
    offering,
    ...(cost === undefined ? {} : { hourlyCost: cost }),
    ...(hourlyListCost === undefined ? {} : { hourlyListCost }),
  };
  if (step.kind === 'launch') {
    if (!('ids' in outcome)) return [];
    return outcome.ids.map((instanceId) => ({
      instanceId,
      phase: 'Requested',
      reason: 'Bought',
      ...common,
      imageId: pool.spec.imageId,
      specHash: specHashOf(pool.spec),
      createdAt: toTime(now),
      isOutdated: false,
    }));
  }
  const isOfToday = seen.candidates.some(
    (candidate) => offeringId(candidate.offering) === offering && candidate.orderHash === specHash,
  );
  return step.instances.map(({ id, name, imageId, createdAt }) => ({
    instanceId: id,
    name,
    phase: 'Pending',
    reason: 'Found',
    ...common,
    imageId,
    // That of an order is no machine's: a purchase of a spec that has changed since brings outdated machines.
    specHash: isOfToday ? specHashOf(pool.spec) : specHash,
    createdAt: toTime(createdAt),
    isOutdated: !isOfToday,
  }));
}

/** The purchases that are not settled: those before, less what was settled, and the new one. */
function intentsOf(pool: SpotPool, done: readonly Done[], now: EpochMs): LaunchIntent[] {
  let intents = [...(pool.status?.intents ?? [])];
  const without = (intent: LaunchIntent): LaunchIntent[] => intents.filter(({ token }) => token !== intent.token);
  for (const outcome of done) {
    const { step } = outcome;
    if (step.kind === 'intend' && 'intent' in outcome) intents.push(outcome.intent);
    if (step.kind === 'takeIn' || step.kind === 'dropIntent') intents = without(step.intent);
    if (step.kind === 'renew') intents = [...without(step.intent), renewed(step.intent, now)];
    if (step.kind === 'await') intents = [...without(step.intent), afterWaiting(step, now)];
    if (step.kind !== 'launch') continue;
    intents = without(step.intent);
    if ('refusal' in outcome && outcome.refusal.isOutcomeUnknown) {
      const { emptyLookAt: _earlier, ...intent } = step.intent;
      intents.push({ ...intent, unknownSince: toTime(now), message: outcome.refusal.message.slice(0, 1024) });
    }
  }
  return intents;
}

function renewed(intent: LaunchIntent, now: EpochMs): LaunchIntent {
  const { unknownSince: _since, emptyLookAt: _look, message: _why, ...rest } = intent;
  return { ...rest, plannedAt: toTime(now) };
}

function afterWaiting({ intent, isFirstLook }: Extract<Done['step'], { kind: 'await' }>, now: EpochMs): LaunchIntent {
  if (isFirstLook) return { ...intent, emptyLookAt: toTime(now) };
  if (intent.unknownSince !== undefined) return intent;
  return { ...intent, unknownSince: toTime(now), message: 'Planned by an earlier process.' };
}

function stopOf(
  pool: SpotPool,
  seen: Observation,
  done: readonly Done[],
  now: EpochMs,
  random: () => number,
): SpotPoolStatus['buyingStopped'] {
  for (const outcome of done) {
    if (!('refusal' in outcome)) continue;
    const { reason, message } = outcome.refusal;
    const isHeld = HOLDS_BUYING.has(reason);
    if (!isHeld && !STOPS_BUYING.has(reason)) continue;
    const wait = isHeld ? HELD_FROM_MS + random() * HELD_WITHIN_MS : ASK_AGAIN_FROM_MS + random() * ASK_AGAIN_WITHIN_MS;
    const until = toTime(now + wait);
    return { reason, message: message.slice(0, 1024), until, generation: pool.metadata.generation };
  }
  return seen.buyingStopped;
}

/** Told only when the price of every machine is known: a part of the sum would look like the sum. */
function costOf(
  { status }: SpotPool,
  alive: readonly InstanceStatus[],
  seen: Observation,
): Pick<SpotPoolStatus, 'hourlyCost' | 'hourlySavings' | 'currency'> {
  const known = [...seen.prices.values()].find((price) => price.isKnown);
  const currency = known?.price.currency ?? status?.currency;
  const costs = alive.map(({ hourlyCost }) => hourlyCost);
  if (currency === undefined) return {};
  if (!costs.every((cost) => cost !== undefined)) return { currency };
  const hourlySavings = hourlySavingsOf(alive);
  return {
    hourlyCost: fromMicros(costs.reduce((sum, cost) => sum + toMicros(Number(cost)), 0)),
    ...(hourlySavings === undefined ? {} : { hourlySavings }),
    currency,
  };
}

/** The status when nothing could be seen, or nothing may be done. What was known of the machines is kept as it was. */
export function statusOfFailure(
  pool: SpotPool,
  isStatusLost: boolean,
  obstacle: Obstacle,
  now: EpochMs,
): SpotPoolStatus {
  return {
    ...pool.status,
    observedGeneration: pool.metadata.generation,
    minimum: pool.spec.minimum,
    maximum: pool.spec.maximum,
    conditions: mergeConditions(
      pool.status?.conditions ?? [],
      conditionsOfFailure(pool, obstacle),
      pool.metadata.generation,
      now,
    ),
    // A record that was lost must not look like one that is empty.
    ...(isStatusLost ? {} : { instances: pool.status?.instances ?? [] }),
  };
}
