import type { Verdict } from '../api/conditions.ts';
import { toTime } from '../api/meta.ts';
import type { SpotPool, SpotPoolStatus } from '../api/spotpool.ts';
import type { CloudError } from '../cloud/errors.ts';
import type { EpochMs } from '../lib/clock.ts';
import type { Done, Restraint } from './act.ts';
import type { Brake } from './brakes.ts';
import type { Observation } from './observe.ts';
import type { Desired } from './plan.ts';

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

type Next = Pick<SpotPoolStatus, 'intents' | 'buyingStopped' | 'instances'>;

/** Why a pool could not be looked after at all. */
export interface Obstacle {
  readonly reason: string;
  readonly message: string;
  /** It does not pass by itself. */
  readonly needsPerson: boolean;
}

/** Every condition of a pool that could be observed. Order is that of `describe`. */
export function conditionsOf(
  pool: SpotPool,
  desired: Desired,
  seen: Observation,
  done: readonly Done[],
  next: Next,
  counts: Counts,
  restraint: Restraint | undefined,
  now: EpochMs,
): readonly Verdict[] {
  const stalled = stalledVerdict(pool, seen, done, next);
  return [
    readyVerdict(pool, desired, counts),
    // A pool that waits for a person is not on its way: kstatus knows one or the other.
    stalled.status === 'True'
      ? { ...stalled, type: 'Reconciling', status: 'False' }
      : restraint
        ? { ...restraintVerdict(restraint), type: 'Reconciling', status: 'False' }
        : reconcilingVerdict(desired, next, counts),
    stalled,
    capacityVerdict(seen, now),
    is('CredentialsValid', true, 'Accepted', `The cloud accepts the keys (${sourceOf(pool)}).`),
    ...inlineVerdict(pool),
    ...gatewayVerdict(pool),
    ...scalingVerdict(pool),
    ...conflictVerdict(seen),
    ...holdVerdict(done),
    ...limitVerdict(done),
    ...(restraint ? [restraintVerdict(restraint)] : []),
    ...troubleVerdict([...seen.troubles, ...refusedReleases(next)]),
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

function reconcilingVerdict(desired: Desired, next: Next, { size }: Counts): Verdict {
  if (desired.mode === 'Pause') return is('Reconciling', false, 'Paused', 'Nothing is bought or released.');
  if (next.buyingStopped && PASSING_STOPS.includes(next.buyingStopped.reason) && desired.mode === 'Run') {
    const { reason, message, until } = next.buyingStopped;
    return is('Reconciling', true, reason, `${message} Tried again at ${until}.`);
  }
  const ordered = (next.intents ?? []).reduce((sum, intent) => sum + intent.count, 0);
  if (ordered > 0) return is('Reconciling', true, 'Buying', `A purchase of ${ordered} is under way.`);
  const moving = (next.instances ?? []).filter(({ phase }) => phase !== 'Ready' && phase !== 'Failed');
  if (moving.length > 0) {
    const shown = moving.slice(0, 5).map(({ instanceId, phase }) => `${instanceId} ${phase}`);
    return is('Reconciling', true, 'MachinesMoving', `${shown.join(', ')}${moving.length > 5 ? ', …' : ''}.`);
  }
  if (desired.mode === 'Delete') return is('Reconciling', true, 'Deleting', `${size} machines are alive still.`);
  if (size < desired.low)
    return is('Reconciling', true, 'TooFew', `${size} machines are alive, ${desired.low} are wanted.`);
  if (size > desired.high)
    return is('Reconciling', true, 'TooMany', `${size} machines are alive, ${desired.high} are wanted.`);
  return is('Reconciling', false, 'Settled', `${size} machines are alive, as wanted.`);
}

/** Reasons not to buy that pass by themselves. */
const PASSING_STOPS = ['StatusLost', 'Throttled', 'Busy'];

function stalledVerdict(pool: SpotPool, seen: Observation, done: readonly Done[], next: Next): Verdict {
  if (seen.conflict) return is('Stalled', true, 'IdentityConflict', seen.conflict.message);
  const refused = refusedReleases(next)[0];
  if (refused) return is('Stalled', true, refused.reason, `A machine cannot be released. ${refused.message}`);
  const stop = next.buyingStopped;
  if (stop && !PASSING_STOPS.includes(stop.reason) && pool.metadata.deletionTimestamp === undefined) {
    return is(
      'Stalled',
      true,
      stop.reason,
      `${stop.message} Nothing is bought; tried again at ${stop.until}, or when the spec changes.`,
    );
  }
  const suspect = limitIn(done);
  if (suspect?.reason === 'SuspectImage') return is('Stalled', true, suspect.reason, suspect.message);
  return is('Stalled', false, 'Progressing', 'Nothing needs a person.');
}

function capacityVerdict(seen: Observation, now: EpochMs): Verdict {
  const blocked = seen.candidates.filter(({ memo }) => memo.blockedUntil > now);
  const tried = seen.candidates.some(({ memo }) => memo.lastTriedAt > 0);
  const first = blocked.toSorted((a, b) => a.memo.blockedUntil - b.memo.blockedUntil)[0];
  if (first && blocked.length === seen.candidates.length) {
    const until = toTime(first.memo.blockedUntil);
    const message = `None of the ${blocked.length} offerings has a machine; the next is tried at ${until} at the latest. ${first.memo.message}`;
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
  return [is('InlineCredentials', true, 'InlineCredentials', message)];
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
  return conflict ? [is('IdentityConflict', true, 'IdentityConflict', conflict.message)] : [];
}

function holdVerdict(done: readonly Done[]): readonly Verdict[] {
  const hold = done.map(({ step }) => step).find((step) => step.kind === 'hold');
  return hold ? [is('ReplacementHeld', true, hold.reason, hold.message)] : [];
}

function limitIn(done: readonly Done[]): Brake | undefined {
  return done.flatMap(({ step }) => (step.kind === 'limit' ? [step.brake] : []))[0];
}

function limitVerdict(done: readonly Done[]): readonly Verdict[] {
  const limit = limitIn(done);
  if (!limit) return [];
  const until = limit.until === undefined ? '' : ` More may be bought at ${toTime(limit.until)}.`;
  return [is('SpendLimited', true, limit.reason, limit.message + until)];
}

function restraintVerdict(restraint: Restraint): Verdict {
  return restraint === 'Stopped'
    ? is('Stopped', true, 'StoppedByHand', 'Nothing is bought or released until `aiops start --all`.')
    : is('Observing', true, 'ObserveOnly', 'The operator was started with --observe: nothing is bought or released.');
}

type Trouble = Pick<CloudError, 'reason' | 'action' | 'message'>;

/** Releases that were refused until somebody changes something; they are tried again rarely, and told all the while. */
function refusedReleases({ instances = [] }: Next): readonly Trouble[] {
  return instances.flatMap(({ releaseRefusal, message = '' }) =>
    releaseRefusal === undefined ? [] : [{ reason: releaseRefusal, action: 'TerminateInstances', message }],
  );
}

/** Missing permissions of calls that only inform, and of releases. Passing troubles of theirs are not worth a condition. */
function troubleVerdict(troubles: readonly Trouble[]): readonly Verdict[] {
  const denied = troubles.filter(({ reason }) => reason === 'PermissionDenied');
  if (denied.length === 0) return [];
  const actions = [...new Set(denied.map(({ action }) => action))].join(', ');
  return [
    is(
      'PermissionsSufficient',
      false,
      'PermissionDenied',
      `The keys may not call ${actions}; what it would do or tell is missing. ${denied[0]?.message ?? ''}`,
    ),
  ];
}

/** Conditions when nothing could be seen, or nothing may be done: what is known stays. */
export function conditionsOfFailure(pool: SpotPool, { reason, message, needsPerson }: Obstacle): readonly Verdict[] {
  const own = ['Ready', 'Reconciling', 'Stalled', 'CredentialsValid', 'InlineCredentials', 'GatewaySynced'];
  const suffix = 'Until then nothing is bought or released.';
  const keys: Verdict =
    reason === 'InvalidCredentials'
      ? is('CredentialsValid', false, reason, message)
      : { type: 'CredentialsValid', status: 'Unknown', reason, message: 'The cloud could not be asked.' };
  return [
    { type: 'Ready', status: 'Unknown', reason, message: `The machines cannot be looked after: ${message}` },
    is('Reconciling', !needsPerson, reason, `${message} ${suffix}`),
    is('Stalled', needsPerson, reason, `${message} ${suffix}`),
    keys,
    ...inlineVerdict(pool),
    ...gatewayVerdict(pool),
    ...(pool.status?.conditions ?? []).filter(({ type }) => !own.includes(type)),
  ];
}
