import { toTime } from '../api/meta.ts';
import type { LaunchIntent, SpotPool } from '../api/spotpool.ts';
import { offeringId } from '../cloud/cloud.ts';
import { CloudError } from '../cloud/errors.ts';
import type { SpotPoolEdges } from './edges.ts';
import { triggerOf } from './history.ts';
import type { Observation } from './observe.ts';
import { afterPartialRefusal, afterRefusal, afterShortage, afterSuccess, isFree } from './offerings.ts';
import { launchOrderOf, MARK_LENGTH, namePrefixOf, ownershipOf } from './order.ts';
import type { Step } from './plan.ts';

/** Why nothing outside may be changed. Permanent words: types of conditions. */
export type Restraint =
  /** Somebody has stopped all pools. */
  | 'Stopped'
  /** The operator was started to watch only. */
  | 'Observing';

/** A step that was due and not taken. */
export interface Withheld {
  readonly kind: 'withheld';
  readonly step: Extract<Step, { kind: 'drain' | 'release' | 'intend' | 'launch' }>;
  readonly by: Restraint;
}

/** A step and what came of it. */
export type Done =
  | { readonly step: Withheld }
  | { readonly step: Extract<Step, { kind: 'drain' | 'takeIn' | 'renew' | 'await' | 'dropIntent' | 'hold' | 'limit' }> }
  | { readonly step: Extract<Step, { kind: 'release' }>; readonly error: Error | undefined }
  | { readonly step: Extract<Step, { kind: 'intend' }>; readonly intent: LaunchIntent }
  | { readonly step: Extract<Step, { kind: 'launch' }>; readonly ids: readonly string[] }
  | { readonly step: Extract<Step, { kind: 'launch' }>; readonly refusal: CloudError };

type LaunchStep = Extract<Step, { kind: 'launch' }>;

/**
 * Carries steps out. What the cloud refuses comes back as an outcome; it throws only when nothing can be said of the
 * outcome here (aborted), and the intent in the status then makes the next run look before it buys.
 */
export async function act(
  pool: SpotPool,
  steps: readonly Step[],
  seen: Observation,
  edges: SpotPoolEdges,
  signal: AbortSignal,
): Promise<readonly Done[]> {
  const releases = edges.restraint() ? undefined : await releaseAll(pool, steps, seen, edges, signal);
  const done: Done[] = [];
  for (const step of steps) {
    const by = edges.restraint();
    switch (step.kind) {
      case 'release':
        // Stopped since: what was released is told all the same.
        done.push(releases?.has(step.machine.id) ? { step, error: releases.get(step.machine.id) } : withhold(step, by));
        break;
      case 'intend':
        done.push(by ? withhold(step, by) : { step, intent: newIntent(pool, step, seen, edges) });
        break;
      case 'launch':
        done.push(by ? withhold(step, by) : await launch(pool, step, seen, edges, signal));
        break;
      case 'drain':
        done.push(by ? withhold(step, by) : { step });
        break;
      case 'dropIntent':
        edges.unsentTokens.delete(step.intent.token);
        done.push({ step });
        break;
      case 'takeIn':
      case 'renew':
      case 'await':
      case 'hold':
      case 'limit':
        done.push({ step });
        break;
    }
  }
  return done;
}

/** Asked by the adapter after each wait of its own: a call may wait for a minute before it goes out. */
const mayGo =
  ({ restraint, mayAct }: SpotPoolEdges) =>
  (): boolean =>
    restraint() === undefined && mayAct();

function withhold(step: Withheld['step'], by: Restraint | undefined): Done {
  return { step: { kind: 'withheld', step, by: by ?? 'Stopped' } };
}

function assertMayAct(edges: SpotPoolEdges): void {
  if (!edges.mayAct()) throw new Error('this process has lost the right to act; nothing was bought or released');
}

async function releaseAll(
  pool: SpotPool,
  steps: readonly Step[],
  seen: Observation,
  edges: SpotPoolEdges,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Error | undefined>> {
  const ids = steps.flatMap((step) => (step.kind === 'release' ? [step.machine.id] : []));
  if (ids.length === 0) return new Map();
  await edges.store.confirm(pool);
  assertMayAct(edges);
  try {
    const results = await seen.cloud.release(ids, signal, mayGo(edges));
    return new Map(results.map(({ id, error }) => [id, error]));
  } catch (error) {
    if (!(error instanceof CloudError)) throw error;
    return new Map(ids.map((id) => [id, error]));
  }
}

/** The intent is only written down here. Its token becomes "unsent" when the store has acknowledged it (see reconcile). */
function newIntent(
  pool: SpotPool,
  step: Extract<Step, { kind: 'intend' }>,
  seen: Observation,
  edges: SpotPoolEdges,
): LaunchIntent {
  const mark = draw(edges.random, MARK_LENGTH);
  return {
    token: `aiops-${draw(edges.random, 26)}`,
    name: `${namePrefixOf(pool.metadata, pool.spec)}${mark}`,
    offering: offeringId(step.offering),
    count: step.count,
    specHash: step.orderHash,
    plannedAt: toTime(edges.clock.now()),
    trigger: triggerOf(pool, seen, step.low).slice(0, 256),
  };
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';

function draw(random: () => number, length: number): string {
  return Array.from({ length }, () => LETTERS[Math.floor(random() * LETTERS.length)]).join('');
}

async function launch(
  pool: SpotPool,
  step: LaunchStep,
  seen: Observation,
  edges: SpotPoolEdges,
  signal: AbortSignal,
): Promise<Done> {
  const { intent, offering } = step;
  // The decision may be about a pool that somebody has changed or deleted since, which a cache need not know yet.
  await edges.store.confirm(pool);
  assertMayAct(edges);
  // From here on the machines may exist, whatever happens: nobody may send this again without looking first.
  edges.unsentTokens.delete(intent.token);
  const owner = ownershipOf(pool.metadata, edges.store.installationId);
  const memoNow = () => edges.offerings.get(seen.accountKey, offering);
  // While it waited for its turn, others may have found the offering empty.
  const mayBuy = (): boolean => mayGo(edges)() && isFree(memoNow(), intent.count, edges.clock.now());
  try {
    const order = launchOrderOf(pool.spec, offering, intent, owner);
    const ids = mayBuy() ? await seen.cloud.launch(order, signal, mayBuy) : [];
    if (ids.length === 0) return notSent(step, edges);
    const now = edges.clock.now();
    const memo =
      ids.length < intent.count
        ? afterShortage(memoNow(), { bought: ids.length, wanted: intent.count }, now)
        : afterSuccess(memoNow(), now);
    edges.offerings.set(seen.accountKey, offering, memo);
    return { step, ids };
  } catch (error) {
    if (!(error instanceof CloudError)) throw error;
    noteRefusal(step, error, seen, edges);
    return { step, refusal: error };
  }
}

/** Nothing went out: what is held back waits for its time, and what others have been quicker for is planned anew. */
function notSent(step: LaunchStep, edges: SpotPoolEdges): Done {
  if (mayGo(edges)()) return { step: { kind: 'dropIntent', intent: step.intent, reason: 'Overtaken' } };
  edges.unsentTokens.add(step.intent.token);
  return withhold(step, edges.restraint());
}

function noteRefusal(
  { intent, offering }: LaunchStep,
  error: CloudError,
  seen: Observation,
  edges: SpotPoolEdges,
): void {
  const now = edges.clock.now();
  const refusal = { reason: error.reason, message: error.message };
  const memoOf = (other: typeof offering) => edges.offerings.get(seen.accountKey, other);
  switch (error.reason) {
    case 'SoldOut':
    case 'QuotaExceeded': {
      const isEmpty = error.reason === 'SoldOut' && error.atLeast === 1;
      if (intent.count > 1 && !isEmpty) {
        edges.offerings.set(seen.accountKey, offering, afterPartialRefusal(memoOf(offering), intent.count, now));
        return;
      }
      // The quota is one for the zone and the charge type, whatever the type of machine.
      const isHit = (other: typeof offering): boolean =>
        offeringId(other) === offeringId(offering) ||
        (error.reason === 'QuotaExceeded' && other.zone === offering.zone && other.chargeType === offering.chargeType);
      for (const { offering: other } of seen.candidates) {
        if (isHit(other)) edges.offerings.set(seen.accountKey, other, afterRefusal(memoOf(other), refusal, now));
      }
      return;
    }
    case 'PriceTooLow':
      edges.offerings.set(seen.accountKey, offering, afterRefusal(memoOf(offering), refusal, now));
      return;
    default:
  }
}
