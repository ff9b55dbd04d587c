import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { offering } from '../../test/builders/launch-order.ts';
import { candidate, desired, instance, intent, machine, memo, NOW, seenIntent } from '../../test/builders/spotpool.ts';
import { toTime } from '../api/meta.ts';
import type { EpochMs } from '../lib/clock.ts';
import type { Machine } from './machine.ts';
import { afterPartialRefusal, afterRefusal, afterSuccess } from './offerings.ts';
import type { Candidate, Desired, Seen, SeenIntent, Step } from './plan.ts';
import { planSpotPool } from './plan.ts';

/** A pool in a cloud that does what it is told: stock by zone, and whether answers to purchases get lost. */
interface World {
  readonly desired: Desired;
  readonly seen: Seen;
  readonly now: EpochMs;
  readonly stock: ReadonlyMap<string, number>;
  readonly isLosingAnswers: boolean;
  /** What purchases of unknown outcome have brought, by token. */
  readonly hidden: ReadonlyMap<string, number>;
  readonly made: number;
}

const plan = ({ desired: wanted, seen, now }: World): readonly Step[] => planSpotPool(wanted, seen, now);
const aliveIn = ({ seen }: World): number => seen.machines.filter(({ isAlive }) => isAlive).length;
const hiddenIn = ({ hidden }: World): number => [...hidden.values()].reduce((sum, count) => sum + count, 0);
/** Holds change nothing, and waiting for an outcome is not a change either. */
const changes = (steps: readonly Step[]): readonly Step[] =>
  steps.filter(({ kind }) => kind !== 'hold' && kind !== 'limit' && kind !== 'await');

function withMachine(world: World, id: string, change: Partial<Machine>, facts: Partial<Machine['record']>): World {
  const machines = world.seen.machines.map((each) =>
    each.id === id ? { ...each, ...change, record: { ...each.record, ...facts } } : each,
  );
  return { ...world, seen: { ...world.seen, machines } };
}

function withoutIntent(world: World, token: string): World {
  const intents = world.seen.intents.filter((each) => each.intent.token !== token);
  return { ...world, seen: { ...world.seen, intents } };
}

function withMemo(world: World, of: Candidate, changed: Candidate['memo']): World {
  const candidates = world.seen.candidates.map((each) => (each === of ? { ...each, memo: changed } : each));
  return { ...world, seen: { ...world.seen, candidates } };
}

function withNew(world: World, ids: readonly string[]): World {
  const added = ids.map((id) =>
    machine(id, {
      isAnswering: false,
      with: { phase: 'Requested', createdAt: toTime(world.now), runningAt: undefined, readyAt: undefined } as never,
    }),
  );
  return {
    ...world,
    made: world.made + ids.length,
    seen: { ...world.seen, machines: [...world.seen.machines, ...added] },
  };
}

const newIds = ({ made }: World, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `ins-new${made + index}`);

function launched(world: World, step: Extract<Step, { kind: 'launch' }>): World {
  const { count, token } = step.intent;
  const of = world.seen.candidates.find((each) => each.offering === step.offering) as Candidate;
  const left = world.stock.get(step.offering.zone) ?? 0;
  const base = withoutIntent(world, token);
  if (left < count) {
    const refusal = { reason: 'SoldOut', message: '' };
    return withMemo(
      base,
      of,
      count > 1 ? afterPartialRefusal(of.memo, count, world.now) : afterRefusal(of.memo, refusal, world.now),
    );
  }
  const stock = new Map(world.stock).set(step.offering.zone, left - count);
  if (world.isLosingAnswers) {
    const intents = [...base.seen.intents, seenIntent({ intent: step.intent, isUnsent: false })];
    return {
      ...base,
      stock,
      isLosingAnswers: false,
      hidden: new Map(world.hidden).set(token, count),
      seen: { ...base.seen, intents },
    };
  }
  return withNew({ ...withMemo(base, of, afterSuccess(of.memo, world.now)), stock }, newIds(world, count));
}

function afterStep(world: World, step: Step): World {
  switch (step.kind) {
    case 'drain':
      return withMachine(
        world,
        step.machine.id,
        { fate: 'Leaving' },
        { phase: 'Draining', drainingSince: toTime(world.now) },
      );
    case 'release':
      return withMachine(
        world,
        step.machine.id,
        { fate: 'Leaving', isAlive: false, isAnswering: false },
        { phase: 'Terminating', terminatingSince: toTime(world.now) },
      );
    case 'intend': {
      const planned = intent({
        token: `token-${world.made}-${world.now}`,
        count: step.count,
        offering: `${step.offering.zone}/GN7.2XLARGE32/subnet-gfrv79s2/SPOTPAID`,
        specHash: step.orderHash,
      });
      const intents = [...world.seen.intents, seenIntent({ intent: planned })];
      return { ...world, seen: { ...world.seen, intents } };
    }
    case 'launch':
      return launched(world, step);
    case 'renew': {
      const { token } = step.intent;
      const renew = (each: SeenIntent): SeenIntent =>
        each.intent.token === token ? { ...each, isUnsent: true, found: undefined } : each;
      return { ...world, seen: { ...world.seen, intents: world.seen.intents.map(renew) } };
    }
    case 'takeIn': {
      const hidden = new Map(world.hidden);
      hidden.delete(step.intent.token);
      const base = { ...withoutIntent(world, step.intent.token), hidden };
      return withNew(
        base,
        step.instances.map(({ id }) => id),
      );
    }
    case 'dropIntent':
      return withoutIntent(world, step.intent.token);
    case 'await':
    case 'hold':
    case 'limit':
      return world;
  }
}

const carryOut = (world: World, steps: readonly Step[]): World => steps.reduce(afterStep, world);

/** A while later: what was bought answers, what was released is gone, and unknown purchases have been looked for. */
function later(world: World, ms: number): World {
  const machines = world.seen.machines
    .filter(({ record }) => record.phase !== 'Terminating')
    .map((each): Machine => {
      if (each.record.phase !== 'Requested') return each;
      const record = { ...each.record, phase: 'Ready', readyAt: toTime(world.now) } as const;
      return { ...each, isAnswering: true, isSilent: false, record };
    });
  const intents = world.seen.intents.map((each) => {
    if (each.isUnsent) return each;
    const count = world.hidden.get(each.intent.token) ?? 0;
    return { ...each, found: newIds(world, count).map((id) => instance({ id })) };
  });
  return { ...world, now: world.now + ms, seen: { ...world.seen, machines, intents } };
}

const kinds = ['ready', 'outdated', 'pending', 'broken', 'isolated', 'draining', 'neverCameUp', 'terminating'] as const;

function madeOf(kind: (typeof kinds)[number], id: string, ageMs: number): Machine {
  const since = toTime(NOW - ageMs);
  switch (kind) {
    case 'ready':
      return machine(id, { cost: ageMs % 3 });
    case 'outdated':
      return machine(id, { with: { isOutdated: true } });
    case 'pending':
      return machine(id, { isAnswering: false, with: { phase: 'Requested', readyAt: undefined } as never });
    case 'broken':
      return machine(id, {
        fate: 'Replace',
        with: { phase: 'Failed', reason: 'NotAnswering', silentSince: since },
      });
    case 'isolated':
      return machine(id, {
        fate: 'Replace',
        isAnswering: true,
        isSilent: false,
        with: { phase: 'Failed', reason: 'Isolated' },
      });
    case 'draining':
      return machine(id, { fate: 'Leaving', isAnswering: true, with: { phase: 'Draining', drainingSince: since } });
    case 'neverCameUp':
      return machine(id, { fate: 'LaunchFailed', isAlive: false, with: { phase: 'Failed', reason: 'LaunchFailed' } });
    case 'terminating':
      return machine(id, { fate: 'Leaving', isAlive: false, with: { phase: 'Terminating' } });
  }
}

const sizes = fc.tuple(fc.nat(12), fc.nat(12), fc.nat(12)).map((three) => three.toSorted((a, b) => a - b));

const worlds: fc.Arbitrary<World> = fc
  .record({
    sizes,
    mode: fc.constantFrom('Run', 'Run', 'Run', 'Delete', 'Pause'),
    surge: fc.nat(1),
    drainTimeoutMs: fc.constantFrom(0, 30_000),
    machines: fc.array(fc.tuple(fc.constantFrom(...kinds), fc.nat(900_000)), { maxLength: 14 }),
    stock: fc.tuple(fc.nat(30), fc.nat(30)),
    isLosingAnswers: fc.boolean(),
    untagged: fc.constantFrom(0, 0, 0, 1),
  })
  .map((drawn): World => {
    const [low = 0, high = 0, maximum = 0] = drawn.sizes;
    const { mode, surge, drainTimeoutMs, untagged, isLosingAnswers } = drawn;
    const zones = ['ap-singapore-2', 'ap-singapore-3'];
    return {
      desired: desired({ low, high, maximum, mode, surge, drainTimeoutMs }),
      seen: {
        machines: drawn.machines.map(([kind, ageMs], index) => madeOf(kind, `ins-${index}`, ageMs)),
        intents: [],
        candidates: zones.map((zone) => candidate({ offering: offering({ zone }), memo: memo() })),
        untagged,
        buyingStopped: undefined,
        conflict: undefined,
      },
      now: NOW,
      stock: new Map(zones.map((zone, index) => [zone, drawn.stock[index] ?? 0])),
      isLosingAnswers,
      hidden: new Map(),
      made: 0,
    };
  });

/** Every state of a pool's way to rest, with the plan made in it. */
function* wayOf(start: World): Generator<{ readonly world: World; readonly steps: readonly Step[] }> {
  let world = start;
  for (let round = 0; round < 150; round++) {
    const steps = plan(world);
    yield { world, steps };
    world = later(carryOut(world, steps), 20_000);
  }
}

describe('whatever the pool and the cloud', () => {
  it('no purchase takes it above its maximum, or above one more where a replacement may come first', () => {
    fc.assert(
      fc.property(worlds, (start) => {
        for (const { world, steps } of wayOf(start)) {
          if (!steps.some(({ kind }) => kind === 'launch')) continue;
          const after = carryOut(world, steps);
          const size = aliveIn(after) + hiddenIn(after);
          const isSurging = world.seen.machines.some(({ fate, isAnswering }) => fate === 'Replace' && isAnswering);
          const grown = size > aliveIn(world) + hiddenIn(world);
          if (grown) expect(size).toBeLessThanOrEqual(world.desired.maximum + (isSurging ? world.desired.surge : 0));
        }
      }),
    );
  });

  it('it settles, and planning again changes nothing', () => {
    fc.assert(
      fc.property(worlds, (start) => {
        const way = [...wayOf(start)];
        const { world } = way.at(-1) as (typeof way)[number];
        for (const { steps } of way.slice(-5)) {
          // A sold-out offering is asked again at its time, for ever.
          const others = changes(steps).filter(({ kind }) => kind !== 'intend' && kind !== 'launch');
          expect(others).toEqual([]);
        }
        const { high, mode } = world.desired;
        const kept = world.seen.machines.filter(({ fate }) => fate === 'Keep').length;
        if (mode === 'Delete') expect(aliveIn(world)).toBe(0);
        if (mode === 'Run') expect(kept).toBeLessThanOrEqual(high);
      }),
    );
  });

  it('where there is stock enough it comes to its minimum, unless a machine is held', () => {
    const rich = worlds.map((world) => ({
      ...world,
      stock: new Map([['ap-singapore-2', 1000]]),
      seen: { ...world.seen, untagged: 0 },
      desired: { ...world.desired, mode: 'Run' as const },
    }));
    fc.assert(
      fc.property(rich, (start) => {
        const { world, steps } = [...wayOf(start)].at(-1) as { world: World; steps: readonly Step[] };
        const kept = world.seen.machines.filter(({ fate }) => fate === 'Keep').length;
        const isHeld = steps.some(({ kind }) => kind === 'hold');
        expect(kept).toBeGreaterThanOrEqual(
          isHeld ? Math.min(world.desired.low, world.desired.maximum - 1) : world.desired.low,
        );
      }),
    );
  });

  it('the same is planned for the same', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        expect(plan(world)).toEqual(plan(world));
      }),
    );
  });

  it('only machines that were seen as its own are touched, none of them twice', () => {
    fc.assert(
      fc.property(worlds, (start) => {
        for (const { world, steps } of wayOf(start)) {
          const touched = steps.flatMap((step) => ('machine' in step ? [step.machine] : []));
          expect(touched.every((each) => world.seen.machines.includes(each) && each.isAlive)).toBe(true);
          expect(new Set(touched).size).toBe(touched.length);
        }
      }),
    );
  });

  it('at most one purchase is under way', () => {
    fc.assert(
      fc.property(worlds, (start) => {
        for (const { world, steps } of wayOf(start)) {
          const planned = steps.filter(({ kind }) => kind === 'intend').length;
          expect(planned + world.seen.intents.length).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  it('deletion aside, at most a quarter of those that serve are leaving, or one', () => {
    fc.assert(
      fc.property(worlds, (start) => {
        for (const { world, steps } of wayOf(start)) {
          if (world.desired.mode !== 'Run') continue;
          const serves = ({ isAlive, record }: Machine): boolean => isAlive && record.readyAt !== undefined;
          const serving = world.seen.machines.filter(serves).length;
          const newly = steps.filter(
            (step) => 'machine' in step && step.machine.fate !== 'Leaving' && serves(step.machine),
          );
          expect(newly.length).toBeLessThanOrEqual(Math.max(1, Math.floor(serving / 4)));
        }
      }),
    );
  });

  it('the last machine that answers is not given up while one is wanted', () => {
    fc.assert(
      fc.property(worlds, (start) => {
        for (const { world, steps } of wayOf(start)) {
          const answering = world.seen.machines.filter(({ isAnswering, fate }) => isAnswering && fate !== 'Leaving');
          if (world.desired.mode !== 'Run' || world.desired.low === 0 || answering.length === 0) continue;
          const going = new Set(steps.flatMap((step) => ('machine' in step ? [step.machine] : [])));
          expect(answering.some((each) => !going.has(each))).toBe(true);
        }
      }),
    );
  });
});
