import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createReadyLine, createWaitingLine } from './lines.ts';

it('gives waiting keys back in the order of their times, whatever was moved or taken out before', () => {
  const step = fc.record({
    key: fc.integer({ min: 0, max: 40 }).map(String),
    at: fc.option(fc.integer({ min: 0, max: 30 }), { freq: 3 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150, size: 'max' }), (steps) => {
      const line = createWaitingLine();
      const model = new Map<string, number>();
      for (const { key, at } of steps) {
        model.delete(key);
        if (at === null) line.delete(key);
        else {
          line.set(key, at);
          model.set(key, at);
        }
        expect(line.nearest()).toBe(model.size === 0 ? undefined : Math.min(...model.values()));
      }
      // The sort is stable and the model keeps the order of `set`.
      const expected = [...model].toSorted(([, a], [, b]) => a - b).map(([key]) => key);
      const taken: string[] = [];
      for (let key = line.takeDue(30); key !== undefined; key = line.takeDue(30)) taken.push(key);
      expect(taken).toEqual(expected);
    }),
  );
});

it('keeps what is not due', () => {
  const line = createWaitingLine();
  line.set('later', 11);
  line.set('now', 10);
  expect([line.takeDue(10), line.takeDue(10), line.nearest()]).toEqual(['now', undefined, 11]);
});

it('lets the highest priority out first, and of equals the one that came first and may leave', () => {
  const line = createReadyLine();
  line.push('low', -100);
  line.push('first', 0);
  line.push('second', 0);
  line.push('high', 7);
  const locked = new Set(['first']);
  const taken = Array.from({ length: 4 }, () => line.take((key) => !locked.has(key)));
  expect(taken).toEqual(['high', 'second', 'low', undefined]);
  expect(line.take(() => true)).toBe('first');
});
