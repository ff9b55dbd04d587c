import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Assumptions } from '../../simulators/cvm/assumptions.ts';
import { type CvmSimulator, startCvmSimulator } from '../../simulators/cvm/simulator.ts';
import { acceleratedClock } from '../../src/lib/clock.ts';
import { AIOPS, cleanEnv, type Ended, ROOT, type Running, run, start } from './process.ts';

/** Seconds of the cloud that pass in each second: a machine comes up in about one. */
const FACTOR = 60;

/** Recognisable wherever it should not appear. */
export const SECRET_KEY = 'e2eKEYe2eKEYe2eKEYe2eKEYe2eKEY77';
export const SECRET_ID = 'AKIDe2e0000000000000000000000000000';

/** A simulated cloud in this process, and folders for an operator that is a process of its own. */
export interface World {
  readonly simulator: CvmSimulator;
  /** Holds `manifests/` and `state.db`. */
  readonly folder: string;
  readonly state: string;
  /** Writes (or replaces) the manifest of a pool of that name. */
  writePool(name: string, size: { minimum: number; maximum: number }): void;
  /** Starts the operator; flags later in the list win. */
  operate(...flags: string[]): Operator;
  /** Runs `bin/aiops` on this state, on the common clock. */
  aiops(...args: string[]): Promise<Ended>;
  /** The same, without waiting for its end. */
  startAiops(...args: string[]): Running;
  /** The status of a pool, as `get -o json` shows it. */
  poolStatus(name: string): Promise<PoolStatus | undefined>;
  /** Ids of the machines that cost money. */
  alive(): readonly string[];
  /** Ends every operator that still runs, and the simulator. */
  close(): Promise<void>;
}

export interface Operator extends Running {
  /** Resolves with the ports once the operator has started. */
  started(): Promise<{ readonly health: number; readonly metrics: number }>;
  /** Ends it with `signal` and waits for that. */
  stop(signal?: NodeJS.Signals): Promise<Ended>;
}

interface PoolStatus {
  readonly size?: number;
  readonly ready?: number;
  readonly instances?: readonly { readonly instanceId: string; readonly phase: string }[];
  readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason: string }[];
}

/**
 * @param options.assumptions how the simulated cloud departs from the documented reading
 * @param options.program the command line tool; default that of the clone
 */
export async function openWorld(
  options: { assumptions?: Partial<Assumptions>; program?: string } = {},
): Promise<World> {
  const { assumptions = {}, program = AIOPS } = options;
  const folder = mkdtempSync(join(tmpdir(), 'aiops-e2e-'));
  const manifests = join(folder, 'manifests');
  const state = join(folder, 'state.db');
  mkdirSync(manifests);
  const realStart = Date.now();
  const simulator = await startCvmSimulator({
    clock: acceleratedClock({ realStart, start: realStart, factor: FACTOR }),
    accounts: [{ keys: [{ secretId: SECRET_ID, secretKey: SECRET_KEY }], balance: 10_000, spotQuotaCores: 10_000 }],
    rateFactor: FACTOR,
    assumptions,
  });
  simulator.setStock('ap-singapore-2', 'GN7.2XLARGE32', 'SPOTPAID', 1000);
  const env = cleanEnv({ AIOPS_CLOCK: `${realStart},${realStart},${FACTOR}`, AIOPS_SIM: simulator.url });
  const running = new Set<Operator>();
  const startAiops = (...args: string[]): Running => start([program, ...args, '--state', state], { env, cwd: folder });
  const aiops = (...args: string[]): Promise<Ended> => run([program, ...args, '--state', state], { env, cwd: folder });
  return {
    simulator,
    folder,
    state,
    writePool: (name, size) => writeFileSync(join(manifests, `${name}.yaml`), poolYaml(name, size)),
    operate(...flags) {
      const fixed = ['--manifests', manifests, '--tencent-endpoint', simulator.url, '--egress', 'loopback'];
      const process = startAiops('run', ...fixed, '--metrics-port', '0', '--health-port', '0', ...flags);
      const operator: Operator = {
        ...process,
        async started() {
          const [, health, metrics] = await process.sees(/"health":(\d+),"metrics":(\d+),"msg":"started"/);
          return { health: Number(health), metrics: Number(metrics) };
        },
        stop(signal = 'SIGTERM') {
          process.child.kill(signal);
          return process.ended;
        },
      };
      running.add(operator);
      void operator.ended.finally(() => running.delete(operator));
      return operator;
    },
    aiops,
    startAiops,
    async poolStatus(name) {
      const { code, stdout } = await aiops('get', 'spotpool', name, '-o', 'json');
      return code === 0 ? (JSON.parse(stdout) as { status?: PoolStatus }).status : undefined;
    },
    alive: () =>
      simulator
        .state()
        .instances.filter(({ state: now }) => now === 'PENDING' || now === 'RUNNING')
        .map(({ id }) => id)
        .toSorted(),
    async close() {
      await Promise.all([...running].map((operator) => operator.stop('SIGKILL')));
      await simulator.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The sample manifest with another name, size and key. */
function poolYaml(name: string, { minimum, maximum }: { minimum: number; maximum: number }): string {
  return readFileSync(join(ROOT, 'examples/spotpool-sample.yaml'), 'utf8')
    .replace(/^ {2}name: .*$/m, `  name: ${name}`)
    .replace(/^ {2}secretId: .*$/m, `  secretId: ${SECRET_ID}`)
    .replace(/^ {2}secretKey: .*$/m, `  secretKey: ${SECRET_KEY}`)
    .replace(/^ {2}minimum: .*$/m, `  minimum: ${minimum}`)
    .replace(/^ {2}maximum: .*$/m, `  maximum: ${maximum}`);
}
