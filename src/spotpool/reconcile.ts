import type { ObjectKey } from '../api/meta.ts';
import type { SpotPool } from '../api/spotpool.ts';
import { SpotPoolKind } from '../api/spotpool.ts';
import { CloudError } from '../cloud/errors.ts';
import type { EpochMs } from '../lib/clock.ts';
import type { KindRef } from '../store/store.ts';
import type { Done } from './act.ts';
import { act } from './act.ts';
import type { SpotPoolEdges } from './edges.ts';
import { eventsOf } from './events.ts';
import type { Observation } from './observe.ts';
import { LONGEST_LAG_MS, observe } from './observe.ts';
import type { Desired } from './plan.ts';
import { desiredOf, planSpotPool } from './plan.ts';
import { statusOf, statusOfFailure } from './status.ts';

/** Held by a pool while it may have machines; removed when the last one is gone. */
const FINALIZER = 'demo.aiops.org/cleanup';
/** The way out when a pool's machines cannot be released any more (account closed): its deletion then leaves them alone. */
const ORPHAN_ANNOTATION = 'demo.aiops.org/orphan';
/** Keys that are refused stay refused until somebody acts; a changed Secret starts a run at once. */
const REFUSED_CHECK_MS = 5 * 60_000;
/** A machine on its way out may linger in lists; after this time a deletion waits for it no longer. */
const LINGERS_AT_MOST_MS = 5 * 60_000;

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
  if (!read) return undefined;
  if (read.metadata.deletionTimestamp !== undefined && !read.metadata.finalizers.includes(FINALIZER)) return undefined;
  if (mayLeaveMachines(read)) return letGo(read, edges);
  const pool = read.metadata.deletionTimestamp === undefined ? await edges.store.addFinalizer(read, FINALIZER) : read;
  const desired = desiredOf(pool.spec, pool.metadata);
  let seen: Observation;
  try {
    seen = await observe(pool, edges, signal);
  } catch (error) {
    if (!(error instanceof CloudError)) throw error;
    return tellFailure(pool, error, edges);
  }
  const steps = planSpotPool(desired, seen, edges.clock.now());
  const done = await act(pool, steps, seen, edges, signal);
  const told = await tell(pool, desired, seen, done, edges);
  if (desired.mode === 'Delete' && isFinished(seen, told, edges.clock.now())) {
    await edges.store.removeFinalizer(told, FINALIZER);
    return undefined;
  }
  return { checkAgainInMs: nextCheck(desired, told, done, edges) };
}

/** A deletion that leaves the machines running: by policy, or by the annotation that an administrator sets. */
function mayLeaveMachines({ spec, metadata }: SpotPool): boolean {
  if (metadata.deletionTimestamp === undefined || spec.paused) return false;
  return spec.deletionPolicy === 'Retain' || metadata.annotations[ORPHAN_ANNOTATION] === 'true';
}

async function letGo(pool: SpotPool, edges: SpotPoolEdges): Promise<undefined> {
  const ids = (pool.status?.instances ?? []).map(({ instanceId }) => instanceId);
  const note = `The pool is gone; ${ids.length === 0 ? 'it had no machines' : `${ids.join(', ')} go on running and costing money`}.`;
  edges.store.recordEvent(pool, { type: 'Warning', reason: 'MachinesRetained', note: note.slice(0, 1024) });
  await edges.store.removeFinalizer(pool, FINALIZER);
  return undefined;
}

async function tellFailure(
  pool: SpotPool,
  error: CloudError,
  edges: SpotPoolEdges,
): Promise<{ checkAgainInMs: number }> {
  const ready = pool.status?.conditions?.find(({ type }) => type === 'Ready');
  if (ready?.reason !== error.reason) {
    edges.store.recordEvent(pool, { type: 'Warning', reason: error.reason, note: error.message.slice(0, 1024) });
  }
  await edges.store.writeStatus(pool, statusOfFailure(pool, error, edges.clock.now()));
  const isRefused =
    error.reason === 'InvalidCredentials' ||
    error.reason === 'PermissionDenied' ||
    error.reason === 'AccountRestricted';
  const wait = isRefused ? Math.max(REFUSED_CHECK_MS, pool.spec.checkIntervalMs) : pool.spec.checkIntervalMs;
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
  const candidates = seen.candidates.map(({ offering }) => ({
    offering,
    memo: edges.offerings.get(seen.accountKey, offering),
  }));
  const status = statusOf(pool, desired, { ...seen, candidates }, done, now, edges.random);
  const written = await edges.store.writeStatus(pool, status);
  for (const outcome of done) {
    // Acknowledged: from here the purchase may be sent, once, by this process.
    if (outcome.step.kind === 'intend' && 'intent' in outcome) edges.unsentTokens.add(outcome.intent.token);
  }
  for (const event of eventsOf(pool, seen, done)) edges.store.recordEvent(pool, event);
  return written;
}

/** Whether a deleted pool has nothing left: no machine that lives, no purchase that might still show up. */
function isFinished(seen: Observation, pool: SpotPool, now: EpochMs): boolean {
  if ((pool.status?.intents ?? []).length > 0 || seen.untagged > 0) return false;
  return seen.machines.every(({ fate, isAlive, record }) => {
    if (fate === 'Gone' || fate === 'LaunchFailed') return true;
    const leavingForMs = record.terminatingSince === undefined ? 0 : now - Date.parse(record.terminatingSince);
    return !isAlive && leavingForMs > LINGERS_AT_MOST_MS;
  });
}

function nextCheck(desired: Desired, pool: SpotPool, done: readonly Done[], edges: SpotPoolEdges): number {
  // A planned purchase is made at once, and after a refusal the next offering is tried at once.
  const goesOn = done.some(
    (outcome) => outcome.step.kind === 'intend' || ('refusal' in outcome && isWalkedOn(outcome.refusal)),
  );
  if (goesOn) return 1;
  const now = edges.clock.now();
  const dues = [
    ...(pool.status?.intents ?? []).map(({ unknownSince }) =>
      unknownSince === undefined ? 0 : Date.parse(unknownSince) + LONGEST_LAG_MS - now,
    ),
    ...(pool.status?.instances ?? [])
      .filter(({ phase }) => phase === 'Draining')
      .map(({ drainingSince }) => Date.parse(drainingSince ?? '') + desired.drainTimeoutMs - now),
  ].filter((due) => due > 0);
  // Up to a tenth earlier, so that pools made together do not ask together for ever.
  const regular = desired.checkIntervalMs * (1 - edges.random() * 0.1);
  return Math.max(1, Math.min(regular, ...dues.map((due) => due + 1000)));
}

function isWalkedOn({ reason }: CloudError): boolean {
  return reason === 'SoldOut' || reason === 'QuotaExceeded' || reason === 'PriceTooLow';
}
