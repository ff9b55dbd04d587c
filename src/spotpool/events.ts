import type { Condition } from '../api/meta.ts';
import type { HistoryEntry, SpotPool, SpotPoolStatus } from '../api/spotpool.ts';
import { offeringId } from '../cloud/cloud.ts';
import type { ObjectEvent } from '../store/store.ts';
import type { Done } from './act.ts';
import { isWithheld } from './history.ts';
import type { Machine } from './machine.ts';
import type { Observation } from './observe.ts';
import { releaseFailure } from './status.ts';

const normal = (reason: string, note: string): ObjectEvent => ({ type: 'Normal', reason, note: note.slice(0, 1024) });
const warning = (reason: string, note: string): ObjectEvent => ({ type: 'Warning', reason, note: note.slice(0, 1024) });

/**
 * What there is to tell of a run: each change of a machine, each decision, and what has become true of the pool.
 * @param decisions what this run adds to the history
 */
export function eventsOf(
  pool: SpotPool,
  seen: Observation,
  done: readonly Done[],
  next: SpotPoolStatus,
  decisions: readonly HistoryEntry[],
): readonly ObjectEvent[] {
  const isLost = next.buyingStopped?.reason === 'StatusLost' && pool.status?.buyingStopped?.reason !== 'StatusLost';
  return [
    ...(isLost ? [warning('StatusLost', next.buyingStopped?.message ?? '')] : []),
    ...conditionEvents(pool.status?.conditions ?? [], next.conditions ?? []),
    ...seen.machines.flatMap(machineEvents),
    ...done.flatMap(stepEvents),
    ...decisions.filter(isWithheld).map(withheldEvent),
  ];
}

/** Conditions that are there only while something is to be told, and tell it once. */
const TOLD_ONCE = [
  'InlineCredentials',
  'ScalingLimited',
  'IdentityConflict',
  'ReplacementHeld',
  'PermissionsSufficient',
  'SpendLimited',
  'Stopped',
  'Observing',
];

/** An event for each of these conditions that was not there before, or had another reason. */
export function conditionEvents(before: readonly Condition[], after: readonly Condition[]): readonly ObjectEvent[] {
  return after
    .filter(({ type, reason }) => {
      const old = before.find((condition) => condition.type === type);
      return TOLD_ONCE.includes(type) && old?.reason !== reason;
    })
    .map(({ reason, message }) => warning(reason, message));
}

function machineEvents({ id, record, before, fate }: Machine): readonly ObjectEvent[] {
  if (fate === 'Gone') return goneEvents(id, record.reason, before?.reason);
  if (!before) return fate === 'Keep' || fate === 'Replace' ? [adopted(id)] : [];
  if (before.phase === record.phase && before.reason === record.reason) return [];
  const address = record.publicIp ?? record.privateIp ?? 'no address';
  switch (record.phase) {
    case 'Running':
    case 'Warming':
      return before.runningAt === undefined ? [normal('MachineRunning', `${id} runs at ${address}.`)] : [];
    case 'Ready':
      return before.phase === 'Ready' ? [] : [normal('MachineReady', `${id} answers at ${address}.`)];
    case 'Failed':
      return [warning(record.reason, `${id}: ${record.message ?? record.reason}`)];
    case 'Terminating':
      return record.reason === 'Reclaimed'
        ? [warning('MachineLost', `${id} is being taken away by the cloud, or by hand.`)]
        : [];
    default:
      return [];
  }
}

const adopted = (id: string): ObjectEvent => normal('Adopted', `${id} carries this pool's tags and is taken in.`);

function goneEvents(id: string, reason: string, before: string | undefined): readonly ObjectEvent[] {
  // What never came up was told when it failed.
  if (before === 'LaunchFailed') return [];
  if (reason !== 'Vanished') return [normal('MachineGone', `${id} is gone.`)];
  return [
    warning('MachineLost', `${id} is gone: reclaimed by the cloud, removed by hand, or no longer marked as ours.`),
  ];
}

function stepEvents(outcome: Done): readonly ObjectEvent[] {
  const { step } = outcome;
  switch (step.kind) {
    // Told together, see above.
    case 'withheld':
      return [];
    case 'drain':
      return [normal('Draining', `${step.machine.id} is told to leave (${step.reason}).`)];
    case 'release':
      return 'error' in outcome && outcome.error
        ? releaseFailed(step.machine, outcome.error)
        : [normal('Released', `${step.machine.id} is released (${step.reason}).`)];
    case 'launch':
      return launchEvents(outcome);
    case 'takeIn': {
      const ids = step.instances.map(({ id }) => id).join(', ');
      return [normal('PurchaseFound', `The purchase of unknown outcome has brought ${ids}.`)];
    }
    case 'intend':
      return [normal('PurchasePlanned', `${step.count} of ${offeringId(step.offering)}.`)];
    case 'renew': {
      const { count, offering } = step.intent;
      return [normal('PurchasePlanned', `${count} of ${offering}, once more: it was not made.`)];
    }
    case 'dropIntent':
      return [normal('PurchaseDropped', `${step.intent.count} of ${step.intent.offering} (${step.reason}).`)];
    case 'await':
      return step.intent.unknownSince === undefined ? [awaited(step.intent.count, step.intent.offering)] : [];
    // Told by their conditions.
    case 'hold':
    case 'limit':
      return [];
  }
}

function withheldEvent({ reason, trigger, machines, offering, message }: HistoryEntry): ObjectEvent {
  const why = trigger === 'Stopped' ? 'all pools are stopped' : 'the operator only watches';
  return normal(reason, `${machines?.join(', ') ?? offering} (${message}); ${why}.`);
}

function awaited(count: number, offering: string): ObjectEvent {
  return warning(
    'OutcomeUnknown',
    `A purchase of ${count} of ${offering} may have been sent by an earlier process; its machines are looked for.`,
  );
}

/** Tried again in every run; told when it fails first, or in another way. */
function releaseFailed({ id, before }: Machine, error: Error): readonly ObjectEvent[] {
  return before?.message === releaseFailure(error) ? [] : [warning('ReleaseFailed', `${id}: ${error.message}`)];
}

function launchEvents(outcome: Done): readonly ObjectEvent[] {
  const { step } = outcome;
  if (step.kind !== 'launch') return [];
  if ('ids' in outcome) return [normal('Launched', `${outcome.ids.join(', ')} of ${step.intent.offering} bought.`)];
  if (!('refusal' in outcome)) return [];
  const { refusal } = outcome;
  if (refusal.isOutcomeUnknown)
    return [warning('OutcomeUnknown', `${refusal.message} The machines, if any, are looked for.`)];
  return [warning(refusal.reason, `${step.intent.count} of ${step.intent.offering}: ${refusal.message}`)];
}
