import { describe, expect, it } from 'vitest';
import type { JournalEntry } from '../journal-entry.ts';
import { judgeStorm } from './judge.ts';

const MINUTE = 60_000;
const stock = (at: number, zone: string, count: number): JournalEntry => ({
  at,
  kind: 'event',
  event: 'stock',
  id: `${zone}/T/SPOTPAID`,
  detail: String(count),
});
const run = (at: number, zone: string, bought: number, result = 'ok'): JournalEntry => ({
  at,
  kind: 'call',
  action: 'RunInstances',
  result,
  body: { Placement: { Zone: zone }, InstanceType: 'T', InstanceChargeType: 'SPOTPAID' },
  instanceIds: Array.from({ length: bought }, (_, index) => `ins-${at}-${index}`),
});
const start = [stock(0, 'a', 30), stock(0, 'b', 0)];

describe('the judge of storms', () => {
  it('counts what was there, what was bought, and how long the reopened zone lay idle', () => {
    const verdict = judgeStorm([
      ...start,
      run(1, 'a', 20),
      run(2, 'a', 0, 'LimitExceeded.SpotQuota'),
      run(3, 'a', 10),
      stock(40 * MINUTE, 'b', 100),
      run(41 * MINUTE, 'b', 60),
      run(43 * MINUTE, 'b', 39),
      run(44 * MINUTE, 'b', 1),
    ]);
    expect(verdict).toEqual({
      available: 130,
      bought: 130,
      boughtShare: 1,
      minutesToUseReopened: 3,
      failingCalls: 1,
    });
  });

  it('says no to a client that leaves the reopened zone alone', () => {
    const verdict = judgeStorm([...start, run(1, 'a', 30), stock(40 * MINUTE, 'b', 100), run(41 * MINUTE, 'b', 98)]);
    expect(verdict.minutesToUseReopened).toBeNull();
    expect(verdict.boughtShare).toBeCloseTo(128 / 130);
  });

  it('counts calls that were never answered as failing, and other calls not at all', () => {
    const other = { at: 1, kind: 'call', action: 'DescribeInstances', result: 'RequestLimitExceeded' };
    expect(judgeStorm([...start, run(1, 'a', 0, 'none'), other]).failingCalls).toBe(1);
  });

  it('takes only the rise of a stock for new machines', () => {
    // 30 were there, 20 are left after a purchase, and then somebody else takes 5 and later 15 come back.
    const verdict = judgeStorm([...start, run(1, 'a', 10), stock(2, 'a', 15), stock(3, 'a', 30)]);
    expect(verdict.available).toBe(30 - 5 + 15);
  });

  it('makes nothing of an empty journal', () => {
    expect(judgeStorm([])).toEqual({
      available: 0,
      bought: 0,
      boughtShare: 0,
      minutesToUseReopened: null,
      failingCalls: 0,
    });
  });
});
