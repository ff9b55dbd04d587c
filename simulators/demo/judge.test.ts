import { describe, expect, it } from 'vitest';
import type { JournalEntry } from '../cvm/journal.ts';
import { judge } from './judge.ts';

const POOL = 'default/a';
const maxima = new Map([[POOL, 1]]);
const call = (seq: number, action: string, ids: string[], token = 't1', count = 1): JournalEntry => ({
  seq,
  at: seq * 1000,
  kind: 'call',
  action,
  region: 'ap-singapore',
  secretId: 'xxx',
  clientToken: token,
  body: { InstanceCount: count, TagSpecification: [{ Tags: [{ Key: 'aiops.org/pool', Value: POOL }] }] },
  result: 'ok',
  instanceIds: ids,
  httpStatus: 200,
  requestId: '',
});
const change = (seq: number, id: string, from: string, to: string, cause: string): JournalEntry => ({
  seq,
  at: seq * 1000,
  kind: 'event',
  event: 'instance',
  id,
  from,
  to,
  cause,
});
const bought = (seq: number, id: string, token?: string): JournalEntry[] => [
  change(seq, id, 'ABSENT', 'PENDING', 'run'),
  call(seq + 1, 'RunInstances', [id], token),
];
const gone = (seq: number, id: string, cause: string): JournalEntry[] => [
  change(seq, id, 'RUNNING', 'TERMINATING', cause),
  change(seq + 1, id, 'TERMINATING', 'ABSENT', cause),
];

interface Case {
  name: string;
  entries: JournalEntry[];
  isGone: boolean;
  faults: RegExp[];
  counts: { bought: number; reclaimed: number; released: number };
}

const cases: Case[] = [
  {
    name: 'a machine bought, released and gone is fine',
    entries: [...bought(1, 'ins-1'), call(3, 'TerminateInstances', ['ins-1']), ...gone(4, 'ins-1', 'terminate')],
    isGone: true,
    faults: [],
    counts: { bought: 1, reclaimed: 0, released: 1 },
  },
  {
    name: 'a reclaimed machine and its replacement are fine',
    entries: [...bought(1, 'ins-1'), ...gone(3, 'ins-1', 'reclaim'), ...bought(5, 'ins-2', 't2')],
    isGone: false,
    faults: [],
    counts: { bought: 2, reclaimed: 1, released: 0 },
  },
  {
    name: 'the same token answered twice with the same machine is one purchase',
    entries: [...bought(1, 'ins-1'), call(3, 'RunInstances', ['ins-1'])],
    isGone: false,
    faults: [],
    counts: { bought: 1, reclaimed: 0, released: 0 },
  },
  {
    name: 'a machine left by a pool that is gone is leaked, by name',
    entries: bought(1, 'ins-1'),
    isGone: true,
    faults: [/ins-1 was leaked/],
    counts: { bought: 1, reclaimed: 0, released: 0 },
  },
  {
    name: 'two machines at once in a pool of one is a fault, by name',
    entries: [...bought(1, 'ins-1'), ...bought(3, 'ins-2', 't2')],
    isGone: false,
    faults: [/ins-2 is one too many/],
    counts: { bought: 2, reclaimed: 0, released: 0 },
  },
  {
    name: 'one token that brings two machines is a fault, twice here: the pool is also too large',
    entries: [...bought(1, 'ins-1'), ...bought(3, 'ins-2')],
    isGone: false,
    faults: [/ins-1, ins-2 were bought twice/, /ins-2 is one too many/],
    counts: { bought: 2, reclaimed: 0, released: 0 },
  },
  {
    name: 'one token that brings a second machine after the first was reclaimed unseen is fine',
    entries: [...bought(1, 'ins-1'), ...gone(3, 'ins-1', 'reclaim'), ...bought(5, 'ins-2')],
    isGone: false,
    faults: [],
    counts: { bought: 2, reclaimed: 1, released: 0 },
  },
];

describe('the judge of the demo', () => {
  it.each(cases)('$name', ({ entries, isGone, faults, counts }) => {
    const verdict = judge(entries, maxima, () => isGone);
    expect(verdict).toMatchObject(counts);
    expect(verdict.faults).toHaveLength(faults.length);
    for (const [index, fault] of faults.entries()) expect(verdict.faults[index]).toMatch(fault);
  });
});
