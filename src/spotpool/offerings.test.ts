import { describe, expect, it } from 'vitest';
import { offering } from '../../test/builders/launch-order.ts';
import { memo, NOW } from '../../test/builders/spotpool.ts';
import type { Stock } from '../cloud/cloud.ts';
import type { OfferingMemo } from './offerings.ts';
import {
  afterPartialRefusal,
  afterRefusal,
  afterShortage,
  afterStock,
  afterSuccess,
  createOfferingMemory,
  isFree,
  toOfferingStatus,
} from './offerings.ts';

const MINUTE = 60_000;
const soldOut = { reason: 'SoldOut', message: 'none left' };
const refused = (times: number): OfferingMemo =>
  Array.from({ length: times }).reduce<OfferingMemo>((state) => afterRefusal(state, soldOut, NOW), memo());
const stock = (isSelling: boolean): Stock[] => [
  { zone: 'ap-singapore-2', instanceType: 'GN7.2XLARGE32', chargeType: 'SPOTPAID', isSelling, cpu: 8 },
];

describe('a sold-out offering', () => {
  it.each([
    [1, 3],
    [2, 6],
    [3, 12],
    [4, 24],
    [5, 30],
    [9, 30],
  ])('is left alone after %i refusals in a row for %i minutes', (times, minutes) => {
    expect(refused(times).blockedUntil).toBe(NOW + minutes * MINUTE);
  });

  it('begins at three minutes again after a purchase', () => {
    expect(afterRefusal(afterSuccess(refused(4), NOW), soldOut, NOW).blockedUntil).toBe(NOW + 3 * MINUTE);
  });

  it('is free early only when the stock data first said sold out and then selling', () => {
    const first = refused(2);
    expect(afterStock(first, true, NOW + 1)).toEqual(first);
    const confirmed = afterStock(first, false, NOW + MINUTE);
    expect(confirmed.blockedUntil).toBe(first.blockedUntil);
    expect(afterStock(confirmed, false, NOW + MINUTE)).toBe(confirmed);
    expect(afterStock(confirmed, true, NOW + 2 * MINUTE)).toMatchObject({
      blockedUntil: NOW + 2 * MINUTE,
      reason: 'BackInStock',
    });
  });

  it('goes on growing when the purchase then still fails, and must be confirmed anew', () => {
    const back = afterStock(afterStock(refused(2), false, NOW), true, NOW);
    const again = afterRefusal(back, soldOut, NOW);
    expect(again.blockedUntil).toBe(NOW + 12 * MINUTE);
    expect(afterStock(again, true, NOW + 1)).toEqual(again);
  });

  it('whose time is up is not touched by stock data', () => {
    const first = refused(1);
    expect(afterStock(first, false, first.blockedUntil)).toBe(first);
  });
});

describe('how many are asked for', () => {
  it('halves with each refusal of several, down to one', () => {
    let state = memo();
    const counts = [10, 5, 2].map((count) => {
      state = afterPartialRefusal(state, count, NOW);
      return state.tryCount;
    });
    expect(counts).toEqual([5, 2, 1]);
    expect(state.blockedUntil).toBe(0);
  });

  it('stays after a success: five may be had where ten may not', () => {
    expect(afterSuccess(afterPartialRefusal(memo(), 10, NOW), NOW).tryCount).toBe(5);
  });

  it('is one after a block, and doubles with each success until there is no limit', () => {
    let state = refused(1);
    const counts = [state.tryCount];
    for (let time = 0; time < 4; time++) {
      state = afterSuccess(state, NOW);
      counts.push(state.tryCount);
    }
    expect(counts).toEqual([1, 2, 4, 8, undefined]);
  });
});

describe('a purchase that brought fewer than it asked for', () => {
  const short = afterShortage(memo(), { bought: 3, wanted: 10 }, NOW);

  it('says that there are no more, as a refusal does, for three minutes at first', () => {
    expect(short).toMatchObject({ reason: 'SoldOut', message: 'Of 10 machines 3 were left.', tryCount: 1 });
    expect(short.blockedUntil).toBe(NOW + 3 * MINUTE);
  });

  it('is a success all the same: the wait begins anew', () => {
    expect(afterShortage(refused(4), { bought: 1, wanted: 8 }, NOW).blockedUntil).toBe(NOW + 3 * MINUTE);
    expect(afterRefusal(short, soldOut, NOW).blockedUntil).toBe(NOW + 6 * MINUTE);
  });
});

describe('whether so many may be asked for', () => {
  it.each([
    ['nothing is known', memo(), 10, true],
    ['it is blocked', refused(1), 1, false],
    ['its block is over, one', { ...refused(1), blockedUntil: NOW }, 1, true],
    ['its block is over, two', { ...refused(1), blockedUntil: NOW }, 2, false],
    ['as many as the limit', memo({ tryCount: 5 }), 5, true],
    ['more than the limit', memo({ tryCount: 5 }), 6, false],
  ])('%s', (_name, state, count, expected) => {
    expect(isFree(state, count, NOW)).toBe(expected);
  });
});

describe('the shared memory', () => {
  const bid = offering({ maxPrice: '0.5' });

  it('tells accounts and bids apart', () => {
    const memory = createOfferingMemory();
    memory.set('account', offering(), refused(1));
    expect(memory.get('account', offering()).reason).toBe('SoldOut');
    expect(memory.get('another', offering()).reason).toBe('NotTried');
    expect(memory.get('account', bid).reason).toBe('NotTried');
  });

  it('is the same for every pool that asks', () => {
    const memory = createOfferingMemory();
    memory.set('account', offering(), refused(1));
    expect(memory.get('account', { ...offering() })).toEqual(refused(1));
  });

  it('learns only of offerings that the stock data names', () => {
    const memory = createOfferingMemory();
    const other = offering({ zone: 'ap-singapore-3' });
    for (const each of [offering(), other]) memory.set('account', each, refused(1));
    memory.learnStock('account', [offering(), other], stock(false), NOW);
    memory.learnStock('account', [offering(), other], stock(true), NOW);
    expect(memory.get('account', offering()).blockedUntil).toBe(NOW);
    expect(memory.get('account', other).blockedUntil).toBe(NOW + 3 * MINUTE);
  });

  it('comes back from a status after a restart, growth included', () => {
    const status = toOfferingStatus(offering(), refused(3), undefined, NOW);
    const memory = createOfferingMemory();
    memory.restore('account', offering(), status);
    expect(memory.get('account', offering())).toEqual({ ...refused(3), isSoldOutConfirmed: false });
    expect(afterRefusal(memory.get('account', offering()), soldOut, NOW).blockedUntil).toBe(NOW + 24 * MINUTE);
  });

  it('is not overwritten by a status that is older, or as old', () => {
    const memory = createOfferingMemory();
    const later = afterSuccess(memo(), NOW + 5);
    memory.set('account', offering(), later);
    memory.restore('account', offering(), toOfferingStatus(offering(), refused(1), undefined, NOW));
    expect(memory.get('account', offering())).toBe(later);
  });

  it('forgets the least recently used beyond its limit', () => {
    const memory = createOfferingMemory(2);
    const zones = ['1', '2', '3'].map((zone) => offering({ zone }));
    for (const each of zones) memory.set('account', each, refused(1));
    expect(zones.map((each) => memory.get('account', each).reason)).toEqual(['NotTried', 'SoldOut', 'SoldOut']);
  });
});

describe('in the status', () => {
  it('a blocked offering says until when, why and what comes next', () => {
    expect(toOfferingStatus(offering(), refused(2), '0.27', NOW)).toEqual({
      offering: 'ap-singapore-2/GN7.2XLARGE32/subnet-gfrv79s2/SPOTPAID',
      state: 'Blocked',
      reason: 'SoldOut',
      message: 'none left',
      blockedUntil: '2026-11-01T00:06:00Z',
      backoffSeconds: 360,
      lastTriedAt: '2026-11-01T00:00:00Z',
      tryCount: 1,
      hourlyCost: '0.27',
    });
  });

  it('one whose time is up is available again, and still remembers', () => {
    expect(toOfferingStatus(offering(), refused(2), undefined, NOW + 6 * MINUTE)).toMatchObject({
      state: 'Available',
      backoffSeconds: 360,
    });
  });

  it('one that was never tried says so', () => {
    expect(toOfferingStatus(offering(), memo(), undefined, NOW)).toEqual({
      offering: 'ap-singapore-2/GN7.2XLARGE32/subnet-gfrv79s2/SPOTPAID',
      state: 'Available',
      reason: 'NotTried',
    });
  });
});
