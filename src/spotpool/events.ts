import type { SpotPool } from '../api/spotpool.ts';
import { offeringId } from '../cloud/cloud.ts';
import type { ObjectEvent } from '../store/store.ts';
import type { Done } from './act.ts';
import type { Machine } from './machine.ts';
import type { Observation } from './observe.ts';

const normal = (reason: string, note: string): ObjectEvent => ({ type: 'Normal', reason, note: note.slice(0, 1024) });
const warning = (reason: string, note: string): ObjectEvent => ({ type: 'Warning', reason, note: note.slice(0, 1024) });

/** What there is to tell of a run: each change of a machine and each decision, once. */
export function eventsOf(pool: SpotPool, seen: Observation, done: readonly Done[]): readonly ObjectEvent[] {
  return [
    ...(pool.spec.credentials.from === 'inline' && pool.status?.instances === undefined
      ? [
          warning(
            'InlineCredentials',
            'The keys stand in the spec; put them into a Secret and name it in credentialsSecretRef.',
          ),
        ]
      : []),
    ...(seen.conflict ? [warning('IdentityConflict', seen.conflict.message)] : []),
    ...seen.machines.flatMap(machineEvents),
    ...done.flatMap(stepEvents),
  ];
}

function machineEvents({ id, record, before, fate }: Machine): readonly ObjectEvent[] {
  if (fate === 'Gone') {
    return before?.terminatingSince === undefined || record.reason === 'Vanished'
      ? [warning('MachineLost', `${id} is gone: reclaimed by the cloud or removed by hand.`)]
      : [normal('MachineGone', `${id} is gone.`)];
  }
  if (!before) return [normal('Adopted', `${id} carries this pool's tags and is taken in.`)];
  if (before.phase === record.phase && before.reason === record.reason) return [];
  switch (record.phase) {
    case 'Running':
    case 'Warming':
      return before.runningAt === undefined
        ? [normal('MachineRunning', `${id} runs at ${record.publicIp ?? record.privateIp ?? 'no address'}.`)]
        : [];
    case 'Ready':
      return before.phase === 'Ready'
        ? []
        : [normal('MachineReady', `${id} answers at ${record.publicIp ?? record.privateIp ?? 'no address'}.`)];
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

function stepEvents(outcome: Done): readonly ObjectEvent[] {
  const { step } = outcome;
  switch (step.kind) {
    case 'drain':
      return [normal('Draining', `${step.machine.id} is told to leave (${step.reason}).`)];
    case 'release':
      if ('error' in outcome && outcome.error)
        return [warning('ReleaseFailed', `${step.machine.id}: ${outcome.error.message}`)];
      return [normal('Released', `${step.machine.id} is released (${step.reason}).`)];
    case 'launch':
      return launchEvents(outcome);
    case 'takeIn':
      return [
        normal(
          'PurchaseFound',
          `The purchase of unknown outcome has brought ${step.instances.map(({ id }) => id).join(', ')}.`,
        ),
      ];
    case 'hold':
      return [warning(step.reason, step.message)];
    case 'intend':
      return [normal('PurchasePlanned', `${step.count} of ${offeringId(step.offering)}.`)];
    case 'dropIntent':
      return [normal('PurchaseDropped', `${step.intent.count} of ${step.intent.offering} (${step.reason}).`)];
    case 'await':
      return step.intent.unknownSince === undefined
        ? [
            warning(
              'OutcomeUnknown',
              `A purchase of ${step.intent.count} of ${step.intent.offering} may have been sent by an earlier process; its machines are looked for.`,
            ),
          ]
        : [];
  }
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
