import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { createRandom, uuid } from '../../../simulators/cvm/random.ts';
import { type CvmSimulator, type CvmSimulatorOptions, startCvmSimulator } from '../../../simulators/cvm/simulator.ts';
import { kinds } from '../../../src/api/kinds.ts';
import type { SpotPool } from '../../../src/api/spotpool.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { callControl } from '../../../src/store/local/control-client.ts';
import { openLocalView } from '../../../src/store/local/local-view.ts';
import { StoreError } from '../../../src/store/store.ts';
import { type PoolEdges, runOperator } from '../../../src/wiring.ts';
import { createFakeClock, type FakeClock } from '../../builders/fake-clock.ts';
import { watchIo } from '../../builders/io-watch.ts';
import { introduce, settingsFor } from '../../builders/operator-settings.ts';
import { stopMeters } from './meters.ts';
import { createMortal, type Mortal } from './mortal.ts';
import type { Reaper } from './points.ts';

export const POOL = { apiVersion: 'demo.aiops.org/v1', kind: 'SpotPool', namespace: 'default', name: 'pool' } as const;

/** Breaks the operator on purpose; called for each life. */
export type Sabotage = (pools: PoolEdges) => PoolEdges;

/** One simulated cloud, one folder of manifests, and one operator after the other. */
export interface CrashWorld {
  readonly clock: FakeClock;
  readonly simulator: CvmSimulator;
  readonly installationId: string;
  /** The last lines that were logged, of all lives. */
  readonly log: readonly string[];
  readonly isDead: boolean;
  /** Starts an operator on what the last one left. It may die while it starts. */
  start(): Promise<void>;
  advance(ms: number): Promise<void>;
  write(manifest: object): void;
  /** Asks the operator, as the command line does. @returns false when there was nobody who answered */
  ask(request: { readonly op: 'scale'; readonly replicas: number } | { readonly op: 'delete' }): Promise<boolean>;
  /** The pool as the operator has it, from its state file. */
  pool(): SpotPool | undefined;
  close(): Promise<void>;
}

export interface CrashWorldOptions {
  readonly seed: number;
  readonly simulator: Omit<CvmSimulatorOptions, 'clock' | 'seed'>;
  readonly reaper: Reaper;
  readonly sabotage?: Sabotage | undefined;
}

/** The folder is looked at as rarely as a pool. */
const FOLDER_POLL_MS = 45_000;
const LINES_KEPT = 60;
/** Every write is flushed to the disk, and thousands of lives write a lot: in memory that costs nothing. */
const MEMORY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

export async function openCrashWorld({ seed, reaper, sabotage, ...options }: CrashWorldOptions): Promise<CrashWorld> {
  const root = mkdtempSync(join(MEMORY, 'aiops-crash-'));
  const manifestsDir = join(root, 'manifests');
  mkdirSync(manifestsDir);
  let held: CvmSimulator | undefined;
  const io = watchIo(() => held?.hanging ?? 0);
  const clock = createFakeClock({ busy: () => io.busy() + (held?.inFlight ?? 0) });
  const simulator = await startCvmSimulator({ ...options.simulator, clock, seed });
  held = simulator;
  const installationId = uuid(createRandom(seed));
  const log: string[] = [];
  let lives = 0;
  let life: Mortal | undefined;
  let ended: Promise<void> = Promise.resolve();
  let failure: Error | undefined;
  let statePath = join(root, '0', 'state.db');
  mkdirSync(join(root, '0'));
  introduce(statePath, installationId);

  /** What is on the disk when a process is killed: what SQLite has written, not what it would have. */
  const rescue = (): void => {
    const from = statePath;
    mkdirSync(join(root, `${lives}`));
    statePath = join(root, `${lives}`, 'state.db');
    for (const suffix of ['', '-wal']) if (existsSync(from + suffix)) copyFileSync(from + suffix, statePath + suffix);
  };
  const bury = async (): Promise<void> => {
    await life?.bury(ended);
    stopMeters();
    life = undefined;
  };

  return {
    clock,
    simulator,
    installationId,
    log,
    get isDead() {
      return life?.isDead ?? true;
    },
    async start() {
      await bury();
      lives += 1;
      const random = createRandom(seed * 1000 + lives);
      const born = createMortal({ clock, pass: (point) => reaper.pass(point), onDeath: rescue });
      life = born;
      let isOver = false;
      let hasStarted = false;
      const settings = settingsFor(manifestsDir, statePath, simulator.url);
      ended = born
        .run(() =>
          runOperator(settings, {
            process: born.process,
            env: {},
            clock: born.clock,
            // Time stands still while an answer is under way.
            clockFactor: 1,
            hasColours: false,
            random,
            storeLimits: { pollMs: FOLDER_POLL_MS, decorateState: born.decorateState },
            decorateClouds: born.decorateClouds,
            decoratePools: (pools) => born.decoratePools(sabotage ? sabotage(pools) : pools),
            writeLog(line) {
              if (born.isDead) return;
              if (line.includes('"msg":"started"')) hasStarted = true;
              log.push(line);
              if (log.length > LINES_KEPT) log.shift();
            },
          }),
        )
        .catch((error: Error) => {
          if (!born.isDead) failure = error;
        })
        .finally(() => {
          isOver = true;
        });
      while (!hasStarted && !isOver && !born.isDead) await new Promise((resolve) => setImmediate(resolve));
      if (failure) throw failure;
      await clock.settle();
    },
    async advance(ms) {
      await clock.advance(ms);
      if (failure) throw failure;
    },
    write: (manifest) => writeFileSync(join(manifestsDir, 'pool.yaml'), stringify(manifest)),
    async ask(request) {
      try {
        await callControl({ statePath, clock: systemClock }, { ...POOL, ...request });
        return true;
      } catch (error) {
        if (error instanceof StoreError) return false;
        throw error;
      }
    },
    pool() {
      const view = openLocalView({ statePath, kinds });
      try {
        return view.get(POOL, POOL) as SpotPool | undefined;
      } finally {
        view.close();
      }
    },
    async close() {
      await bury();
      await simulator.close();
      io.stop();
      rmSync(root, { recursive: true, force: true });
    },
  };
}
