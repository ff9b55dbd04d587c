import { expect, it } from 'vitest';
import { createSharedCall } from './shared-call.ts';

const never = new AbortController().signal;

function setUp() {
  let now = 0;
  const runs: { resolve: (answer: string) => void; reject: (error: Error) => void; signal: AbortSignal }[] = [];
  const call = createSharedCall<string>({ monotonic: () => now });
  const make = (signal: AbortSignal): Promise<string> =>
    new Promise((resolve, reject) => {
      runs.push({ resolve, reject, signal });
    });
  return {
    ask: (maxAgeMs = 0, signal: AbortSignal = never) => call(maxAgeMs, signal, make),
    runs,
    pass: (ms: number) => {
      now += ms;
    },
  };
}

it('callers at the same time share one run', async () => {
  const { ask, runs } = setUp();
  const both = [ask(), ask()];
  runs[0]?.resolve('seen');
  expect(await Promise.all(both)).toEqual(['seen', 'seen']);
  expect(runs).toHaveLength(1);
});

it('an answer is shared until it is too old, counted from its start', async () => {
  const { ask, runs, pass } = setUp();
  const first = ask();
  pass(600);
  runs[0]?.resolve('old');
  await first;
  expect(await ask(601)).toBe('old');
  const second = ask(600);
  runs[1]?.resolve('new');
  expect(await second).toBe('new');
});

it('a failure reaches those who wait and is not kept', async () => {
  const { ask, runs } = setUp();
  const both = [ask(), ask()];
  runs[0]?.reject(new Error('no'));
  await Promise.all(both.map((each) => expect(each).rejects.toThrow('no')));
  const again = ask(60_000);
  runs[1]?.resolve('fine');
  expect(await again).toBe('fine');
});

it('one who leaves takes nothing away from the others', async () => {
  const { ask, runs } = setUp();
  const stop = new AbortController();
  const leaving = ask(0, stop.signal);
  const staying = ask();
  stop.abort(new Error('gone'));
  await expect(leaving).rejects.toThrow('gone');
  expect(runs[0]?.signal.aborted).toBe(false);
  runs[0]?.resolve('seen');
  expect(await staying).toBe('seen');
});

it('when the last has left the work is stopped, and the next starts anew', async () => {
  const { ask, runs } = setUp();
  const stop = new AbortController();
  const leaving = ask(0, stop.signal);
  stop.abort(new Error('gone'));
  await expect(leaving).rejects.toThrow('gone');
  expect(runs[0]?.signal.aborted).toBe(true);
  const next = ask();
  runs[0]?.reject(new Error('stopped'));
  runs[1]?.resolve('seen');
  expect(await next).toBe('seen');
});
