import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pool, record } from '../../test/builders/spotpool.ts';
import type { Holding } from './budget.ts';
import { createOperatorBudget, holdingOf } from './budget.ts';

const holding = (changes: Partial<Holding> = {}): Holding => ({
  machines: 0,
  costPerHour: 0,
  unpriced: 0,
  currency: 'USD',
  ...changes,
});
const PRICE = { perHour: 500_000, currency: 'USD' } as const;
const shown = (
  budget: ReturnType<typeof createOperatorBudget>,
  own = holding(),
  price: typeof PRICE | undefined = PRICE,
) => budget.brakes('own', own, price).map(({ reason, room }) => `${reason} ${room}`);

describe('machines of all pools', () => {
  it('are counted, those of the asking pool as it has them now', () => {
    const budget = createOperatorBudget({ maxMachines: 10 });
    budget.hold('other', holding({ machines: 4 }));
    budget.hold('own', holding({ machines: 9 }));
    expect(shown(budget, holding({ machines: 1 }))).toEqual(['MaxMachines 5']);
    budget.forget('other');
    expect(shown(budget, holding({ machines: 1 }))).toEqual(['MaxMachines 9']);
  });

  it('without limits there are no brakes, and nothing need be loaded', () => {
    const budget = createOperatorBudget({});
    expect([shown(budget), budget.mustLoad]).toEqual([[], false]);
  });

  it('are known from their status at a start; one that is lost may have its maximum', () => {
    const budget = createOperatorBudget({ maxMachines: 10 });
    expect(budget.mustLoad).toBe(true);
    const recorded = pool({ metadata: { name: 'a' }, status: { instances: [record({ instanceId: 'ins-1' })] } });
    const lost = pool({ metadata: { name: 'b' } });
    budget.hold('default/c', holding({ machines: 1 }));
    budget.load([recorded, lost, pool({ metadata: { name: 'c' } })], ({ metadata }) => metadata.name === 'b');
    expect(budget.mustLoad).toBe(false);
    expect(shown(budget)).toEqual([`MaxMachines ${10 - 1 - lost.spec.maximum - 1}`]);
    expect(budget.brakes('own', holding(), PRICE)[0]?.message).toContain('with their maximum: default/b');
  });
});

describe('the cost of all pools', () => {
  const budget = (): ReturnType<typeof createOperatorBudget> => createOperatorBudget({ maxCostPerHour: 2_000_000 });

  it.each<[string, Holding, string]>([
    ['is summed', holding({ machines: 2, costPerHour: 900_000 }), 'MaxCostPerHour 2'],
    ['may be reached', holding({ machines: 2, costPerHour: 1_000_000 }), 'MaxCostPerHour 2'],
    ['is never passed', holding({ machines: 2, costPerHour: 1_000_001 }), 'MaxCostPerHour 1'],
    [
      'in another currency is another sum',
      holding({ machines: 2, costPerHour: 9_000_000, currency: 'CNY' }),
      'MaxCostPerHour 4',
    ],
    [
      'machines without a price count as the dearest',
      holding({ machines: 2, costPerHour: 800_000, unpriced: 1 }),
      'MaxCostPerHour 0',
    ],
  ])('%s', (_name, others, brake) => {
    const all = budget();
    all.hold('other', others);
    expect(shown(all)).toEqual([brake]);
  });

  it('of a machine whose price is not known is not risked', () => {
    expect(budget().brakes('own', holding(), undefined)).toMatchObject([{ room: 0, reason: 'PriceUnknown' }]);
  });
});

it('a pool has what is alive and what is ordered', () => {
  const status = {
    currency: 'USD',
    instances: [
      record({ instanceId: 'ins-1', hourlyCost: '0.5' }),
      record({ instanceId: 'ins-2', phase: 'Terminating', hourlyCost: '0.5' }),
      record({ instanceId: 'ins-3', phase: 'Failed', reason: 'LaunchFailed' }),
      record({ instanceId: 'ins-4', offering: 'unknown' }),
    ],
    offerings: [{ offering: 'o', state: 'Available' as const, reason: '', hourlyCost: '0.25' }],
    intents: [{ token: '', name: '', offering: 'o', count: 3, specHash: '', plannedAt: '' }],
  };
  expect(holdingOf(status)).toEqual({ machines: 5, costPerHour: 1_250_000, unpriced: 1, currency: 'USD' });
});

it('whatever pools ask for, together they never have more than the limit', () => {
  const asks = fc.array(fc.record({ uid: fc.constantFrom('a', 'b', 'c'), wanted: fc.integer({ min: 1, max: 9 }) }));
  fc.assert(
    fc.property(asks, fc.integer({ min: 0, max: 20 }), (all, maxMachines) => {
      const budget = createOperatorBudget({ maxMachines });
      const sizes = new Map<string, number>();
      for (const { uid, wanted } of all) {
        const machines = sizes.get(uid) ?? 0;
        const room = budget.brakes(uid, holding({ machines }), PRICE)[0]?.room ?? 0;
        sizes.set(uid, machines + Math.max(0, Math.min(wanted, room)));
        budget.hold(uid, holding({ machines: sizes.get(uid) ?? 0 }));
      }
      expect([...sizes.values()].reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(maxMachines);
    }),
  );
});
