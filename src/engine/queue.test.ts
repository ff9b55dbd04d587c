import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFakeClock, type FakeClock } from '../../test/builders/fake-clock.ts';
import { createQueue, type QueueMetrics, type Taken, type WorkQueue } from './queue.ts';

const setUp = (): { clock: FakeClock; queue: WorkQueue } => {
  const clock = createFakeClock();
  return { clock, queue: createQueue({ clock }) };
};

/** Asks for a key without waiting; `answer` is what came so far. */
const ask = (queue: WorkQueue): { answer: Taken | undefined | 'waiting' } => {
  const asked: { answer: Taken | undefined | 'waiting' } = { answer: 'waiting' };
  void queue.get().then((taken) => {
    asked.answer = taken;
  });
  return asked;
};

/** Takes what is ready, in order, until nothing comes. */
const takeAll = async (queue: WorkQueue, clock: FakeClock): Promise<string[]> => {
  const keys: string[] = [];
  for (;;) {
    const asked = ask(queue);
    await clock.settle();
    if (asked.answer === 'waiting' || asked.answer === undefined) return keys;
    keys.push(asked.answer.key);
  }
};

/** When a single key becomes ready, in milliseconds from now; looks at most `untilMs` ahead. */
const readyAfter = async (queue: WorkQueue, clock: FakeClock, untilMs: number): Promise<number | undefined> => {
  const start = clock.monotonic();
  let at: number | undefined;
  void queue.get().then((taken) => {
    if (taken) at = clock.monotonic() - start;
  });
  await clock.advance(untilMs);
  return at;
};

describe('a new key', () => {
  it.each([
    { name: 'is ready at once', add: {}, at: 0 },
    { name: 'waits for its time', add: { afterMs: 1500 }, at: 1500 },
    { name: 'is ready at once when the time is over', add: { afterMs: -3 }, at: 0 },
    { name: 'waits as long as the limiter says', add: { isRateLimited: true }, at: 5 },
    { name: 'waits for the shorter of time and limit: the time', add: { isRateLimited: true, afterMs: 2 }, at: 2 },
    { name: 'waits for the shorter of time and limit: the limit', add: { isRateLimited: true, afterMs: 9 }, at: 5 },
    { name: 'may wait longer than a timer can', add: { afterMs: 2 ** 32 }, at: 2 ** 32 },
  ])('$name', async ({ add, at }) => {
    const { clock, queue } = setUp();
    queue.add('a/b', add);
    expect(await readyAfter(queue, clock, 2 ** 33)).toBe(at);
  });
});

describe('a key that is there already', () => {
  it.each([
    {
      name: 'keeps the earlier time when the new one is later',
      first: { afterMs: 10 },
      second: { afterMs: 20 },
      at: 10,
    },
    {
      name: 'takes the earlier time when the new one is earlier',
      first: { afterMs: 20 },
      second: { afterMs: 10 },
      at: 10,
    },
    { name: 'becomes ready at once when added without delay', first: { afterMs: 20 }, second: {}, at: 0 },
    { name: 'stays ready when added with a delay', first: {}, second: { afterMs: 20 }, at: 0 },
  ])('$name', async ({ first, second, at }) => {
    const { clock, queue } = setUp();
    queue.add('a/b', first);
    queue.add('a/b', second);
    expect(await readyAfter(queue, clock, 100)).toBe(at);
    queue.done('a/b');
    expect(await readyAfter(queue, clock, 100)).toBeUndefined();
  });

  it('keeps the higher priority', async () => {
    const { clock, queue } = setUp();
    queue.add('a', { priority: 5 });
    queue.add('a', { priority: -1 });
    queue.add('b', { priority: 4 });
    expect(await takeAll(queue, clock)).toEqual(['a', 'b']);
  });

  it('goes to the end of its new priority when that rises', async () => {
    const { clock, queue } = setUp();
    queue.add('raised', { priority: -100 });
    queue.add('b');
    queue.add('c');
    queue.add('raised', { priority: 0 });
    expect(await takeAll(queue, clock)).toEqual(['b', 'c', 'raised']);
  });

  it('takes a raised priority along while it waits', async () => {
    const { clock, queue } = setUp();
    queue.add('a', { afterMs: 10, priority: 0 });
    queue.add('a', { afterMs: 50, priority: 9 });
    queue.add('b', { afterMs: 10, priority: 5 });
    await clock.advance(10);
    expect(await takeAll(queue, clock)).toEqual(['a', 'b']);
  });

  it('tells the reason for which it became due', async () => {
    const { clock, queue } = setUp();
    queue.add('a', { afterMs: 1000, reason: 'requeue' });
    queue.add('a', { afterMs: 2000, reason: 'retry' });
    queue.add('b', { afterMs: 1000, reason: 'requeue' });
    queue.add('b', { reason: 'event' });
    await clock.advance(1000);
    const reasons = [await queue.get(), await queue.get()].map((taken) => [taken?.key, taken?.reason]);
    expect(reasons).toEqual([
      ['b', 'event'],
      ['a', 'requeue'],
    ]);
  });
});

describe('get', () => {
  it('hands out the highest priority first and equals in their order', async () => {
    const { clock, queue } = setUp();
    queue.add('low', { priority: -100 });
    queue.add('a');
    queue.add('b');
    queue.add('high', { priority: 10 });
    expect(await takeAll(queue, clock)).toEqual(['high', 'a', 'b', 'low']);
  });

  it('orders delayed keys by when they became ready, not by when they were added', async () => {
    const { clock, queue } = setUp();
    queue.add('added first', { afterMs: 20 });
    queue.add('ready first', { afterMs: 10 });
    await clock.advance(15);
    queue.add('in between');
    await clock.advance(15);
    expect(await takeAll(queue, clock)).toEqual(['ready first', 'in between', 'added first']);
  });

  it('waits until there is something', async () => {
    const { clock, queue } = setUp();
    const asked = ask(queue);
    await clock.advance(1000);
    expect(asked.answer).toBe('waiting');
    queue.add('a/b', { priority: 3, reason: 'event' });
    await clock.settle();
    expect(asked.answer).toEqual({ key: 'a/b', priority: 3, reason: 'event' });
  });

  it('skips a locked key and hands out the next', async () => {
    const { clock, queue } = setUp();
    queue.add('a', { priority: 9 });
    await queue.get();
    queue.add('a', { priority: 9 });
    queue.add('b');
    expect(await takeAll(queue, clock)).toEqual(['b']);
  });
});

it('runs a key once more after done, however often it was added meanwhile', async () => {
  const { clock, queue } = setUp();
  queue.add('a/b');
  await queue.get();
  for (let index = 0; index < 10; index++) queue.add('a/b');
  expect(await takeAll(queue, clock)).toEqual([]);
  queue.done('a/b');
  await clock.settle();
  // The getter that takeAll left behind took it.
  queue.done('a/b');
  expect(await takeAll(queue, clock)).toEqual([]);
});

it('wakes a waiting getter when done lets a key go', async () => {
  const { clock, queue } = setUp();
  queue.add('a/b');
  await queue.get();
  queue.add('a/b');
  const asked = ask(queue);
  await clock.settle();
  expect(asked.answer).toBe('waiting');
  queue.done('a/b');
  await clock.settle();
  expect(asked.answer).toMatchObject({ key: 'a/b' });
});

it('forgets failures but keeps the key queued', async () => {
  const { clock, queue } = setUp();
  queue.add('a/b', { isRateLimited: true });
  queue.add('a/b', { isRateLimited: true });
  expect(queue.failures('a/b')).toBe(2);
  queue.forget('a/b');
  expect(queue.failures('a/b')).toBe(0);
  expect(await readyAfter(queue, clock, 100)).toBe(5);
});

it('shut down: adds are dropped, getters are told, running keys finish, no timer stays', async () => {
  const { clock, queue } = setUp();
  queue.add('running');
  queue.add('ready', { afterMs: 1 });
  queue.add('waiting', { afterMs: 1000 });
  await queue.get();
  const blocked = ask(queue);
  queue.shutDown();
  queue.add('new');
  queue.done('running');
  await clock.settle();
  expect(blocked.answer).toBeUndefined();
  expect(await queue.get()).toBeUndefined();
  expect(clock.waiting).toBe(0);
});

it('keeps one timer, for the nearest waiting key', async () => {
  const { clock, queue } = setUp();
  for (const afterMs of [300, 100, 200]) queue.add(`after ${afterMs}`, { afterMs });
  expect(clock.waiting).toBe(1);
  await clock.advance(100);
  expect(clock.waiting).toBe(1);
  await clock.advance(200);
  expect(clock.waiting).toBe(0);
});

it('survives a timer that fires too early', async () => {
  const clock = createFakeClock();
  const half = (ms: number): number => (ms > 1 ? ms / 2 : ms);
  const early = { ...clock, after: (ms: number, run: () => void) => clock.after(half(ms), run) };
  const queue = createQueue({ clock: early });
  queue.add('a/b', { afterMs: 10 });
  expect(await readyAfter(queue, clock, 100)).toBe(10);
});

it('tells depth, adds, retries and durations, and unfinished work every half second', async () => {
  const clock = createFakeClock();
  const told: unknown[] = [];
  const metrics: QueueMetrics = {
    depth: (priority, by) => told.push(['depth', priority, by]),
    added: () => told.push(['added']),
    retried: () => told.push(['retried']),
    waited: (ms) => told.push(['waited', ms]),
    worked: (ms) => told.push(['worked', ms]),
    unfinished: (totalMs, longestMs) => told.push(['unfinished', totalMs, longestMs]),
  };
  const queue = createQueue({ clock, metrics });
  queue.add('a', { afterMs: 100, priority: -100 });
  queue.add('a', { afterMs: 200, priority: 0 });
  await clock.advance(150);
  queue.add('a', { priority: 5 });
  expect(told.splice(0)).toEqual([
    ['retried'],
    ['retried'],
    ['added'],
    ['depth', 0, 1],
    ['depth', 0, -1],
    ['depth', 5, 1],
  ]);
  queue.add('b');
  await queue.get();
  await clock.advance(400);
  await queue.get();
  told.splice(0);
  await clock.advance(100);
  expect(told.splice(0)).toEqual([['unfinished', 600, 500]]);
  queue.done('a');
  queue.done('b');
  await clock.advance(2000);
  expect(told).toEqual([
    ['worked', 500],
    ['worked', 100],
    ['unfinished', 0, 0],
  ]);
});

it('never hands out a running key, and hands out every key that was added, exactly once', async () => {
  const key = fc.constantFrom('a', 'b', 'c', 'd');
  const command = fc.oneof(
    fc.record({
      do: fc.constant('add' as const),
      key,
      options: fc.record(
        {
          afterMs: fc.integer({ min: 0, max: 40 }),
          isRateLimited: fc.boolean(),
          priority: fc.constantFrom(-100, 0, 5),
        },
        { requiredKeys: [] },
      ),
    }),
    fc.record({ do: fc.constant('done' as const), key }),
    fc.record({ do: fc.constant('get' as const) }),
    fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 0, max: 30 }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 40 }), async (commands) => {
      const { clock, queue } = setUp();
      const running = new Set<string>();
      const owed = new Set<string>();
      const wrong: string[] = [];
      const get = (): void => {
        void queue.get().then((taken) => {
          if (!taken) return;
          if (running.has(taken.key)) wrong.push(`${taken.key} runs twice`);
          if (!owed.delete(taken.key)) wrong.push(`${taken.key} was not added`);
          running.add(taken.key);
        });
      };
      for (const step of commands) {
        if (step.do === 'get') get();
        if (step.do === 'advance') await clock.advance(step.ms);
        if (step.do === 'add') {
          owed.add(step.key);
          queue.add(step.key, step.options);
        }
        if (step.do === 'done' && running.delete(step.key)) queue.done(step.key);
        await Promise.resolve();
        await Promise.resolve();
      }
      for (let round = 0; round < 3; round++) {
        for (const done of running) queue.done(done);
        running.clear();
        for (let index = 0; index < 4; index++) get();
        await clock.advance(2_000_000);
      }
      expect({ owed: [...owed], wrong }).toEqual({ owed: [], wrong: [] });
    }),
    { numRuns: 300 },
  );
});
