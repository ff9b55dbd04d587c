import { parseSpec } from '../../src/api/parse.ts';
import type { SpotPool } from '../../src/api/spotpool.ts';
import { SpotPoolKind } from '../../src/api/spotpool.ts';
import type { CloudProvider, Instance, LaunchOrder } from '../../src/cloud/cloud.ts';
import { createMemoryCloud } from '../../src/cloud/memory.ts';
import { createEgress } from '../../src/lib/egress.ts';
import { createOperatorBudget } from '../../src/spotpool/budget.ts';
import { createOfferingMemory } from '../../src/spotpool/offerings.ts';
import { ownershipOf } from '../../src/spotpool/order.ts';
import { createPriceBook } from '../../src/spotpool/prices.ts';
import { reconcileSpotPool } from '../../src/spotpool/reconcile.ts';
import { createPoolTelemetry } from '../../src/spotpool/telemetry.ts';
import { createMemoryStore } from '../../src/store/memory.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { createCredentials } from '../../src/wiring.ts';
import { createFakeClock } from '../builders/fake-clock.ts';
import { launchOrder } from '../builders/launch-order.ts';
import type { RawSpec } from './frame.ts';

/** What everybody but the operator can see of one pool's life. Times are seconds since its beginning. */
export interface PoolLife {
  readonly keys: { secretId: string; secretKey: string; token?: string };
  readonly region: string;
  readonly orders: readonly LaunchOrder[];
  readonly probes: readonly { url: string; timeoutMs: number }[];
  readonly releases: readonly { id: string; at: number }[];
  /** Machines alive at the end, and the most there ever were at once. */
  readonly alive: number;
  readonly peak: number;
  /** How often the machines were listed. */
  readonly sweeps: number;
  /** When the first machine was told to leave. */
  readonly drainedAt: number | undefined;
  readonly conditions: Readonly<Record<string, string>>;
  readonly isGone: boolean;
}

/** What a test may do to the world while the pool lives. */
export interface Script {
  /** Machines of the pool that are there before the operator starts. */
  readonly machinesBefore?: number;
  /** Milliseconds from Pending to Running; 20 s without. */
  readonly bootMs?: number;
  /** Whether machines answer after so many milliseconds of the pool's life; always, without. */
  readonly answers?: (ms: number) => boolean;
  /** Machines that the cloud has isolated after so many milliseconds, although they still answer. */
  readonly isolates?: (ms: number) => boolean;
  readonly deleteAfterMs?: number;
  /** How long to look; 5 minutes without. */
  readonly forMs?: number;
}

const Ref = { apiVersion: 'demo.aiops.org/v1', kind: 'SpotPool' };
const KEY = { namespace: 'default', name: 'first' };
/** What the two Secrets of the tests hold; the other one holds the same with `other-` in front. */
const SECRET = { secretId: 'A', secretKey: 'B', token: 'T', id: 'C', key: 'D', session: 'S' };

const readSecret = async (_namespace: string, name: string): Promise<Record<string, Uint8Array>> => {
  const before = name === 'other' ? 'other-' : '';
  return Object.fromEntries(
    Object.entries(SECRET).map(([field, value]) => [field, new TextEncoder().encode(before + value)]),
  );
};

/** Lets one pool of this spec live against the in-memory cloud and tells what was seen from outside. */
export async function live(raw: RawSpec, script: Script = {}): Promise<PoolLife> {
  const clock = createFakeClock();
  const start = clock.now();
  const since = (): number => clock.now() - start;
  const memory = createMemoryCloud({ clock, random: () => 0.5 });
  const store = createMemoryStore({ clock });
  const parsed = parseSpec(SpotPoolKind, raw);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const { metadata } = store.apply({ ...Ref, metadata: KEY, spec: parsed.spec });
  if (script.bootMs !== undefined) memory.weather.setBootTime(script.bootMs);

  const abort = new AbortController();
  const orders: LaunchOrder[] = [];
  const releases: { id: string; at: number }[] = [];
  const probes: { url: string; timeoutMs: number }[] = [];
  let keys: PoolLife['keys'] = { secretId: '', secretKey: '' };
  let region = '';
  let drainedAt: number | undefined;
  const isolated = (instances: readonly Instance[]): readonly Instance[] =>
    instances.map((instance) => (script.isolates?.(since()) ? { ...instance, isNormal: false } : instance));
  const clouds: CloudProvider = {
    async open(credentials, wanted, signal) {
      keys = await credentials.getCredentials(signal);
      region = wanted;
      const { accountKey, cloud } = await memory.provider.open(credentials, wanted, signal);
      return {
        accountKey,
        cloud: {
          ...cloud,
          sweep: async (maxAgeMs, own) => {
            const sweep = await cloud.sweep(maxAgeMs, own);
            return { ...sweep, instances: isolated(sweep.instances) };
          },
          find: async (ids, own) => isolated(await cloud.find(ids, own)),
          launch: (order, own) => {
            orders.push(order);
            return cloud.launch(order, own);
          },
          release: (ids, own) => {
            releases.push(...ids.map((id) => ({ id, at: since() / 1000 })));
            return cloud.release(ids, own);
          },
        },
      };
    },
  };

  for (let index = 0; index < (script.machinesBefore ?? 0); index++) {
    const owner = ownershipOf(metadata, store.installationId);
    await memory.cloud.launch(
      launchOrder({ owner, clientToken: `before-${index}`, name: `before-${index}` }),
      abort.signal,
    );
  }
  if ((script.machinesBefore ?? 0) > 0) await clock.advance(60_000);

  let drawn = 0;
  const random = (): number => {
    drawn += 1;
    return (drawn * 0.618_034) % 1;
  };
  const edges = {
    store,
    clouds,
    credentialsFor: createCredentials(readSecret, { env: {}, clock, egress: createEgress({ mode: 'loopback' }) }),
    probe: async (url: string, timeoutMs: number) => {
      probes.push({ url, timeoutMs });
      return script.answers?.(since()) === false ? { isOk: false as const, why: 'told so' } : { isOk: true as const };
    },
    clock,
    random,
    offerings: createOfferingMemory(),
    prices: createPriceBook(clock),
    unsentTokens: new Set<string>(),
    budget: createOperatorBudget({}),
    telemetry: createPoolTelemetry(createMetrics()),
    restraint: () => undefined,
    mayAct: () => true,
    logDecision: () => {},
    recordEvent: (_object: unknown, { reason }: { reason: string }) => {
      if (reason === 'Draining') drainedAt ??= since() / 1000;
    },
  };
  const until = start + (script.forMs ?? 5 * 60_000) + ((script.machinesBefore ?? 0) > 0 ? 60_000 : 0);
  let peak = 0;
  let isDeleted = false;
  let conditions: Record<string, string> = {};
  while (clock.now() < until) {
    if (script.deleteAfterMs !== undefined && since() >= script.deleteAfterMs && !isDeleted) {
      isDeleted = true;
      store.delete(Ref, KEY);
    }
    const next = await reconcileSpotPool(KEY, edges, abort.signal);
    peak = Math.max(peak, memory.alive().length);
    const pool = await store.get<SpotPool>(Ref, KEY);
    if (pool?.status?.conditions) {
      conditions = Object.fromEntries(
        pool.status.conditions.map(({ type, status, reason }) => [type, `${status} ${reason}`]),
      );
    }
    if (!next) break;
    await clock.advance(Math.min(next.checkAgainInMs, until - clock.now()));
  }
  return {
    keys,
    region,
    orders,
    probes,
    releases,
    alive: memory.alive().length,
    peak,
    sweeps: memory.calls.filter(({ method }) => method === 'sweep').length,
    drainedAt,
    conditions,
    isGone: (await store.get(Ref, KEY)) === undefined,
  };
}
