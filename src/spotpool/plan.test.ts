import { describe, expect, it } from 'vitest';
import { offering } from '../../test/builders/launch-order.ts';
import {
  candidate,
  desired,
  instance,
  intent,
  machine,
  memo,
  NOW,
  pool,
  seen,
  seenIntent,
  spec,
} from '../../test/builders/spotpool.ts';
import { toTime } from '../api/meta.ts';
import { offeringId } from '../cloud/cloud.ts';
import type { Brake } from './brakes.ts';
import type { Machine } from './machine.ts';
import { byWhoLeavesFirst } from './machine.ts';
import type { Desired, Seen, Step } from './plan.ts';
import { desiredOf, planSpotPool } from './plan.ts';

/** A step in short: `intend 2 of ap-singapore-2`, `release a Surplus`, `hold TooManyAtOnce`. */
function inShort(step: Step): string {
  switch (step.kind) {
    case 'drain':
    case 'release':
      return `${step.kind} ${step.machine.id} ${step.reason}`;
    case 'intend':
      return `intend ${step.count} of ${step.offering.zone}`;
    case 'launch':
      return `launch ${step.intent.token}`;
    case 'renew':
      return `renew ${step.intent.token}`;
    case 'takeIn':
      return `takeIn ${step.instances.map(({ id }) => id).join()}`;
    case 'await':
      return `await ${step.intent.token}`;
    case 'dropIntent':
      return `drop ${step.intent.token} ${step.reason}`;
    case 'hold':
      return `hold ${step.reason}`;
    case 'limit':
      return `limit ${step.brake.reason}`;
  }
}

const ready = (id: string, changes: Parameters<typeof machine>[1] = {}): Machine => machine(id, changes);
const pending = (id: string): Machine =>
  machine(id, { with: { phase: 'Pending', reason: 'BeingMade', runningAt: undefined, readyAt: undefined } as never });
const broken = (id: string, reason = 'NotAnswering', changes: Parameters<typeof machine>[1] = {}): Machine =>
  machine(id, {
    fate: 'Replace',
    isAnswering: false,
    ...changes,
    with: { phase: 'Failed', reason, silentSince: '2026-10-31T12:00:00Z', ...changes.with },
  });
const draining = (id: string, sinceMs: number, changes: Parameters<typeof machine>[1] = {}): Machine =>
  machine(id, {
    fate: 'Leaving',
    isAnswering: true,
    isSilent: false,
    ...changes,
    with: { phase: 'Draining', reason: 'Surplus', drainingSince: toTime(NOW - sinceMs), ...changes.with },
  });
const leaving = (id: string): Machine =>
  machine(id, { fate: 'Leaving', isAlive: false, isAnswering: false, with: { phase: 'Terminating' } });
const neverCameUp = (id: string): Machine =>
  machine(id, { fate: 'LaunchFailed', isAlive: false, with: { phase: 'Failed', reason: 'LaunchFailed' } });

interface Case {
  readonly name: string;
  readonly desired?: Partial<Desired>;
  readonly seen: Partial<Seen>;
  readonly plan: readonly string[];
}

function tell(cases: readonly Case[]): void {
  it.each(cases)('$name', (row) => {
    expect(planSpotPool(desired(row.desired), seen(row.seen), NOW).map(inShort)).toEqual(row.plan);
  });
}

const other = offering({ zone: 'ap-singapore-3' });
const blocked = (until: number) => candidate({ memo: memo({ blockedUntil: until }) });

describe('size', () => {
  tell([
    { name: 'an empty pool is filled to its minimum', seen: {}, plan: ['intend 2 of ap-singapore-2'] },
    { name: 'a size in between is left alone', seen: { machines: [ready('a'), ready('b'), ready('c')] }, plan: [] },
    { name: 'a size of the minimum is left alone', seen: { machines: [ready('a'), ready('b')] }, plan: [] },
    { name: 'PENDING counts', seen: { machines: [ready('a'), pending('b')] }, plan: [] },
    {
      name: 'LAUNCH_FAILED does not',
      seen: { machines: [ready('a'), neverCameUp('b')] },
      plan: ['intend 1 of ap-singapore-2'],
    },
    {
      name: 'a machine on its way out does not',
      seen: { machines: [ready('a'), leaving('b')] },
      plan: ['intend 1 of ap-singapore-2'],
    },
    {
      name: 'a purchase asks for ten machines at most',
      desired: { low: 25, high: 25, maximum: 25 },
      seen: {},
      plan: ['intend 10 of ap-singapore-2'],
    },
    {
      name: 'and for no more than what was to be had of late',
      desired: { low: 25, high: 25, maximum: 25 },
      seen: { candidates: [candidate({ memo: memo({ tryCount: 4 }) })] },
      plan: ['intend 4 of ap-singapore-2'],
    },
    {
      name: 'above the maximum one leaves at a time: a quarter, but one at least',
      desired: { low: 1, high: 1, maximum: 1 },
      seen: { machines: [ready('a'), ready('b'), ready('c')] },
      plan: ['drain a Surplus', 'hold TooManyAtOnce'],
    },
    {
      name: 'machines that never served leave all at once',
      desired: { low: 1, high: 1, maximum: 1 },
      seen: { machines: [ready('a'), pending('b'), pending('c')] },
      plan: ['release b Surplus', 'release c Surplus'],
    },
    {
      name: 'nothing is bought above the maximum while a machine drains',
      desired: { low: 2, high: 2, maximum: 2 },
      seen: { machines: [ready('a'), draining('b', 5_000)] },
      plan: [],
    },
    { name: 'a pool of zero buys nothing', desired: { low: 0, high: 0, maximum: 0 }, seen: {}, plan: [] },
  ]);

  it.each([
    { replicas: undefined, low: 2, high: 5 },
    { replicas: 3, low: 3, high: 3 },
    { replicas: 0, low: 2, high: 2 },
    { replicas: 9, low: 5, high: 5 },
  ])('replicas $replicas of 2 to 5: bought up to $low, released down to $high', ({ replicas, low, high }) => {
    const wanted = spec({ minimum: 2, maximum: 5, ...(replicas === undefined ? {} : { replicas }) });
    expect(desiredOf(wanted, pool().metadata)).toMatchObject({ low, high, maximum: 5, mode: 'Run' });
  });

  it('a paused pool is paused even while it is being deleted', () => {
    const metadata = { ...pool().metadata, deletionTimestamp: '2026-11-01T00:00:00Z' };
    expect(desiredOf(spec(), metadata).mode).toBe('Delete');
    expect(desiredOf(spec({ paused: true }), metadata).mode).toBe('Pause');
  });
});

describe('offerings', () => {
  tell([
    {
      name: 'the first that is free is asked',
      seen: { candidates: [candidate(), candidate({ offering: other })] },
      plan: ['intend 2 of ap-singapore-2'],
    },
    {
      name: 'a sold-out one is walked past',
      seen: { candidates: [blocked(NOW + 1), candidate({ offering: other })] },
      plan: ['intend 2 of ap-singapore-3'],
    },
    { name: 'when all are sold out nothing is bought', seen: { candidates: [blocked(NOW + 1)] }, plan: [] },
    {
      name: 'an offering is asked again when its time is up',
      seen: { candidates: [blocked(NOW)] },
      plan: ['intend 2 of ap-singapore-2'],
    },
  ]);
});

describe('who leaves first', () => {
  const order: readonly { name: string; first: Machine; second: Machine }[] = [
    { name: 'failed before unready', first: broken('b'), second: pending('a') },
    { name: 'unready before ready', first: pending('b'), second: ready('a', { with: { isOutdated: true } }) },
    {
      name: 'outdated before current',
      first: ready('b', { with: { isOutdated: true } }),
      second: ready('a', { cost: 9 }),
    },
    {
      name: 'dearer before cheaper',
      first: ready('b', { cost: 2 }),
      second: ready('a', { cost: 1, with: { createdAt: '2026-10-31T05:00:00Z' } }),
    },
    {
      name: 'younger before older',
      first: ready('b', { with: { createdAt: '2026-10-31T05:00:00Z' } }),
      second: ready('a'),
    },
    { name: 'ties by id', first: ready('a'), second: ready('b') },
  ];
  it.each(order)('$name', ({ first, second }) => {
    expect([second, first].toSorted(byWhoLeavesFirst)).toEqual([first, second]);
    expect([first, second].toSorted(byWhoLeavesFirst)).toEqual([first, second]);
  });
});

describe('leaving', () => {
  const one: Partial<Desired> = { low: 1, high: 1, maximum: 1 };
  tell([
    {
      name: 'a machine that serves drains before it is released',
      desired: one,
      seen: { machines: [ready('a'), ready('b')] },
      plan: ['drain a Surplus'],
    },
    {
      name: 'a single missed answer does not spare the drain',
      desired: one,
      seen: { machines: [ready('a', { isAnswering: false, cost: 1 }), ready('b')] },
      plan: ['drain a Surplus'],
    },
    {
      name: 'a draining machine is let alone for its time',
      desired: one,
      seen: { machines: [ready('a'), draining('b', 29_000)] },
      plan: [],
    },
    {
      name: 'times are cut to seconds: the last second is waited for',
      desired: one,
      seen: { machines: [ready('a'), draining('b', 30_000)] },
      plan: [],
    },
    {
      name: 'and is released after it',
      desired: one,
      seen: { machines: [ready('a'), draining('b', 31_000)] },
      plan: ['release b Surplus'],
    },
    {
      name: 'one that cannot be serving any more is released at once',
      desired: one,
      seen: { machines: [ready('a'), draining('b', 1_000, { isSilent: true })] },
      plan: ['release b Surplus'],
    },
    {
      name: 'with a drain timeout of 0 nothing drains',
      desired: { ...one, drainTimeoutMs: 0 },
      seen: { machines: [ready('a'), ready('b')] },
      plan: ['release a Surplus'],
    },
    {
      name: 'a release that the cloud has ignored is asked for again, without another drain',
      desired: one,
      seen: {
        machines: [
          ready('a'),
          draining('b', 1_000, {
            with: { phase: 'Failed', reason: 'ReleaseIgnored', terminatingSince: toTime(NOW - 121_000) },
          }),
        ],
      },
      plan: ['release b ReleaseIgnored'],
    },
    {
      name: 'a machine that cannot be released does not keep others from leaving',
      desired: one,
      seen: { machines: [ready('a'), ready('b'), draining('c', 60_000)] },
      plan: ['release c Surplus', 'drain a Surplus'],
    },
  ]);
});

describe('replacing', () => {
  const two: Partial<Desired> = { low: 2, high: 2, maximum: 2 };
  const isolated = (id: string): Machine => broken(id, 'Isolated', { isAnswering: true, isSilent: false });
  tell([
    {
      name: 'within the maximum: released first, bought when it is gone',
      desired: two,
      seen: { machines: [ready('a'), broken('b')] },
      plan: ['release b NotAnswering'],
    },
    {
      name: 'where there is room both happen at once',
      seen: { machines: [ready('a'), broken('b')] },
      plan: ['release b NotAnswering', 'intend 1 of ap-singapore-2'],
    },
    {
      name: 'the last machine that answers is kept',
      desired: two,
      seen: { machines: [isolated('a'), pending('b')] },
      plan: ['hold LastAnswering'],
    },
    {
      name: 'of several doomed ones that answer only one is kept',
      desired: two,
      seen: { machines: [isolated('a'), isolated('b')] },
      plan: ['hold LastAnswering', 'drain a Isolated'],
    },
    {
      name: 'but leaves when another one answers',
      desired: two,
      seen: { machines: [isolated('a'), ready('b')] },
      plan: ['drain a Isolated'],
    },
    {
      name: 'surge: 1 buys its replacement above the maximum',
      desired: { low: 1, high: 1, maximum: 1, surge: 1 },
      seen: { machines: [isolated('a')] },
      plan: ['hold LastAnswering', 'intend 1 of ap-singapore-2'],
    },
    {
      name: 'surge is not for machines that are released at once',
      desired: { low: 1, high: 1, maximum: 1, surge: 1 },
      seen: { machines: [broken('a')] },
      plan: ['release a NotAnswering'],
    },
    {
      name: 'and no second one',
      desired: { low: 1, high: 1, maximum: 1, surge: 1 },
      seen: { machines: [isolated('a'), pending('b')] },
      plan: ['hold LastAnswering'],
    },
    {
      name: 'a pool of zero keeps nothing',
      desired: { low: 0, high: 0, maximum: 0 },
      seen: { machines: [isolated('a')] },
      plan: ['drain a Isolated'],
    },
    {
      name: 'broken and surplus machines share one quarter',
      desired: { low: 4, high: 4, maximum: 4 },
      seen: { machines: [...'abcdefg'].map((id) => ready(id)).concat(broken('h')) },
      plan: ['release h NotAnswering', 'drain a Surplus', 'hold TooManyAtOnce'],
    },
    {
      name: 'draining machines use up the quarter',
      desired: { low: 4, high: 4, maximum: 4 },
      seen: { machines: [...'abcdef'].map((id) => ready(id)).concat(draining('g', 1_000), draining('h', 1_000)) },
      plan: ['hold TooManyAtOnce'],
    },
  ]);
});

describe('when most fall silent at once', () => {
  const quiet = (id: string, forMs: number): Machine =>
    broken(id, 'NotAnswering', { with: { silentSince: toTime(NOW - forMs) } });
  const three: Partial<Desired> = { low: 3, high: 3, maximum: 9 };
  tell([
    {
      name: 'they are kept, and nothing is bought in their place',
      desired: three,
      seen: { machines: [quiet('a', 60_000), quiet('b', 60_000), ready('c')] },
      plan: ['hold MostNotAnswering'],
    },
    {
      name: 'until they were silent for as long as a new one may take',
      desired: three,
      seen: { machines: [quiet('a', 602_000), quiet('b', 602_000), ready('c')] },
      plan: ['release a NotAnswering', 'hold TooManyAtOnce', 'intend 2 of ap-singapore-2'],
    },
    {
      name: 'one of two is no crowd',
      desired: { low: 2, high: 2, maximum: 2 },
      seen: { machines: [quiet('a', 60_000), ready('b')] },
      plan: ['release a NotAnswering'],
    },
    {
      name: 'two of four are not most',
      desired: { low: 4, high: 4, maximum: 4 },
      seen: { machines: [quiet('a', 60_000), quiet('b', 60_000), ready('c'), ready('d')] },
      plan: ['release a NotAnswering', 'hold TooManyAtOnce'],
    },
  ]);
});

describe('intents', () => {
  const unknown = { isUnsent: false, found: [] } as const;
  tell([
    { name: 'one that was not sent is sent', seen: { intents: [seenIntent()] }, plan: ['launch token-1'] },
    {
      name: 'one of an earlier process is waited for',
      seen: { intents: [seenIntent({ isUnsent: false })] },
      plan: ['await token-1'],
    },
    {
      name: 'its machines are taken in',
      seen: {
        intents: [seenIntent({ isUnsent: false, found: [instance({ id: 'ins-1' }), instance({ id: 'ins-2' })] })],
      },
      plan: ['takeIn ins-1,ins-2'],
    },
    {
      name: 'even when the pool has no use for them: they are released like any others',
      desired: { mode: 'Delete' },
      seen: { intents: [seenIntent({ isUnsent: false, found: [instance()] })] },
      plan: ['takeIn ins-00000001'],
    },
    {
      name: 'not found, it is written down anew under the same token, to be sent by the next run',
      seen: { intents: [seenIntent(unknown)] },
      plan: ['renew token-1'],
    },
    {
      name: 'of a spec that has changed, it is dropped',
      seen: { intents: [seenIntent(unknown)], candidates: [candidate({ orderHash: 'order-2' })] },
      plan: ['drop token-1 SpecChanged'],
    },
    {
      name: 'of an offering that is gone, it is dropped',
      seen: { intents: [seenIntent()], candidates: [candidate({ offering: other })] },
      plan: ['drop token-1 SpecChanged'],
    },
    {
      name: 'of two offerings with one id, the one that says the same is sent',
      seen: {
        intents: [seenIntent()],
        candidates: [candidate({ orderHash: 'order-2' }), candidate({ offering: offering({ maxPrice: '0.5' }) })],
      },
      plan: ['launch token-1'],
    },
    {
      name: 'not needed any more, it is dropped',
      seen: { machines: [ready('a'), ready('b')], intents: [seenIntent()] },
      plan: ['drop token-1 NotNeeded'],
    },
    {
      name: 'it is not sent when fewer are needed than it says',
      seen: { machines: [ready('a')], intents: [seenIntent({ intent: intent({ count: 2 }) })] },
      plan: ['drop token-1 NotNeeded'],
    },
    {
      name: 'nothing else is bought meanwhile',
      desired: { low: 9, high: 9, maximum: 9 },
      seen: { intents: [seenIntent({ isUnsent: false })] },
      plan: ['await token-1'],
    },
    {
      name: 'dropped when the pool is paused',
      desired: { mode: 'Pause' },
      seen: { intents: [seenIntent()] },
      plan: ['drop token-1 Paused'],
    },
    {
      name: 'an unknown one is waited for even when the pool is deleted',
      desired: { mode: 'Delete' },
      seen: { intents: [seenIntent({ isUnsent: false })] },
      plan: ['await token-1'],
    },
    {
      name: 'and dropped once it is known to have brought nothing',
      desired: { mode: 'Delete' },
      seen: { intents: [seenIntent(unknown)] },
      plan: ['drop token-1 PoolDeleted'],
    },
  ]);
});

describe('holding back', () => {
  const stop = { reason: 'InsufficientBalance', message: '', until: toTime(NOW + 1000), generation: 1 };
  const conflict = { ids: ['ins-9'], message: 'somebody else' };
  tell([
    { name: 'untagged machines count as bought', seen: { untagged: 1 }, plan: ['intend 1 of ap-singapore-2'] },
    { name: 'nothing is bought while buying is stopped', seen: { buyingStopped: stop }, plan: [] },
    {
      name: 'a planned purchase is dropped then',
      seen: { buyingStopped: stop, intents: [seenIntent()] },
      plan: ['drop token-1 InsufficientBalance'],
    },
    {
      name: 'machines leave all the same',
      desired: { low: 1, high: 1, maximum: 1 },
      seen: { buyingStopped: stop, machines: [ready('a'), ready('b')] },
      plan: ['drain a Surplus'],
    },
    {
      name: 'a paused pool does nothing',
      desired: { mode: 'Pause' },
      seen: { machines: [broken('a'), draining('b', 99_000), ready('c'), ready('d'), ready('e'), ready('f')] },
      plan: [],
    },
    {
      name: 'in a conflict nothing is bought or released',
      seen: { conflict, machines: [broken('a'), draining('b', 99_000)] },
      plan: [],
    },
    {
      name: 'in a conflict what was not sent is dropped, and what is unknown stays unknown',
      seen: {
        conflict,
        intents: [seenIntent(), seenIntent({ isUnsent: false, intent: intent({ token: 'token-2' }) })],
      },
      plan: ['drop token-1 IdentityConflict'],
    },
  ]);
});

describe('deleting', () => {
  tell([
    {
      name: 'all leave at once, those that serve after a drain',
      desired: { mode: 'Delete' },
      seen: { machines: [ready('a'), pending('b'), broken('c'), draining('d', 1_000), leaving('e'), neverCameUp('f')] },
      plan: ['drain a PoolDeleted', 'release b PoolDeleted', 'release c PoolDeleted'],
    },
    {
      name: 'a machine that has drained is released',
      desired: { mode: 'Delete' },
      seen: { machines: [draining('a', 31_000)] },
      plan: ['release a Surplus'],
    },
  ]);
});

it('the offering of an intent is the candidate itself, bid included', () => {
  const bid = candidate({ offering: offering({ maxPrice: '0.5' }) });
  const [step] = planSpotPool(desired(), seen({ intents: [seenIntent()], candidates: [bid] }), NOW);
  expect(step).toMatchObject({ kind: 'launch', offering: { maxPrice: '0.5' } });
  expect(offeringId(bid.offering)).toBe(intent().offering);
});

describe('brakes on spending', () => {
  const brake = (room: number, reason: Brake['reason'] = 'LaunchesPerHour'): Brake => ({ room, reason, message: '' });
  const braked = (...brakes: readonly Brake[]) => candidate({ brakes });
  const cheap = candidate({ offering: offering({ zone: 'ap-singapore-3' }), brakes: [brake(2, 'MaxCostPerHour')] });

  it.each<{
    name: string;
    changes: Parameters<typeof desired>[0];
    seen: Parameters<typeof seen>[0];
    steps: readonly string[];
  }>([
    {
      name: 'more room than is wanted changes nothing',
      changes: { low: 3 },
      seen: { candidates: [braked(brake(9))] },
      steps: ['intend 3 of ap-singapore-2'],
    },
    {
      name: 'the tightest decides',
      changes: { low: 3 },
      seen: { candidates: [braked(brake(2), brake(1), brake(9))] },
      steps: ['intend 1 of ap-singapore-2'],
    },
    {
      name: 'without room nothing is bought',
      changes: { low: 3 },
      seen: { candidates: [braked(brake(9), brake(0, 'MaxMachines'))] },
      steps: ['limit MaxMachines'],
    },
    {
      name: 'nor when there is less than none',
      changes: { low: 3 },
      seen: { candidates: [braked(brake(-2))] },
      steps: ['limit LaunchesPerHour'],
    },
    {
      name: 'and nothing is said while nothing is wanted',
      changes: { low: 0 },
      seen: { candidates: [braked(brake(0))] },
      steps: [],
    },
    {
      name: 'machines without tags take room',
      changes: { low: 3 },
      seen: { candidates: [braked(brake(2))], untagged: 1 },
      steps: ['intend 1 of ap-singapore-2'],
    },
    {
      name: 'an offering that is over a limit is passed over for one that is not',
      changes: { low: 3 },
      seen: { candidates: [braked(brake(0, 'MaxCostPerHour')), cheap] },
      steps: ['intend 2 of ap-singapore-3'],
    },
    {
      name: 'a planned purchase that has lost its room is dropped',
      changes: { low: 3 },
      seen: { candidates: [braked(brake(1, 'MaxMachines'))], intents: [seenIntent({ intent: intent({ count: 2 }) })] },
      steps: ['drop token-1 MaxMachines'],
    },
    {
      name: 'one that fits is made',
      changes: { low: 3 },
      seen: { candidates: [braked(brake(2))], intents: [seenIntent({ intent: intent({ count: 2 }) })] },
      steps: ['launch token-1'],
    },
  ])('$name', ({ changes, seen: situation, steps }) => {
    expect(planSpotPool(desired({ high: 9, maximum: 9, ...changes }), seen(situation), NOW).map(inShort)).toEqual(
      steps,
    );
  });
});
