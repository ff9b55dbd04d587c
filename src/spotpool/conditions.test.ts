import { describe, expect, it } from 'vitest';
import { offering } from '../../test/builders/launch-order.ts';
import { candidate, desired, intent, memo, NOW, observation, pool, record } from '../../test/builders/spotpool.ts';
import { toTime } from '../api/meta.ts';
import type { SpotPool, SpotPoolStatus } from '../api/spotpool.ts';
import { CloudError } from '../cloud/errors.ts';
import type { Done, Restraint } from './act.ts';
import type { LimitReason } from './brakes.ts';
import { conditionsOf, conditionsOfFailure } from './conditions.ts';
import type { Observation } from './observe.ts';
import type { Desired } from './plan.ts';

const MINUTE = 60_000;
const blocked = (zone: string, until: number) =>
  candidate({
    offering: offering({ zone }),
    memo: memo({ blockedUntil: until, reason: 'SoldOut', message: 'None left.', lastTriedAt: NOW }),
  });
const denied = new CloudError('PermissionDenied', 'may not', { action: 'InquiryPriceRunInstances' });

interface Situation {
  readonly pool?: SpotPool;
  readonly desired?: Partial<Desired>;
  readonly seen?: Partial<Observation>;
  readonly done?: readonly Done[];
  readonly next?: Pick<SpotPoolStatus, 'intents' | 'buyingStopped' | 'instances'>;
  readonly restraint?: Restraint;
  readonly counts?: { readonly size: number; readonly ready: number };
}

function told(situation: Situation): ReturnType<typeof conditionsOf> {
  return conditionsOf(
    situation.pool ?? pool(),
    desired(situation.desired),
    observation(situation.seen),
    situation.done ?? [],
    situation.next ?? {},
    situation.counts ?? { size: 2, ready: 2 },
    situation.restraint,
    NOW,
  );
}

function find(situation: Situation, type: string): string | undefined {
  const found = told(situation).find((each) => each.type === type);
  return found && `${found.status} ${found.reason}`;
}

const stop = (reason: string) => ({ reason, message: 'why', until: toTime(NOW + MINUTE), generation: 1 });
const deleted = pool({ metadata: { deletionTimestamp: toTime(NOW) } });
const conflict = { ids: ['ins-9'], message: 'somebody else' };
const limit = (reason: LimitReason): Done => ({ step: { kind: 'limit', brake: { room: 0, reason, message: 'why' } } });

describe('each condition', () => {
  it.each<[string, string, Situation, string | undefined]>([
    ['enough machines answer', 'Ready', {}, 'True EnoughMachines'],
    ['too few answer', 'Ready', { counts: { size: 2, ready: 1 } }, 'False BelowMinimum'],
    ['too few, and paused', 'Ready', { desired: { mode: 'Pause' }, counts: { size: 1, ready: 1 } }, 'False Paused'],
    ['enough, and paused', 'Ready', { desired: { mode: 'Pause' } }, 'True Paused'],
    ['deleted', 'Ready', { pool: deleted, desired: { mode: 'Delete' } }, 'False Deleting'],
    ['all well', 'Reconciling', {}, 'False Settled'],
    ['paused', 'Reconciling', { desired: { mode: 'Pause' }, counts: { size: 0, ready: 0 } }, 'False Paused'],
    ['buying', 'Reconciling', { next: { intents: [intent()] } }, 'True Buying'],
    [
      'a machine on its way',
      'Reconciling',
      { next: { instances: [record({ phase: 'Warming' })] } },
      'True MachinesMoving',
    ],
    ['too few', 'Reconciling', { counts: { size: 1, ready: 1 } }, 'True TooFew'],
    ['too many', 'Reconciling', { counts: { size: 4, ready: 4 } }, 'True TooMany'],
    [
      'deleting',
      'Reconciling',
      { pool: deleted, desired: { mode: 'Delete' }, counts: { size: 0, ready: 0 } },
      'True Deleting',
    ],
    ['looking for its machines', 'Reconciling', { next: { buyingStopped: stop('StatusLost') } }, 'True StatusLost'],
    [
      'waiting for a person',
      'Reconciling',
      { next: { buyingStopped: stop('InsufficientBalance') } },
      'False InsufficientBalance',
    ],
    ['all well', 'Stalled', {}, 'False Progressing'],
    ['no money', 'Stalled', { next: { buyingStopped: stop('InsufficientBalance') } }, 'True InsufficientBalance'],
    [
      'no money, but on its way out',
      'Stalled',
      { pool: deleted, next: { buyingStopped: stop('InsufficientBalance') } },
      'False Progressing',
    ],
    ['looking for its machines', 'Stalled', { next: { buyingStopped: stop('StatusLost') } }, 'False Progressing'],
    ['a conflict', 'Stalled', { seen: { conflict } }, 'True IdentityConflict'],
    [
      'a protected machine',
      'Stalled',
      { next: { instances: [record({ releaseRefusal: 'ReleaseRefused' })] } },
      'True ReleaseRefused',
    ],
    ['a busy machine', 'Stalled', { next: { instances: [record({ message: 'busy' })] } }, 'False Progressing'],
    ['a purchase that is throttled', 'Stalled', { next: { buyingStopped: stop('Throttled') } }, 'False Progressing'],
    ['a purchase that is throttled', 'Reconciling', { next: { buyingStopped: stop('Throttled') } }, 'True Throttled'],
    ['a suspect image', 'Stalled', { done: [limit('SuspectImage')] }, 'True SuspectImage'],
    ['another brake', 'Stalled', { done: [limit('MaxMachines')] }, 'False Progressing'],
    ['a brake', 'SpendLimited', { done: [limit('LaunchesPerHour')] }, 'True LaunchesPerHour'],
    ['no brake', 'SpendLimited', {}, undefined],
    ['stopped by hand', 'Stopped', { restraint: 'Stopped' }, 'True StoppedByHand'],
    ['stopped by hand', 'Reconciling', { restraint: 'Stopped', counts: { size: 0, ready: 0 } }, 'False StoppedByHand'],
    ['watched only', 'Observing', { restraint: 'Observing' }, 'True ObserveOnly'],
    ['acting', 'Observing', {}, undefined],
    ['nothing tried', 'CapacityAvailable', {}, 'Unknown NotTried'],
    [
      'bought before',
      'CapacityAvailable',
      { seen: { candidates: [candidate({ memo: memo({ lastTriedAt: NOW }) })] } },
      'True Available',
    ],
    [
      'one of two sold out',
      'CapacityAvailable',
      { seen: { candidates: [blocked('a', NOW + 1), candidate()] } },
      'True Available',
    ],
    ['all sold out', 'CapacityAvailable', { seen: { candidates: [blocked('a', NOW + 1)] } }, 'False SoldOut'],
    ['the keys were taken', 'CredentialsValid', {}, 'True Accepted'],
    [
      'keys in the spec',
      'InlineCredentials',
      { pool: pool({ spec: { secretId: 'x', secretKey: 'x' } }) },
      'True InlineCredentials',
    ],
    [
      'keys in a Secret',
      'InlineCredentials',
      { pool: pool({ spec: { credentialsSecretRef: { name: 'keys' } } }) },
      undefined,
    ],
    ['a gateway', 'GatewaySynced', { pool: pool({ spec: { kongGatewayIP: '10.0.0.1' } }) }, 'Unknown NotManaged'],
    ['no gateway', 'GatewaySynced', {}, undefined],
    ['replicas too high', 'ScalingLimited', { pool: pool({ spec: { replicas: 9 } }) }, 'True TooManyReplicas'],
    ['replicas too low', 'ScalingLimited', { pool: pool({ spec: { replicas: 1 } }) }, 'True TooFewReplicas'],
    ['replicas within the bounds', 'ScalingLimited', { pool: pool({ spec: { replicas: 3 } }) }, undefined],
    ['a conflict', 'IdentityConflict', { seen: { conflict } }, 'True IdentityConflict'],
    [
      'something held',
      'ReplacementHeld',
      { done: [{ step: { kind: 'hold', reason: 'LastAnswering', message: 'why' } }] },
      'True LastAnswering',
    ],
    ['nothing held', 'ReplacementHeld', {}, undefined],
    ['a permission missing', 'PermissionsSufficient', { seen: { troubles: [denied] } }, 'False PermissionDenied'],
    [
      'a passing trouble',
      'PermissionsSufficient',
      { seen: { troubles: [new CloudError('Throttled', '', { action: 'x' })] } },
      undefined,
    ],
  ])('%s: %s', (_name, type, situation, expected) => {
    expect(find(situation, type)).toBe(expected);
  });

  it('names the action that is missing, once', () => {
    const message = told({ seen: { troubles: [denied, denied] } }).find(
      ({ type }) => type === 'PermissionsSufficient',
    )?.message;
    expect(message?.match(/InquiryPriceRunInstances/g)).toHaveLength(1);
  });

  it('that waits for a time names the time, so that waiting changes nothing', () => {
    const message = told({ seen: { candidates: [blocked('a', NOW + 3 * MINUTE)] } }).find(
      ({ type }) => type === 'CapacityAvailable',
    )?.message;
    expect(message).toContain('2026-11-01T00:03:00Z');
  });
});

describe('when nothing could be seen', () => {
  const before = pool({
    status: {
      conditions: ['Ready', 'CapacityAvailable', 'ReplacementHeld'].map((type) => ({
        type,
        status: 'True',
        reason: 'Before',
        message: '',
        lastTransitionTime: toTime(NOW),
        observedGeneration: 1,
      })),
    },
  });
  const short = (reason: string, needsPerson: boolean): Record<string, string> =>
    Object.fromEntries(
      conditionsOfFailure(before, { reason, message: 'why', needsPerson }).map(({ type, status }) => [type, status]),
    );

  it('what is known stays, and the rest says why', () => {
    expect(short('Unreachable', false)).toEqual({
      Ready: 'Unknown',
      Reconciling: 'True',
      Stalled: 'False',
      CredentialsValid: 'Unknown',
      CapacityAvailable: 'True',
      ReplacementHeld: 'True',
    });
  });

  it('refused keys wait for a person', () => {
    expect(short('InvalidCredentials', true)).toMatchObject({
      Ready: 'Unknown',
      Reconciling: 'False',
      Stalled: 'True',
      CredentialsValid: 'False',
    });
  });
});
