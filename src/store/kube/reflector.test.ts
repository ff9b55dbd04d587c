import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KubeError, type KubeReason } from './kube-error.ts';
import { firstPlan, nextPlan, type Outcome, type Plan } from './reflector.ts';

const failure = (reason: KubeReason, code = 0, retryAfterSeconds?: number): KubeError =>
  new KubeError(reason, reason, { code, ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) });
const unreachable = failure('Unreachable');
const expired = failure('Expired', 410);

const end = { version: '20', isProven: false, wasComparing: false };
const plan = (members: Partial<Plan> = {}): Plan => ({
  ...firstPlan,
  step: { do: 'watch', afterMs: 0, version: '10' },
  ...members,
});
const listing = (members: Partial<Plan> = {}): Plan => plan({ ...members, step: firstPlan.step });
const moment = { nowMs: 500_000, random: 0 };
const recently = { failedAtMs: moment.nowMs - 60_000 };

interface Case {
  readonly name: string;
  readonly plan: Plan;
  readonly outcome: Outcome;
  readonly next: Partial<Plan>;
}

const cases: readonly Case[] = [
  {
    name: 'a list is followed by a watch from its version, at once',
    plan: listing(),
    outcome: { is: 'listed', version: '77' },
    next: { step: { do: 'watch', afterMs: 0, version: '77' } },
  },
  {
    name: 'a list forgives nothing: only a watch proves that the server works',
    plan: listing({ failures: 4, ...recently, hasExpired: true }),
    outcome: { is: 'listed', version: '77' },
    next: { failures: 4, hasExpired: true },
  },
  {
    name: 'a clean end is followed by a watch from the last event, at once, and all is forgiven',
    plan: plan({ failures: 2, ...recently, hasExpired: true }),
    outcome: { is: 'watch closed', ...end, isProven: true },
    next: { step: { do: 'watch', afterMs: 0, version: '20' }, failures: 0, hasExpired: false },
  },
  {
    name: 'an end at once, without an event, counts as a failure',
    plan: plan(),
    outcome: { is: 'watch closed', ...end },
    next: { step: { do: 'watch', afterMs: 800, version: '20' }, failures: 1 },
  },
  {
    name: 'the third end at once leads to a list',
    plan: plan({ failures: 2, ...recently }),
    outcome: { is: 'watch closed', ...end },
    next: { step: { do: 'list', afterMs: 3200, reason: 'WatchFailed' }, failures: 3 },
  },
  {
    name: 'a version that expired leads to a list at once',
    plan: plan({ failures: 1, ...recently }),
    outcome: { is: 'watch broken', ...end, error: expired },
    next: { step: { do: 'list', afterMs: 0, reason: 'Expired' }, failures: 1, hasExpired: true },
  },
  {
    name: 'a 410 without the reason Expired is the same',
    plan: plan(),
    outcome: { is: 'watch broken', ...end, error: failure('Gone', 410) },
    next: { step: { do: 'list', afterMs: 0, reason: 'Expired' } },
  },
  {
    name: 'the second time in a row that a version expired costs a delay',
    plan: plan({ hasExpired: true }),
    outcome: { is: 'watch broken', ...end, error: expired },
    next: { step: { do: 'list', afterMs: 800, reason: 'Expired' }, failures: 1, hasExpired: true },
  },
  {
    name: 'after a watch that worked, a version that expired is the first one again',
    plan: plan({ hasExpired: true, failures: 2, ...recently }),
    outcome: { is: 'watch broken', ...end, isProven: true, error: expired },
    next: { step: { do: 'list', afterMs: 0, reason: 'Expired' }, failures: 0, hasExpired: true },
  },
  {
    name: 'a version that the server does not know yet leads to a list at once',
    plan: plan(),
    outcome: { is: 'watch broken', ...end, error: failure('ResourceVersionTooLarge', 504) },
    next: { step: { do: 'list', afterMs: 0, reason: 'ResourceVersionTooLarge' } },
  },
  {
    name: 'a list that hears the same is made again at once',
    plan: listing(),
    outcome: { is: 'list failed', error: failure('ResourceVersionTooLarge', 504) },
    next: { step: { do: 'list', afterMs: 0, reason: 'ResourceVersionTooLarge' }, hasExpired: true },
  },
  {
    name: 'a list that hears it twice costs a delay',
    plan: listing({ hasExpired: true }),
    outcome: { is: 'list failed', error: expired },
    next: { step: { do: 'list', afterMs: 800, reason: 'Expired' }, failures: 1 },
  },
  ...(
    ['Unreachable', 'Timeout', 'Failed', 'TooManyRequests', 'Unauthorized', 'Forbidden', 'NotInstalled'] as const
  ).map(
    (reason): Case => ({
      name: `a watch that fails with ${reason} is tried again after a delay`,
      plan: plan(),
      outcome: { is: 'watch broken', ...end, error: failure(reason) },
      next: { step: { do: 'watch', afterMs: 800, version: '20' }, failures: 1 },
    }),
  ),
  {
    name: 'the second failure in a row doubles the delay',
    plan: plan({ failures: 1, ...recently }),
    outcome: { is: 'watch broken', ...end, error: unreachable },
    next: { step: { do: 'watch', afterMs: 1600, version: '20' }, failures: 2 },
  },
  {
    name: 'the third failure in a row leads to a list',
    plan: plan({ failures: 2, ...recently }),
    outcome: { is: 'watch broken', ...end, error: unreachable },
    next: { step: { do: 'list', afterMs: 3200, reason: 'WatchFailed' }, failures: 3 },
  },
  {
    name: 'a watch that worked before it broke is the first failure of a new row',
    plan: plan({ failures: 2, ...recently }),
    outcome: { is: 'watch broken', ...end, isProven: true, error: unreachable },
    next: { step: { do: 'watch', afterMs: 800, version: '20' }, failures: 1 },
  },
  {
    name: 'two minutes without a failure begin a new row',
    plan: plan({ failures: 2, failedAtMs: moment.nowMs - 120_001 }),
    outcome: { is: 'watch broken', ...end, error: unreachable },
    next: { step: { do: 'watch', afterMs: 800, version: '20' }, failures: 1 },
  },
  {
    name: 'exactly two minutes do not',
    plan: plan({ failures: 1, failedAtMs: moment.nowMs - 120_000 }),
    outcome: { is: 'watch broken', ...end, error: unreachable },
    next: { failures: 2 },
  },
  {
    name: 'a list that fails is made again after a delay, for the same reason',
    plan: plan({ step: { do: 'list', afterMs: 0, reason: 'Drift' }, failures: 3, ...recently }),
    outcome: { is: 'list failed', error: unreachable },
    next: { step: { do: 'list', afterMs: 6400, reason: 'Drift' }, failures: 4, failedAtMs: moment.nowMs },
  },
  {
    name: 'the server may ask for more patience',
    plan: plan(),
    outcome: { is: 'watch broken', ...end, error: failure('TooManyRequests', 429, 7) },
    next: { step: { do: 'watch', afterMs: 7000, version: '20' } },
  },
  {
    name: 'but not for less',
    plan: listing({ failures: 9, ...recently }),
    outcome: { is: 'list failed', error: failure('TooManyRequests', 429, 1) },
    next: { step: { do: 'list', afterMs: 30_000, reason: 'Initial' } },
  },
  {
    name: 'a watch found out of step is followed by a list at once',
    plan: plan({ failures: 1, ...recently }),
    outcome: { is: 'watch left', reason: 'Drift' },
    next: { step: { do: 'list', afterMs: 0, reason: 'Drift' }, failures: 1 },
  },
  {
    name: 'an end during a comparison leads to a list, which needs no watch',
    plan: plan(),
    outcome: { is: 'watch closed', ...end, isProven: true, wasComparing: true },
    next: { step: { do: 'list', afterMs: 0, reason: 'Compare' }, failures: 0 },
  },
  {
    name: 'a failure during a comparison leads to a list after the delay',
    plan: plan(),
    outcome: { is: 'watch broken', ...end, wasComparing: true, error: unreachable },
    next: { step: { do: 'list', afterMs: 800, reason: 'Compare' }, failures: 1 },
  },
  {
    name: 'a better reason to list stays',
    plan: plan(),
    outcome: { is: 'watch broken', ...end, wasComparing: true, error: expired },
    next: { step: { do: 'list', afterMs: 0, reason: 'Expired' } },
  },
];

describe('what to do after each outcome', () => {
  it.each(cases)('$name', ({ plan: before, outcome, next }) => {
    expect(nextPlan(before, outcome, moment)).toMatchObject(next);
  });

  it('begins with a list', () => {
    expect(firstPlan.step).toEqual({ do: 'list', afterMs: 0, reason: 'Initial' });
  });

  it('waits 0.8, 1.6, 3.2 … 30 s while all fails, jittered to twice that', () => {
    for (const random of [0, 0.999]) {
      let current = firstPlan;
      const delays = Array.from({ length: 8 }, (_, nth) => {
        current = nextPlan(current, { is: 'list failed', error: unreachable }, { nowMs: nth * 60_000, random });
        return current.step.afterMs / (1 + random);
      });
      expect(delays.map(Math.round)).toEqual([800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
    }
  });

  it('never asks twice without a pause, unless a watch worked or a version expired for the first time', () => {
    const error = fc.constantFrom(
      unreachable,
      expired,
      failure('Forbidden', 403),
      failure('ResourceVersionTooLarge', 504),
    );
    const unproven = fc.oneof(
      error.map((e): Outcome => ({ is: 'list failed', error: e })),
      error.map((e): Outcome => ({ is: 'watch broken', ...end, error: e })),
      fc.constant<Outcome>({ is: 'watch closed', ...end }),
    );
    fc.assert(
      fc.property(fc.array(unproven, { minLength: 2, maxLength: 30 }), (outcomes) => {
        let current = firstPlan;
        const pauses = outcomes.map((outcome, nth) => {
          current = nextPlan(current, outcome, { nowMs: nth * 1000, random: 0 });
          return current.step.afterMs;
        });
        expect(pauses.filter((pause) => pause === 0).length).toBeLessThanOrEqual(1);
        expect(Math.max(...pauses)).toBeLessThanOrEqual(30_000);
      }),
    );
  });
});
