import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../../test/builders/fake-clock.ts';
import { createLimiter } from './limiter.ts';

const never = new AbortController().signal;

describe('the limits of one account', () => {
  it.each([
    ['RunInstances', 10],
    ['TerminateInstances', 10],
    ['DescribeInstances', 40],
    ['DescribeZoneInstanceConfigInfos', 40],
    ['DescribeAccountQuota', 10],
  ])('let %s through %i times a second', async (action, perSecond) => {
    const clock = createFakeClock();
    const limiter = createLimiter({ clock, random: () => 0 });
    let passed = 0;
    for (let call = 0; call < 200; call += 1) void limiter.acquire(action, never).then(() => (passed += 1));
    await clock.settle();
    expect(passed).toBe(perSecond);
    await clock.advance(1000);
    expect(passed).toBe(2 * perSecond);
  });

  it('do not mix actions', async () => {
    const clock = createFakeClock();
    const limiter = createLimiter({ clock, random: () => 0 });
    for (let call = 0; call < 10; call += 1) await limiter.acquire('RunInstances', never);
    await limiter.acquire('TerminateInstances', never);
    expect(clock.waiting).toBe(0);
  });

  it('a caller that gives up waits no longer', async () => {
    const clock = createFakeClock();
    const limiter = createLimiter({ clock, random: () => 0 });
    for (let call = 0; call < 10; call += 1) await limiter.acquire('RunInstances', never);
    const stop = new AbortController();
    const waiting = limiter.acquire('RunInstances', stop.signal);
    stop.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    expect(clock.waiting).toBe(0);
  });
});

describe('after a refusal for the rate', () => {
  const refusing = () => {
    const clock = createFakeClock();
    const limiter = createLimiter({ clock, random: () => 0.999_999 });
    /** How long a call waits, in whole seconds. */
    const waitOf = async (action: string): Promise<number> => {
      const before = clock.monotonic();
      const next = limiter.acquire(action, never).then(() => clock.monotonic() - before);
      await clock.advance(61_000);
      return Math.round((await next) / 1000);
    };
    return { clock, limiter, waitOf };
  };

  it.each([
    ['its action', false, 'RunInstances'],
    ['every action, when all are meant,', true, 'DescribeInstances'],
  ])('%s pauses, from one second to a minute, and a success ends it', async (_what, isForAll, waiting) => {
    const { limiter, waitOf } = refusing();
    const pauses: number[] = [];
    for (let refusal = 0; refusal < 8; refusal += 1) {
      limiter.throttled(await limiter.acquire('RunInstances', never), isForAll);
      pauses.push(await waitOf(waiting));
    }
    expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
    limiter.succeeded(await limiter.acquire('RunInstances', never));
    limiter.throttled(await limiter.acquire('RunInstances', never), isForAll);
    expect(await waitOf(waiting)).toBe(1);
  });

  it('other actions neither pause nor end the row', async () => {
    const { limiter, waitOf, clock } = refusing();
    for (let refusal = 0; refusal < 4; refusal += 1) {
      limiter.throttled(await limiter.acquire('TerminateInstances', never), false);
      limiter.succeeded(await limiter.acquire('DescribeInstances', never));
      expect(clock.waiting).toBe(0);
      await clock.advance(61_000);
    }
    limiter.throttled(await limiter.acquire('TerminateInstances', never), false);
    expect(await waitOf('TerminateInstances')).toBe(16);
  });

  it('calls that were under way together count as one refusal', async () => {
    const { limiter, waitOf, clock } = refusing();
    const together = await Promise.all([1, 2, 3, 4, 5].map(() => limiter.acquire('RunInstances', never)));
    await clock.advance(10);
    for (const admission of together) limiter.throttled(admission, false);
    expect(await waitOf('RunInstances')).toBeLessThanOrEqual(1);
  });
});
