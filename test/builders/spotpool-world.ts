import type { HistoryEntry, SpotPool } from '../../src/api/spotpool.ts';
import type { Cloud, CloudCredentials, CloudProvider } from '../../src/cloud/cloud.ts';
import type { MemoryCloud } from '../../src/cloud/memory.ts';
import { createMemoryCloud } from '../../src/cloud/memory.ts';
import type { EpochMs } from '../../src/lib/clock.ts';
import type { Restraint } from '../../src/spotpool/act.ts';
import { createOperatorBudget, type OperatorLimits } from '../../src/spotpool/budget.ts';
import type { SpotPoolEdges } from '../../src/spotpool/edges.ts';
import { createOfferingMemory } from '../../src/spotpool/offerings.ts';
import { createPriceBook } from '../../src/spotpool/prices.ts';
import { reconcileSpotPool } from '../../src/spotpool/reconcile.ts';
import { createPoolTelemetry } from '../../src/spotpool/telemetry.ts';
import type { MemoryStore } from '../../src/store/memory.ts';
import { createMemoryStore } from '../../src/store/memory.ts';
import type { Store } from '../../src/store/store.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import type { FakeClock } from './fake-clock.ts';
import { createFakeClock } from './fake-clock.ts';
import { spec } from './spotpool.ts';

export const KEY = { namespace: 'default', name: 'first' };
const KIND = { apiVersion: 'demo.aiops.org/v1', kind: 'SpotPool' };

/** A call to the outside world, as a crash sees it. */
export interface CallPoint {
  /** `launch`, `writeStatus`, … */
  readonly method: string;
  readonly side: 'before' | 'after';
}

/** One pool, looked after as the engine would, in a store and a cloud in memory, on a fake clock. */
export interface SpotPoolWorld extends Omit<MemoryCloud, 'provider'> {
  readonly clock: FakeClock;
  readonly store: MemoryStore;
  /** Addresses that do not answer. */
  readonly mute: Set<string>;
  /** Whether the process may act; and where its keys come from. */
  readonly process: {
    mayAct: boolean;
    credentials: CloudCredentials;
    stateLostAt?: EpochMs;
    restraint?: Restraint | undefined;
    /** Read when the process starts. */
    limits: OperatorLimits;
  };
  /** Creates or changes the pool, by what users write. */
  apply(changes?: Record<string, unknown>, annotations?: Record<string, string>): void;
  pool(): Promise<SpotPool | undefined>;
  delete(): void;
  /** One reconcile. `undefined`: the pool is gone, or needs no further look. */
  look(): Promise<number | undefined>;
  /** Looks again and again, when it is asked to, for `ms`. */
  live(ms: number): Promise<void>;
  /** Forgets all that a process keeps in memory. */
  restart(): void;
  /** Asked at each outgoing call, twice; when it says yes, that process never hears of anything again. */
  crashAt(decide: (point: CallPoint) => boolean): void;
  /** Reasons of all events so far, oldest first. */
  readonly events: readonly string[];
  /** What was logged as decided, oldest first. */
  readonly decisions: readonly HistoryEntry[];
  /** The status, type, reason of a condition: `Ready True EnoughMachines`. */
  condition(type: string): Promise<string | undefined>;
  bought(): number;
  readonly looks: number;
  readonly statusWrites: number;
}

export const anyKeys: CloudCredentials = {
  source: 'the test',
  getCredentials: async () => ({ secretId: 'id', secretKey: 'key' }),
};

/** Numbers in [0, 1) that are the same in every run (a linear congruential generator). */
function createChance(): () => number {
  let state = 1;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}

export function createSpotPoolWorld(): SpotPoolWorld {
  const clock = createFakeClock();
  const store = createMemoryStore({ clock });
  const random = createChance();
  const { provider: _provider, ...weather } = createMemoryCloud({ clock, random });
  const mute = new Set<string>();
  const process: SpotPoolWorld['process'] = { mayAct: true, credentials: anyKeys, limits: {} };
  const counts = { looks: 0, statusWrites: 0 };
  const told: string[] = [];
  const decisions: HistoryEntry[] = [];
  let decide: (point: CallPoint) => boolean = () => false;
  let die: () => void = () => {};

  /** Passes calls on, and ends the process where it is told to. */
  const crashing = <T extends object>(target: T, methods: readonly (keyof T & string)[]): T => {
    const wrapped = Object.fromEntries(
      methods.map((method) => [
        method,
        async (...args: unknown[]) => {
          if (decide({ method, side: 'before' })) return end();
          const answer: unknown = await (target[method] as (...all: unknown[]) => unknown)(...args);
          if (decide({ method, side: 'after' })) return end();
          return answer;
        },
      ]),
    );
    return { ...target, ...wrapped };
  };
  const end = (): Promise<never> => {
    die();
    return new Promise<never>(() => {});
  };

  const start = (): SpotPoolEdges => {
    const reached: Cloud = crashing(weather.cloud, [
      'sweep',
      'find',
      'findByName',
      'launch',
      'release',
      'price',
      'stock',
    ]);
    const clouds: CloudProvider = {
      async open(credentials, region, signal) {
        await credentials.getCredentials(signal);
        return { accountKey: `account/${region}`, cloud: reached };
      },
    };
    const kept: Store = crashing(store, ['get', 'addFinalizer', 'writeStatus', 'removeFinalizer']);
    return {
      store: kept,
      clouds,
      credentialsFor: () => process.credentials,
      probe: async (url) => {
        const { hostname } = new URL(url);
        const isUp = weather.alive().some(({ publicIp, state }) => publicIp === hostname && state === 'Running');
        return isUp && !mute.has(hostname) ? { isOk: true } : { isOk: false, why: `${url}: connection refused` };
      },
      clock,
      random,
      offerings: createOfferingMemory(),
      prices: createPriceBook(clock),
      unsentTokens: new Set(),
      budget: createOperatorBudget(process.limits),
      telemetry: createPoolTelemetry(createMetrics()),
      restraint: () => process.restraint,
      mayAct: () => process.mayAct,
      logDecision: (entry) => void decisions.push(entry),
      ...(process.stateLostAt === undefined ? {} : { stateLostAt: process.stateLostAt }),
      recordEvent: (object, event) => {
        told.push(event.reason);
        store.recordEvent(object, event);
      },
    };
  };
  let edges = start();

  const pool = (): Promise<SpotPool | undefined> => store.get<SpotPool>(KIND, KEY);
  const look = async (): Promise<number | undefined> => {
    counts.looks += 1;
    const before = (await pool())?.metadata.resourceVersion;
    const crashed = new Promise<'crashed'>((resolve) => {
      die = () => resolve('crashed');
    });
    const next = await Promise.race([reconcileSpotPool(KEY, edges, new AbortController().signal), crashed]);
    if ((await pool())?.metadata.resourceVersion !== before) counts.statusWrites += 1;
    if (next !== 'crashed') return next?.checkAgainInMs;
    edges = start();
    return 1;
  };

  return {
    ...weather,
    clock,
    store,
    mute,
    process,
    apply: (changes, annotations = {}) => {
      store.apply({ ...KIND, metadata: { name: KEY.name, annotations }, spec: spec(changes) });
    },
    pool,
    delete: () => store.delete(KIND, KEY),
    look,
    async live(ms) {
      const until = clock.now() + ms;
      while (clock.now() < until) {
        const next = await look();
        await clock.advance(Math.min(next ?? Number.POSITIVE_INFINITY, until - clock.now()));
      }
    },
    restart: () => {
      edges = start();
    },
    crashAt: (chosen) => {
      decide = chosen;
    },
    events: told,
    decisions,
    async condition(type) {
      const found = (await pool())?.status?.conditions?.find((each) => each.type === type);
      return found && `${found.status} ${found.reason}`;
    },
    bought: () =>
      weather.calls
        .filter(({ method }) => method === 'launch')
        .reduce((sum, { detail }) => sum + Number.parseInt(detail, 10), 0),
    get looks() {
      return counts.looks;
    },
    get statusWrites() {
      return counts.statusWrites;
    },
  };
}
