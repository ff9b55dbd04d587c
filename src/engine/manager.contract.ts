import { afterEach, describe, expect, it } from 'vitest';
import { createFakeClock, type FakeClock } from '../../test/builders/fake-clock.ts';
import { captureLog } from '../../test/builders/log.ts';
import type { KubeObject, ObjectKey } from '../api/meta.ts';
import type { KindRef, Store } from '../store/store.ts';
import { createMetrics, type Metrics } from '../telemetry/metrics.ts';
import type { Reconcile } from './controller.ts';
import type { Election } from './election.ts';
import { createManager, type ManagerOptions } from './manager.ts';

/** A store to drive a manager over, and the hands of a user. */
export interface ManagerWorld {
  readonly store: Store;
  /** A kind that the store knows. */
  readonly kind: KindRef;
  /** Creates the object `name` in namespace `default`, or changes its spec; each `revision` is another valid spec. */
  apply(name: string, revision: number): Promise<void>;
  /** Asks for deletion. */
  remove(name: string): Promise<void>;
  close(): Promise<void>;
}

const FINALIZER = 'demo.aiops.org/cleanup';

/** What a manager promises, over whatever store. `open` gets the clock that store and manager share. */
export function describeManager(name: string, open: (clock: FakeClock) => Promise<ManagerWorld>): void {
  describe(`a manager over ${name}`, () => {
    const ends: (() => Promise<void>)[] = [];
    afterEach(async () => {
      for (const end of ends.splice(0).reverse()) await end();
    });

    const setUp = async (reconcile: (store: Store) => Reconcile, options: Partial<ManagerOptions> = {}) => {
      const clock = createFakeClock();
      const world = await open(clock);
      let closing: Promise<void> | undefined;
      const close = (): Promise<void> => {
        closing ??= world.close();
        return closing;
      };
      ends.push(close);
      const { log, of } = captureLog();
      const metrics = createMetrics();
      const ports = { healthPort: false, metricsPort: false } as const;
      const manager = createManager({ store: world.store, clock, log, metrics, ...ports, ...options });
      const runs: string[] = [];
      const controller = manager.controller({
        name: 'contract',
        reconcile: (key, context) => {
          runs.push(key.name);
          return reconcile(world.store)(key, context);
        },
      });
      controller.for(world.kind);
      const stop = new AbortController();
      const start = async (): Promise<void> => {
        const ended = manager.run(stop.signal);
        ends.push(async () => {
          stop.abort();
          await drive(clock, ended);
        });
        await until(clock, () => manager.probes.unready().length === 0);
      };
      return { clock, world, manager, metrics, runs, stop, start, of, close };
    };
    const idle = () => async () => ({});

    it('looks at every object that exists, and at those that come, change and go', async () => {
      const { clock, world, runs, start } = await setUp(idle);
      await world.apply('a', 1);
      await world.apply('b', 1);
      await start();
      await until(clock, () => runs.length === 2);
      expect(runs.toSorted()).toEqual(['a', 'b']);
      await world.apply('c', 1);
      await until(clock, () => runs.at(-1) === 'c');
      await world.apply('a', 2);
      await until(clock, () => runs.at(-1) === 'a');
      await world.remove('b');
      await until(clock, () => runs.at(-1) === 'b');
    });

    it('carries an object from creation through status and finalizer to its end', async () => {
      const steps: string[] = [];
      const tidy =
        (kind: () => KindRef) =>
        (store: Store): Reconcile =>
        async (key: ObjectKey) => {
          const object = await store.get<KubeObject<unknown, object>>(kind(), key);
          if (!object) {
            steps.push('gone');
            return {};
          }
          if (object.metadata.deletionTimestamp !== undefined) {
            steps.push('clean up');
            await store.removeFinalizer(object, FINALIZER);
            return {};
          }
          const held = await store.addFinalizer(object, FINALIZER);
          if (held !== object && !steps.includes('hold')) steps.push('hold');
          await store.writeStatus(held, { observedGeneration: held.metadata.generation });
          return {};
        };
      const setup = await setUp(tidy(() => setup.world.kind));
      const { clock, world, start } = setup;
      await start();
      await world.apply('a', 1);
      await until(clock, async () => {
        const object = await world.store.get<KubeObject<unknown, { observedGeneration?: number }>>(
          world.kind,
          key('a'),
        );
        return object?.status?.observedGeneration === 1;
      });
      await world.remove('a');
      await until(clock, () => steps.includes('gone'));
      expect(steps).toEqual(['hold', 'clean up', 'gone']);
      expect(await world.store.get(world.kind, key('a'))).toBeUndefined();
    });

    it('gets past a write that somebody else was quicker with', async () => {
      let isFirst = true;
      const setup = await setUp((store) => async (objectKey) => {
        const object = await store.get<KubeObject<unknown, object>>(setup.world.kind, objectKey);
        if (!object) return {};
        if (isFirst) {
          isFirst = false;
          await store.writeStatus(object, { observedGeneration: 7 });
        }
        await store.writeStatus(object, { observedGeneration: object.metadata.generation });
        return {};
      });
      const { clock, world, start, metrics, of } = setup;
      await start();
      await world.apply('a', 1);
      await until(clock, async () => {
        const object = await world.store.get<KubeObject<unknown, { observedGeneration?: number }>>(
          world.kind,
          key('a'),
        );
        return object?.status?.observedGeneration === 1;
      });
      expect(of('object changed meanwhile; reading again')).toHaveLength(1);
      expect(await value(metrics, 'controller_runtime_reconcile_errors_total{controller="contract"}')).toBe(0);
    });

    it('tries again what failed, with growing delays, and stops when it succeeds', async () => {
      let failures = 3;
      const { clock, world, runs, start, metrics } = await setUp(() => async () => {
        if (failures-- > 0) throw new Error('no answer');
        return {};
      });
      await world.apply('a', 1);
      await start();
      await until(clock, () => runs.length === 4);
      await clock.advance(1_000_000);
      expect(runs).toHaveLength(4);
      expect(await value(metrics, 'controller_runtime_reconcile_errors_total{controller="contract"}')).toBe(3);
    });

    it('is ready once it has seen all objects, and not any more while it stops', async () => {
      const { clock, world, manager, stop, start } = await setUp(
        () => () => new Promise((resolve) => clock.after(1000, () => resolve({}))),
      );
      await world.apply('a', 1);
      expect(manager.probes.unready()).toEqual(['starting']);
      await start();
      stop.abort();
      await clock.settle();
      expect(manager.probes.unready()).toEqual(['stopping']);
      expect(manager.probes.unhealthy()).toEqual([]);
    });

    it('as a standby is ready and looks at nothing, and once elected at all that is there', async () => {
      const ended = Promise.withResolvers<'stopped'>();
      let elect: (() => void) | undefined;
      const election: Election = {
        run: (signal, onElected) => {
          elect = onElected;
          signal.addEventListener('abort', () => ended.resolve('stopped'));
          return ended.promise;
        },
        mayAct: () => true,
        isLeader: () => true,
        release: async () => {},
        problem: () => undefined,
      };
      const { clock, world, manager, runs, start } = await setUp(idle, { election });
      await world.apply('a', 1);
      await start();
      await world.apply('b', 1);
      await clock.advance(60_000);
      expect(runs).toEqual([]);
      expect(manager.probes.unready()).toEqual([]);
      elect?.();
      await until(clock, () => runs.length === 2);
      expect(runs.toSorted()).toEqual(['a', 'b']);
    });

    it('stops taking objects, lets what runs end, and looks at nothing afterwards', async () => {
      const { clock, world, runs, stop, start, close } = await setUp(
        () => () => new Promise((resolve) => clock.after(5000, () => resolve({ requeueAfterMs: 1 }))),
      );
      await world.apply('a', 1);
      await start();
      await until(clock, () => runs.length === 1);
      stop.abort();
      await world.apply('b', 1);
      await clock.advance(100_000);
      expect(runs).toEqual(['a']);
      // A store may have waits of its own until it is closed.
      await close();
      await clock.settle();
      expect(clock.waiting).toBe(0);
    });

    it('gives a reconcile that does not end no more than the grace', async () => {
      const { clock, world, manager, runs, of } = await setUp(() => () => new Promise(() => {}), { graceMs: 30_000 });
      await world.apply('a', 1);
      const stop = new AbortController();
      let isStopped = false;
      const ended = manager.run(stop.signal).then(() => {
        isStopped = true;
      });
      await until(clock, () => runs.length === 1);
      stop.abort();
      await clock.advance(29_999);
      expect(isStopped).toBe(false);
      await clock.advance(1);
      await ended;
      expect(of('gave up on reconciles that do not end')[0]).toMatchObject({ keys: ['default/a'] });
    });
  });
}

const key = (name: string): ObjectKey => ({ namespace: 'default', name });

/** Lets time pass in small steps until `isSo`; a store may need real I/O or a poll of its own. */
async function until(clock: FakeClock, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let step = 0; step < 2000; step++) {
    if (await isSo()) return;
    await clock.advance(10);
    if (step > 200) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error('did not come about in 20 s of clock time');
}

async function drive(clock: FakeClock, ended: Promise<void>): Promise<void> {
  let isOver = false;
  void ended.finally(() => {
    isOver = true;
  });
  await until(clock, () => isOver);
}

async function value(metrics: Metrics, series: string): Promise<number> {
  const line = (await metrics.text()).split('\n').find((each) => each.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1));
}
