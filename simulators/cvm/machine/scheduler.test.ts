import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../../test/builders/fake-clock.ts';
import { createScheduler, type Lease } from './scheduler.ts';

function setUp({ parallel = 1, maxQueue = 512 } = {}) {
  const clock = createFakeClock();
  const scheduler = createScheduler({ clock, loadMs: 1500, parallel, maxQueue });
  const served: string[] = [];
  const leases = new Map<string, Lease>();
  const failed = new Map<string, unknown>();
  const ask = (
    name: string,
    { contextLength = 4096, keepAliveMs = 60_000, signal = new AbortController().signal } = {},
  ) => {
    scheduler.admit({ contextLength, keepAliveMs, signal }).then(
      (lease) => {
        served.push(name);
        leases.set(name, lease);
      },
      (error: unknown) => failed.set(name, error),
    );
  };
  const finish = async (name: string) => {
    leases.get(name)?.release();
    await clock.settle();
  };
  return { clock, scheduler, served, leases, failed, ask, finish };
}

describe('the scheduler', () => {
  it('loads the model on first use, and not again', async () => {
    const { clock, leases, served, ask, finish } = setUp();
    ask('a');
    await clock.advance(1499);
    expect(served).toEqual([]);
    await clock.advance(1);
    expect(leases.get('a')?.waitedMs).toBe(1500);
    await finish('a');
    ask('b');
    await clock.settle();
    expect(leases.get('b')?.waitedMs).toBe(0);
  });

  it('serves one after the other, in the order in which they came', async () => {
    const { clock, served, ask, finish } = setUp();
    for (const name of ['a', 'b', 'c']) ask(name);
    await clock.advance(5000);
    expect(served).toEqual(['a']);
    await finish('a');
    await finish('a');
    expect(served).toEqual(['a', 'b']);
    await finish('b');
    expect(served).toEqual(['a', 'b', 'c']);
  });

  it('serves as many at once as it may', async () => {
    const { clock, served, ask } = setUp({ parallel: 2 });
    for (const name of ['a', 'b', 'c']) ask(name);
    await clock.advance(5000);
    expect(served).toEqual(['a', 'b']);
  });

  it('refuses one more than may wait', async () => {
    const { clock, failed, ask } = setUp({ maxQueue: 2 });
    ask('a');
    await clock.advance(1500);
    for (const name of ['b', 'c', 'd']) ask(name);
    await clock.settle();
    expect([...failed]).toEqual([['d', expect.objectContaining({ status: 503 })]]);
  });

  it('forgets a client that left while it waited', async () => {
    const { clock, served, failed, ask, finish } = setUp();
    const client = new AbortController();
    ask('a');
    ask('b', { signal: client.signal });
    ask('c');
    await clock.advance(1500);
    client.abort(new Error('gone'));
    await finish('a');
    expect(served).toEqual(['a', 'c']);
    expect(failed.get('b')).toEqual(new Error('gone'));
  });

  it('loads again for another window, once the answers under way are done', async () => {
    const { clock, scheduler, served, ask, finish } = setUp({ parallel: 2 });
    ask('a');
    await clock.advance(1500);
    ask('b', { contextLength: 512 });
    ask('c');
    await clock.advance(5000);
    expect(served).toEqual(['a']);
    await finish('a');
    expect(scheduler.loaded()?.contextLength).toBe(512);
    await clock.advance(1500);
    expect(served).toEqual(['a', 'b']);
    await finish('b');
    await clock.advance(1500);
    expect(served).toEqual(['a', 'b', 'c']);
    expect(scheduler.loaded()?.contextLength).toBe(4096);
  });

  it('unloads when its stay is over, counted from the last use', async () => {
    const { clock, scheduler, ask, finish } = setUp();
    ask('a', { keepAliveMs: 10_000 });
    await clock.advance(20_000);
    await finish('a');
    expect(scheduler.loaded()?.expiresAt).toBe(clock.now() + 10_000);
    await clock.advance(9999);
    expect(scheduler.loaded()).toBeDefined();
    await clock.advance(501);
    expect(scheduler.loaded()).toBeUndefined();
  });

  it('stays for ever when asked to', async () => {
    const { clock, scheduler, ask, finish } = setUp();
    ask('a', { keepAliveMs: Number.POSITIVE_INFINITY });
    await clock.advance(1500);
    await finish('a');
    await clock.advance(1e9);
    expect(scheduler.loaded()?.expiresAt).toBeGreaterThan(clock.now() + 200 * 365 * 86_400_000);
  });

  it('unloads on demand; who comes meanwhile has it loaded again', async () => {
    const { clock, scheduler, leases, ask, finish } = setUp();
    ask('a');
    await clock.advance(1500);
    await finish('a');
    scheduler.expire();
    expect(scheduler.loaded()?.expiresAt).toBe(clock.now());
    ask('b');
    await clock.advance(2000);
    expect(leases.get('b')?.waitedMs).toBe(2000);
  });

  it('goes on loading when the one who asked has left', async () => {
    const { clock, scheduler, ask } = setUp();
    const client = new AbortController();
    ask('a', { keepAliveMs: 1000, signal: client.signal });
    client.abort(new Error('gone'));
    await clock.advance(1500);
    expect(scheduler.loaded()).toBeDefined();
    await clock.advance(1500);
    expect(scheduler.loaded()).toBeUndefined();
  });

  it('leaves no timer behind when it stops', async () => {
    const { clock, scheduler, ask, finish } = setUp();
    ask('a');
    await clock.advance(1500);
    scheduler.stop();
    await finish('a');
    expect(clock.waiting).toBe(0);
  });
});
