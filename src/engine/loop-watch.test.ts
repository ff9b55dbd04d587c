import { expect, it } from 'vitest';
import { createFakeClock } from '../../test/builders/fake-clock.ts';
import { captureLog } from '../../test/builders/log.ts';
import { createLoopWatch } from './loop-watch.ts';

it('warns in each minute in which the event loop was blocked, and ends with its signal', async () => {
  const clock = createFakeClock();
  const { log, lines } = captureLog();
  let p99Ns = 0;
  const delay = { percentile: () => p99Ns, reset: () => (p99Ns = 20e6) };
  const stop = new AbortController();
  const ended = createLoopWatch(clock, log, delay).run(stop.signal);
  p99Ns = 200e6;
  await clock.advance(60_000);
  p99Ns = 450e6;
  await clock.advance(60_000);
  await clock.advance(60_000);
  expect(lines.map(({ msg, p99Ms }) => [msg, p99Ms])).toEqual([['the event loop was blocked', 450]]);
  stop.abort();
  await ended;
  expect(clock.waiting).toBe(0);
});
