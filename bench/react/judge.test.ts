import { describe, expect, it } from 'vitest';
import type { JournalEntry } from '../journal-entry.ts';
import { judgeReact, quantile } from './judge.ts';

const buy = (at: number, pool: string, ...instanceIds: string[]): JournalEntry => ({
  at,
  kind: 'call',
  action: 'RunInstances',
  result: instanceIds.length > 0 ? 'ok' : 'LimitExceeded.SpotQuota',
  body: { TagSpecification: [{ Tags: [{ Key: 'aiops.org/pool', Value: `default/${pool}` }] }] },
  instanceIds,
});
const lose = (at: number, id: string): readonly JournalEntry[] => [
  { at, kind: 'event', event: 'instance', id, from: 'RUNNING', cause: 'reclaim' },
  // The same machine, on its way out of the list.
  { at: at + 1000, kind: 'event', event: 'instance', id, from: 'TERMINATING', cause: 'reclaim' },
];

describe('the judge of reactions', () => {
  it('measures from each loss to the purchase that made up for it, pool by pool', () => {
    const entries = [
      buy(0, 'one', 'a1', 'a2'),
      buy(0, 'two', 'b1'),
      ...lose(1000, 'a1'),
      ...lose(2000, 'a2'),
      ...lose(3000, 'b1'),
      buy(9000, 'two', 'b2'),
      buy(21_000, 'one'),
      buy(31_000, 'one', 'a3', 'a4'),
    ].toSorted((x, y) => x.at - y.at);
    expect(judgeReact(entries)).toEqual({ lost: 3, waitsMs: [6000, 29_000, 30_000] });
  });

  it('does not count machines that were never made up for, and tells that they were lost', () => {
    expect(judgeReact([buy(0, 'one', 'a1'), ...lose(1000, 'a1')])).toEqual({ lost: 1, waitsMs: [] });
  });

  it('takes a purchase of another pool for no answer', () => {
    const entries = [buy(0, 'one', 'a1'), ...lose(1000, 'a1'), buy(2000, 'two', 'b1')];
    expect(judgeReact(entries).waitsMs).toEqual([]);
  });
});

describe('a quantile', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => index + 1);

  it.each([
    [0.5, 50],
    [0.99, 99],
    [1, 100],
    [0.001, 1],
  ])('of %d is the smallest value that so many do not exceed', (share, value) => {
    expect(quantile(hundred, share)).toBe(value);
  });

  it('needs something to be taken of', () => {
    expect(() => quantile([], 0.5)).toThrow(RangeError);
  });
});
