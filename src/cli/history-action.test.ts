import { describe, expect, it } from 'vitest';
import { historyText } from './history-action.ts';

const time = '2026-11-01T03:12:05Z';

describe('the table of a history', () => {
  it('answers why a machine was bought', () => {
    const text = historyText([
      { time: '2026-11-01T03:11:40Z', reason: 'Reclaimed', machines: ['ins-a'], offering: 'z/T/s/SPOTPAID' },
      {
        time,
        reason: 'Launched',
        machines: ['ins-b'],
        offering: 'z/T/s/SPOTPAID',
        price: '0.42',
        trigger: 'Reclaimed ins-a; 1 of 2 alive',
        message: 'ins-b bought.',
      },
    ]);
    expect(text.split('\n')).toEqual([
      'TIME                   REASON      MACHINES   OFFERING         PRICE/H   TRIGGER                         MESSAGE',
      '2026-11-01T03:11:40Z   Reclaimed   ins-a      z/T/s/SPOTPAID',
      '2026-11-01T03:12:05Z   Launched    ins-b      z/T/s/SPOTPAID   0.42      Reclaimed ins-a; 1 of 2 alive   ins-b bought.',
      '',
    ]);
  });

  it.each([
    [{ time, reason: 'SoldOut' }, /SoldOut$/m],
    [{ time, reason: 'SoldOut', times: 1 }, /SoldOut$/m],
    [
      { time, reason: 'SoldOut', times: 14, firstTime: '2026-11-01T02:40:00Z' },
      /SoldOut \(x14 since 2026-11-01T02:40:00Z\)$/m,
    ],
    [{ time, reason: 'SoldOut', times: 2 }, /SoldOut \(x2\)$/m],
    [{ time, reason: 'Released', machines: ['1', '2', '3', '4', '5', '6'] }, /1,2,3,4,5,… \(6\)$/m],
  ])('%j', (entry, line) => expect(historyText([entry])).toMatch(line));

  it('keeps what a terminal obeys away from it', () => {
    const hostile = 'gone\u001b[2J\u009b31m\r\nnext\u202e';
    const text = historyText([{ time, reason: 'Vanished', message: hostile, trigger: hostile, offering: hostile }]);
    expect(text).not.toMatch(/[^\P{Cc}\n]|\u202e/u);
    expect(text.split('\n')).toHaveLength(3);
    expect(text).toContain('gone\u{fffd}[2J\u{fffd}31m\u{fffd} next\u{fffd}');
  });
});
