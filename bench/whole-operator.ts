import { EventEmitter } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRandom } from '../simulators/cvm/random.ts';
import { type CvmSimulator, type CvmSimulatorOptions, startCvmSimulator } from '../simulators/cvm/simulator.ts';
import { runOperator } from '../src/wiring.ts';
import { createFakeClock, type FakeClock } from '../test/builders/fake-clock.ts';
import { watchIo } from '../test/builders/io-watch.ts';
import { settingsFor } from '../test/builders/operator-settings.ts';

export interface SimulatedRun {
  readonly seed: number;
  readonly simulator: Omit<CvmSimulatorOptions, 'clock' | 'seed'>;
  /** Manifests, a file each. Called once the cloud is there. */
  manifests(cloud: CvmSimulator): readonly object[];
  /** How often the folder of manifests is looked at, in milliseconds; it does not change. */
  readonly pollMs?: number;
}

export interface SimulatedOperator {
  readonly clock: FakeClock;
  readonly cloud: CvmSimulator;
  /** Lets time pass. @throws when the operator ends by itself meanwhile */
  advance(ms: number): Promise<void>;
}

const STEP_MS = 1000;
const POLL_MS = 60_000;

/** Runs the whole operator in this process, against a simulated cloud, on a clock that only `advance` moves. */
export async function withSimulatedOperator<T>(
  run: SimulatedRun,
  work: (operator: SimulatedOperator) => Promise<T>,
): Promise<T> {
  const root = mkdtempSync(join(tmpdir(), 'aiops-bench-'));
  let cloud: CvmSimulator | undefined;
  const io = watchIo(() => cloud?.hanging ?? 0);
  const clock = createFakeClock({ busy: () => io.busy() + (cloud?.inFlight ?? 0) });
  try {
    cloud = await startCvmSimulator({ ...run.simulator, clock, seed: run.seed });
    const folder = join(root, 'manifests');
    mkdirSync(folder);
    // JSON is YAML too.
    run.manifests(cloud).forEach((manifest, index) => {
      writeFileSync(join(folder, `${index}.yaml`), JSON.stringify(manifest));
    });
    const operator = startOperator({ root, folder, clock, cloud, seed: run.seed, pollMs: run.pollMs ?? POLL_MS });
    try {
      await operator.started();
      return await work({ clock, cloud, advance: operator.advance });
    } finally {
      await operator.stop();
    }
  } finally {
    await cloud?.close();
    io.stop();
    rmSync(root, { recursive: true, force: true });
  }
}

interface Place {
  readonly root: string;
  readonly folder: string;
  readonly clock: FakeClock;
  readonly cloud: CvmSimulator;
  readonly seed: number;
  readonly pollMs: number;
}

function startOperator({ root, folder, clock, cloud, seed, pollMs }: Place) {
  let exitCode: number | undefined;
  const exit = (code: number): void => {
    exitCode ??= code;
  };
  const process = Object.assign(new EventEmitter(), { exit });
  let hasStarted = false;
  let lastLine = '';
  let failure: unknown;
  let isOver = false;
  runOperator(settingsFor(folder, join(root, 'state.db'), cloud.url), {
    process,
    env: {},
    clock,
    clockFactor: 1,
    hasColours: false,
    random: createRandom(seed * 1000),
    storeLimits: { pollMs },
    writeLog(line) {
      lastLine = line;
      hasStarted ||= line.includes('"msg":"started"') && line.includes('"health":');
    },
  }).then(
    () => {
      isOver = true;
    },
    (error: unknown) => {
      isOver = true;
      failure = error;
    },
  );
  const failIfOver = (): void => {
    if (failure !== undefined) throw failure;
    if (isOver || exitCode !== undefined) throw new Error(`the operator has ended by itself: ${lastLine}`);
  };
  return {
    async started(): Promise<void> {
      while (!hasStarted) {
        failIfOver();
        await new Promise((resolve) => setImmediate(resolve));
      }
      await clock.settle();
    },
    async advance(ms: number): Promise<void> {
      await clock.advance(ms);
      failIfOver();
    },
    async stop(): Promise<void> {
      process.emit('SIGTERM', 'SIGTERM');
      while (!isOver) {
        await clock.advance(STEP_MS);
        // Closing connections takes real time.
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    },
  };
}
