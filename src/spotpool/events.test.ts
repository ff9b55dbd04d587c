import { describe, expect, it } from 'vitest';
import { offering } from '../../test/builders/launch-order.ts';
import { instance, intent, machine, NOW, observation, pool, record } from '../../test/builders/spotpool.ts';
import type { Condition } from '../api/meta.ts';
import type { InstanceStatus, SpotPoolStatus } from '../api/spotpool.ts';
import { CloudError } from '../cloud/errors.ts';
import type { Done } from './act.ts';
import { conditionEvents, eventsOf } from './events.ts';
import { historyOf } from './history.ts';
import type { Fate } from './machine.ts';

function reasons(situation: {
  machines?: ReturnType<typeof machine>[];
  done?: readonly Done[];
  next?: SpotPoolStatus;
  before?: SpotPoolStatus;
}): readonly string[] {
  const looked = observation({ machines: situation.machines ?? [] });
  const done = situation.done ?? [];
  const before = pool(situation.before ? { status: situation.before } : {});
  return eventsOf(before, looked, done, situation.next ?? {}, historyOf(before, looked, done, NOW)).map(
    ({ reason }) => reason,
  );
}

describe('a machine', () => {
  const { runningAt: _running, ...unborn } = record({ phase: 'Requested', reason: 'Bought' });
  it.each<[string, InstanceStatus | undefined, Partial<InstanceStatus>, Fate, readonly string[]]>([
    ['that is as it was says nothing', record(), {}, 'Keep', []],
    ['with a new message says nothing', record(), { message: 'new' }, 'Keep', []],
    ['that runs', unborn, { phase: 'Warming', reason: 'NotAnsweringYet' }, 'Keep', ['MachineRunning']],
    ['that goes on warming', record({ phase: 'Running' }), { phase: 'Warming' }, 'Keep', []],
    ['that answers', record({ phase: 'Warming' }), {}, 'Keep', ['MachineReady']],
    ['that misses an answer', record(), { reason: 'AnswerMissed' }, 'Keep', []],
    ['that has failed', record(), { phase: 'Failed', reason: 'NotAnswering' }, 'Replace', ['NotAnswering']],
    [
      'that is still failed',
      record({ phase: 'Failed', reason: 'NotAnswering' }),
      { phase: 'Failed', reason: 'NotAnswering' },
      'Replace',
      [],
    ],
    ['that is taken away', record(), { phase: 'Terminating', reason: 'Reclaimed' }, 'Leaving', ['MachineLost']],
    [
      'that leaves as told',
      record({ phase: 'Draining', reason: 'Surplus' }),
      { phase: 'Terminating', reason: 'Surplus' },
      'Leaving',
      [],
    ],
    ['that has vanished', record(), { phase: 'Terminating', reason: 'Vanished' }, 'Gone', ['MachineLost']],
    [
      'that is gone as told',
      record({ phase: 'Terminating' }),
      { phase: 'Terminating', reason: 'Released' },
      'Gone',
      ['MachineGone'],
    ],
    [
      'that never came up and is off the list',
      record({ phase: 'Failed', reason: 'LaunchFailed' }),
      { phase: 'Terminating', reason: 'Vanished' },
      'Gone',
      [],
    ],
    ['that is adopted', undefined, {}, 'Keep', ['Adopted']],
    [
      'that is on its way out when it is first seen',
      undefined,
      { phase: 'Terminating', reason: 'Reclaimed' },
      'Leaving',
      [],
    ],
  ])('%s', (_name, before, after, fate, expected) => {
    expect(reasons({ machines: [machine('a', { before, fate, with: after })] })).toEqual(expected);
  });
});

describe('a step', () => {
  const a = machine('a');
  const launch = { kind: 'launch', intent: intent(), offering: offering() } as const;
  const refusal = (reason: 'SoldOut' | 'Unreachable') => new CloudError(reason, 'why', { action: 'RunInstances' });
  it.each<[string, Done, readonly string[]]>([
    ['drain', { step: { kind: 'drain', machine: a, reason: 'Surplus' } }, ['Draining']],
    ['release', { step: { kind: 'release', machine: a, reason: 'Surplus' }, error: undefined }, ['Released']],
    [
      'a release that failed',
      { step: { kind: 'release', machine: a, reason: 'Surplus' }, error: new Error('busy') },
      ['ReleaseFailed'],
    ],
    [
      'intend',
      { step: { kind: 'intend', offering: offering(), orderHash: '', count: 1, low: 1 }, intent: intent() },
      ['PurchasePlanned'],
    ],
    ['launch', { step: launch, ids: ['ins-1'] }, ['Launched']],
    ['a refused launch', { step: launch, refusal: refusal('SoldOut') }, ['SoldOut']],
    ['a launch of unknown outcome', { step: launch, refusal: refusal('Unreachable') }, ['OutcomeUnknown']],
    ['renewing', { step: { kind: 'renew', intent: intent() } }, ['PurchasePlanned']],
    ['taking in', { step: { kind: 'takeIn', intent: intent(), instances: [instance()] } }, ['PurchaseFound']],
    ['dropping', { step: { kind: 'dropIntent', intent: intent(), reason: 'Paused' } }, ['PurchaseDropped']],
    ['beginning to wait', { step: { kind: 'await', intent: intent(), isFirstLook: false } }, ['OutcomeUnknown']],
    [
      'going on to wait',
      { step: { kind: 'await', intent: intent({ unknownSince: '2026-11-01T00:00:00Z' }), isFirstLook: false } },
      [],
    ],
    ['a purchase withheld', { step: { kind: 'withheld', step: launch, by: 'Observing' } }, ['WouldBuy']],
    [
      'a release withheld',
      { step: { kind: 'withheld', step: { kind: 'release', machine: a, reason: 'Surplus' }, by: 'Stopped' } },
      ['WouldRelease'],
    ],
    ['a limit', { step: { kind: 'limit', brake: { room: 0, reason: 'MaxMachines', message: '' } } }, []],
    ['holding', { step: { kind: 'hold', reason: 'LastAnswering', message: '' } }, []],
  ])('%s is told', (_name, done, expected) => {
    expect(reasons({ done: [done] })).toEqual(expected);
  });

  it('a release that goes on failing in the same way is told once', () => {
    const before = record({ message: 'Its release failed: busy' });
    const again = (text: string): Done => ({
      step: { kind: 'release', machine: machine('a', { before }), reason: 'Surplus' },
      error: new Error(text),
    });
    expect(reasons({ done: [again('busy')] })).toEqual([]);
    expect(reasons({ done: [again('protected')] })).toEqual(['ReleaseFailed']);
  });
});

describe('a condition', () => {
  const condition = (type: string, reason: string): Condition => ({
    type,
    status: 'True',
    reason,
    message: 'why',
    lastTransitionTime: '2026-11-01T00:00:00Z',
    observedGeneration: 1,
  });
  it.each<[string, readonly Condition[], readonly Condition[], readonly string[]]>([
    ['that is new is told', [], [condition('ReplacementHeld', 'LastAnswering')], ['LastAnswering']],
    [
      'that is as it was is not',
      [condition('ReplacementHeld', 'LastAnswering')],
      [condition('ReplacementHeld', 'LastAnswering')],
      [],
    ],
    [
      'with another reason is',
      [condition('ReplacementHeld', 'LastAnswering')],
      [condition('ReplacementHeld', 'TooManyAtOnce')],
      ['TooManyAtOnce'],
    ],
    ['that is always there is told by what happens', [], [condition('Ready', 'EnoughMachines')], []],
    ['of keys in the spec is told', [], [condition('InlineCredentials', 'InlineCredentials')], ['InlineCredentials']],
    ['that has gone is not told', [condition('IdentityConflict', 'IdentityConflict')], [], []],
  ])('%s', (_name, before, after, expected) => {
    expect(conditionEvents(before, after).map(({ reason }) => reason)).toEqual(expected);
  });
});

it('a lost record is told once', () => {
  const lost = { buyingStopped: { reason: 'StatusLost', message: 'why', until: '', generation: 1 } };
  expect(reasons({ next: lost })).toEqual(['StatusLost']);
  expect(reasons({ next: lost, before: lost })).toEqual([]);
});
