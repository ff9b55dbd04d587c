import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../test/builders/fake-clock.ts';
import { captureLog } from '../../test/builders/log.ts';
import type { KubeObject, ObjectKey } from '../api/meta.ts';
import { createMemoryStore } from '../store/memory.ts';
import { type KindRef, type Store, StoreError } from '../store/store.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { type Controller, type ControllerOptions, createController, type Reconcile } from './controller.ts';
import { createEngineMetrics } from './engine-metrics.ts';
import { predicates } from './predicates.ts';
import { TerminalError } from './verdict.ts';

const Thing: KindRef = { apiVersion: 'demo.aiops.org/v1', kind: 'Thing' };
const Part: KindRef = { apiVersion: 'demo.aiops.org/v1', kind: 'Part' };
const never = (): Promise<never> => new Promise(() => {});

/** A controller over a memory store. `apply` writes objects; `runs` are the reconciles so far, `name@ms`. */
const setUp = (reconcile: Reconcile, options: Partial<ControllerOptions> & { mayAct?: () => boolean } = {}) => {
  const clock = createFakeClock();
  const { log, of, lines } = captureLog();
  const metrics = createMetrics();
  const store = createMemoryStore({ clock });
  const runs: string[] = [];
  const { mayAct = () => true, ...own } = options;
  let ids = 0;
  const controller = createController(
    {
      name: 'things',
      reconcile: (key, context) => {
        runs.push(`${key.name}@${clock.monotonic()}`);
        return reconcile(key, context);
      },
      ...own,
    },
    { clock, log, metrics: createEngineMetrics(metrics), mayAct, recordEvent: () => {}, newId: () => `id-${++ids}` },
  );
  const stop = new AbortController();
  const start = async (): Promise<void> => {
    await controller.watch(store, stop.signal);
    controller.start(stop.signal);
    await clock.settle();
  };
  const apply = (kind: KindRef, name: string, spec: unknown = {}, metadata: object = {}): KubeObject =>
    store.apply({ ...kind, metadata: { name, ...metadata }, spec });
  const value = async (series: string): Promise<number> => {
    const line = (await metrics.text()).split('\n').find((each) => each.startsWith(`${series} `));
    return Number(line?.slice(series.length + 1));
  };
  const result = (name: string): Promise<number> =>
    value(`controller_runtime_reconcile_total{controller="things",result="${name}"}`);
  const total = (name: string): Promise<number> => value(`controller_runtime_${name}{controller="things"}`);
  return { clock, store, controller, start, stop, apply, runs, value, result, total, log: { of, lines } };
};

describe('an outcome', () => {
  it('throws: tried again after 5, 10, 20 ms …; forgotten after a success', async () => {
    let failures = 4;
    const { clock, controller, start, apply, runs, result, total } = setUp(async () => {
      if (failures-- > 0) throw new Error('no answer');
      return {};
    });
    controller.for(Thing);
    apply(Thing, 'a');
    await start();
    await clock.advance(1000);
    expect(runs).toEqual(['a@0', 'a@5', 'a@15', 'a@35', 'a@75']);
    expect([await result('error'), await total('reconcile_errors_total'), await result('success')]).toEqual([4, 4, 1]);

    failures = 1;
    apply(Thing, 'a', { changed: true });
    await clock.advance(1000);
    expect(runs.slice(5)).toEqual(['a@1000', 'a@1005']);
  });

  it('throws TerminalError: left alone until the next event', async () => {
    const { clock, controller, start, apply, runs, result, total, log } = setUp(async () => {
      throw new TerminalError('the image does not exist');
    });
    controller.for(Thing);
    apply(Thing, 'a');
    await start();
    await clock.advance(10_000_000);
    expect(runs).toEqual(['a@0']);
    const counts = [result('error'), total('terminal_reconcile_errors_total'), total('reconcile_errors_total')];
    expect(await Promise.all(counts)).toEqual([1, 1, 1]);
    expect(log.of('reconcile failed for good; waiting for a change')).toHaveLength(1);
    apply(Thing, 'a', { changed: true });
    await clock.settle();
    expect(runs).toEqual(['a@0', 'a@10000000']);
  });

  it('requeueAfterMs: looked at again then, and at an earlier event before that', async () => {
    const { clock, controller, start, apply, runs, result } = setUp(async () => ({ requeueAfterMs: 15_000 }));
    controller.for(Thing);
    apply(Thing, 'a');
    await start();
    await clock.advance(20_000);
    apply(Thing, 'a', { changed: true });
    await clock.advance(20_000);
    expect(runs).toEqual(['a@0', 'a@15000', 'a@20000', 'a@35000']);
    expect(await result('requeue_after')).toBe(4);
  });

  it('{}: left alone, and so is a key whose object is gone', async () => {
    const { clock, controller, start, apply, store, runs, result, total } = setUp(async () => ({}));
    controller.for(Thing);
    apply(Thing, 'a');
    await start();
    store.delete(Thing, { namespace: 'default', name: 'a' });
    await clock.advance(100_000);
    expect(runs).toEqual(['a@0', 'a@0']);
    expect([await result('success'), await total('reconcile_timeouts_total')]).toEqual([2, 0]);
  });

  it('a panic is counted, logged with its stack and tried again', async () => {
    const { clock, controller, start, apply, runs, total, log } = setUp(async () => {
      throw new TypeError('x is not a function');
    });
    controller.for(Thing);
    apply(Thing, 'a');
    await start();
    await clock.advance(5);
    expect(runs).toHaveLength(2);
    expect([await total('reconcile_panics_total'), await total('reconcile_errors_total')]).toEqual([2, 2]);
    expect(log.of('reconcile failed with a bug')[0]).toMatchObject({
      level: 'error',
      error: { name: 'TypeError', stack: expect.stringContaining('controller.test.ts') },
    });
  });

  it('a function that throws at once is no different', async () => {
    const { controller, start, apply, total } = setUp(() => {
      throw new RangeError('out of range');
    });
    controller.for(Thing);
    apply(Thing, 'a');
    await start();
    expect(await total('reconcile_panics_total')).toBe(1);
  });

  it('a conflict is tried again without noise', async () => {
    let isFirst = true;
    const { clock, controller, start, apply, runs, result, total, log } = setUp(async () => {
      if (!isFirst) return {};
      isFirst = false;
      throw new StoreError('Conflict', 'somebody wrote in between');
    });
    controller.for(Thing);
    apply(Thing, 'a');
    await start();
    await clock.advance(100);
    expect(runs).toEqual(['a@0', 'a@5']);
    expect([await result('error'), await total('reconcile_errors_total')]).toEqual([1, 0]);
    expect(log.lines.every(({ level }) => level === 'debug')).toBe(true);
  });

  it('a throw after the stop is not counted and not tried again', async () => {
    const { clock, controller, start, apply, result, total } = setUp(
      (_, { signal }) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    );
    controller.for(Thing);
    apply(Thing, 'a');
    await start();
    const drained = controller.drain(30_000);
    await clock.advance(24_000);
    expect(await drained).toEqual([]);
    expect([await result('error'), await total('reconcile_errors_total')]).toEqual([0, 0]);
  });

  it('a throw without the lease is not counted', async () => {
    const setup = setUp(() => Promise.reject(new Error('refused')), { mayAct: () => false });
    setup.controller.for(Thing);
    setup.apply(Thing, 'a');
    await setup.start();
    expect(await setup.result('error')).toBe(0);
  });

  it.each([
    { name: "keeps the key's priority", outcome: {}, order: ['later', 'early'] },
    { name: 'may name another priority', outcome: { priority: 5 }, order: ['early', 'later'] },
  ])('$name', async ({ outcome, order }) => {
    const { clock, controller, start, apply, runs } = setUp(async ({ name }) =>
      name === 'early' ? { ...outcome, requeueAfterMs: 1000 } : { requeueAfterMs: 500 },
    );
    controller.for(Thing);
    // Low priority, since it is there at the start; the one that comes later has the usual one.
    apply(Thing, 'early');
    await start();
    await clock.advance(500);
    apply(Thing, 'later');
    await clock.advance(500);
    expect(runs.slice(2)).toEqual(order.map((name) => `${name}@1000`));
  });
});

it('creates every series at zero, all four results included', async () => {
  const { result, total, value } = setUp(async () => ({}), { concurrency: 4 });
  const results = await Promise.all(['error', 'requeue_after', 'requeue', 'success'].map(result));
  expect(results).toEqual([0, 0, 0, 0]);
  const counters = ['reconcile_errors_total', 'terminal_reconcile_errors_total', 'reconcile_panics_total'];
  expect(await Promise.all([...counters, 'reconcile_timeouts_total', 'active_workers'].map(total))).toEqual([
    0, 0, 0, 0, 0,
  ]);
  expect(await total('max_concurrent_reconciles')).toBe(4);
  expect(await total('reconcile_time_seconds_count')).toBe(0);
  const queue = 'name="things",controller="things"';
  expect(await value(`workqueue_depth{${queue},priority="0"}`)).toBe(0);
  const others = ['adds_total', 'retries_total', 'queue_duration_seconds_count', 'work_duration_seconds_count'];
  const gauges = ['unfinished_work_seconds', 'longest_running_processor_seconds'];
  const series = [...others, ...gauges].map((name) => value(`workqueue_${name}{${queue}}`));
  expect(await Promise.all(series)).toEqual([0, 0, 0, 0, 0, 0]);
});

it('shows how long the running keys have taken', async () => {
  const { clock, controller, start, apply, value, total } = setUp(never, { concurrency: 2 });
  controller.for(Thing);
  apply(Thing, 'a');
  await start();
  await clock.advance(1000);
  apply(Thing, 'b');
  await clock.advance(500);
  const queue = 'name="things",controller="things"';
  expect(await value(`workqueue_unfinished_work_seconds{${queue}}`)).toBe(2);
  expect(await value(`workqueue_longest_running_processor_seconds{${queue}}`)).toBe(1.5);
  expect(await total('active_workers')).toBe(2);
});

describe('a reconcile that takes too long', () => {
  it('has its signal aborted, is counted, and is tried again when it gives up', async () => {
    const { clock, controller, start, apply, runs, total, log } = setUp(
      (_, { signal }) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      { timeoutMs: 60_000 },
    );
    controller.for(Thing);
    apply(Thing, 'a');
    await start();
    await clock.advance(60_005);
    expect(runs).toEqual(['a@0', 'a@60005']);
    expect([await total('reconcile_timeouts_total'), await total('reconcile_errors_total')]).toEqual([1, 1]);
    expect(log.of('reconcile failed')[0]).toMatchObject({ error: { name: 'TimeoutError' } });
  });

  it('keeps its key while it does not heed the signal, and is reported as hung', async () => {
    const { clock, controller, start, apply, runs } = setUp(never, { concurrency: 2 });
    controller.for(Thing);
    apply(Thing, 'a');
    await start();
    apply(Thing, 'a', { changed: true });
    await clock.advance(119_000);
    expect([runs, controller.hung()]).toEqual([['a@0'], []]);
    await clock.advance(2000);
    expect(controller.hung()).toEqual(['default/a']);
  });

  it('does not hold up the stop beyond the grace', async () => {
    const { clock, controller, start, apply } = setUp(never);
    controller.for(Thing);
    apply(Thing, 'a');
    await start();
    let left: readonly string[] | undefined;
    void controller.drain(30_000).then((keys) => {
      left = keys;
    });
    await clock.advance(29_999);
    expect(left).toBeUndefined();
    await clock.advance(1);
    expect(left).toEqual(['default/a']);
  });
});

describe('draining', () => {
  const slow = (clock: () => { after(ms: number, run: () => void): void }): Reconcile => {
    return (_, { signal }) =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
        clock().after(20_000, () => resolve({}));
      });
  };

  it('lets running reconciles end undisturbed and begins no other', async () => {
    const setup = setUp(slow(() => setup.clock));
    const { clock, controller, start, apply, runs, result } = setup;
    controller.for(Thing);
    apply(Thing, 'a');
    apply(Thing, 'b');
    await start();
    const drained = controller.drain(30_000);
    await clock.advance(20_000);
    expect(await drained).toEqual([]);
    await clock.advance(60_000);
    expect(runs).toEqual(['a@0']);
    expect(await result('success')).toBe(1);
    expect(clock.waiting).toBe(0);
  });

  it('needs no start before', async () => {
    const { controller } = setUp(async () => ({}));
    expect(await controller.drain(30_000)).toEqual([]);
  });
});

it('works on as many keys at once as it may, but never twice on one', async () => {
  let now = 0;
  let most = 0;
  const busy = new Set<string>();
  const setup = setUp(
    ({ name }) => {
      expect(busy.has(name)).toBe(false);
      busy.add(name);
      most = Math.max(most, ++now);
      return new Promise((resolve) =>
        setup.clock.after(100, () => {
          now--;
          busy.delete(name);
          resolve({});
        }),
      );
    },
    { concurrency: 3 },
  );
  setup.controller.for(Thing);
  for (const name of ['a', 'b', 'c', 'd', 'e']) setup.apply(Thing, name);
  await setup.start();
  for (const name of ['a', 'b', 'c']) setup.apply(Thing, name, { changed: true });
  await setup.clock.advance(1000);
  expect(most).toBe(3);
  expect(setup.runs).toHaveLength(8);
  expect(await setup.total('reconcile_errors_total')).toBe(0);
});

it('gives each reconcile a logger that names controller, object and reconcile, and tells why it ran', async () => {
  const { controller, start, apply, log } = setUp(async (_, context) => {
    context.log.info('hello');
    return {};
  });
  controller.for(Thing);
  apply(Thing, 'a');
  await start();
  const who = { controller: 'things', namespace: 'default', name: 'a', reconcileID: 'id-1' };
  expect(log.of('hello')[0]).toMatchObject(who);
  expect(log.of('reconciled')[0]).toMatchObject({ ...who, reason: 'startup' });
});

describe('sources', () => {
  const collect = (declare: (controller: Controller) => void) => {
    const setup = setUp(async () => ({}));
    declare(setup.controller);
    return setup;
  };
  const names = (runs: readonly string[]): string[] => runs.map((run) => run.slice(0, run.indexOf('@')));

  it('look at edits before what was there at the start', async () => {
    const { controller, store, apply, runs, stop, clock } = collect((one) => one.for(Thing));
    for (const name of ['a', 'b', 'c']) apply(Thing, name);
    await controller.watch(store, stop.signal);
    apply(Thing, 'c', { changed: true });
    apply(Thing, 'new');
    controller.start(stop.signal);
    await clock.settle();
    expect(names(runs)).toEqual(['c', 'new', 'a', 'b']);
  });

  it('look at updates that change nothing after everything else', async () => {
    const { controller, store, apply, runs, stop, clock } = collect((one) => one.for(Thing));
    const resent = apply(Thing, 'resent');
    const edited = apply(Thing, 'edited');
    const newer = { ...edited, metadata: { ...edited.metadata, resourceVersion: 'newer' } };
    const resending: Pick<Store, 'watch'> = {
      watch: async (_kind, listener) => {
        for (const [old, object] of [[resent, resent] as const, [edited, newer] as const]) {
          // The store delivers what the caller asked for.
          listener({ type: 'modified', old, object, isInitial: false } as never);
        }
      },
    };
    await controller.watch({ ...store, ...resending }, stop.signal);
    controller.start(stop.signal);
    await clock.settle();
    expect(names(runs)).toEqual(['edited', 'resent']);
  });

  it('for: heed the predicate', async () => {
    const { start, apply, store, clock, runs } = collect((one) => one.for(Thing, predicates.generationChanged));
    const object = apply(Thing, 'a');
    await start();
    await store.writeStatus(object, { seen: true });
    await clock.settle();
    expect(names(runs)).toEqual(['a']);
    apply(Thing, 'a', { changed: true });
    await clock.settle();
    expect(names(runs)).toEqual(['a', 'a']);
  });

  it('watches: ask the map with the old and the new state', async () => {
    const owner = (part: KubeObject): ObjectKey[] => [
      { namespace: 'default', name: String(part.metadata.labels['of']) },
    ];
    const { start, apply, clock, runs } = collect((one) => one.watches(Part, owner));
    apply(Part, 'p', {}, { labels: { of: 'a' } });
    await start();
    expect(names(runs)).toEqual(['a']);
    apply(Part, 'p', {}, { labels: { of: 'b' } });
    await clock.settle();
    expect(names(runs)).toEqual(['a', 'a', 'b']);
  });

  it('survive a map that throws', async () => {
    const { start, apply, clock, runs, log } = collect((one) =>
      one.watches(Part, (part) => {
        if (part.metadata.name === 'bad') throw new Error('no owner');
        return [part.metadata];
      }),
    );
    await start();
    apply(Part, 'bad');
    apply(Part, 'good');
    await clock.settle();
    expect(names(runs)).toEqual(['good']);
    expect(log.of('could not handle an event')).toHaveLength(1);
  });

  it('channel: look at every key that comes until it is closed', async () => {
    const waiting: ((key: ObjectKey) => void)[] = [];
    async function* notices(): AsyncGenerator<ObjectKey> {
      for (;;) yield await new Promise<ObjectKey>((resolve) => waiting.push(resolve));
    }
    const { start, stop, clock, runs } = collect((one) => one.channel(notices()));
    await start();
    waiting.shift()?.({ namespace: 'default', name: 'a' });
    await clock.settle();
    waiting.shift()?.({ namespace: 'default', name: 'b' });
    await clock.settle();
    stop.abort();
    waiting.shift()?.({ namespace: 'default', name: 'late' });
    await clock.settle();
    expect(names(runs)).toEqual(['a', 'b']);
  });

  it('channel: a broken one is logged and breaks nothing else', async () => {
    async function* broken(): AsyncGenerator<ObjectKey> {
      yield { namespace: 'default', name: 'a' };
      throw new Error('connection lost');
    }
    const { start, runs, log } = collect((one) => one.channel(broken()));
    await start();
    expect(names(runs)).toEqual(['a']);
    expect(log.of('a channel broke')[0]).toMatchObject({ error: { message: 'connection lost' } });
  });

  it('poller: a different answer is an event, the same one is none', async () => {
    let answer = { state: 'RUNNING' };
    const { start, apply, clock, runs, stop } = collect((one) =>
      one.for(Thing).poller({ everyMs: 1000, fetch: async () => structuredClone(answer) }),
    );
    apply(Thing, 'a');
    await start();
    await clock.advance(5000);
    const before = runs.length;
    answer = { state: 'STOPPED' };
    await clock.advance(5000);
    expect(runs.slice(before)).toEqual(['a@6000']);
    stop.abort();
    answer = { state: 'GONE' };
    await clock.advance(5000);
    expect(runs).toHaveLength(before + 1);
  });

  it('poller: asks about objects that exist, and a failure leaves the last answer standing', async () => {
    const asked: string[] = [];
    let isDown = false;
    const { start, apply, store, clock, runs, log } = collect((one) =>
      one.for(Thing).poller({
        everyMs: 1000,
        fetch: async ({ name }) => {
          asked.push(name);
          if (isDown) throw new Error('no answer');
          return 1;
        },
      }),
    );
    apply(Thing, 'a');
    await start();
    const before = runs.length;
    isDown = true;
    await clock.advance(1000);
    isDown = false;
    await clock.advance(1000);
    expect(runs).toHaveLength(before);
    expect(log.of('could not poll')).toHaveLength(1);
    store.delete(Thing, { namespace: 'default', name: 'a' });
    asked.length = 0;
    await clock.advance(5000);
    expect(asked).toEqual([]);
  });

  it('try a watch that is refused again until it is granted', async () => {
    const { controller, store, clock, apply, runs, stop, log } = collect((one) => one.for(Thing));
    apply(Thing, 'a');
    let refusals = 3;
    const refusing: typeof store = {
      ...store,
      watch: (...args) =>
        refusals-- > 0 ? Promise.reject(new StoreError('Unavailable', 'not installed')) : store.watch(...args),
    };
    let isSynced = false;
    const watched = controller.watch(refusing, stop.signal).then(() => {
      isSynced = true;
    });
    await clock.advance(6999);
    expect(isSynced).toBe(false);
    await clock.advance(1);
    await watched;
    controller.start(stop.signal);
    await clock.settle();
    expect(names(runs)).toEqual(['a']);
    expect(log.of('could not watch; trying again').map(({ retryMs }) => retryMs)).toEqual([1000, 2000, 4000]);
  });
});
