import { describe, expect, it } from 'vitest';
import { mergeConditions } from './conditions.ts';
import { type Condition, toTime } from './meta.ts';

const NOW = Date.UTC(2026, 10, 1);

describe('merging', () => {
  const verdict = { type: 'Ready', status: 'True', reason: 'EnoughMachines', message: '2 machines answer.' } as const;
  const old: Condition = { ...verdict, lastTransitionTime: '2026-10-01T00:00:00Z', observedGeneration: 1 };

  it.each([
    { name: 'a new message', change: { message: '3 machines answer.' }, moves: false },
    { name: 'a new reason', change: { reason: 'Paused' }, moves: false },
    { name: 'a new status', change: { status: 'False' as const }, moves: true },
  ])('$name moves the time of transition: $moves', ({ change, moves }) => {
    const [merged] = mergeConditions([old], [{ ...verdict, ...change }], 2, NOW);
    expect(merged).toEqual({
      ...verdict,
      ...change,
      observedGeneration: 2,
      lastTransitionTime: moves ? toTime(NOW) : old.lastTransitionTime,
    });
  });

  it('begins a condition that is new, drops one that is not told any more, and cuts what is too long', () => {
    const merged = mergeConditions([{ ...old, type: 'Old' }], [{ ...verdict, message: 'x'.repeat(2000) }], 1, NOW);
    expect(merged.map(({ type, lastTransitionTime }) => [type, lastTransitionTime])).toEqual([['Ready', toTime(NOW)]]);
    expect(merged[0]?.message).toHaveLength(1024);
  });
});
