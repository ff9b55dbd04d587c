import { type ChildProcess, spawn } from 'node:child_process';
import { cp, mkdir, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { acceleratedClock } from '../../src/lib/clock.ts';
import { type CvmSimulator, startCvmSimulator } from '../cvm/simulator.ts';
import type { Decision, Narrator } from './narrator.ts';
import { readDecision, tellCloud } from './narrator.ts';

/** The port that `aiops simulate …` asks when it is not told another. */
const USUAL_PORT = 7070;
/** The operator stops in order within this time, or is ended. */
const STOP_WITHIN_MS = 15_000;

export interface StageOptions {
  /** The clone. */
  readonly root: string;
  /** How many seconds of the cloud pass in one real second. */
  readonly factor: number;
  readonly sabotage: 'leak' | 'double' | undefined;
  readonly narratorOf: (now: () => number) => Narrator;
}

/** What a command said. */
interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The simulated cloud and the operator, running on one clock. */
export interface Stage {
  readonly simulator: CvmSimulator;
  readonly narrator: Narrator;
  /** Everything that the operator has told so far. */
  readonly decisions: readonly Decision[];
  /** Rejects when the operator ends by itself. */
  readonly broken: Promise<never>;
  /** Words to put behind `bin/aiops simulate …` and `bin/aiops get …` so that they find this stage. */
  readonly simFlags: string;
  readonly stateFlags: string;
  /** Runs one command line of `bin/aiops` as a person would. */
  run(command: string): Promise<Output>;
  /** Ends the operator in order, then the simulator. May be called twice. */
  close(): Promise<void>;
}

/** Puts the manifests into `.demo/`, starts the simulator and then the operator on them. */
export async function openStage({ root, factor, sabotage, narratorOf }: StageOptions): Promise<Stage> {
  const folder = join(root, '.demo');
  await rm(folder, { recursive: true, force: true });
  await mkdir(join(folder, 'manifests'), { recursive: true });
  for (const name of ['spotpool-sample.yaml', 'spotpool-first.yaml'])
    await cp(join(root, 'examples', name), join(folder, 'manifests', name));

  const realStart = Date.now();
  const clock = acceleratedClock({ realStart, start: realStart, factor });
  const narrator = narratorOf(() => clock.now());
  const simulator = await startOnUsualPort(clock);
  simulator.journal.watch((entry) => {
    const told = tellCloud(entry);
    if (told) narrator.say('cloud', told.text, told.colour);
  });
  const env = { ...process.env, AIOPS_CLOCK: `${realStart},${realStart},${factor}`, AIOPS_SIM: simulator.url };
  const decisions: Decision[] = [];
  const state = join(folder, 'state.db');
  const operator = startOperator({ root, folder, state, simulator, env, sabotage });
  const broken = followOperator(operator, narrator, decisions);

  const children = new Set<ChildProcess>();
  let isClosed = false;
  return {
    simulator,
    narrator,
    decisions,
    broken,
    simFlags: simulator.port === USUAL_PORT ? '' : ` --sim ${simulator.url}`,
    stateFlags: ` --state ${relative(root, state)}`,
    run: (command) => runCommand(command, root, env, children),
    async close() {
      if (isClosed) return;
      isClosed = true;
      for (const child of children) child.kill('SIGTERM');
      await stopChild(operator);
      await simulator.close();
    },
  };
}

async function startOnUsualPort(clock: ReturnType<typeof acceleratedClock>): Promise<CvmSimulator> {
  try {
    return await startCvmSimulator({ clock, port: USUAL_PORT });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    return startCvmSimulator({ clock, port: 0 });
  }
}

function startOperator(options: {
  root: string;
  folder: string;
  state: string;
  simulator: CvmSimulator;
  env: NodeJS.ProcessEnv;
  sabotage: StageOptions['sabotage'];
}): ChildProcess {
  const { root, folder, state, simulator, env, sabotage } = options;
  const flags = [
    'run',
    ...[
      '--manifests',
      join(folder, 'manifests'),
      '--state',
      state,
      '--tencent-endpoint',
      simulator.url,
      '--egress',
      'loopback',
    ],
    ...['--metrics-port', '0', '--health-port', '0', '--log-format', 'json'],
  ];
  // A broken operator is built from the same parts by a test; the product itself has no such switch.
  const command = sabotage ? [process.execPath, join(root, 'test/sabotage/operator.ts')] : [join(root, 'bin/aiops')];
  const [program = '', ...first] = command;
  return spawn(program, [...first, ...flags], {
    cwd: root,
    env: { ...env, ...(sabotage ? { SABOTAGE: sabotage } : {}) },
    stdio: ['ignore', 'pipe', 'pipe'],
    // Ctrl-C in a terminal reaches the whole group: the demo alone decides when the operator stops.
    detached: true,
  });
}

function followOperator(operator: ChildProcess, narrator: Narrator, decisions: Decision[]): Promise<never> {
  const errors: string[] = [];
  if (operator.stdout) {
    createInterface({ input: operator.stdout }).on('line', (line) => {
      const decision = readDecision(line);
      if (!decision) return;
      decisions.push(decision);
      narrator.say(
        'operator',
        `${decision.pool.split('/')[1] ?? '-'}  ${decision.reason}: ${decision.note}`,
        decision.isWarning ? 'yellow' : 'green',
      );
    });
  }
  operator.stderr?.on('data', (data: Buffer) => errors.push(data.toString()));
  const broken = new Promise<never>((_resolve, reject) => {
    operator.on('error', reject);
    operator.on('exit', (code, signal) =>
      reject(new Error(`the operator has ended (${signal ?? `code ${code}`}) ${errors.join('').trim()}`)),
    );
  });
  broken.catch(() => {}); // Whoever waits for something sees it.
  return broken;
}

function runCommand(
  command: string,
  root: string,
  env: NodeJS.ProcessEnv,
  children: Set<ChildProcess>,
): Promise<Output> {
  const [program = '', ...args] = command.split(' ');
  const child = spawn(join(root, program), args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
  children.add(child);
  return new Promise((resolve, reject) => {
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (data: Buffer) => {
      stdout += data.toString();
    });
    child.stderr.on('data', (data: Buffer) => {
      stderr += data.toString();
    });
    child.on('error', reject);
    child.on('close', (code) => {
      children.delete(child);
      resolve({ code: code ?? 1, stdout, stderr });
    });
  });
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  child.kill('SIGTERM');
  const giveUp = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
  await ended;
  clearTimeout(giveUp);
}
