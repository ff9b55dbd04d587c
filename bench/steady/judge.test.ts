import { describe, expect, it } from 'vitest';
import type { JournalEntry } from '../journal-entry.ts';
import { judgeSteady, peakMibOf, ticksOf } from './judge.ts';

const page = (at: number, number: number): JournalEntry => ({
  at,
  kind: 'call',
  action: 'DescribeInstances',
  result: 'ok',
  body: { Filters: [{ Name: 'tag-key', Values: ['t'] }], Offset: number * 100, Limit: 100 },
});
const sweep = (at: number, pages: number): JournalEntry[] =>
  Array.from({ length: pages }, (_, number) => page(at + number, number));
const lookup = (at: number, body: object): JournalEntry => ({ at, kind: 'call', action: 'DescribeInstances', body });
const lost = (at: number): JournalEntry => ({ at, kind: 'event', event: 'instance', to: 'ABSENT', cause: 'reclaim' });
const buy = (at: number, result: string, instanceIds: string[]): JournalEntry => ({
  at,
  kind: 'call',
  action: 'RunInstances',
  result,
  instanceIds,
});

describe('the judge of a steady load', () => {
  it('counts the pages of whole sweeps, not those that the window cuts off', () => {
    const entries = [...sweep(95, 10), ...sweep(200, 10), ...sweep(300, 12), ...sweep(396, 10)];
    expect(judgeSteady(entries, 100, 400)).toMatchObject({ sweeps: 2, callsPerSweep: 11 });
  });

  it('tells sweeps from questions about single machines', () => {
    const entries = [
      ...sweep(100, 2),
      lookup(110, { InstanceIds: ['ins-1'], Offset: 0 }),
      lookup(111, { Filters: [{ Name: 'zone', Values: ['z'] }], Offset: 0 }),
      ...sweep(120, 2),
    ];
    expect(judgeSteady(entries, 100, 200)).toMatchObject({ sweeps: 1, callsPerSweep: 2, otherDescribes: 2 });
  });

  it('counts a page that is asked for twice', () => {
    const entries = [...sweep(100, 3), page(103, 2), ...sweep(110, 3)];
    expect(judgeSteady(entries, 100, 200).callsPerSweep).toBe(4);
  });

  it('says nothing of sweeps where there is no whole one', () => {
    expect(judgeSteady(sweep(100, 3), 100, 200)).toMatchObject({ sweeps: 0, callsPerSweep: null });
  });

  it('counts losses and purchases of the window', () => {
    const entries = [lost(99), lost(100), lost(150), buy(160, 'ok', ['a', 'b']), buy(170, 'Sold', []), lost(200)];
    expect(judgeSteady(entries, 100, 200)).toMatchObject({ lost: 2, bought: 2 });
  });
});

describe('the process table', () => {
  it('is read behind the name, whatever that is', () => {
    const stat = `123 (a) b (c)) S ${Array.from({ length: 10 }, () => '0').join(' ')} 250 17 0 0 20 0`;
    expect(ticksOf(stat)).toBe(267);
  });

  it('gives the peak in MiB', () => {
    expect(peakMibOf('VmPeak:\t  999999 kB\nVmHWM:\t  266240 kB\nVmRSS:\t  1 kB\n')).toBe(260);
  });

  it.each([
    ['stat', () => ticksOf('1 (node) S 1')],
    ['status', () => peakMibOf('Name:\tnode\n')],
  ])('that lacks what is looked for in %s is an error, not a zero', (_file, read) => {
    expect(read).toThrow('/proc/PID/');
  });
});
