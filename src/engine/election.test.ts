import { describe, expect, it } from 'vitest';
import { createFakeClock, type FakeClock } from '../../test/builders/fake-clock.ts';
import {
  createMemoryLease,
  createMemoryLock,
  type LeaseWeather,
  type MemoryLease,
} from '../../test/builders/lease-lock.ts';
import { captureLog } from '../../test/builders/log.ts';
import type { Clock } from '../lib/clock.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { createElection, decide, type ElectionOptions, type LeaseRecord } from './election.ts';

const record = (change: Partial<LeaseRecord> = {}): LeaseRecord => ({
  holderIdentity: 'other',
  leaseDurationSeconds: 15,
  acquireTime: '2026-11-01T00:00:00.000000Z',
  renewTime: '2026-11-01T00:00:00.000000Z',
  leaseTransitions: 3,
  ...change,
});

describe('decide', () => {
  const since = 1000;
  it.each([
    ['there is no lease', undefined, since, 'create'],
    ['it is ours', record({ holderIdentity: 'me' }), since, 'renew'],
    ['it is ours, however old', record({ holderIdentity: 'me' }), since + 1_000_000, 'renew'],
    ['another holds it and changed it just now', record(), since, 'wait'],
    ['another holds it and changed it a little less than its duration ago', record(), since + 14_999, 'wait'],
    ['another holds it and has not changed it for its duration', record(), since + 15_000, 'take'],
    ['its own duration counts, not ours', record({ leaseDurationSeconds: 60 }), since + 59_999, 'wait'],
    ['its own duration is over', record({ leaseDurationSeconds: 60 }), since + 60_000, 'take'],
    ['it was given up', record({ holderIdentity: '', leaseDurationSeconds: 1 }), since, 'take'],
    [
      'its times are long past, which says nothing',
      record({ renewTime: '1999-01-01T00:00:00.000000Z' }),
      since,
      'wait',
    ],
    [
      'its times lie ahead, which says nothing',
      record({ renewTime: '2999-01-01T00:00:00.000000Z' }),
      since + 15_000,
      'take',
    ],
  ] as const)('when %s', (_name, seen, now, decision) => {
    expect(decide(seen && { record: seen, version: '1', since }, 'me', now)).toBe(decision);
  });
});

/** One candidate over a lease that others may share. */
const join = (clock: FakeClock, lease: MemoryLease, identity = 'me', options: Partial<ElectionOptions> = {}) => {
  const lock = createMemoryLock(lease);
  const { log, of } = captureLog();
  const metrics = createMetrics();
  const own: Clock = options.clock ?? clock;
  const election = createElection({
    lock,
    identity,
    name: 'operator',
    log,
    metrics,
    random: () => 0,
    ...options,
    clock: own,
  });
  const leave = new AbortController();
  let elected = 0;
  let ending: string | undefined;
  const start = (): void => {
    void election
      .run(leave.signal, () => {
        elected += 1;
      })
      .then((why) => {
        ending = why;
      });
  };
  return {
    ...{ lock, election, leave, start, of, metrics },
    get elected() {
      return elected;
    },
    get ending() {
      return ending;
    },
  };
};

const setUp = (options: Partial<ElectionOptions> = {}) => {
  const clock = createFakeClock();
  const lease = createMemoryLease();
  return { clock, lease, me: join(clock, lease, 'me', options) };
};

/** Another holder that never renews. */
const held = (change: Partial<LeaseRecord> = {}, options: Partial<ElectionOptions> = {}) => {
  const setup = setUp(options);
  setup.lease.create(record(change));
  return setup;
};

describe('a candidate', () => {
  it('makes the lease when there is none, with times of six fraction digits', async () => {
    const { clock, lease, me } = setUp();
    me.start();
    await clock.settle();
    expect(lease.history).toEqual([
      {
        holderIdentity: 'me',
        leaseDurationSeconds: 15,
        acquireTime: '2026-11-01T00:00:00.000000Z',
        renewTime: '2026-11-01T00:00:00.000000Z',
        leaseTransitions: 0,
      },
    ]);
    expect([me.elected, me.election.isLeader(), me.election.mayAct()]).toEqual([1, true, true]);
  });

  it('renews every 2 s without reading, and keeps when it was acquired', async () => {
    const { clock, lease, me } = setUp();
    me.start();
    await clock.advance(6001);
    expect(me.lock.calls).toEqual(['read', 'create', 'update', 'update', 'update']);
    expect(lease.history.map(({ renewTime }) => renewTime.slice(17))).toEqual([
      '00.000000Z',
      '02.000000Z',
      '04.000000Z',
      '06.000000Z',
    ]);
    expect(new Set(lease.history.map(({ acquireTime }) => acquireTime)).size).toBe(1);
    expect(lease.history.at(-1)?.leaseTransitions).toBe(0);
    expect(me.elected).toBe(1);
  });

  it('takes a lease that did not change for its duration, one transition later', async () => {
    const { clock, lease, me } = held();
    me.start();
    await clock.advance(15_999);
    expect(me.elected).toBe(0);
    await clock.advance(1);
    expect(me.elected).toBe(1);
    expect(lease.history.at(-1)).toEqual({
      holderIdentity: 'me',
      leaseDurationSeconds: 15,
      acquireTime: '2026-11-01T00:00:16.000000Z',
      renewTime: '2026-11-01T00:00:16.000000Z',
      leaseTransitions: 4,
    });
  });

  it.each<[string, Partial<LeaseRecord>]>([
    ['another renewal', { renewTime: '2026-11-01T00:00:02.000000Z' }],
    ['a renewal by a clock that went back', { renewTime: '2020-01-01T00:00:00.000000Z' }],
    ['another holder', { holderIdentity: 'third' }],
    ['another duration', { leaseDurationSeconds: 16 }],
    ['another count', { leaseTransitions: 9 }],
  ])('waits anew after %s', async (_name, change) => {
    const { clock, lease, me } = held();
    me.start();
    await clock.advance(13_000);
    lease.edit(change);
    await clock.advance(15_900);
    expect(me.elected).toBe(0);
    await clock.advance(5000);
    expect(me.elected).toBe(1);
  });

  it('takes a lease that was given up at its next try', async () => {
    const { clock, lease, me } = held();
    me.start();
    await clock.advance(100);
    lease.edit({ holderIdentity: '', leaseDurationSeconds: 1 });
    await clock.advance(1900);
    expect([me.elected, lease.history.at(-1)?.leaseTransitions]).toEqual([1, 4]);
  });

  it('goes on as the holder when its own taking was carried out but never answered', async () => {
    const { clock, lease, me } = held({ holderIdentity: '' });
    const { update } = me.lock;
    me.lock.update = async (next, version, signal) => {
      me.lock.update = update;
      await update(next, version, signal);
      return new Promise(() => {});
    };
    me.start();
    await clock.advance(6999);
    expect([me.elected, lease.read()?.record.holderIdentity]).toEqual([0, 'me']);
    await clock.advance(1);
    expect(me.elected).toBe(1);
    // It had the very renewTime of the record before; the last digit makes the write a change.
    expect(lease.read()?.record).toMatchObject({ acquireTime: '2026-11-01T00:00:00.000001Z', leaseTransitions: 4 });
  });

  it.each([
    [0, 2000],
    [0.5, 3200],
    [0.999_999, 4400],
  ])('with chance %d tries every %d ms, also while the server is away', async (chance, everyMs) => {
    const { clock, me } = held({}, { random: () => chance });
    me.lock.weather = 'refusing';
    me.start();
    await clock.advance(everyMs * 10 + 1);
    expect(me.lock.calls).toHaveLength(11);
    expect(me.of('could not get at the lease; trying again').map(({ level }) => level)).toEqual([
      'warn',
      ...Array.from({ length: 10 }, () => 'debug'),
    ]);
  });

  it('gives a call that has no answer 5 s', async () => {
    const { clock, me } = held();
    me.lock.weather = 'silent';
    me.start();
    await clock.advance(6999);
    expect(me.lock.calls).toHaveLength(1);
    await clock.advance(1);
    expect(me.lock.calls).toHaveLength(2);
  });

  it('does not count the times of others that it cannot read: they restart nothing and end nothing', async () => {
    const { clock, me } = held();
    me.start();
    await clock.advance(1);
    me.lock.weather = 'refusing';
    await clock.advance(60_000);
    expect(me.elected).toBe(0);
    me.lock.weather = 'fine';
    await clock.advance(2000);
    expect(me.elected).toBe(1);
  });

  it('is not elected by an answer that came after the renew deadline, and wins by the next', async () => {
    const clock = createFakeClock();
    const lease = createMemoryLease();
    let behind = 0;
    // A process that was stopped while its write was under way: time has passed when the answer is read.
    const own: Clock = { ...clock, monotonic: () => clock.monotonic() + behind };
    const lock = createMemoryLock(lease);
    const slow = {
      ...lock,
      create: (first: LeaseRecord) => lock.create(first, never).finally(() => (behind = 10_000)),
    };
    const me = join(clock, lease, 'me', { lock: slow, clock: own });
    me.start();
    await clock.settle();
    expect([me.elected, me.election.mayAct(), lease.read()?.record.holderIdentity]).toEqual([0, false, 'me']);
    await clock.advance(2000);
    expect([me.elected, me.election.mayAct()]).toEqual([1, true]);
  });

  it('ends at once when told to, even while a call has no answer', async () => {
    const { clock, me } = held();
    me.lock.weather = 'silent';
    me.start();
    await clock.advance(100);
    me.leave.abort();
    await clock.settle();
    expect([me.ending, me.elected, clock.waiting]).toEqual(['stopped', 0, 0]);
  });

  it('told to end before it began asks nobody', async () => {
    const { clock, me } = setUp();
    me.leave.abort();
    me.start();
    await clock.settle();
    expect([me.ending, me.lock.calls]).toEqual(['stopped', []]);
  });
});

const never = new AbortController().signal;

describe('a leader', () => {
  const leading = async (options: Partial<ElectionOptions> = {}) => {
    const setup = setUp(options);
    setup.me.start();
    await setup.clock.advance(2000);
    return setup;
  };

  it.each<[LeaseWeather]>([['refusing'], ['silent'], ['mute']])(
    'has lost when its last renewal began 10 s ago while the server is %s, and not before',
    async (weather) => {
      const { clock, me } = await leading();
      me.lock.weather = weather;
      await clock.advance(9999);
      expect([me.ending, me.election.isLeader(), me.election.mayAct()]).toEqual([undefined, true, true]);
      await clock.advance(1);
      expect([me.ending, me.election.isLeader(), me.election.mayAct()]).toEqual(['lost', false, false]);
      expect(me.of('lost the lease')[0]).toMatchObject({ level: 'error', renewedMsAgo: 10_000 });
      expect(clock.waiting).toBe(0);
    },
  );

  it('has lost at the deadline also when that falls between two tries', async () => {
    const { clock, me } = await leading({ timing: { renewDeadlineMs: 9000 } });
    me.lock.weather = 'refusing';
    await clock.advance(8999);
    expect(me.ending).toBeUndefined();
    await clock.advance(1);
    expect(me.ending).toBe('lost');
  });

  it('leads on when the server is back before that', async () => {
    const { clock, me } = await leading();
    me.lock.weather = 'refusing';
    await clock.advance(7000);
    me.lock.weather = 'fine';
    await clock.advance(60_000);
    expect([me.ending, me.elected, me.election.mayAct()]).toEqual([undefined, 1, true]);
  });

  it('reads the lease and writes again when somebody touched it, and counts that', async () => {
    const { clock, lease, me } = await leading();
    me.lock.calls.length = 0;
    lease.edit({ leaseTransitions: 7 });
    await clock.advance(2000);
    expect(me.lock.calls).toEqual(['update', 'read', 'update']);
    expect(lease.history.at(-1)).toMatchObject({ holderIdentity: 'me', leaseTransitions: 7 });
    expect(await me.metrics.text()).toContain('leader_election_slowpath_total{name="operator"} 1');
  });

  it('makes the lease again when somebody deleted it', async () => {
    const { clock, lease, me } = await leading();
    lease.remove();
    await clock.advance(2000);
    expect([me.ending, lease.read()?.record.holderIdentity]).toEqual([undefined, 'me']);
  });

  it.each([['other'], ['']])('has lost at once when it finds "%s" as the holder', async (holderIdentity) => {
    const { clock, lease, me } = await leading();
    lease.edit({ holderIdentity });
    const { length } = lease.history;
    await clock.advance(2000);
    expect([me.ending, me.election.mayAct(), lease.history.length]).toEqual(['lost', false, length]);
  });

  it('changes the lease with each renewal although its wall clock stands still', async () => {
    const clock = createFakeClock();
    const lease = createMemoryLease();
    const me = join(clock, lease, 'me', { clock: { ...clock, now: () => 0 } });
    me.start();
    await clock.advance(10_000);
    expect(lease.history).toHaveLength(6);
  });

  it('measures from when a renewal began, not from when it was answered', async () => {
    const clock = createFakeClock();
    const lease = createMemoryLease();
    const lock = createMemoryLock(lease);
    const slow = {
      ...lock,
      update: (next: LeaseRecord, version: string) =>
        new Promise<string>((resolve) => {
          clock.after(4000, () => resolve(lease.update(next, version)));
        }),
    };
    const me = join(clock, lease, 'me', { lock: slow });
    me.start();
    // Made at 0 s; the renewal runs from 2 s to 6 s, the next begins at 8 s and never ends.
    await clock.advance(7999);
    slow.update = () => new Promise(() => {});
    slow.read = () => new Promise(() => {});
    await clock.advance(4000);
    expect(me.election.mayAct()).toBe(true);
    await clock.advance(1);
    expect([me.election.mayAct(), me.ending]).toEqual([false, 'lost']);
  });

  it('that was stopped for 60 s may not act before any timer has fired, and has lost once one has', async () => {
    const clock = createFakeClock();
    let skipped = 0;
    const own: Clock = { ...clock, monotonic: () => clock.monotonic() + skipped };
    const lease = createMemoryLease();
    const me = join(clock, lease, 'me', { clock: own });
    me.start();
    await clock.advance(3000);
    skipped = 8999;
    expect(me.election.mayAct()).toBe(true);
    skipped = 60_000;
    expect([me.election.isLeader(), me.election.mayAct()]).toEqual([true, false]);
    const { length } = me.lock.calls;
    await clock.advance(1000);
    expect([me.ending, me.lock.calls.length]).toEqual(['lost', length]);
  });

  it('on a machine that did not count the time of its suspension is warned by the wall clock', async () => {
    const clock = createFakeClock();
    let suspendedMs = 0;
    const own: Clock = { ...clock, now: () => clock.now() + suspendedMs };
    const me = join(clock, createMemoryLease(), 'me', { clock: own });
    me.start();
    await clock.advance(1000);
    suspendedMs = 60_000;
    expect(me.election.mayAct()).toBe(false);
    await clock.advance(1000);
    expect([me.election.mayAct(), me.ending]).toEqual([true, undefined]);
    suspendedMs = -1_000_000;
    expect(me.election.mayAct()).toBe(true);
  });

  it('is a problem when it still leads 20 s after the end of its lease', async () => {
    const clock = createFakeClock();
    let skipped = 0;
    const own: Clock = { ...clock, monotonic: () => clock.monotonic() + skipped };
    const me = join(clock, createMemoryLease(), 'me', { clock: own });
    expect(me.election.problem()).toBeUndefined();
    me.start();
    await clock.settle();
    skipped = 35_000;
    expect(me.election.problem()).toBeUndefined();
    skipped = 36_000;
    expect(me.election.problem()).toBe('still leads although lease aiops/operator ended 21 s ago');
    await clock.advance(2000);
    expect([me.ending, me.election.problem()]).toEqual(['lost', undefined]);
  });

  it('shows in the metrics whether it leads', async () => {
    const { clock, me } = setUp();
    const status = async () => /master_status\{name="operator"\} (\d)/.exec(await me.metrics.text())?.[1];
    expect(await status()).toBe('0');
    me.start();
    await clock.settle();
    expect(await status()).toBe('1');
    me.leave.abort();
    await clock.settle();
    expect([me.ending, me.election.mayAct(), await status()]).toEqual(['stopped', false, '0']);
  });
});

describe('release', () => {
  const stopped = async () => {
    const setup = setUp();
    setup.me.start();
    await setup.clock.advance(5000);
    setup.me.leave.abort();
    await setup.clock.settle();
    setup.me.lock.calls.length = 0;
    return setup;
  };
  const isOver = async (clock: FakeClock, release: Promise<void>): Promise<boolean> => {
    let isDone = false;
    void release.then(() => {
      isDone = true;
    });
    await clock.settle();
    return isDone;
  };

  it('leaves a lease without holder that ends after a second, transitions kept', async () => {
    const { clock, lease, me } = await stopped();
    lease.edit({ leaseTransitions: 5 });
    expect(await isOver(clock, me.election.release())).toBe(true);
    expect(lease.history.at(-1)).toEqual({
      holderIdentity: '',
      leaseDurationSeconds: 1,
      acquireTime: '2026-11-01T00:00:05.000000Z',
      renewTime: '2026-11-01T00:00:05.000000Z',
      leaseTransitions: 5,
    });
  });

  it('reads again when somebody writes in between', async () => {
    const { clock, lease, me } = await stopped();
    const { update } = me.lock;
    me.lock.update = (next, version, signal) => {
      if (me.lock.calls.length === 1) lease.edit({ leaseTransitions: 8 });
      return update(next, version, signal);
    };
    expect(await isOver(clock, me.election.release())).toBe(true);
    expect(me.lock.calls).toEqual(['read', 'update', 'read', 'update']);
    expect(lease.history.at(-1)).toMatchObject({ holderIdentity: '', leaseTransitions: 8 });
  });

  it('leaves the lease of somebody else alone', async () => {
    const { clock, lease, me } = await stopped();
    lease.edit({ holderIdentity: 'other' });
    expect(await isOver(clock, me.election.release())).toBe(true);
    expect(lease.read()?.record.holderIdentity).toBe('other');
  });

  it('takes no more than 5 s, and its failure is only logged', async () => {
    const { clock, me } = await stopped();
    me.lock.weather = 'silent';
    const released = me.election.release();
    await clock.advance(4999);
    expect(await isOver(clock, released)).toBe(false);
    await clock.advance(1);
    expect(await isOver(clock, released)).toBe(true);
    expect(me.of('could not give the lease up; it ends by itself')).toHaveLength(1);
  });

  it('asks nobody when the lease was never ours', async () => {
    const { clock, me } = held();
    me.start();
    await clock.advance(3000);
    me.leave.abort();
    me.lock.calls.length = 0;
    expect(await isOver(clock, me.election.release())).toBe(true);
    expect(me.lock.calls).toEqual([]);
  });

  it('gives up what was taken in the very moment of the stop', async () => {
    const { clock, lease, me } = setUp();
    const { create } = me.lock;
    me.lock.create = async (first, signal) => {
      await create(first, signal);
      return new Promise(() => {});
    };
    me.start();
    await clock.advance(10);
    me.leave.abort();
    await clock.settle();
    expect([me.ending, lease.read()?.record.holderIdentity]).toEqual(['stopped', 'me']);
    expect(await isOver(clock, me.election.release())).toBe(true);
    expect(lease.read()?.record.holderIdentity).toBe('');
  });
});

describe('two candidates', () => {
  it('of two that take the same lease one gets it, the other waits', async () => {
    const { clock, lease, me } = held({ holderIdentity: '' });
    const other = join(clock, lease, 'other');
    me.start();
    other.start();
    await clock.advance(30_000);
    expect(me.elected + other.elected).toBe(1);
    expect([...new Set(lease.history.slice(1).map(({ holderIdentity }) => holderIdentity))]).toHaveLength(1);
  });
});

it.each([
  [{ leaseDurationMs: 10_000 }, 'the lease must last longer than the renew deadline'],
  [{ renewDeadlineMs: 2400 }, 'the renew deadline must be above 1.2 times the retry period'],
  [{ retryPeriodMs: 0 }, 'the retry period must be above 0'],
  [{ leaseDurationMs: 15_500 }, 'the lease must last whole seconds'],
  [{ renewDeadlineMs: Number.NaN }, 'the lease must last longer than the renew deadline'],
])('refuses the times %o', (timing, message) => {
  expect(() => setUp({ timing })).toThrow(message);
});
