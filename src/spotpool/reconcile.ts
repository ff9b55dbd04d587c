import { isDeepStrictEqual } from 'node:util';
import type { ObjectKey } from '../api/meta.ts';
import { keyText } from '../api/meta.ts';
import type { SpotPool, SpotPoolStatus } from '../api/spotpool.ts';
import { SpotPoolKind } from '../api/spotpool.ts';
import type { CloudReason } from '../cloud/errors.ts';
import { CloudError } from '../cloud/errors.ts';
import type { EpochMs } from '../lib/clock.ts';
import type { KindRef } from '../store/store.ts';
import { StoreError } from '../store/store.ts';
import type { Done } from './act.ts';
import { act } from './act.ts';
import { holdingOf } from './budget.ts';
import { lookDueAt } from './claims.ts';
import type { Obstacle } from './conditions.ts';
import type { SpotPoolEdges } from './edges.ts';
import { conditionEvents, eventsOf } from './events.ts';
import { historyOf } from './history.ts';
import type { Observation } from './observe.ts';
import { observe } from './observe.ts';
import type { Desired } from './plan.ts';
import { CUT_MS, desiredOf, LINGERS_AT_MOST_MS, planSpotPool } from './plan.ts';
import { reserve, withBrakes } from './spending.ts';
import { statusOf, statusOfFailure } from './status.ts';

/** Held by a pool while it may have machines; removed when the last one is gone. */
const FINALIZER = 'demo.aiops.org/cleanup';
/** Says that a pool goes on with the keys of the account of this name, without the machines that it cannot see there. */
const ACCOUNT_ANNOTATION = 'demo.aiops.org/account';
/** The way out when a pool's machines cannot be released any more (account closed): its deletion then leaves them alone. */
const ORPHAN_ANNOTATION = 'demo.aiops.org/orphan';
/** Keys that are refused stay refused until somebody acts; a changed Secret starts a run at once. */
const REFUSED_CHECK_MS = 5 * 60_000;

const Kind: KindRef = { apiVersion: `${SpotPoolKind.group}/${SpotPoolKind.version}`, kind: SpotPoolKind.kind };

/**
 * One look at one pool: see, decide, do, tell. It may be cut off anywhere and run again, since it believes what it sees
 * and not what an earlier run meant to do. Writes status once, at the end.
 * @returns when to look again; `undefined` when the pool is gone
 */
export async function reconcileSpotPool(
  key: ObjectKey,
  edges: SpotPoolEdges,
  signal: AbortSignal,
): Promise<{ checkAgainInMs: number } | undefined> {
  const read = await edges.store.get<SpotPool>(Kind, key);
  if (!read || (read.metadata.deletionTimestamp !== undefined && !read.metadata.finalizers.includes(FINALIZER))) {
    edges.telemetry.forget(key);
    edges.budget.forget(keyText(key));
    return undefined;
  }
  if (mayLeaveMachines(read)) return letGo(read, edges);
  const isStatusLost = isRecordLost(read, edges);
  const pool = read.metadata.deletionTimestamp === undefined ? await edges.store.addFinalizer(read, FINALIZER) : read;
  const elsewhere = leftBehind(pool);
  if (elsewhere) return tellFailure(pool, isStatusLost, elsewhere, edges);
  let observed: Observation;
  try {
    if (edges.budget.mustLoad) {
      edges.budget.load(await edges.store.list<SpotPool>(Kind), (each) => isRecordLost(each, edges));
    }
    observed = await observe(pool, isStatusLost, edges, signal);
  } catch (error) {
    if (!(error instanceof CloudError)) throw error;
    return tellFailure(pool, isStatusLost, obstacleOf(error), edges);
  }
  const moved = otherAccount(pool, observed);
  if (moved) return tellFailure(pool, isStatusLost, moved, edges);
  const desired = desiredOf(pool.spec, pool.metadata);
  // From here to the note in the budget nothing waits: no other pool can take the same room.
  const now = edges.clock.now();
  const seen = withBrakes(pool, observed, edges.budget, now);
  const steps = planSpotPool(desired, seen, now);
  reserve(pool, seen, steps, edges.budget);
  const done = await act(pool, steps, seen, edges, signal);
  const told = await tell(pool, desired, seen, done, edges);
  if (desired.mode === 'Delete' && isFinished(seen, told, edges.clock.now())) {
    await edges.store.removeFinalizer(told, FINALIZER);
    forget(pool, edges);
    return undefined;
  }
  return { checkAgainInMs: nextCheck(desired, told, done, edges) };
}

function isRecordLost(pool: SpotPool, edges: SpotPoolEdges): boolean {
  return pool.status?.instances === undefined && hasLivedBefore(pool, edges);
}

/** Whether the pool may have machines although nothing is recorded: its status was wiped, or the store has lost everything. */
function hasLivedBefore({ metadata }: SpotPool, { stateLostAt = 0 }: SpotPoolEdges): boolean {
  return metadata.finalizers.includes(FINALIZER) || Date.parse(metadata.creationTimestamp) <= stateLostAt;
}

/** A deletion that leaves the machines running: by policy, or by the annotation that an administrator sets. */
function mayLeaveMachines({ spec, metadata }: SpotPool): boolean {
  if (metadata.deletionTimestamp === undefined || spec.paused) return false;
  return spec.deletionPolicy === 'Retain' || metadata.annotations[ORPHAN_ANNOTATION] === 'true';
}

async function letGo(pool: SpotPool, edges: SpotPoolEdges): Promise<undefined> {
  const ids = (pool.status?.instances ?? []).map(({ instanceId }) => instanceId);
  const note = `The pool is gone; ${ids.length === 0 ? 'it had no machines' : `${ids.join(', ')} go on running and costing money`}.`;
  edges.recordEvent(pool, { type: 'Warning', reason: 'MachinesRetained', note: note.slice(0, 1024) });
  await edges.store.removeFinalizer(pool, FINALIZER);
  forget(pool, edges);
  return undefined;
}

/** Drops what this process keeps in memory about a pool that is gone. */
function forget({ metadata, status }: SpotPool, { budget, telemetry, unsentTokens }: SpotPoolEdges): void {
  budget.forget(keyText(metadata));
  telemetry.forget(metadata);
  for (const { token } of status?.intents ?? []) unsentTokens.delete(token);
}

/** Machines or purchases in another region than that of the spec, where the pool would neither see nor release them. */
function leftBehind({ spec, status }: SpotPool): Obstacle | undefined {
  const isElsewhere = ({ offering }: { offering: string }): boolean => !offering.startsWith(`${spec.region}-`);
  const machines = (status?.instances ?? []).filter(isElsewhere).map(({ instanceId }) => instanceId);
  const intents = (status?.intents ?? []).filter(isElsewhere).map(({ name }) => name);
  const stray = [...machines, ...intents];
  if (stray.length === 0) return undefined;
  const shown = stray.slice(0, 5).join(', ') + (stray.length > 5 ? `, … (${stray.length})` : '');
  const message =
    `region is ${spec.region}, but the pool still has ${shown} in another one and would lose sight of them. ` +
    'Set region back, and make a new pool for the other region.';
  return { reason: 'RegionChanged', message, needsPerson: true };
}

/** What passes by itself; whatever else keeps the machines from being seen needs somebody, and is asked rarely. */
const PASSES: readonly CloudReason[] = ['Throttled', 'Busy', 'ServerError', 'Unreachable', 'Unexpected'];

function obstacleOf({ reason, message }: CloudError): Obstacle {
  return { reason, message, needsPerson: !PASSES.includes(reason) };
}

/**
 * Keys of another account see none of the machines, which go on running. New keys of the same account see them, or at least
 * other machines of this installation.
 */
function otherAccount(
  { status, metadata }: SpotPool,
  { accountKey, machines, isAnyOfOurs }: Observation,
): Obstacle | undefined {
  if (status?.account === undefined || status.account === accountKey || isAnyOfOurs) return undefined;
  if (metadata.annotations[ACCOUNT_ANNOTATION] === accountKey) return undefined;
  const living = machines.filter(({ before }) => before && before.phase !== 'Terminating' && before.phase !== 'Failed');
  if (living.length === 0 || living.some(({ fate }) => fate !== 'Gone')) return undefined;
  const shown =
    living
      .map(({ id }) => id)
      .slice(0, 5)
      .join(', ') + (living.length > 5 ? `, … (${living.length})` : '');
  const message =
    `The keys have changed, and with the new ones none of ${shown} is to be seen: they seem to be of another account. ` +
    'Give keys of the account that the machines are in. If it is the same account and they are gone, or if they may stay where ' +
    `they are, set the annotation ${ACCOUNT_ANNOTATION}: "${accountKey}"; the pool then begins anew.`;
  return { reason: 'AccountChanged', message, needsPerson: true };
}

async function tellFailure(
  pool: SpotPool,
  isStatusLost: boolean,
  obstacle: Obstacle,
  edges: SpotPoolEdges,
): Promise<{ checkAgainInMs: number }> {
  const { reason, message, needsPerson } = obstacle;
  const before = pool.status?.conditions ?? [];
  const status = statusOfFailure(pool, isStatusLost, obstacle, edges.clock.now());
  await write(pool, status, edges);
  edges.telemetry.failed(pool, status);
  const events = [...conditionEvents(before, status.conditions ?? [])];
  if (before.find(({ type }) => type === 'Ready')?.reason !== reason) {
    events.push({ type: 'Warning', reason, note: message.slice(0, 1024) });
  }
  for (const event of events) edges.recordEvent(pool, event);
  const { checkIntervalMs } = pool.spec;
  const wait = needsPerson ? Math.max(REFUSED_CHECK_MS, checkIntervalMs) : checkIntervalMs;
  return { checkAgainInMs: wait * (1 + edges.random() * 0.1) };
}

async function tell(
  pool: SpotPool,
  desired: Desired,
  seen: Observation,
  done: readonly Done[],
  edges: SpotPoolEdges,
): Promise<SpotPool> {
  const now = edges.clock.now();
  // The memory of offerings has moved while acting: the status shows it as it is now.
  const candidates = seen.candidates.map((candidate) => ({
    ...candidate,
    memo: edges.offerings.get(seen.accountKey, candidate.offering),
  }));
  const restraint = edges.restraint();
  const decisions = historyOf(pool, seen, done, now);
  const around = { restraint, decisions, now, random: edges.random };
  const status = statusOf(pool, desired, { ...seen, candidates }, done, around);
  const written = await write(pool, status, edges);
  edges.budget.hold(keyText(pool.metadata), holdingOf(status));
  edges.telemetry.told(pool, seen, done, status);
  for (const outcome of done) {
    // Acknowledged: from here the purchase may be sent, once, by this process.
    if (outcome.step.kind === 'intend' && 'intent' in outcome) edges.unsentTokens.add(outcome.intent.token);
    if (outcome.step.kind === 'renew') edges.unsentTokens.add(outcome.step.intent.token);
  }
  for (const event of eventsOf(pool, seen, done, status, decisions)) edges.recordEvent(pool, event);
  for (const entry of decisions) edges.logDecision(entry);
  return written;
}

/**
 * Writes the status. When somebody has changed the object in between, but not its status, what was done is still to be
 * told: a purchase that is not recorded would have to be searched for.
 */
async function write(pool: SpotPool, status: SpotPoolStatus, { store }: SpotPoolEdges): Promise<SpotPool> {
  try {
    return await store.writeStatus(pool, status);
  } catch (error) {
    if (!(error instanceof StoreError) || error.reason !== 'Conflict') throw error;
    const fresh = await store.get<SpotPool>(Kind, pool.metadata);
    const isSame = fresh?.metadata.uid === pool.metadata.uid && isDeepStrictEqual(fresh.status, pool.status);
    if (!fresh || !isSame) throw error;
    return await store.writeStatus(fresh, status);
  }
}

/** Whether a deleted pool has nothing left: no machine that lives, no purchase that might still show up. */
function isFinished(seen: Observation, pool: SpotPool, now: EpochMs): boolean {
  const { intents = [], buyingStopped } = pool.status ?? {};
  if (intents.length > 0 || seen.untagged > 0 || buyingStopped?.reason === 'StatusLost') return false;
  return seen.machines.every(({ fate, isAlive, record }) => {
    if (fate === 'Gone' || fate === 'LaunchFailed') return true;
    const leavingForMs = record.terminatingSince === undefined ? 0 : now - Date.parse(record.terminatingSince);
    return !isAlive && leavingForMs > LINGERS_AT_MOST_MS;
  });
}

function nextCheck(desired: Desired, pool: SpotPool, done: readonly Done[], edges: SpotPoolEdges): number {
  if (goesOn(desired, pool, done)) return 1;
  const now = edges.clock.now();
  const limits = done.flatMap(({ step }) => (step.kind === 'limit' ? [step.brake.until ?? 0] : []));
  const dues = [
    ...limits,
    ...(pool.status?.intents ?? []).map((intent) => lookDueAt(intent, now)),
    ...(pool.status?.instances ?? [])
      .filter(({ phase }) => phase === 'Draining')
      .map(({ drainingSince }) => Date.parse(drainingSince ?? '') + desired.drainTimeoutMs + CUT_MS),
  ]
    .map((due) => due - now)
    .filter((wait) => wait > 0);
  // Up to a tenth earlier, so that pools made together do not ask together for ever.
  const regular = desired.checkIntervalMs * (1 - edges.random() * 0.1);
  return Math.max(1, Math.min(regular, ...dues));
}

/**
 * Whether there is more to do at once: a planned purchase is made, after a refusal the next offering is tried, and after a
 * step forward the next one is taken while machines are missing. Each of these happens only so often: a refusal blocks
 * its offering, and the others end when the pool is large enough.
 */
function goesOn(desired: Desired, { status }: SpotPool, done: readonly Done[]): boolean {
  const isShort = desired.mode === 'Run' && (status?.size ?? 0) < desired.low;
  return done.some((outcome) => {
    if (outcome.step.kind === 'dropIntent' && outcome.step.reason === 'Overtaken') return isShort;
    if (outcome.step.kind === 'intend' || outcome.step.kind === 'renew') return true;
    if ('refusal' in outcome && isWalkedOn(outcome.refusal)) return true;
    return isShort && ('ids' in outcome || ('error' in outcome && outcome.error === undefined));
  });
}

function isWalkedOn({ reason }: CloudError): boolean {
  return reason === 'SoldOut' || reason === 'QuotaExceeded' || reason === 'PriceTooLow';
}
