import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../test/builders/fake-clock.ts';
import { captureLog } from '../../test/builders/log.ts';
import type { ObjectKey } from '../api/meta.ts';
import { createMemoryStore, type MemoryStore } from '../store/memory.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { createManager, type ManagerOptions } from './manager.ts';

const Thing = { apiVersion: 'demo.aiops.org/v1', kind: 'Thing' };
const Other = { apiVersion: 'demo.aiops.org/v1', kind: 'Other' };
const thing = { ...Thing, metadata: { name: 'a' }, spec: {} };

/** A manager without servers; `story` is what happened, in order. */
const setUp = (
  options: Partial<ManagerOptions> = {},
  bend: (store: MemoryStore) => Partial<MemoryStore> = () => ({}),
) => {
  const clock = createFakeClock();
  const { log, of } = captureLog();
  const story: string[] = [];
  const memory = createMemoryStore({ clock });
  const store: MemoryStore = {
    ...memory,
    watch: async (kind, listener, signal) => {
      signal.addEventListener('abort', () => story.push(`watch of ${kind.kind} ended`));
      await memory.watch(kind, listener, signal);
      story.push(`watch of ${kind.kind} synced`);
    },
    ...bend(memory),
  };
  const ports = { healthPort: false, metricsPort: false } as const;
  const manager = createManager({ store, clock, log, metrics: createMetrics(), ...ports, ...options });
  const part = (name: string, needsLeadership: boolean): void =>
    manager.add({
      name,
      needsLeadership,
      run: (signal) => {
        story.push(`${name} started`);
        return new Promise((resolve) =>
          signal.addEventListener('abort', () => {
            story.push(`${name} ended`);
            resolve();
          }),
        );
      },
    });
  const stop = new AbortController();
  return { clock, store, manager, part, story, stop, of };
};

it('starts and stops in order', async () => {
  const { clock, store, manager, part, story, stop } = setUp({ flush: async () => void story.push('flushed') });
  manager
    .controller({
      name: 'things',
      reconcile: () => {
        story.push('reconcile began');
        return new Promise((resolve) =>
          clock.after(5000, () => {
            story.push('reconcile ended');
            resolve({});
          }),
        );
      },
    })
    .for(Thing);
  part('reader', false);
  part('buyer', true);
  store.apply(thing);
  const ended = manager.run(stop.signal).then(() => story.push('run ended'));
  await clock.settle();
  stop.abort();
  await clock.advance(10_000);
  await ended;
  expect(story).toEqual([
    'watch of Thing synced',
    'reader started',
    'buyer started',
    'reconcile began',
    'reader ended',
    'buyer ended',
    'reconcile ended',
    'watch of Thing ended',
    'flushed',
    'run ended',
  ]);
});

it('lets a controller whose kind cannot be read yet hold up nobody else', async () => {
  const refused = new Error('not installed');
  let isInstalled = false;
  const { clock, store, manager, stop, of } = setUp({}, (memory) => ({
    watch: (kind, listener, signal) =>
      kind.kind === 'Other' && !isInstalled ? Promise.reject(refused) : memory.watch(kind, listener, signal),
  }));
  const runs: string[] = [];
  const note = (name: string) => async () => {
    runs.push(name);
    return {};
  };
  manager.controller({ name: 'things', reconcile: note('things') }).for(Thing);
  manager.controller({ name: 'others', reconcile: note('others') }).for(Other);
  store.apply(thing);
  store.apply({ ...thing, ...Other });
  const ended = manager.run(stop.signal);
  await clock.advance(9999);
  expect(runs).toEqual([]);
  await clock.advance(1);
  expect(runs).toEqual(['things']);
  expect(manager.probes.unready()).toEqual(['controller others: not all objects have been read']);
  expect(of('not all objects have been read yet')[0]).toMatchObject({ controllers: ['others'] });
  isInstalled = true;
  await clock.advance(30_000);
  expect(runs).toEqual(['things', 'others']);
  expect(manager.probes.unready()).toEqual([]);
  stop.abort();
  await clock.advance(1);
  await ended;
});

it('starts no controller whose objects were never read when it stops', async () => {
  const { clock, manager, stop } = setUp({}, () => ({ watch: () => Promise.reject(new Error('not installed')) }));
  let isAsked = false;
  async function* notices(): AsyncGenerator<ObjectKey> {
    isAsked = true;
    yield { namespace: 'default', name: 'a' };
  }
  manager
    .controller({ name: 'things', reconcile: async () => ({}) })
    .for(Thing)
    .channel(notices());
  const ended = manager.run(stop.signal);
  await clock.advance(20_000);
  stop.abort();
  await clock.advance(1);
  await ended;
  expect(isAsked).toBe(false);
});

describe('a part that fails', () => {
  it('stops everything in order, and run fails with its error', async () => {
    const { clock, manager, part, story, of } = setUp();
    manager.controller({ name: 'things', reconcile: async () => ({}) }).for(Thing);
    part('reader', false);
    manager.add({ name: 'server', needsLeadership: false, run: () => Promise.reject(new Error('socket lost')) });
    await expect(manager.run(new AbortController().signal)).rejects.toThrow('socket lost');
    expect(of('a part failed; stopping')[0]).toMatchObject({ part: 'server' });
    expect(story).toEqual(['watch of Thing synced', 'reader started', 'reader ended', 'watch of Thing ended']);
    expect(clock.waiting).toBe(0);
  });

  it('because of the stop is no failure', async () => {
    const { clock, manager, stop, of } = setUp();
    manager.add({
      name: 'server',
      needsLeadership: false,
      run: (signal) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    });
    const ended = manager.run(stop.signal);
    await clock.settle();
    stop.abort();
    await clock.advance(1);
    await ended;
    expect(of('a part failed; stopping')).toEqual([]);
  });
});

it('does not wait for a part that ignores its signal beyond the grace', async () => {
  const { clock, manager, stop } = setUp({ graceMs: 1000 });
  manager.add({ name: 'deaf', needsLeadership: true, run: () => new Promise(() => {}) });
  const ended = manager.run(stop.signal);
  await clock.settle();
  stop.abort();
  await clock.advance(1000);
  await ended;
});

it.each([
  ['fails', () => Promise.reject(new Error('disk full')), 1],
  ['hangs', () => new Promise<void>(() => {}), 0],
])('ends although the last write %s', async (_name, flush, logged) => {
  const { clock, manager, stop, of } = setUp({ flush });
  const ended = manager.run(stop.signal);
  await clock.settle();
  stop.abort();
  await clock.advance(5000);
  await ended;
  expect(of('could not write what was left')).toHaveLength(logged);
});

it('stops at once when told to before it has started', async () => {
  const { clock, store, manager, part, story, stop } = setUp();
  manager.controller({ name: 'things', reconcile: async () => ({}) }).for(Thing);
  part('reader', false);
  store.apply(thing);
  stop.abort();
  const ended = manager.run(stop.signal);
  await clock.advance(1);
  await ended;
  expect(story).not.toContain('reader started');
  expect(clock.waiting).toBe(0);
});

it('reports a reconcile that hangs and what its watchdogs find as unhealthy', async () => {
  const { clock, store, manager, stop } = setUp();
  manager.controller({ name: 'things', timeoutMs: 60_000, reconcile: () => new Promise(() => {}) }).for(Thing);
  let problem: string | undefined;
  manager.watchdog('lease', () => problem);
  store.apply(thing);
  const ended = manager.run(stop.signal);
  await clock.advance(119_000);
  expect(manager.probes.unhealthy()).toEqual([]);
  problem = 'expired 20 s ago';
  await clock.advance(2000);
  expect(manager.probes.unhealthy()).toEqual(['controller things: default/a does not end', 'lease: expired 20 s ago']);
  stop.abort();
  await clock.advance(30_000);
  await ended;
});

it('asks the door whether it may act', async () => {
  let mayAct = true;
  const { clock, store, manager, stop } = setUp({ mayAct: () => mayAct });
  const answers: boolean[] = [];
  const ask = async (_key: unknown, context: { mayAct: () => boolean }) => {
    answers.push(context.mayAct());
    return { requeueAfterMs: 10 };
  };
  manager.controller({ name: 'things', reconcile: ask }).for(Thing);
  store.apply(thing);
  const ended = manager.run(stop.signal);
  await clock.advance(9);
  mayAct = false;
  await clock.advance(10);
  expect(answers).toEqual([true, false]);
  stop.abort();
  await clock.advance(1);
  await ended;
});

it('takes nothing more once it runs, and runs once', async () => {
  const { clock, manager, stop } = setUp();
  const ended = manager.run(stop.signal);
  expect(() => manager.controller({ name: 'late', reconcile: async () => ({}) })).toThrow('before run()');
  await expect(manager.run(stop.signal)).rejects.toThrow('runs already');
  stop.abort();
  await clock.advance(1);
  await ended;
});
