import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Figure, machineSetup, rounded } from '../figure.ts';
import type { JournalEntry } from '../journal-entry.ts';
import { pool } from '../pool.ts';
import { assertBundle, startOperator, stop } from '../process.ts';
import type { Order, Report } from './cloud.ts';
import { judgeSteady, peakMibOf, ticksOf } from './judge.ts';

/** `STEADY_POOLS` makes a smaller load for a quick look; the figures then say so. */
const POOLS = Number(process.env['STEADY_POOLS'] ?? 1000);
const POOL_SIZE = 10;
const POOLS_PER_FILE = 10;
const MACHINES = POOLS * POOL_SIZE;
const LOST_PER_MINUTE = MACHINES / 100;
const PAGE_SIZE = 100;
const MEASURED_MS = 120_000;
/** From the first loss on: until lost machines are noticed, replaced and ready in a steady flow. */
const SETTLING_MS = 60_000;
const LONGEST_FILLING_MS = 9 * 60_000;
const GOALS = { cpuShare: 0.5, rssMib: 260, describeCallsPerSweep: Math.ceil(MACHINES / PAGE_SIZE) } as const;

interface Measured {
  readonly cpuShare: number;
  readonly peakMib: number;
  readonly filledAfterS: number;
  readonly verdict: ReturnType<typeof judgeSteady>;
}

/**
 * `cpu-share`: of one core, that the operator's process uses while it keeps all machines. `rss-mib`: the most memory that it
 * ever held. `describe-calls-per-sweep`: pages that one look at all machines takes. Less is better for all three.
 */
export async function* measure(): AsyncGenerator<Figure> {
  assertBundle();
  const { cpuShare, peakMib, filledAfterS, verdict } = await measureSteady();
  const setup =
    `${POOLS} pools of ${POOL_SIZE}, probes on, default intervals, ${LOST_PER_MINUTE} machines lost a minute; bundle and simulator (one shared ` +
    `listener) are two processes on the same ${machineSetup()}; filled in ${filledAfterS} s, then measured for ${MEASURED_MS / 1000} s: ` +
    `${verdict.lost} lost, ${verdict.bought} bought`;
  yield { figure: 'cpu-share', value: rounded(cpuShare, 3), unit: 'cores', goal: GOALS.cpuShare, setup };
  yield { figure: 'rss-mib', value: rounded(peakMib, 1), unit: 'MiB', goal: GOALS.rssMib, setup: `VmHWM; ${setup}` };
  yield {
    figure: 'describe-calls-per-sweep',
    value: rounded(verdict.callsPerSweep, 2),
    unit: 'calls',
    goal: GOALS.describeCallsPerSweep,
    setup: `${verdict.sweeps} sweeps, and ${verdict.otherDescribes} calls about single machines; ${setup}`,
  };
}

async function measureSteady(): Promise<Measured> {
  const folder = await mkdtemp(join(tmpdir(), 'aiops-bench-'));
  const children: ChildProcess[] = [];
  try {
    const cloud = fork(new URL('cloud.ts', import.meta.url), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    children.push(cloud);
    const place = await nextReport(cloud);
    if (!('url' in place)) throw new Error('the simulator did not say where it is');
    const manifests = join(folder, 'manifests');
    await writeManifests(manifests, place.machinePort);
    const operator = startOperator({ manifests, state: join(folder, 'state.db'), endpoint: place.url });
    children.push(operator);
    operator.stderr?.resume();
    const began = performance.now();
    await filled(cloud, operator);
    const filledAfterS = Math.round((performance.now() - began) / 1000);
    cloud.send({ losePerMinute: LOST_PER_MINUTE } satisfies Order);
    await sleep(SETTLING_MS);
    return { filledAfterS, ...(await observe(cloud, operator, place.url)) };
  } finally {
    for (const child of children.toReversed()) await stop(child);
    await rm(folder, { recursive: true, force: true });
  }
}

async function observe(
  cloud: ChildProcess,
  operator: ChildProcess,
  url: string,
): Promise<Omit<Measured, 'filledAfterS'>> {
  const { seq } = await stateOf(cloud);
  const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  const from = { at: Date.now(), ms: performance.now(), ticks: ticksOf(await proc(operator, 'stat')) };
  await sleep(MEASURED_MS);
  const ticks = ticksOf(await proc(operator, 'stat')) - from.ticks;
  const seconds = (performance.now() - from.ms) / 1000;
  const to = Date.now();
  const peakMib = peakMibOf(await proc(operator, 'status'));
  const journal = await fetch(`${url}/_sim/journal?since=${seq}`);
  const entries = (await journal.json()) as readonly JournalEntry[];
  return { cpuShare: ticks / ticksPerSecond / seconds, peakMib, verdict: judgeSteady(entries, from.at, to) };
}

/** Waits until all machines run, and a little longer: until they were asked and found ready. */
async function filled(cloud: ChildProcess, operator: ChildProcess): Promise<void> {
  const limit = performance.now() + LONGEST_FILLING_MS;
  for (;;) {
    const { running } = await stateOf(cloud);
    if (running >= MACHINES) break;
    if (performance.now() > limit) throw new Error(`only ${running} of ${MACHINES} machines run after nine minutes`);
    await proc(operator, 'stat');
    await sleep(1000);
  }
  await sleep(30_000);
}

async function stateOf(cloud: ChildProcess): Promise<{ running: number; seq: number }> {
  const report = nextReport(cloud);
  cloud.send({ ask: 'state' } satisfies Order);
  const state = await report;
  if (!('running' in state)) throw new Error('the simulator did not say how it is');
  return state;
}

async function nextReport(cloud: ChildProcess): Promise<Report> {
  const over = new AbortController();
  const { signal } = over;
  const ended = once(cloud, 'exit', { signal }).then((): never => {
    throw new Error('the simulator has ended by itself');
  });
  try {
    const [report] = await Promise.race([once(cloud, 'message', { signal }), ended]);
    return report;
  } finally {
    over.abort();
  }
}

/** @throws when the process has ended */
async function proc(child: ChildProcess, file: 'stat' | 'status'): Promise<string> {
  if (child.exitCode !== null || child.pid === undefined) throw new Error('the operator has ended by itself');
  return await readFile(`/proc/${child.pid}/${file}`, 'utf8');
}

async function writeManifests(folder: string, port: number): Promise<void> {
  await mkdir(folder);
  for (let from = 0; from < POOLS; from += POOLS_PER_FILE) {
    const names = Array.from({ length: POOLS_PER_FILE }, (_, index) => from + index).filter((number) => number < POOLS);
    const documents = names.map((number) => JSON.stringify(manifest(number, port)));
    await writeFile(join(folder, `pools-${from}.yaml`), documents.join('\n---\n'));
  }
}

function manifest(number: number, port: number): object {
  const subnets = ['subnet-k3m8q0a1', 'subnet-gfrv79s2', 'subnet-t7w2c5d3'];
  const offerings = subnets.map((_, index) => {
    const zone = (number + index) % subnets.length;
    return { availabilityZone: `ap-singapore-${zone + 1}`, subnetId: subnets[zone] };
  });
  return pool(`steady-${number}`, POOL_SIZE, { offerings, readiness: { port } });
}
