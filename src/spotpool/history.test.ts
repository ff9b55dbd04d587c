import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { machine, NOW, pool, record } from '../../test/builders/spotpool.ts';
import { toTime } from '../api/meta.ts';
import type { HistoryEntry, InstanceStatus } from '../api/spotpool.ts';
import { triggerOf, withHistory } from './history.ts';
import type { Machine } from './machine.ts';

const at = (minute: number): string => toTime(NOW + minute * 60_000);
const entry = (changes: Partial<HistoryEntry> = {}): HistoryEntry => ({
  time: at(0),
  reason: 'SoldOut',
  offering: 'a',
  ...changes,
});

describe('the history', () => {
  it.each<[string, HistoryEntry, HistoryEntry, number]>([
    ['the same refusal is one entry', entry(), entry({ time: at(1) }), 1],
    ['of another offering it is another', entry(), entry({ offering: 'b' }), 2],
    ['with another reason too', entry(), entry({ reason: 'PriceTooLow' }), 2],
    [
      'purchases are never folded',
      entry({ reason: 'Launched', machines: ['x'] }),
      entry({ reason: 'Launched', machines: ['y'] }),
      2,
    ],
    [
      'nor losses',
      entry({ reason: 'MachineLost', machines: ['x'] }),
      entry({ reason: 'MachineLost', machines: ['x'] }),
      2,
    ],
    [
      'a release that fails again is',
      entry({ reason: 'ReleaseFailed', machines: ['x'] }),
      entry({ reason: 'ReleaseFailed', machines: ['x'] }),
      1,
    ],
    [
      'of another machine it is not',
      entry({ reason: 'ReleaseFailed', machines: ['x'] }),
      entry({ reason: 'ReleaseFailed', machines: ['y'] }),
      2,
    ],
  ])('%s', (_name, first, second, entries) => {
    expect(withHistory([first], [second])).toHaveLength(entries);
  });

  it('a repeat keeps the first time, counts, says the latest, and moves to the end', () => {
    const other = entry({ reason: 'Launched', machines: ['x'] });
    const twice = withHistory([entry({ message: 'old' }), other], [entry({ time: at(1), message: 'new' })]);
    expect(twice).toEqual([other, { ...entry({ message: 'new' }), time: at(1), firstTime: at(0), times: 2 }]);
    expect(withHistory(twice, [entry({ time: at(2) })]).at(-1)).toMatchObject({
      time: at(2),
      firstTime: at(0),
      times: 3,
    });
  });

  it('is never longer than fifty, and always ends with what was added', () => {
    const reasons = fc.constantFrom('SoldOut', 'Launched', 'MachineLost', 'Released', 'ReleaseFailed');
    const entries = fc.array(fc.record({ reason: reasons, machine: fc.constantFrom('x', 'y') }), {
      minLength: 1,
      maxLength: 120,
    });
    fc.assert(
      fc.property(entries, (all) => {
        let history: readonly HistoryEntry[] = [];
        for (const { reason, machine: id } of all) {
          const added = reason === 'SoldOut' ? entry() : entry({ reason, machines: [id] });
          history = withHistory(history, [added]);
          expect(history.length).toBeLessThanOrEqual(50);
          expect(history.at(-1)).toMatchObject({ reason, time: added.time });
        }
      }),
    );
  });
});

describe('why a machine is bought', () => {
  const ready = machine('ins-a');
  const gone: Machine = machine('ins-b', {
    fate: 'Gone',
    isAlive: false,
    before: record({ instanceId: 'ins-b' }),
    with: { phase: 'Terminating', reason: 'Vanished' },
  });
  const silent: Machine = machine('ins-b', {
    fate: 'Replace',
    before: record({ instanceId: 'ins-b' }),
    with: { phase: 'Failed', reason: 'NotAnswering' },
  });
  const recorded: InstanceStatus[] = [record({ instanceId: 'ins-a' })];
  const launched = entry({ reason: 'Launched', machines: ['ins-a', 'ins-b'] });

  it.each<[string, readonly HistoryEntry[], readonly Machine[], number, string]>([
    ['a new pool', [], [], 2, 'NewPool; 0 of 2 alive'],
    ['a machine that this run has lost', [launched], [ready, gone], 2, 'MachineLost ins-b; 1 of 2 alive'],
    [
      'one that was lost before and could not be bought at once',
      [launched, entry({ reason: 'MachineLost', machines: ['ins-b'] }), entry()],
      [ready],
      2,
      'MachineLost ins-b; 1 of 2 alive',
    ],
    [
      'one that has been replaced since does not',
      [entry({ reason: 'MachineLost', machines: ['ins-b'] }), launched],
      [ready],
      2,
      'TooFew; 1 of 2 alive',
    ],
    ['one that has failed', [launched], [ready, silent], 2, 'NotAnswering ins-b; 1 of 2 alive'],
    [
      'one that was told to leave, by why it was',
      [launched, entry({ reason: 'Released', trigger: 'NotAnswering', machines: ['ins-b'] })],
      [ready],
      2,
      'NotAnswering ins-b; 1 of 2 alive',
    ],
    [
      'one that was surplus says nothing',
      [launched, entry({ reason: 'Released', trigger: 'Surplus', machines: ['ins-b'] })],
      [ready],
      2,
      'TooFew; 1 of 2 alive',
    ],
    [
      'several',
      [launched, entry({ reason: 'MachineLost', machines: ['ins-b', 'ins-c', 'ins-d'] })],
      [ready],
      4,
      'MachineLost ins-b and 2 more; 1 of 4 alive',
    ],
  ])('%s', (_name, history, machines, low, text) => {
    const of = pool({
      status: { history: [...history], instances: recorded, observedGeneration: pool().metadata.generation },
    });
    expect(triggerOf(of, { machines }, low)).toBe(text);
  });

  it('a spec that asks for more', () => {
    const of = pool({ status: { history: [launched], observedGeneration: pool().metadata.generation - 1 } });
    expect(triggerOf(of, { machines: [ready] }, 2)).toBe('SpecChanged; 1 of 2 alive');
  });
});
