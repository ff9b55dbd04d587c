import { readFileSync } from 'node:fs';
import { apiVersionOf, kinds } from './api/kinds.ts';
import { LogPilotKind } from './api/logpilot.ts';
import type { ObjectKey } from './api/meta.ts';
import { keyFromText, keyText } from './api/meta.ts';
import { parseSpec } from './api/parse.ts';
import type { SpotPool } from './api/spotpool.ts';
import { SpotPoolKind } from './api/spotpool.ts';
import type { CloudCredentials, CloudProvider } from './cloud/cloud.ts';
import { CloudError } from './cloud/errors.ts';
import type { OnCall } from './cloud/tencent/client.ts';
import { inlineCredentials, operatorCredentials, secretCredentials } from './cloud/tencent/credentials.ts';
import type { TencentSite } from './cloud/tencent/provider.ts';
import { createTencentProvider } from './cloud/tencent/provider.ts';
import { createLoopWatch } from './engine/loop-watch.ts';
import { createManager } from './engine/manager.ts';
import { predicates } from './engine/predicates.ts';
import type { ProcessEdge } from './engine/signals.ts';
import { dieOnStrayErrors, stopOnSignals } from './engine/signals.ts';
import type { Clock } from './lib/clock.ts';
import { sleep } from './lib/clock.ts';
import type { Egress } from './lib/egress.ts';
import { createEgress } from './lib/egress.ts';
import type { EgressMode } from './lib/egress-rules.ts';
import { createHttpProbe } from './lib/http-probe.ts';
import { toMicros } from './lib/money.ts';
import { secureRandom } from './lib/random.ts';
import { reconcileLogPilot } from './logpilot/reconcile.ts';
import type { Restraint } from './spotpool/act.ts';
import { createOperatorBudget } from './spotpool/budget.ts';
import type { SpotPoolEdges } from './spotpool/edges.ts';
import { createOfferingMemory } from './spotpool/offerings.ts';
import { createPriceBook } from './spotpool/prices.ts';
import { reconcileSpotPool } from './spotpool/reconcile.ts';
import { createPoolTelemetry } from './spotpool/telemetry.ts';
import { serveControl } from './store/local/control.ts';
import type { LocalStoreOptions } from './store/local/local-store.ts';
import { openLocalStore } from './store/local/local-store.ts';
import { MASK } from './store/local/mask.ts';
import type { StopSwitch } from './store/local/stop-switch.ts';
import { openStopSwitch } from './store/local/stop-switch.ts';
import type { KindRef, Secret, Store } from './store/store.ts';
import { SecretKind } from './store/store.ts';
import type { Logger, LogLevel } from './telemetry/logger.ts';
import { createLogger, loadPrettyLayout } from './telemetry/logger.ts';
import { createMetrics } from './telemetry/metrics.ts';
import type { Redactor } from './telemetry/redact.ts';
import { createRedactor } from './telemetry/redact.ts';

/** How many pools are looked at at once: most of a look is waiting, and one silent machine holds it up for seconds. */
const POOLS_AT_ONCE = 32;
/**
 * Longer than a throttled account may pause (60 s) and a purchase may then take to answer (30 s), so that no outcome is lost
 * to our own impatience.
 */
const RECONCILE_TIMEOUT_MS = 120_000;
const spotPool: KindRef = { apiVersion: apiVersionOf(SpotPoolKind), kind: SpotPoolKind.kind };
const logPilot: KindRef = { apiVersion: apiVersionOf(LogPilotKind), kind: LogPilotKind.kind };
/** Any change of this annotation makes the operator look at a pool at once. */
const TRIGGER_ANNOTATION = 'demo.aiops.org/trigger';

/** How the cloud is reached; the flags of `run` and `plan` that say so. */
export interface CloudSettings {
  readonly tencentEndpoint?: string;
  readonly tencentSite: TencentSite;
  readonly connectTo: readonly string[];
  /** A PEM file of certificates to trust beside the usual ones. */
  readonly caBundle?: string;
  readonly egress: EgressMode;
}

/** The flags of `aiops run`. */
export interface OperatorSettings extends CloudSettings {
  readonly manifests: string;
  readonly state: string;
  readonly installationId?: string;
  readonly prune: boolean;
  /** Watch only: nothing outside is changed. */
  readonly observe?: boolean;
  /** The most machines and the most money by the hour of all pools together, the latter in the currency of the account. */
  readonly maxMachines?: number;
  readonly maxCostPerHour?: number;
  readonly bindAddress: string;
  readonly metricsPort: number;
  readonly healthPort: number;
  readonly logLevel: LogLevel;
  readonly logFormat: 'json' | 'pretty';
}

/** The outside world of the operator. */
export interface OperatorEdges {
  readonly process: ProcessEdge;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** How many milliseconds of `clock` pass in one real one: an answer over the network takes real time on any clock. */
  readonly clockFactor: number;
  readonly writeLog: (line: string) => void;
  readonly hasColours: boolean;
  /** In [0, 1): tokens, marks of machines and the spread of waits come from it. Default: a source that nobody can guess. */
  readonly random?: () => number;
  /** For proofs: how often the folder is looked at, how large the state may grow, what wraps it. Default: as the store has it. */
  readonly storeLimits?: Pick<LocalStoreOptions, 'pollMs' | 'maxStateBytes' | 'decorateState'>;
  /** Wraps the cloud. For proofs that a broken operator is noticed; nothing else may use it. */
  readonly decorateClouds?: (clouds: CloudProvider) => CloudProvider;
  /** Wraps whatever else a pool is given, likewise. Called once. */
  readonly decoratePools?: (pools: PoolEdges) => PoolEdges;
}

/** What all pools are given; the rest of their edges differs from run to run. */
export type PoolEdges = Omit<SpotPoolEdges, 'mayAct' | 'recordEvent' | 'logDecision'>;

/** Builds the way to Tencent Cloud that the flags describe. @throws {RangeError} naming a flag that cannot be read */
export function createClouds(
  settings: CloudSettings,
  edges: Pick<OperatorEdges, 'env' | 'clock' | 'clockFactor' | 'random'>,
  onCall: OnCall = () => {},
): { readonly clouds: CloudProvider; readonly egress: Egress } {
  const { env, clock, clockFactor } = edges;
  const egress = createEgress({
    mode: settings.egress,
    connectTo: settings.connectTo,
    env,
    ...(settings.caBundle === undefined ? {} : { extraCa: readCaBundle(settings.caBundle) }),
  });
  const clouds = createTencentProvider({
    site: settings.tencentSite,
    egress,
    clock,
    random: edges.random ?? Math.random,
    onCall,
    timeouts: { readMs: 15_000 * clockFactor, buyMs: 30_000 * clockFactor },
    ...(settings.tencentEndpoint === undefined ? {} : { endpoint: settings.tencentEndpoint }),
  });
  return { clouds, egress };
}

/** @throws {RangeError} when the file cannot be read or holds no certificate */
function readCaBundle(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new RangeError(`--ca-bundle ${path} cannot be read: ${(error as Error).message}`, { cause: error });
  }
  if (text.includes('-----BEGIN CERTIFICATE-----')) return text;
  throw new RangeError(`--ca-bundle ${path} holds no certificate in PEM form`);
}

/** Says where a pool's keys come from: its Secret, its own spec, or what the operator itself runs with. */
export function createCredentials(
  readSecret: (namespace: string, name: string) => Promise<Secret['data'] | undefined>,
  edges: Pick<OperatorEdges, 'env' | 'clock'> & { readonly egress: Egress },
  redactor?: Redactor,
): (pool: SpotPool) => CloudCredentials {
  const ofOperator = learning(operatorCredentials(edges.env, edges), redactor);
  return ({ spec: { credentials }, metadata: { namespace } }) => {
    switch (credentials.from) {
      case 'inline':
        if (credentials.secretKey === MASK) return lostCredentials;
        return learning(inlineCredentials(credentials.secretId, credentials.secretKey), redactor);
      case 'secret':
        return learning(secretCredentials({ namespace, ...credentials }, readSecret), redactor);
      case 'operator':
        return ofOperator;
    }
  };
}

/** After a start without the manifest that held them: only a mask was kept, and that must not be taken for a key. */
const lostCredentials: CloudCredentials = {
  source: 'spec.secretId and spec.secretKey',
  getCredentials: async () => {
    const message =
      'The keys stood only in the manifest, and that is gone. Put the manifest back, or keys into a Secret and name it in credentialsSecretRef.';
    throw new CloudError('InvalidCredentials', message, { action: 'getCredentials' });
  },
};

/** Whatever key is used from now on, the log knows it and masks it. */
function learning(credentials: CloudCredentials, redactor: Redactor | undefined): CloudCredentials {
  if (!redactor) return credentials;
  return {
    ...credentials,
    async getCredentials(signal) {
      const keys = await credentials.getCredentials(signal);
      redactor.learn(keys.secretKey);
      if (keys.token !== undefined) redactor.learn(keys.token);
      return keys;
    },
  };
}

/** Runs the operator standalone until it is told to stop. Resolves after an ordered shutdown. */
export async function runOperator(settings: OperatorSettings, edges: OperatorEdges): Promise<void> {
  const { clock, clockFactor, env } = edges;
  const redactor = createRedactor();
  const log = await openLog(settings, edges, redactor);
  const metrics = createMetrics();
  metrics.addProcessMetrics();
  const strays = metrics.counter({
    name: 'aiops_stray_errors_total',
    help: 'Errors that nobody handled.',
    labels: ['origin'],
  });
  dieOnStrayErrors(edges.process, log, (origin) => strays.inc({ origin }));
  const stop = stopOnSignals(edges.process, log);

  const store = await openLocalStore({
    manifestsDir: settings.manifests,
    statePath: settings.state,
    kinds,
    parse: parseSpec,
    clock,
    log,
    prune: settings.prune,
    ...(env['AIOPS_CLOCK'] === undefined ? {} : { sharedClock: env['AIOPS_CLOCK'] }),
    ...(settings.installationId === undefined ? {} : { installationId: settings.installationId }),
    ...edges.storeLimits,
  });
  try {
    const calls = metrics.counter({
      name: 'aiops_cloud_calls_total',
      help: 'Calls to the cloud.',
      labels: ['action', 'code'],
    });
    const { clouds, egress } = createClouds(settings, edges, (action, code) =>
      calls.inc({ action, code: code === '' ? 'OK' : code }),
    );
    const manager = createManager({
      store,
      clock,
      log,
      metrics,
      host: settings.bindAddress,
      healthPort: settings.healthPort,
      metricsPort: settings.metricsPort,
      redact: redactor.text,
    });
    /** Which Secret each pool has last taken its keys from: a changed Secret wakes its pools. */
    const secretOf = new Map<string, string>();
    const credentialsOf = createCredentials(secretReader(store), { env, clock, egress }, redactor);
    const stopSwitch = openStopSwitch(settings.state);
    const own: PoolEdges = {
      store,
      clouds: edges.decorateClouds?.(clouds) ?? clouds,
      credentialsFor: (pool: SpotPool) => {
        const { credentials } = pool.spec;
        if (credentials.from === 'secret')
          secretOf.set(keyText(pool.metadata), keyText({ ...pool.metadata, name: credentials.name }));
        return credentialsOf(pool);
      },
      probe: createHttpProbe(egress, clock, clockFactor),
      clock,
      random: edges.random ?? secureRandom,
      offerings: createOfferingMemory(),
      prices: createPriceBook(clock),
      unsentTokens: new Set<string>(),
      budget: createOperatorBudget({
        ...(settings.maxMachines === undefined ? {} : { maxMachines: settings.maxMachines }),
        ...(settings.maxCostPerHour === undefined ? {} : { maxCostPerHour: toMicros(settings.maxCostPerHour) }),
      }),
      telemetry: createPoolTelemetry(metrics),
      restraint: () => restraintOf(settings, stopSwitch),
      ...(store.stateLostAt === undefined ? {} : { stateLostAt: store.stateLostAt }),
    };
    const pools = edges.decoratePools?.(own) ?? own;
    manager
      .controller({
        name: 'spotpool',
        concurrency: POOLS_AT_ONCE,
        timeoutMs: RECONCILE_TIMEOUT_MS * clockFactor,
        reconcile: async (key, { signal, log: runLog, mayAct, recordEvent }) => {
          const tell: typeof recordEvent = (object, event) => {
            runLog[event.type === 'Warning' ? 'warn' : 'info'](event.reason, { note: event.note });
            recordEvent(object, event);
          };
          const next = await reconcileSpotPool(
            key,
            {
              ...pools,
              mayAct,
              recordEvent: tell,
              logDecision: ({ time: _sameAsTheLine, ...entry }) => runLog.info('decision', entry),
            },
            signal,
          );
          if (!next) secretOf.delete(keyText(key));
          return next ? { requeueAfterMs: next.checkAgainInMs } : {};
        },
      })
      .for(spotPool, predicates.anyOf(predicates.generationChanged, predicates.annotationChanged(TRIGGER_ANNOTATION)))
      .channel(poolsWhenSwitched(store, stopSwitch, clock, stop))
      .watches<Secret>(SecretKind, ({ metadata }) =>
        [...secretOf].filter(([, secret]) => secret === keyText(metadata)).map(([pool]) => keyFromText(pool)),
      );
    manager
      .controller({
        name: 'logpilot',
        reconcile: async (key, { mayAct }) => {
          await reconcileLogPilot(key, { store, clock, mayAct });
          return {};
        },
      })
      .for(logPilot, predicates.generationChanged);
    manager.add(createLoopWatch(clock, log));
    manager.add({
      name: 'control',
      needsLeadership: false,
      run: (signal) => serveControl(settings.state, store, { signal, log }),
    });
    log.info('starting', { manifests: settings.manifests, state: settings.state, installation: store.installationId });
    await manager.run(stop);
  } finally {
    await store.close();
  }
}

/** Asked right before each changing call. A switch that cannot be read fails that call: nobody knows whether it may be made. */
function restraintOf({ observe }: OperatorSettings, stopSwitch: StopSwitch): Restraint | undefined {
  if (observe) return 'Observing';
  return stopSwitch.read() === undefined ? undefined : 'Stopped';
}

/** How often the switch is looked at only to show it on the pools; what it forbids ends at once. */
const SHOW_SWITCH_MS = 4000;

/** Every pool whenever the switch was thrown or taken back. */
async function* poolsWhenSwitched(
  store: Store,
  stopSwitch: StopSwitch,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<ObjectKey> {
  const isOn = (): boolean | undefined => {
    try {
      return stopSwitch.read() !== undefined;
    } catch {
      return undefined;
    }
  };
  for (let before = isOn(); !signal.aborted; ) {
    await sleep(clock, SHOW_SWITCH_MS, signal).catch(() => {});
    const now = isOn();
    if (now === before) continue;
    before = now;
    for (const { metadata } of await store.list(spotPool)) yield metadata;
  }
}

async function openLog(settings: OperatorSettings, edges: OperatorEdges, redactor: Redactor): Promise<Logger> {
  const layout = settings.logFormat === 'pretty' ? await loadPrettyLayout(edges.hasColours) : undefined;
  return createLogger({
    level: settings.logLevel,
    clock: edges.clock,
    redactor,
    write: edges.writeLog,
    ...(layout ? { layout } : {}),
  });
}

function secretReader(store: Store) {
  return async (namespace: string, name: string): Promise<Secret['data'] | undefined> =>
    (await store.get<Secret>(SecretKind, { namespace, name }))?.data;
}
