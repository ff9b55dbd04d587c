import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nameFor } from './actions/names.ts';
import { ASSUMPTIONS, defaultAssumptions, drawAssumptions, parseAssumption } from './assumptions.ts';
import { createFaults, Fault } from './faults.ts';
import { createJournal } from './journal.ts';
import { createRandom } from './random.ts';
import { createRates } from './rates.ts';
import { splitTarget } from './wire.ts';

it.each([
  ['web', 1, ['web']],
  ['web', 3, ['web1', 'web2', 'web3']],
  ['web-{R:3}', 2, ['web-3', 'web-4']],
  ['web-{R:9,F:3}', 2, ['web-009', 'web-010']],
  [undefined, 1, ['Unnamed']],
])('names %s for %i', (name, count, names) => {
  expect(Array.from({ length: count }, (_, index) => nameFor(name, index, count))).toEqual(names);
});

it.each([
  ['/', '/', ''],
  ['/cvm/?a=1', '/cvm/', 'a=1'],
  ['http://cvm.tencentcloudapi.com/', '/', ''],
  ['http://cvm.tencentcloudapi.com', '/', ''],
  ['http://cvm.tencentcloudapi.com?a=1', '/', 'a=1'],
])('splits the target %s', (target, path, query) => {
  expect(splitTarget(target)).toEqual({ path, query });
});

describe('assumptions', () => {
  it('are by default the documented reading: tokens honoured, nothing fails to launch', () => {
    expect(defaultAssumptions()).toMatchObject({ clientToken: 'honoured', launchFailedPercent: 0, stockLagSeconds: 0 });
  });

  it('are drawn from what is allowed, the same for the same seed', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const drawn = drawAssumptions(createRandom(seed));
        expect(drawAssumptions(createRandom(seed))).toEqual(drawn);
        for (const [name, reading] of Object.entries(drawn)) {
          expect(ASSUMPTIONS[name as keyof typeof ASSUMPTIONS]).toContain(reading);
        }
      }),
    );
  });

  it('reach every reading of every point by some seed', () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 500; seed += 1) {
      for (const pair of Object.entries(drawAssumptions(createRandom(seed)))) seen.add(pair.join('='));
    }
    const all = Object.entries(ASSUMPTIONS).flatMap(([name, readings]) =>
      readings.map((reading) => `${name}=${reading}`),
    );
    expect(all.filter((pair) => !seen.has(pair))).toEqual([]);
  });

  it('are read from NAME=VALUE, and a wrong one is told what is allowed', () => {
    expect(parseAssumption('stockLagSeconds=60')).toEqual({ stockLagSeconds: 60 });
    expect(() => parseAssumption('clientToken=maybe')).toThrow(/can be honoured, /);
    expect(() => parseAssumption('luck=1')).toThrow(/known are clientToken/);
  });
});

describe('rates', () => {
  it('let the published number through in a second, and as many again a second later', () => {
    const rates = createRates();
    const burst = (at: number): number =>
      Array.from({ length: 60 }, () => rates.take('DescribeInstances', 'r', 'k', at)).filter(Boolean).length;
    expect([burst(0), burst(500), burst(10_000)]).toEqual([40, 20, 40]);
  });

  it('are kept for each action, region and key', () => {
    const rates = createRates();
    for (let call = 0; call < 10; call += 1) expect(rates.take('RunInstances', 'r', 'k', 0)).toBe(true);
    expect(rates.take('RunInstances', 'r', 'k', 0)).toBe(false);
    expect(rates.take('TerminateInstances', 'r', 'k', 0)).toBe(true);
    expect(rates.take('RunInstances', 'other', 'k', 0)).toBe(true);
    expect(rates.take('RunInstances', 'r', 'other', 0)).toBe(true);
  });
});

describe('faults', () => {
  const struck = (order: object, actions: string[]): boolean[] => {
    const faults = createFaults(createRandom(1));
    faults.add(Fault.parse(order));
    return actions.map((action) => faults.take(action) !== undefined);
  };

  it.each([
    [{ kind: 'hang' }, ['A', 'A'], [true, false]],
    [{ kind: 'hang', action: 'B' }, ['A', 'B', 'B'], [false, true, false]],
    [{ kind: 'hang', times: 2 }, ['A', 'B', 'C'], [true, true, false]],
    [{ kind: 'hang', times: 'always' }, ['A', 'A', 'A'], [true, true, true]],
    [{ kind: 'hang', action: 'B', afterCalls: 1 }, ['B', 'A', 'B', 'B'], [false, false, true, false]],
    [{ kind: 'hang', probability: 0 }, ['A', 'A'], [false, false]],
  ])('%j strikes %j: %j', (order, actions, expected) => {
    expect(struck(order, actions)).toEqual(expected);
  });

  it('can be taken away', () => {
    const faults = createFaults(createRandom(1));
    const remove = faults.add(Fault.parse({ kind: 'hang' }));
    remove();
    expect(faults.take('A')).toBeUndefined();
  });
});

it('keeps the newest entries of a journal with a cap, and numbers go on', () => {
  const journal = createJournal(() => 5, 2);
  for (const id of ['a', 'b', 'c']) journal.add({ kind: 'event', event: 'stock', id, detail: '' });
  expect(journal.entries).toMatchObject([
    { seq: 2, id: 'b', at: 5 },
    { seq: 3, id: 'c' },
  ]);
});
