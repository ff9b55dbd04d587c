import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../../test/builders/fake-clock.ts';
import { createKubeObjects, kubeError, ThingResource, thing, thingPath } from '../../../test/builders/kube-objects.ts';
import { captureLog } from '../../../test/builders/log.ts';
import type { ObjectEvent } from '../store.ts';
import { createKubeEvents } from './events.ts';
import { KubeError } from './kube-error.ts';
import type { KubeRequest } from './transport.ts';

const EVENTS = '/apis/events.k8s.io/v1/namespaces/default/events';
const launched: ObjectEvent = { type: 'Normal', reason: 'Launched', note: 'one machine' };
const MINUTE = 60_000;

const setUp = () => {
  const world = createKubeObjects();
  const clock = createFakeClock();
  const { log, of } = captureLog();
  const dropped: string[] = [];
  const events = createKubeEvents({
    transport: world.transport,
    clock,
    log,
    reportingController: 'aiops.org/operator',
    reportingInstance: 'host_1',
    resourceOf: () => ThingResource,
    onDropped: (kind, type) => dropped.push(`${kind} ${type}`),
    random: () => 0.5,
  });
  const pool = thing('pool', 'uid-1');
  world.put(thingPath(pool), pool);
  const writes = (): readonly KubeRequest[] => world.calls.filter(({ method }) => method !== 'GET');
  const kept = () => [...world.objects].filter(([path]) => path.startsWith(EVENTS)).map(([, event]) => event);
  return { world, clock, events, pool, dropped, writes, kept, logged: of };
};
const isWrite = ({ method }: KubeRequest): boolean => method !== 'GET';

describe('an event', () => {
  it('is an object of events.k8s.io/v1 with all that Kubernetes asks for', async () => {
    const { clock, events, pool, writes } = setUp();
    await clock.advance(1234);
    events.record(pool, launched);
    expect(writes()).toEqual([]);
    await clock.settle();
    expect(writes()).toHaveLength(1);
    expect(writes()[0]).toMatchObject({ method: 'POST', path: EVENTS, query: { fieldValidation: 'Strict' } });
    const { metadata, ...body } = writes()[0]!.body as { metadata: { name: string } };
    expect(metadata).toEqual({ name: expect.stringMatching(/^pool\.[0-9a-f]{19}$/), namespace: 'default' });
    expect(body).toEqual({
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      eventTime: '2026-11-01T00:00:01.234000Z',
      reportingController: 'aiops.org/operator',
      reportingInstance: 'host_1',
      action: 'Reconcile',
      reason: 'Launched',
      type: 'Normal',
      regarding: {
        apiVersion: 'demo.aiops.org/v1',
        kind: 'Thing',
        namespace: 'default',
        name: 'pool',
        uid: 'uid-1',
        resourceVersion: '7',
      },
      note: 'one machine',
    });
  });

  it('and its repeats are one series', async () => {
    const { clock, events, pool, kept, writes } = setUp();
    events.record(pool, launched);
    await clock.advance(2000);
    events.record(pool, launched);
    await clock.advance(2999);
    expect(writes()).toHaveLength(1);
    await clock.advance(1);
    expect(writes()[1]).toMatchObject({
      method: 'PATCH',
      contentType: 'application/merge-patch+json',
      body: { series: { count: 2, lastObservedTime: '2026-11-01T00:00:02.000000Z' } },
    });
    expect(kept()).toMatchObject([{ note: 'one machine', series: { count: 2 } }]);
    expect(clock.waiting).toBe(0);
  });

  it('that is repeated before it was created is created with its count', async () => {
    const { clock, events, pool, writes, kept } = setUp();
    for (let times = 0; times < 50; times++) events.record(pool, launched);
    await clock.advance(10 * MINUTE);
    expect(writes()).toHaveLength(1);
    expect(kept()).toMatchObject([{ series: { count: 50, lastObservedTime: '2026-11-01T00:00:00.000049Z' } }]);
  });

  it('that is repeated while it is being created is brought up to date afterwards', async () => {
    const { world, clock, events, pool, kept } = setUp();
    world.fate = async () => {
      world.fate = () => 'fine';
      events.record(pool, launched);
      return 'fine' as const;
    };
    events.record(pool, launched);
    await clock.settle();
    expect(kept()).toMatchObject([{ note: 'one machine' }]);
    await clock.advance(5000);
    expect(kept()).toMatchObject([{ series: { count: 2 } }]);
  });

  it('that goes on for an hour is written seldom, and every 30 minutes at least', async () => {
    const { clock, events, pool, writes, kept } = setUp();
    const times: number[] = [];
    for (let second = 0; second < 3 * 3600; second += 5) {
      events.record(pool, launched);
      await clock.advance(5000);
      while (times.length < writes().length) times.push(clock.monotonic());
    }
    const pauses = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    expect(writes().length).toBeLessThan(20);
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(5000);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(30 * MINUTE + 5000);
    await clock.advance(6 * MINUTE);
    expect(kept()).toMatchObject([{ series: { count: 2160 } }]);
    expect(clock.waiting).toBe(0);
  });

  it('is a new one after 6 quiet minutes', async () => {
    const { clock, events, pool, kept } = setUp();
    events.record(pool, launched);
    await clock.advance(6 * MINUTE + 1);
    events.record(pool, launched);
    await clock.settle();
    expect(kept()).toHaveLength(2);
    expect(await events.list(pool)).toEqual([
      { ...launched, count: 2, firstSeen: '2026-11-01T00:00:00Z', lastSeen: '2026-11-01T00:06:00Z' },
    ]);
  });

  it('with a tenth different note shares one object, whose note follows', async () => {
    const { clock, events, pool, writes, kept } = setUp();
    for (let index = 0; index < 500; index++) events.record(pool, { ...launched, note: `${index} 語` });
    await clock.advance(10 * MINUTE);
    expect(writes()).toHaveLength(10);
    expect(kept().at(-1)).toMatchObject({
      note: expect.stringMatching(/^499 語 \(one of many/),
      series: { count: 491 },
    });
    events.record(pool, { ...launched, note: 'another' });
    await clock.advance(10 * MINUTE);
    // A note that changes can only be told in the older spelling of events.
    expect(writes()).toHaveLength(11);
    for (let index = 0; index < 9; index++) events.record(pool, { ...launched, note: `later ${index}` });
    events.record(pool, { ...launched, note: 'merged' });
    await clock.settle();
    events.record(pool, { ...launched, note: 'merged again' });
    await clock.advance(10_000);
    expect(writes().at(-1)).toMatchObject({
      method: 'PATCH',
      path: expect.stringMatching(/^\/api\/v1\/namespaces\/default\/events\/pool\./),
      body: { message: expect.stringMatching(/^merged again \(one of many/), series: { count: 2 } },
    });
    expect(kept().filter(({ note }) => note.startsWith('merged'))).toHaveLength(1);
  });

  it('names a process of any length, cut to what Kubernetes takes', async () => {
    const world = createKubeObjects();
    const clock = createFakeClock();
    const { log } = captureLog();
    const more = { reportingController: 'aiops.org/operator', reportingInstance: 'h'.repeat(300) };
    const events = createKubeEvents({
      transport: world.transport,
      clock,
      log,
      resourceOf: () => ThingResource,
      ...more,
    });
    events.record(thing('pool', 'uid-1'), launched);
    await clock.settle();
    expect(world.calls[0]?.body).toMatchObject({ reportingInstance: 'h'.repeat(128) });
    expect(world.objects.size).toBe(1);
  });
});

describe('an event that the server does not take', () => {
  it.each(['Unreachable', 'Timeout', 'Failed', 'TooManyRequests'] as const)(
    'is tried twelve times, 10 s apart, then dropped (%s)',
    async (reason) => {
      const { world, clock, events, pool, writes, dropped, logged } = setUp();
      world.fate = () => ({ error: kubeError(reason) });
      events.record(pool, launched);
      await clock.advance(109_999);
      expect([writes().length, dropped.length]).toEqual([11, 0]);
      await clock.advance(10 * MINUTE);
      expect(writes()).toHaveLength(12);
      expect(dropped).toEqual(['Thing Normal']);
      expect(logged('event dropped')).toMatchObject([{ level: 'debug', reason: 'Launched', tries: 12 }]);
      world.fate = () => 'fine';
      events.record(pool, { ...launched, note: 'another' });
      await clock.settle();
      expect(writes()).toHaveLength(13);
    },
  );

  it('for lack of an answer holds the others back, and one try counts for all', async () => {
    const { world, clock, events, pool, writes, dropped } = setUp();
    world.fate = () => ({ error: kubeError('Unreachable') });
    for (let index = 0; index < 20; index++) events.record(pool, { ...launched, reason: `R${index}` });
    await clock.advance(9999);
    expect(writes()).toHaveLength(1);
    events.record(pool, { ...launched, reason: 'Later' });
    await clock.advance(100_001);
    expect(writes()).toHaveLength(12);
    expect(dropped).toHaveLength(20);
    world.fate = () => 'fine';
    await clock.advance(10_000);
    expect(writes().at(-1)?.body).toMatchObject({ reason: 'Later' });
  });

  it('for a reason of its own lets the others pass', async () => {
    const { world, clock, events, pool, kept } = setUp();
    world.fate = ({ body }) =>
      (body as ObjectEvent | undefined)?.reason === 'R0' ? { error: kubeError('Failed') } : 'fine';
    for (let index = 0; index < 5; index++) events.record(pool, { ...launched, reason: `R${index}` });
    await clock.settle();
    expect(kept()).toHaveLength(4);
  });

  it.each([
    ['Invalid', kubeError('Invalid')],
    ['Forbidden', kubeError('Forbidden')],
    [
      'a namespace being deleted',
      new KubeError('Forbidden', 'events is forbidden: because it is being terminated', { code: 403 }),
    ],
  ])('at all is dropped with a line for developers (%s)', async (_, error) => {
    const { world, clock, events, pool, writes, dropped, logged } = setUp();
    world.fate = () => ({ error });
    events.record(pool, launched);
    await clock.advance(MINUTE);
    expect(writes()).toHaveLength(1);
    expect(dropped).toEqual(['Thing Normal']);
    expect(logged('event dropped')).toMatchObject([{ level: 'debug', tries: 0 }]);
  });

  it('because 1,000 wait already is dropped and counted, and the others are not', async () => {
    const { world, clock, events, pool, dropped, kept } = setUp();
    let answer = (): void => {};
    const silence = new Promise<void>((resolve) => {
      answer = resolve;
    });
    world.fate = () => silence.then(() => 'fine' as const);
    for (let index = 0; index < 1010; index++) events.record(pool, { ...launched, reason: `R${index}` });
    events.record(pool, { ...launched, reason: 'R5' });
    expect(dropped).toHaveLength(10);
    answer();
    world.fate = () => 'fine';
    await clock.settle();
    expect(kept()).toHaveLength(1000);
    events.record(pool, { ...launched, reason: 'R1009' });
    await clock.settle();
    expect(kept()).toHaveLength(1001);
  });

  it('because it has expired there is created anew, with its count', async () => {
    const { world, clock, events, pool, kept } = setUp();
    events.record(pool, launched);
    await clock.settle();
    for (const path of world.objects.keys()) if (path.startsWith(EVENTS)) world.take(path);
    events.record(pool, launched);
    await clock.advance(5000);
    expect(kept()).toMatchObject([{ eventTime: '2026-11-01T00:00:00.000000Z', series: { count: 2 } }]);
  });

  it('twice, as its answer was lost, is there once', async () => {
    const { world, clock, events, pool, kept } = setUp();
    world.fate = () => ({ error: kubeError('Unreachable'), isCarriedOut: true });
    events.record(pool, launched);
    await clock.settle();
    world.fate = () => 'fine';
    events.record(pool, launched);
    await clock.advance(10_000);
    expect(kept()).toMatchObject([{ series: { count: 2 } }]);
    expect(clock.waiting).toBe(0);
  });

  it('never makes recording throw', () => {
    const { world, events, pool } = setUp();
    world.fate = () => {
      throw new Error('a bug');
    };
    expect(() => events.record(pool, launched)).not.toThrow();
  });
});

describe('a list of events', () => {
  it('counts repeats, oldest first, and has what was recorded just before', async () => {
    const { clock, events, pool } = setUp();
    events.record(pool, launched);
    await clock.advance(2000);
    events.record(pool, { type: 'Warning', reason: 'SoldOut', note: 'none left' });
    await clock.advance(2000);
    events.record(pool, launched);
    expect(await events.list(pool)).toEqual([
      {
        type: 'Warning',
        reason: 'SoldOut',
        note: 'none left',
        count: 1,
        firstSeen: '2026-11-01T00:00:02Z',
        lastSeen: '2026-11-01T00:00:02Z',
      },
      { ...launched, count: 2, firstSeen: '2026-11-01T00:00:00Z', lastSeen: '2026-11-01T00:00:04Z' },
    ]);
  });

  it('ends with what was recorded last, also within one millisecond', async () => {
    const { events, pool } = setUp();
    for (let index = 0; index < 500; index++)
      events.record(pool, { ...launched, note: `${index} ${'語'.repeat(2000)}` });
    const listed = await events.list(pool);
    expect(listed).toHaveLength(10);
    expect(listed.at(-1)?.note.startsWith('499 語')).toBe(true);
    for (const { note } of listed) expect(Buffer.byteLength(note)).toBeLessThanOrEqual(1024);
    events.record(pool, { ...launched, note: listed[0]?.note ?? '' });
    expect((await events.list(pool)).at(-1)).toEqual({ ...listed[0], count: 2 });
  });

  it('is of one object only, and of none that is gone', async () => {
    const { world, events, pool } = setUp();
    const other = thing('other', 'uid-2');
    world.put(thingPath(other), other);
    events.record(other, { ...launched, note: 'other' });
    events.record(pool, launched);
    expect((await events.list(pool)).map(({ note }) => note)).toEqual(['one machine']);
    const successor = thing('pool', 'uid-3');
    world.put(thingPath(successor), successor);
    expect(await events.list(successor)).toEqual([]);
    expect(await events.list(pool)).toEqual([]);
    world.take(thingPath(successor));
    events.record(pool, launched);
    expect(await events.list(pool)).toEqual([]);
  });

  it('holds at most 100, the last ones', async () => {
    const { clock, events, pool } = setUp();
    for (let index = 0; index < 150; index++) {
      events.record(pool, { ...launched, reason: `R${index}` });
      await clock.advance(1000);
    }
    expect((await events.list(pool)).map(({ reason }) => reason)).toEqual(
      Array.from({ length: 100 }, (_, index) => `R${index + 50}`),
    );
  });

  it('understands events of others, in the older spelling', async () => {
    const { world, events, pool } = setUp();
    const old = {
      regarding: { uid: 'uid-1', namespace: 'default' },
      type: 'Warning',
      reason: 'FailedGetScale',
      note: 'x',
      eventTime: null,
      series: null,
      deprecatedCount: 7,
      deprecatedFirstTimestamp: '2026-11-01T00:00:00Z',
      deprecatedLastTimestamp: '2026-11-01T02:00:00Z',
      metadata: { name: 'old', namespace: 'default', creationTimestamp: '2026-11-01T00:00:01Z' },
    };
    world.put(`${EVENTS}/old`, old);
    const broken = { regarding: old.regarding, metadata: { ...old.metadata, name: 'broken' } };
    world.put(`${EVENTS}/broken`, broken);
    const created = '2026-11-01T00:00:01Z';
    expect(await events.list(pool)).toEqual([
      { type: 'Normal', reason: '', note: '', count: 1, firstSeen: created, lastSeen: created },
      {
        type: 'Warning',
        reason: 'FailedGetScale',
        note: 'x',
        count: 7,
        firstSeen: '2026-11-01T00:00:00Z',
        lastSeen: '2026-11-01T02:00:00Z',
      },
    ]);
  });

  it('asks the server for these only, and tells its refusal in the store’s terms', async () => {
    const { world, events, pool } = setUp();
    await events.list(pool);
    expect(world.calls.at(-1)).toMatchObject({ path: EVENTS, query: { fieldSelector: 'regarding.uid=uid-1' } });
    world.fate = () => ({ error: kubeError('Unreachable') });
    await expect(events.list(pool)).rejects.toMatchObject({ name: 'StoreError', reason: 'Unavailable' });
  });

  it('does not wait for ever for events that cannot be written', async () => {
    const { world, clock, events, pool } = setUp();
    world.fate = (request) => (isWrite(request) ? new Promise<'fine'>(() => {}) : 'fine');
    events.record(pool, launched);
    const listing = events.list(pool);
    await clock.advance(5000);
    expect(await listing).toEqual([]);
  });
});

describe('the end', () => {
  it('comes after one try for all that waits', async () => {
    const { clock, events, pool, kept } = setUp();
    events.record(pool, launched);
    await clock.settle();
    events.record(pool, launched);
    events.record(pool, { ...launched, note: 'two' });
    await events.flush(5000);
    expect(kept()).toMatchObject([{ series: { count: 2 } }, { note: 'two' }]);
    events.stop();
    events.stop();
    expect(clock.waiting).toBe(0);
  });

  it('comes in time when the server is silent, and nothing is written afterwards', async () => {
    const { world, clock, events, pool, writes } = setUp();
    world.fate = () => new Promise(() => {});
    events.record(pool, launched);
    let isOver = false;
    const flushing = events.flush(3000).then(() => {
      isOver = true;
    });
    await clock.advance(2999);
    expect(isOver).toBe(false);
    await clock.advance(1);
    await flushing;
    events.stop();
    events.record(pool, { ...launched, note: 'late' });
    await clock.advance(10 * MINUTE);
    expect(writes()).toHaveLength(1);
    expect(clock.waiting).toBe(0);
  });
});
