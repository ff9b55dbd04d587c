import { AsyncLocalStorage } from 'node:async_hooks';
import { channel } from 'node:diagnostics_channel';
import { EventEmitter } from 'node:events';
import type { ClientRequest } from 'node:http';
import type { Cloud, CloudProvider } from '../../../src/cloud/cloud.ts';
import type { Clock } from '../../../src/lib/clock.ts';
import type { StateFile } from '../../../src/store/local/state-file.ts';
import type { PoolEdges } from '../../../src/wiring.ts';
import type { Kind, Point, Side } from './points.ts';
import { cutting } from './state-writes.ts';

/**
 * A life of the operator in this process that can end at any outgoing call, as by `kill -9`. What is cut off then: its
 * timers never fire, its requests over the network are neither sent nor answered, and its state file takes nothing more.
 * Promises that wait for any of these never settle.
 */
export interface Mortal {
  readonly clock: Clock;
  readonly process: EventEmitter & { exit(code: number): void };
  readonly isDead: boolean;
  decorateClouds(clouds: CloudProvider): CloudProvider;
  decoratePools(pools: PoolEdges): PoolEdges;
  decorateState(state: StateFile): StateFile;
  /** Runs `work` so that its requests are known to be this life's. */
  run<T>(work: () => Promise<T>): Promise<T>;
  die(): void;
  /**
   * Has a dead one give its locks, ports and files back, as the system would; the world outside stays out of its reach.
   * Resolves once `ended` has.
   */
  bury(ended: Promise<void>): Promise<void>;
}

export interface MortalOptions {
  readonly clock: Clock;
  /** Asked at each point; true ends this life right there. */
  readonly pass: (point: Point) => boolean;
  /** Called at the end, before anything else can happen. */
  readonly onDeath: () => void;
}

interface Scope {
  readonly life: {
    atRequest(request: ClientRequest, kind: Kind | undefined): void;
    atAnswer(request: ClientRequest): void;
  };
  readonly kind: Kind | undefined;
}
const scope = new AsyncLocalStorage<Scope>();
const owners = new WeakMap<ClientRequest, Scope['life']>();

channel('http.client.request.created').subscribe((message) => {
  const { request } = message as { request: ClientRequest };
  const here = scope.getStore();
  if (!here) return;
  owners.set(request, here.life);
  here.life.atRequest(request, here.kind);
});
for (const name of ['http.client.response.finish', 'http.client.request.error']) {
  channel(name).subscribe((message) => {
    const { request } = message as { request: ClientRequest };
    owners.get(request)?.atAnswer(request);
  });
}

/** Ends a request so that whoever made it never hears of it again. */
function silence(request: ClientRequest): void {
  const emit = request.emit.bind(request);
  request.emit = (name: string | symbol, ...args: unknown[]): boolean => name === 'close' && emit(name, ...args);
  request.destroy();
}

export function createMortal({ clock, pass, onDeath }: MortalOptions): Mortal {
  let phase: 'alive' | 'dead' | 'buried' | 'forgotten' = 'alive';
  const timers = new Set<{ readonly run: () => void; cancel: () => void }>();
  const open = new Map<ClientRequest, Kind | undefined>();

  const die = (): void => {
    if (phase !== 'alive') return;
    phase = 'dead';
    for (const timer of timers) timer.cancel();
    onDeath();
    for (const request of open.keys()) silence(request);
    open.clear();
  };
  const diesAt = (kind: Kind | undefined, side: Side): boolean => {
    if (phase !== 'alive') return true;
    if (kind === undefined) throw new Error('a request that belongs to no known call');
    if (pass({ kind, side })) die();
    return phase !== 'alive';
  };
  const life: Scope['life'] = {
    atRequest(request, kind) {
      if (diesAt(kind, 'before')) {
        silence(request);
        return;
      }
      open.set(request, kind);
    },
    atAnswer(request) {
      if (!open.has(request)) return;
      const kind = open.get(request);
      open.delete(request);
      if (diesAt(kind, 'after')) silence(request);
    },
  };
  const after: Clock['after'] = (ms, run) => {
    const within = AsyncLocalStorage.snapshot();
    const fire = (): void => {
      timers.delete(timer);
      if (phase !== 'forgotten') within(run);
    };
    const timer = { run: fire, cancel: (): void => {} };
    timers.add(timer);
    if (phase === 'alive') timer.cancel = clock.after(ms, fire);
    if (phase === 'buried') setImmediate(fire);
    return () => {
      timer.cancel();
      timers.delete(timer);
    };
  };
  const within = <A extends unknown[], R>(kind: Kind, call: (...args: A) => R) => {
    return (...args: A): R => scope.run({ life, kind }, call, ...args);
  };
  /** What is made of a write must not reach those who wait for it. */
  const unlessDead = async <T>(work: Promise<T>): Promise<T> => {
    const outcome = await work.then(
      (value) => () => value,
      (error: unknown) => () => {
        throw error;
      },
    );
    if (phase !== 'alive') await new Promise<never>(() => {});
    return outcome();
  };

  const process = Object.assign(new EventEmitter(), { exit: () => {} });

  return {
    clock: { now: clock.now, monotonic: clock.monotonic, after },
    process,
    get isDead() {
      return phase !== 'alive';
    },
    decorateClouds: (clouds) => ({
      async open(...args) {
        const { accountKey, cloud } = await clouds.open(...args);
        const named: Cloud = {
          ...cloud,
          sweep: within('sweep', cloud.sweep),
          find: within('find', cloud.find),
          findByName: within('findByName', cloud.findByName),
          launch: within('launch', cloud.launch),
          release: within('release', cloud.release),
          price: within('price', cloud.price),
          stock: within('stock', cloud.stock),
        };
        return { accountKey, cloud: named };
      },
    }),
    decoratePools: (pools) => ({
      ...pools,
      probe: within('probe', pools.probe),
      store: {
        ...pools.store,
        writeStatus: (object, status) => unlessDead(pools.store.writeStatus(object, status)),
        addFinalizer: (object, finalizer) => unlessDead(pools.store.addFinalizer(object, finalizer)),
        removeFinalizer: (object, finalizer) => unlessDead(pools.store.removeFinalizer(object, finalizer)),
      },
    }),
    decorateState: (state) => cutting(state, ({ kind, side }) => diesAt(kind, side)),
    run: (work) => scope.run({ life, kind: undefined }, work),
    die,
    async bury(ended) {
      die();
      phase = 'buried';
      for (const { run } of [...timers]) setImmediate(run);
      process.emit('SIGTERM', 'SIGTERM');
      await ended;
      // What hangs goes on to be told of, again and again.
      phase = 'forgotten';
      timers.clear();
    },
  };
}
