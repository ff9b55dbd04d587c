import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFailed, onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { createRandom, uuid } from '../../simulators/cvm/random.ts';
import { type CvmSimulator, type CvmSimulatorOptions, startCvmSimulator } from '../../simulators/cvm/simulator.ts';
import { kinds } from '../../src/api/kinds.ts';
import type { Condition, KubeObject } from '../../src/api/meta.ts';
import type { SpotPool } from '../../src/api/spotpool.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { callControl } from '../../src/store/local/control-client.ts';
import type { ControlRequest } from '../../src/store/local/control-protocol.ts';
import { type LocalView, openLocalView } from '../../src/store/local/local-view.ts';
import { problemText } from '../../src/store/local/problem.ts';
import type { RecordedEvent } from '../../src/store/store.ts';
import { createClouds, type OperatorEdges, type OperatorSettings, runOperator } from '../../src/wiring.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';
import { watchIo } from './io-watch.ts';
import { type Life, type Moment, startLife } from './life.ts';
import type { LogLine } from './log.ts';
import { introduce, settingsFor } from './operator-settings.ts';

export interface OperatorOptions {
  /** For the simulator and for the operator's own chance. Default 1. */
  readonly seed?: number;
  /** When time starts; default 2026-11-01T00:00:00Z. */
  readonly start?: number;
  /** Of the simulated cloud, clock and seed aside. */
  readonly simulator?: Omit<CvmSimulatorOptions, 'clock' | 'seed'>;
  readonly env?: Readonly<Record<string, string>>;
  readonly settings?: Partial<OperatorSettings>;
  readonly edges?: Pick<Partial<OperatorEdges>, 'decorateClouds' | 'storeLimits' | 'random'>;
  /** Manifests by file name, as `write` takes them. */
  readonly manifests?: Readonly<Record<string, Manifest>>;
  /** One whose cloud and clock it shares, to be started before; with another `seed`, or they draw the same names. */
  readonly beside?: OperatorUnderTest;
}

/** Text as it is; objects become documents of YAML. */
export type Manifest = string | readonly object[];

/** A whole operator in this process, on a fake clock with a simulated cloud. */
export interface OperatorUnderTest {
  readonly clock: FakeClock;
  readonly simulator: CvmSimulator;
  readonly manifestsDir: string;
  /** Of the life that runs, or ran last. */
  readonly statePath: string;
  /** Everything logged so far, by all lives. */
  readonly logged: readonly LogLine[];
  /** The lines as they were written. */
  readonly rawLog: readonly string[];
  /** Where `/healthz` and `/metrics` are. */
  readonly urls: { readonly health: string; readonly metrics: string };

  write(file: string, manifest: Manifest): void;
  remove(file: string): void;
  /** Starts an operator on the state that the last one left. @throws what the operator fails with while it starts */
  start(more?: Partial<OperatorOptions>): Promise<void>;
  /** Stops it in order, as SIGTERM does. */
  stop(): Promise<void>;
  /** Ends it at once, as `kill -9` does; nothing that it has not yet done will happen. */
  abandon(): Promise<void>;
  /**
   * Has the life that runs, or is started next, end so at the first moment for which `isThen` holds. It is up to the test to
   * start another one.
   */
  abandonWhen(isThen: (moment: Moment) => boolean): void;
  readonly isRunning: boolean;
  /** Lets time pass. @throws when the operator ends by itself meanwhile */
  advance(ms: number): Promise<void>;
  /** Lets time pass until `condition` holds. @throws when it does not within `ms` */
  until(what: string, condition: () => unknown, ms?: number): Promise<void>;

  /** As `aiops get` sees it, from the state file. */
  pool(name: string): SpotPool | undefined;
  condition(name: string, type: string): Condition | undefined;
  /** As written down: at most five seconds behind. */
  events(name: string): readonly RecordedEvent[];
  /** What is wrong with the manifests, as text. */
  problems(): readonly string[];
  /** Sends a request as the command line does. @throws {StoreError} */
  control(request: ControlRequest): Promise<unknown>;
  scale(name: string, replicas: number): Promise<unknown>;
  delete(name: string): Promise<unknown>;
}

const SPOT_POOL = { apiVersion: 'demo.aiops.org/v1', kind: 'SpotPool' } as const;
const STEP_MS = 1000;
const POLL_MS = 5000;

interface World {
  readonly clock: FakeClock;
  readonly simulator: CvmSimulator;
  close(): Promise<void>;
}

async function startWorld(options: OperatorOptions, seed: number): Promise<World> {
  await loadSdk();
  let simulator: CvmSimulator | undefined;
  const io = watchIo(() => simulator?.hanging ?? 0);
  const { start } = options;
  const busy = (): number => io.busy() + (simulator?.inFlight ?? 0);
  const clock = createFakeClock({ busy, ...(start === undefined ? {} : { start }) });
  const started = await startCvmSimulator({ ...options.simulator, clock, seed });
  simulator = started;
  return {
    clock,
    simulator: started,
    async close() {
      await started.close();
      io.stop();
    },
  };
}

/** Starts a cloud and an operator; both end with the test. */
export async function startOperator(options: OperatorOptions = {}): Promise<OperatorUnderTest> {
  const { seed = 1, beside } = options;
  const root = mkdtempSync(join(tmpdir(), 'aiops-op-'));
  const manifestsDir = join(root, 'manifests');
  mkdirSync(manifestsDir);
  const { clock, simulator, close } = beside ? { ...beside, close: async () => {} } : await startWorld(options, seed);
  const run = createRun({ options, root, clock, simulator, seed });
  onTestFinished(async () => {
    await run.end();
    await close();
    rmSync(root, { recursive: true, force: true });
  });
  onTestFailed(() => void process.stderr.write(`${report(run.operator)}\n`));
  for (const [file, manifest] of Object.entries(options.manifests ?? {})) run.operator.write(file, manifest);
  await run.operator.start();
  return run.operator;
}

/** The operator loads the vendor's SDK at its first call: that takes real time which nobody counts, so it is done before. */
async function loadSdk(): Promise<void> {
  const settings = { tencentSite: 'international', connectTo: [], egress: 'loopback' } as const;
  const { clouds } = createClouds(
    { ...settings, tencentEndpoint: 'http://127.0.0.1:1' },
    { env: {}, clock: systemClock, clockFactor: 1 },
  );
  const keys = { source: 'a test', getCredentials: async () => ({ secretId: 'xxx', secretKey: 'xxx' }) };
  const stopped = AbortSignal.abort();
  const { cloud } = await clouds.open(keys, 'ap-singapore', stopped);
  await cloud.find(['ins-00000000'], stopped).catch(() => {});
}

interface Running {
  readonly life: Life;
  readonly ended: Promise<void>;
  /** Set when `ended` is. */
  outcome: 'stopped' | Error | undefined;
}

function createRun(edges: {
  options: OperatorOptions;
  root: string;
  clock: FakeClock;
  simulator: CvmSimulator;
  seed: number;
}): { operator: OperatorUnderTest; end(): Promise<void> } {
  const { root, clock, simulator, seed } = edges;
  const manifestsDir = join(root, 'manifests');
  const logged: LogLine[] = [];
  const rawLog: string[] = [];
  const lives: Running[] = [];
  let current: Running | undefined;
  let statePath = '';
  let isThen = (_moment: Moment): boolean => false;

  const statePathOf = (life: number): string => join(root, `state-${life}`, 'state.db');
  const prepare = (life: number): string => {
    mkdirSync(join(root, `state-${life}`));
    return statePathOf(life);
  };
  /** What is on the disk when a process is killed: what SQLite has written, not what it would have. */
  const rescueState = (): void => {
    isThen = () => false;
    const from = statePath;
    statePath = prepare(lives.length);
    for (const suffix of ['', '-wal']) if (existsSync(from + suffix)) copyFileSync(from + suffix, statePath + suffix);
    // The system gives up the locks of a process that is killed; the dead life here is still in this one.
    rmSync(join(manifestsDir, '.aiops-installation.lock'), { force: true });
  };
  const view = <T>(read: (state: LocalView) => T): T => {
    const state = openLocalView({ statePath, kinds });
    try {
      return read(state);
    } finally {
      state.close();
    }
  };
  const ports = (): LogLine | undefined =>
    logged.findLast(({ msg, health }) => msg === 'started' && health !== undefined);
  const failIfOver = (): void => {
    if (current?.outcome instanceof Error) throw current.outcome;
    const code = current?.life.exitCode;
    if (code !== undefined) throw new Error(`the operator has ended itself with ${code}: ${rawLog.at(-1)}`);
  };

  const operator: OperatorUnderTest = {
    clock,
    simulator,
    manifestsDir,
    get statePath() {
      return statePath;
    },
    logged,
    rawLog,
    get urls() {
      const at = ports();
      return { health: `http://127.0.0.1:${at?.['health']}`, metrics: `http://127.0.0.1:${at?.['metrics']}` };
    },
    write(file, manifest) {
      const text =
        typeof manifest === 'string' ? manifest : manifest.map((object) => `---\n${stringify(object)}`).join('');
      writeFileSync(join(manifestsDir, file), text);
    },
    remove: (file) => rmSync(join(manifestsDir, file)),

    async start(more = {}) {
      const options = { ...edges.options, ...more };
      if (statePath === '') statePath = prepare(0);
      if (lives.length === 0) introduce(statePath, uuid(createRandom(seed)));
      const life = startLife(clock, (moment) => isThen(moment), rescueState);
      const before = logged.length;
      const settings = { ...settingsFor(manifestsDir, statePath, simulator.url), ...options.settings };
      const running: Running = {
        life,
        outcome: undefined,
        ended: runOperator(settings, {
          ...options.edges,
          // Reading the folder is what a life costs most.
          storeLimits: { pollMs: POLL_MS, ...options.edges?.storeLimits },
          process: life.process,
          env: options.env ?? {},
          clock: life.clock,
          // Time stands still while an answer is under way.
          clockFactor: 1,
          writeLog(line) {
            if (life.isDead) return;
            rawLog.push(line);
            logged.push(JSON.parse(line));
          },
          hasColours: false,
          random: options.edges?.random ?? createRandom(seed * 1000 + lives.length),
          decorateClouds: (clouds) => {
            const decorated = options.edges?.decorateClouds?.(clouds) ?? clouds;
            return life.decorateClouds(decorated);
          },
        }).then(
          () => {
            running.outcome = 'stopped';
          },
          (error: Error) => {
            running.outcome = error;
          },
        ),
      };
      lives.push(running);
      current = running;
      const hasStarted = (): boolean =>
        logged.slice(before).some(({ msg, health }) => msg === 'started' && health !== undefined);
      while (!hasStarted() && running.outcome === undefined) await new Promise((resolve) => setImmediate(resolve));
      failIfOver();
      await clock.settle();
    },
    async stop() {
      const running = current;
      if (!running || running.life.isDead) return;
      running.life.process.emit('SIGTERM', 'SIGTERM');
      for (let passed = 0; running.outcome === undefined && passed < 60_000; passed += STEP_MS) {
        await clock.advance(STEP_MS);
        // Closing connections takes real time that nobody counts.
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      await running.ended;
      current = undefined;
      if (running.outcome instanceof Error) throw running.outcome;
    },
    async abandon() {
      current?.life.die();
      await clock.settle();
    },
    abandonWhen(when) {
      isThen = when;
    },
    get isRunning() {
      return current !== undefined && !current.life.isDead && current.outcome === undefined;
    },
    async advance(ms) {
      await clock.advance(ms);
      failIfOver();
    },
    async until(what, condition, ms = 10 * 60_000) {
      for (let passed = 0; !condition(); passed += STEP_MS) {
        if (passed >= ms) throw new Error(`after ${ms / 1000} s still not: ${what}`);
        await operator.advance(STEP_MS);
      }
    },

    pool: (name) => view((state) => state.get(SPOT_POOL, { namespace: 'default', name }) as SpotPool | undefined),
    condition: (name, type) => operator.pool(name)?.status?.conditions?.find((each) => each.type === type),
    events: (name) =>
      view((state) => {
        const object: KubeObject | undefined = state.get(SPOT_POOL, { namespace: 'default', name });
        return object ? state.events(object) : [];
      }),
    problems: () => view((state) => state.problems().map(problemText)),
    control: (request) => callControl({ statePath, clock: systemClock }, request),
    scale: (name, replicas) => operator.control({ op: 'scale', ...SPOT_POOL, namespace: 'default', name, replicas }),
    delete: (name) => operator.control({ op: 'delete', ...SPOT_POOL, namespace: 'default', name }),
  };

  return {
    operator,
    async end() {
      for (const { life, outcome } of lives) if (outcome === undefined) life.bury();
      await Promise.all(lives.map(({ ended }) => ended));
    },
  };
}

/** What a person would want to see when a scenario has gone wrong. */
function report({ logged, simulator }: OperatorUnderTest): string {
  const calls = simulator.journal.entries.slice(-20).map((entry) => JSON.stringify(entry).slice(0, 240));
  const lines = logged.slice(-20).map((line) => JSON.stringify(line).slice(0, 400));
  return ['the cloud:', ...calls, 'the operator:', ...lines].join('\n');
}

/** A manifest of the clone's `examples/`, as it is. */
export function example(name: string): string {
  return readFileSync(new URL(`../../examples/${name}`, import.meta.url), 'utf8');
}
