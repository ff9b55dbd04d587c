import { describe, expect, it } from 'vitest';
import { CELLS, createReaper, type Kind, parsePlan, planText, tableOf } from './points.ts';

describe('a crash plan', () => {
  it.each(['1', '137+5+12', 'launch/before:2', 'removeFinalizer/after:1+30'])('%s is read and written', (text) => {
    expect(planText(parsePlan(text))).toBe(text);
  });
  it.each(['', 'x', 'launch:1', 'launch/after', 'nothing/before:1'])('"%s" is refused', (text) => {
    expect(() => parsePlan(text)).toThrow(/^crash plan ".*": write N, CELL:N or N\+N\+N/);
  });
});

describe('the reaper', () => {
  const walk = (plan: string, kinds: readonly Kind[]): readonly number[] => {
    const reaper = createReaper(parsePlan(plan));
    const deaths: number[] = [];
    const sides = ['before', 'after'] as const;
    kinds
      .flatMap((kind) => sides.map((side) => ({ kind, side })))
      .forEach((point, index) => {
        if (reaper.pass(point)) deaths.push(index + 1);
      });
    return deaths;
  };
  const kinds: readonly Kind[] = ['sweep', 'launch', 'writeStatus', 'sweep', 'launch', 'release'];

  it.each([
    ['3', [3]],
    ['3+2', [3, 5]],
    ['3+2+1', [3, 5, 6]],
    ['launch/after:2', [10]],
    ['launch/before:1+4', [3, 7]],
    ['13', []],
    ['release/after:2', []],
  ] as const)('comes for %s at points %j', (plan, deaths) => {
    expect(walk(plan, kinds)).toEqual(deaths);
  });
});

it('the table has a row for each kind and a column for each side', () => {
  const rows = tableOf({ 'launch/before': 21, 'launch/after': 7 }).split('\n');
  expect(rows).toHaveLength(1 + CELLS.length / 2);
  expect(rows.find((row) => row.startsWith('launch '))).toMatch(/^launch +21 +7$/);
});
