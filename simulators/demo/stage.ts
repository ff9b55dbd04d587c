import { type ChildProcess, spawn } from 'node:child_process';
import { cp, mkdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { acceleratedClock } from '../../src/lib/clock.ts';
import { type CvmSimulator, startCvmSimulator } from '../cvm/simulator.ts';
import type { Decision, Narrator } from './narrator.ts';
import { readDecision, tellCloud, tellDecision } from './narrator.ts';
import type { Sabotage } from './settings.ts';

/** The port that `aiops simulate …` asks when it is not told another. */
const USUAL_PORT = 7070;
/** The operator stops in order within this time, or is ended. */
const STOP_WITHIN_MS = 15_000;

/**
 * Runs the command behind it and ends with it. Tells it to stop once standard input ends: when the demo closes it, or is
 * gone in whatever way, for an operator must not go on without anybody who could stop it.
 */
const LEASH = `
exec 3<&0
"$@" </dev/null 3<&- &
operator=$!
{ cat <&3; kill -TERM "$operator"; } >/dev/null 2>&1 &
exec 3<&-
wait "$operator"`;

export interface StageOptions {
  /** The clone. */
  readonly root: string;
  /** How many seconds of the cloud pass in one real second. */
  readonly factor: number;
  readonly sabotage: Sabotage | undefined;
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

/**
 * Puts the manifests into `.demo/`, starts the simulator and then the operator on them.
 * @throws {Error} when a demo runs in this folder already
 */
export async function openStage({ root, factor, sabotage, narratorOf }: StageOptions): Promise<Stage> {
  const folder = join(root, '.demo');
  const state = join(folder, 'state.db');
  if (await isAnswering(`${state}.sock`)) {
    throw new Error(`a demo runs in ${root} already; stop that one first, or use another clone`);
  }
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
  // Commands are run as a person types them, who has set nothing.
  const bare = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('AIOPS_')));
  const env = { ...bare, AIOPS_CLOCK: `${realStart},${realStart},${factor}` };
  const decisions: Decision[] = [];
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
    run: (command) => runCommand(command, root, bare, children),
    async close() {
      if (isClosed) return;
      isClosed = true;
      for (const child of children) child.kill('SIGTERM');
      await stopOperator(operator);
      await simulator.close();
    },
  };
}

/** Whether somebody listens on a Unix socket; one that was left by a process that has ended does not count. */
function isAnswering(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
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
  return spawn('/bin/sh', ['-c', LEASH, 'leash', ...command, ...flags], {
    cwd: root,
    env: { ...env, ...(sabotage ? { SABOTAGE: sabotage } : {}) },
    stdio: ['pipe', 'pipe', 'pipe'],
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
      narrator.say('operator', tellDecision(decision), decision.isWarning ? 'yellow' : 'green');
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

async function stopOperator(leash: ChildProcess): Promise<void> {
  if (leash.exitCode !== null || leash.signalCode !== null || leash.pid === undefined) return;
  const group = -leash.pid;
  const ended = new Promise<void>((resolve) => leash.on('close', () => resolve()));
  leash.stdin?.end();
  const giveUp = setTimeout(() => process.kill(group, 'SIGKILL'), STOP_WITHIN_MS);
  await ended;
  clearTimeout(giveUp);
}
