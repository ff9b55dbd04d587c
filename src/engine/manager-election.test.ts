import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../test/builders/fake-clock.ts';
import { createMemoryLease, createMemoryLock } from '../../test/builders/lease-lock.ts';
import { captureLog } from '../../test/builders/log.ts';
import type { ObjectKey } from '../api/meta.ts';
import { createMemoryStore, type MemoryStore } from '../store/memory.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { createElection, type Election } from './election.ts';
import { createManager, LeadershipLost, type Manager, type ManagerOptions } from './manager.ts';

const Thing = { apiVersion: 'demo.aiops.org/v1', kind: 'Thing' };
const thing = { ...Thing, metadata: { name: 'a' }, spec: {} };
const noServers = { healthPort: false, metricsPort: false } as const;

/** How `run` ended: `ended`, or what it failed with; `undefined` while it runs. */
const run = (manager: Manager, signal: AbortSignal): (() => unknown) => {
  let ending: unknown;
  manager.run(signal).then(
    () => {
      ending = 'ended';
    },
    (error: unknown) => {
      ending = error;
    },
  );
  return () => ending;
};

/** An election that a test decides, and what was asked of it. */
const byHand = (story: string[]) => {
  const decided = Promise.withResolvers<'stopped' | 'lost'>();
  const state: { isLeader: boolean; mayAct: boolean; problem?: string } = { isLeader: false, mayAct: true };
  let elect = (): void => {};
  const election: Election = {
    run: (signal, onElected) => {
      story.push('stood for election');
      elect = onElected;
      signal.addEventListener('abort', () => {
        story.push('left the election');
        decided.resolve(hand.isLostWhenLeft ? 'lost' : 'stopped');
      });
      return decided.promise;
    },
    mayAct: () => state.isLeader && state.mayAct,
    isLeader: () => state.isLeader,
    release: async () => void story.push('gave the lease up'),
    problem: () => state.problem,
  };
  const hand = {
    election,
    state,
    /** That the lease was lost shows only when the process ends its part. */
    isLostWhenLeft: false,
    win(): void {
      state.isLeader = true;
      elect();
    },
    lose(): void {
      state.isLeader = false;
      decided.resolve('lost');
    },
    break: (error: Error): void => decided.reject(error),
  };
  return hand;
};

/**
 * A manager with a reader, a buyer, and a controller that has a channel and a poller and whose reconciles take `reconcileMs`.
 * `story` is what happened, in order.
 */
const setUp = (options: Partial<ManagerOptions> = {}, reconcileMs = 5000) => {
  const clock = createFakeClock();
  const { log, of } = captureLog();
  const story: string[] = [];
  const hand = byHand(story);
  const memory = createMemoryStore({ clock });
  const store: MemoryStore = {
    ...memory,
    watch: async (kind, listener, signal) => {
      signal.addEventListener('abort', () => story.push('watch ended'));
      await memory.watch(kind, listener, signal);
      story.push('watch synced');
    },
  };
  const flush = async () => void story.push('flushed');
  const { election } = hand;
  const manager = createManager({
    ...{ store, clock, log, metrics: createMetrics(), election, flush, ...noServers, ...options },
  });
  async function* notices(): AsyncGenerator<ObjectKey> {
    story.push('channel asked');
    yield { namespace: 'default', name: 'noticed' };
  }
  const signals: AbortSignal[] = [];
  manager
    .controller({
      name: 'things',
      reconcile: async (key, { signal }) => {
        story.push(`reconcile of ${key.name} began`);
        signals.push(signal);
        await new Promise<void>((resolve) => clock.after(reconcileMs, resolve));
        story.push(`reconcile of ${key.name} ended`);
        return {};
      },
    })
    .for(Thing)
    .channel(notices())
    .poller({ everyMs: 1_000_000, fetch: async () => void story.push('polled') });
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
  part('reader', false);
  part('buyer', true);
  store.apply(thing);
  const stop = new AbortController();
  let ending = (): unknown => undefined;
  const start = async (): Promise<void> => {
    ending = run(manager, stop.signal);
    await clock.settle();
  };
  return {
    ...{ clock, store, manager, hand, story, signals, stop, start, of },
    get ending() {
      return ending();
    },
  };
};

/** The same, elected, its story begun anew. */
const leading = async (options: Partial<ManagerOptions> = {}, reconcileMs = 5000) => {
  const setup = setUp(options, reconcileMs);
  await setup.start();
  setup.hand.win();
  await setup.clock.settle();
  setup.story.length = 0;
  return setup;
};

describe('a standby', () => {
  it('keeps its watches warm, runs what needs no leadership, is ready, and does nothing else', async () => {
    const { clock, manager, store, hand, story, start } = setUp();
    await start();
    await clock.advance(60_000);
    store.apply({ ...thing, metadata: { name: 'b' } });
    await clock.advance(60_000);
    expect(story).toEqual(['watch synced', 'reader started', 'stood for election']);
    expect([manager.probes.unready(), manager.probes.unhealthy()]).toEqual([[], []]);
    hand.win();
    await clock.settle();
    expect(story.slice(3, 6)).toEqual(['buyer started', 'channel asked', 'polled']);
    await clock.advance(20_000);
    expect([...new Set(story.filter((line) => line.endsWith('began')))].toSorted()).toEqual([
      'reconcile of a began',
      'reconcile of b began',
      'reconcile of noticed began',
    ]);
  });

  it('told to stop ends at once', async () => {
    const setup = setUp();
    const { clock, story, stop, start } = setup;
    await start();
    stop.abort();
    await clock.settle();
    expect(setup.ending).toBe('ended');
    expect(story.slice(3)).toEqual([
      'left the election',
      'reader ended',
      'watch ended',
      'flushed',
      // Which asks nobody when there is none to give.
      'gave the lease up',
    ]);
    expect(clock.waiting).toBe(0);
  });

  it('that is elected while it stops starts nothing', async () => {
    const wait = Promise.withResolvers<void>();
    const setup = setUp({ flush: () => wait.promise });
    const { clock, hand, story, stop, start } = setup;
    await start();
    stop.abort();
    await clock.settle();
    hand.win();
    wait.resolve();
    await clock.settle();
    expect(setup.ending).toBe('ended');
    expect(story).not.toContain('buyer started');
  });

  it('whose watches have not synced does not stand before 10 s, and not at all when told to stop', async () => {
    const setup = setUp();
    const { clock, store, story, stop, start } = setup;
    store.watch = () => Promise.reject(new Error('not installed'));
    await start();
    await clock.advance(5000);
    stop.abort();
    await clock.advance(30_000);
    expect(setup.ending).toBe('ended');
    expect(story).not.toContain('stood for election');
  });
});

describe('a leader told to stop', () => {
  it('stops in order and gives the lease up last, taking part until then', async () => {
    const setup = await leading();
    const { clock, story, stop } = setup;
    stop.abort();
    await clock.advance(4999);
    expect(story).toEqual(['reader ended', 'buyer ended']);
    await clock.advance(1);
    await clock.settle();
    expect(story.slice(2)).toEqual([
      'reconcile of a ended',
      'watch ended',
      'flushed',
      'left the election',
      'gave the lease up',
    ]);
    expect(setup.ending).toBe('ended');
  });

  it.each([
    ['a reconcile', 'keeps', 1_000_000, undefined],
    ['a part that needs leadership', 'keeps', 0, true],
    ['a part that needs none', 'gives up', 0, false],
  ] as const)('when %s does not end %s the lease', async (_name, verb, reconcileMs, needsLeadership) => {
    const setup = setUp({}, reconcileMs);
    const { clock, manager, hand, story, stop, start, of } = setup;
    if (needsLeadership !== undefined) manager.add({ name: 'deaf', needsLeadership, run: () => new Promise(() => {}) });
    await start();
    hand.win();
    await clock.settle();
    stop.abort();
    await clock.advance(30_000);
    await clock.settle();
    expect(setup.ending).toBe('ended');
    const isKept = verb === 'keeps';
    expect(story.at(-1)).toBe(isKept ? 'left the election' : 'gave the lease up');
    const warnings = of('the lease is not given up, as not all work has ended; it ends by itself');
    expect(warnings).toHaveLength(isKept ? 1 : 0);
  });

  it('because a part failed gives the lease up, too', async () => {
    const setup = setUp({}, 0);
    const { clock, manager, hand, story, start } = setup;
    const broken = Promise.withResolvers<void>();
    manager.add({ name: 'server', needsLeadership: false, run: () => broken.promise });
    await start();
    hand.win();
    await clock.advance(1);
    broken.reject(new Error('socket lost'));
    await clock.settle();
    expect([setup.ending, story.at(-1)]).toEqual([new Error('socket lost'), 'gave the lease up']);
  });
});

describe('lost leadership', () => {
  it('aborts everything at once, fails, and neither drains nor writes nor gives up what is no longer ours', async () => {
    const setup = await leading({}, 1_000_000);
    const { clock, manager, hand, story, signals } = setup;
    const before = clock.monotonic();
    hand.lose();
    await clock.settle();
    expect(setup.ending).toBeInstanceOf(LeadershipLost);
    expect(clock.monotonic()).toBe(before);
    expect(signals.map(({ reason }) => reason)).toEqual([setup.ending]);
    expect(story).toEqual(['reader ended', 'buyer ended', 'watch ended']);
    expect(manager.probes.unready()).toEqual(['stopping']);
    await clock.advance(120_000);
    expect(story).toHaveLength(3);
  });

  it('takes no further key, although its reconciles end', async () => {
    const { clock, store, hand, story } = await leading();
    store.apply({ ...thing, metadata: { name: 'b' } });
    hand.lose();
    await clock.advance(120_000);
    expect(story).toEqual(['reader ended', 'buyer ended', 'watch ended', 'reconcile of a ended']);
  });

  it('during a stop ends the stop there', async () => {
    const setup = await leading({}, 20_000);
    const { clock, hand, story, stop } = setup;
    stop.abort();
    await clock.advance(10_000);
    hand.lose();
    await clock.settle();
    expect(setup.ending).toBeInstanceOf(LeadershipLost);
    await clock.advance(60_000);
    expect(story).not.toContain('flushed');
    expect(story).not.toContain('gave the lease up');
  });

  it.each([
    ['while the last writes are made', true],
    ['by an election that ends with the stop', false],
  ])('%s gives nothing up', async (_name, isDuringFlush) => {
    const wait = Promise.withResolvers<void>();
    const setup = await leading({ flush: () => wait.promise }, 0);
    const { clock, hand, story, stop } = setup;
    hand.isLostWhenLeft = !isDuringFlush;
    await clock.advance(1);
    stop.abort();
    await clock.settle();
    if (isDuringFlush) hand.lose();
    wait.resolve();
    await clock.settle();
    expect(setup.ending).toBeInstanceOf(LeadershipLost);
    expect(story).not.toContain('gave the lease up');
  });

  it('is final: a signal to stop afterwards starts nothing', async () => {
    const setup = await leading();
    const { clock, hand, story, stop } = setup;
    hand.lose();
    await clock.settle();
    const { waiting } = clock;
    stop.abort();
    await clock.settle();
    expect(clock.waiting).toBe(waiting);
    await clock.advance(60_000);
    expect(setup.ending).toBeInstanceOf(LeadershipLost);
    expect(story).not.toContain('flushed');
  });

  it('is also what an election that breaks comes to', async () => {
    const setup = await leading();
    setup.hand.break(new Error('a bug'));
    await setup.clock.settle();
    expect(setup.ending).toBeInstanceOf(LeadershipLost);
    expect(setup.of('the election broke')).toHaveLength(1);
  });
});

it('may act only while the election and the door both allow it', async () => {
  const hand = byHand([]);
  const clock = createFakeClock();
  const store = createMemoryStore({ clock });
  store.apply(thing);
  let isAllowed = true;
  const { election } = hand;
  const edges = { store, clock, log: captureLog().log, metrics: createMetrics(), election, ...noServers };
  const manager = createManager({ ...edges, mayAct: () => isAllowed });
  const answers: boolean[] = [];
  const reconcile = async (_key: unknown, context: { mayAct: () => boolean }) => {
    answers.push(context.mayAct());
    return { requeueAfterMs: 10 };
  };
  manager.controller({ name: 'things', reconcile }).for(Thing);
  const stop = new AbortController();
  run(manager, stop.signal);
  await clock.settle();
  hand.win();
  await clock.advance(9);
  hand.state.mayAct = false;
  await clock.advance(10);
  hand.state.mayAct = true;
  isAllowed = false;
  await clock.advance(10);
  expect(answers).toEqual([true, false, false]);
  stop.abort();
  await clock.advance(1);
});

it('says in its health what is wrong with the election', async () => {
  const { manager, hand } = await leading();
  expect(manager.probes.unhealthy()).toEqual([]);
  hand.state.problem = 'still leads';
  expect(manager.probes.unhealthy()).toEqual(['election: still leads']);
});

describe('two managers over one lease', () => {
  const open = () => {
    const clock = createFakeClock();
    const lease = createMemoryLease();
    const store = createMemoryStore({ clock });
    store.apply(thing);
    const runs: string[] = [];
    const start = (identity: string) => {
      const lock = createMemoryLock(lease);
      const edges = { clock, log: captureLog().log, metrics: createMetrics() };
      const election = createElection({ ...edges, lock, identity, name: 'operator', random: () => 0.5 });
      const manager = createManager({ ...edges, store, election, ...noServers });
      const reconcile = async (_key: unknown, { mayAct }: { mayAct: () => boolean }) => {
        if (mayAct()) runs.push(identity);
        return { requeueAfterMs: 100 };
      };
      manager.controller({ name: 'things', reconcile }).for(Thing);
      const stop = new AbortController();
      return { lock, stop, manager, ending: run(manager, stop.signal) };
    };
    /** Who worked in the next `ms`. */
    const workers = async (ms: number): Promise<readonly string[]> => {
      runs.length = 0;
      await clock.advance(ms);
      return [...new Set(runs)];
    };
    return { clock, start, workers };
  };

  it('hand over within 4.4 s when one is told to stop', async () => {
    const { clock, start, workers } = open();
    const first = start('first');
    await clock.settle();
    start('second');
    expect(await workers(30_000)).toEqual(['first']);
    first.stop.abort();
    await clock.settle();
    expect(first.ending()).toBe('ended');
    expect(await workers(4400)).toEqual(['second']);
  });

  it('hand over within 23.8 s when one loses its way to the server, and never work at the same time', async () => {
    const { clock, start, workers } = open();
    const first = start('first');
    await clock.settle();
    start('second');
    await workers(30_000);
    first.lock.weather = 'silent';
    expect(await workers(7900)).toEqual(['first']);
    await clock.advance(2100);
    expect(first.ending()).toBeInstanceOf(LeadershipLost);
    expect(await workers(13_800)).toEqual(['second']);
  });

  it('are ready and healthy while the server is away from the start', async () => {
    const { start, workers } = open();
    const alone = start('alone');
    alone.lock.weather = 'refusing';
    expect(await workers(60_000)).toEqual([]);
    expect([alone.manager.probes.unhealthy(), alone.manager.probes.unready()]).toEqual([[], []]);
    alone.lock.weather = 'fine';
    expect(await workers(4400)).toEqual(['alone']);
  });
});
