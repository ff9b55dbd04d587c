import type { Condition } from '../api/meta.ts';
import { toTime } from '../api/meta.ts';
import type { SpotPool, SpotPoolStatus } from '../api/spotpool.ts';
import type { CloudError } from '../cloud/errors.ts';
import type { EpochMs } from '../lib/clock.ts';
import { formatDuration } from '../lib/duration.ts';
import type { Done } from './act.ts';
import type { Observation } from './observe.ts';
import type { Desired } from './plan.ts';

type Verdict = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

/** Replaces conditions by type. `lastTransitionTime` moves only when the status does; types no longer told are dropped. */
export function mergeConditions(
  before: readonly Condition[],
  verdicts: readonly Verdict[],
  generation: number,
  now: EpochMs,
): Condition[] {
  return verdicts.map((verdict) => {
    const old = before.find(({ type }) => type === verdict.type);
    const lastTransitionTime = old?.status === verdict.status ? old.lastTransitionTime : toTime(now);
    return { ...verdict, message: verdict.message.slice(0, 1024), lastTransitionTime, observedGeneration: generation };
  });
}

const is = (type: string, yes: boolean, reason: string, message: string): Verdict => ({
  type,
  status: yes ? 'True' : 'False',
  reason,
  message,
});

/** The sizes that conditions speak of. */
export interface Counts {
  readonly size: number;
  readonly ready: number;
}

/** Every condition of a pool that could be observed. Order is that of `describe`. */
export function conditionsOf(
  pool: SpotPool,
  desired: Desired,
  seen: Observation,
  done: readonly Done[],
  next: Pick<SpotPoolStatus, 'intents' | 'buyingStopped' | 'instances'>,
  counts: Counts,
  now: EpochMs,
): readonly Verdict[] {
  return [
    readyVerdict(pool, desired, counts),
    reconcilingVerdict(desired, next, counts),
    stalledVerdict(pool, seen, next),
    capacityVerdict(seen, now),
    is('CredentialsValid', true, 'Accepted', `The cloud accepts the keys (${sourceOf(pool)}).`),
    ...inlineVerdict(pool),
    ...gatewayVerdict(pool),
    ...scalingVerdict(pool),
    ...conflictVerdict(seen),
    ...holdVerdict(done),
    ...troubleVerdict(seen.troubles),
  ];
}

function sourceOf({ spec }: SpotPool): string {
  switch (spec.credentials.from) {
    case 'inline':
      return 'spec.secretId and spec.secretKey';
    case 'secret':
      return `Secret ${spec.credentials.name}`;
    case 'operator':
      return 'those of the operator';
  }
}

function readyVerdict(pool: SpotPool, desired: Desired, { ready }: Counts): Verdict {
  const { minimum } = pool.spec;
  if (pool.metadata.deletionTimestamp !== undefined) {
    return is(
      'Ready',
      false,
      'Deleting',
      desired.mode === 'Pause' ? 'Marked for deletion, but paused.' : 'Its machines are being released.',
    );
  }
  if (desired.mode === 'Pause')
    return is('Ready', ready >= minimum, 'Paused', `${ready} machines answer; nothing is bought or released.`);
  if (ready >= minimum)
    return is('Ready', true, 'EnoughMachines', `${ready} machines answer, at least ${minimum} are wanted.`);
  return is('Ready', false, 'BelowMinimum', `${ready} machines answer, at least ${minimum} are wanted.`);
}

function reconcilingVerdict(
  desired: Desired,
  next: Pick<SpotPoolStatus, 'intents' | 'instances'>,
  { size }: Counts,
): Verdict {
  const ordered = (next.intents ?? []).reduce((sum, intent) => sum + intent.count, 0);
  if (ordered > 0) return is('Reconciling', true, 'Buying', `A purchase of ${ordered} is under way.`);
  const moving = (next.instances ?? []).filter(({ phase }) => phase !== 'Ready' && phase !== 'Failed');
  if (moving.length > 0) {
    const shown = moving.slice(0, 5).map(({ instanceId, phase }) => `${instanceId} ${phase}`);
    return is('Reconciling', true, 'MachinesMoving', `${shown.join(', ')}${moving.length > 5 ? ', …' : ''}.`);
  }
  if (size < desired.low)
    return is('Reconciling', true, 'TooFew', `${size} machines are alive, ${desired.low} are wanted.`);
  if (size > desired.high)
    return is('Reconciling', true, 'TooMany', `${size} machines are alive, ${desired.high} are wanted.`);
  return is('Reconciling', false, 'Settled', `${size} machines are alive, as wanted.`);
}

function stalledVerdict(pool: SpotPool, seen: Observation, next: Pick<SpotPoolStatus, 'buyingStopped'>): Verdict {
  if (seen.conflict) return is('Stalled', true, 'IdentityConflict', seen.conflict.message);
  const stop = next.buyingStopped;
  if (stop && pool.metadata.deletionTimestamp === undefined) {
    return is(
      'Stalled',
      true,
      stop.reason,
      `${stop.message} Nothing is bought; tried again at ${stop.until}, or when the spec changes.`,
    );
  }
  return is('Stalled', false, 'Progressing', 'Nothing needs a person.');
}

function capacityVerdict(seen: Observation, now: EpochMs): Verdict {
  const blocked = seen.candidates.filter(({ memo }) => memo.blockedUntil > now);
  const tried = seen.candidates.some(({ memo }) => memo.lastTriedAt > 0);
  const first = blocked.toSorted((a, b) => a.memo.blockedUntil - b.memo.blockedUntil)[0];
  if (first && blocked.length === seen.candidates.length) {
    const wait = formatDuration(Math.ceil((first.memo.blockedUntil - now) / 1000) * 1000);
    const message = `None of the ${blocked.length} offerings has a machine; the next is tried in ${wait} at the latest. ${first.memo.message}`;
    return is('CapacityAvailable', false, first.memo.reason, message);
  }
  if (!tried) {
    return {
      type: 'CapacityAvailable',
      status: 'Unknown',
      reason: 'NotTried',
      message: 'Nothing has been bought with this operator yet.',
    };
  }
  return is(
    'CapacityAvailable',
    true,
    'Available',
    `${seen.candidates.length - blocked.length} of ${seen.candidates.length} offerings may be asked.`,
  );
}

function inlineVerdict(pool: SpotPool): readonly Verdict[] {
  if (pool.spec.credentials.from !== 'inline') return [];
  const message =
    'The keys stand in the spec, where everyone who may read this object can read them. Put them into a Secret and name it in credentialsSecretRef.';
  return [is('InlineCredentials', true, 'KeysInSpec', message)];
}

function gatewayVerdict(pool: SpotPool): readonly Verdict[] {
  if (pool.spec.kongGatewayIP === undefined) return [];
  const message = `The gateway at ${pool.spec.kongGatewayIP} is not looked after by this version; the machines are.`;
  return [{ type: 'GatewaySynced', status: 'Unknown', reason: 'NotManaged', message }];
}

function scalingVerdict({ spec }: SpotPool): readonly Verdict[] {
  const { replicas, minimum, maximum } = spec;
  if (replicas === undefined || (replicas >= minimum && replicas <= maximum)) return [];
  const [reason, bound] = replicas < minimum ? ['TooFewReplicas', minimum] : ['TooManyReplicas', maximum];
  return [
    is(
      'ScalingLimited',
      true,
      reason,
      `replicas is ${replicas}; the pool keeps to ${bound}, since it must stay between ${minimum} and ${maximum}.`,
    ),
  ];
}

function conflictVerdict({ conflict }: Observation): readonly Verdict[] {
  return conflict ? [is('IdentityConflict', true, 'ForeignMachines', conflict.message)] : [];
}

function holdVerdict(done: readonly Done[]): readonly Verdict[] {
  const hold = done.map(({ step }) => step).find((step) => step.kind === 'hold');
  return hold ? [is('ReplacementHeld', true, hold.reason, hold.message)] : [];
}

/** Missing permissions of calls that only inform. Passing troubles of theirs are not worth a condition. */
function troubleVerdict(troubles: readonly CloudError[]): readonly Verdict[] {
  const denied = troubles.filter(({ reason }) => reason === 'PermissionDenied');
  if (denied.length === 0) return [];
  const actions = [...new Set(denied.map(({ action }) => action))].join(', ');
  return [
    is(
      'PermissionsSufficient',
      false,
      'PermissionDenied',
      `The keys may not call ${actions}; what it would tell is missing here. ${denied[0]?.message ?? ''}`,
    ),
  ];
}

/** Conditions when the machines could not even be listed: what is known stays, and nothing is bought or released. */
export function conditionsOfFailure(pool: SpotPool, error: CloudError): readonly Verdict[] {
  const kept = (pool.status?.conditions ?? []).filter(
    ({ type }) => !['Ready', 'Reconciling', 'Stalled', 'CredentialsValid'].includes(type),
  );
  const isKeys = error.reason === 'InvalidCredentials';
  const needsPerson = isKeys || error.reason === 'PermissionDenied' || error.reason === 'AccountRestricted';
  const suffix = 'Until then nothing is bought or released.';
  return [
    {
      type: 'Ready',
      status: 'Unknown',
      reason: error.reason,
      message: `The machines cannot be listed: ${error.message}`,
    },
    is('Reconciling', !needsPerson, error.reason, `${error.message} ${suffix}`),
    is('Stalled', needsPerson, error.reason, `${error.message} ${suffix}`),
    isKeys
      ? is('CredentialsValid', false, error.reason, error.message)
      : { type: 'CredentialsValid', status: 'Unknown', reason: error.reason, message: 'The cloud could not be asked.' },
    ...inlineVerdict(pool),
    ...gatewayVerdict(pool),
    ...kept.filter(({ type }) => type !== 'InlineCredentials' && type !== 'GatewaySynced'),
  ];
}
