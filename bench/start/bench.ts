import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startCvmSimulator } from '../../simulators/cvm/simulator.ts';
import { type Figure, machineSetup } from '../figure.ts';
import { assertBundle, startOperator, stop } from '../process.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MANIFEST = join(ROOT, 'examples/spotpool-sample.yaml');

const STARTS = 5;
const IDLE_MS = 20_000;
/** A start that takes longer than this is broken, not slow. */
const LONGEST_START_MS = 30_000;

/**
 * `first-reconcile-ms`: from the start of the operator's process until the first DescribeInstances is in the simulator's
 * journal, less is better. `idle-rss-mib`: what the process holds in memory while its pool of two is kept, less is better.
 */
export async function* measure(): AsyncGenerator<Figure> {
  assertBundle();
  const pool = 'one pool of two machines, bundle';
  const times: number[] = [];
  for (let start = 0; start < STARTS; start += 1) {
    times.push(await withOperator(async ({ firstReconcile }) => await firstReconcile));
  }
  yield {
    figure: 'first-reconcile-ms',
    value: Math.round(median(times)),
    unit: 'ms',
    goal: 200,
    setup: `${pool}, new state each time, median of ${STARTS}; ${machineSetup()}`,
  };

  const rssKib = await withOperator(async ({ operator, firstReconcile }) => {
    await firstReconcile;
    await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
    return await residentKib(operator);
  });
  yield {
    figure: 'idle-rss-mib',
    value: Math.round((rssKib / 1024) * 10) / 10,
    unit: 'MiB',
    goal: 100,
    setup: `${pool}, VmRSS ${IDLE_MS / 1000} s after the first reconcile; ${machineSetup()}`,
  };
}

interface Running {
  readonly operator: ChildProcess;
  /** Milliseconds from the start of the process; rejects when the operator ends or asks for nothing. */
  readonly firstReconcile: Promise<number>;
}

/** Starts a simulator and, on fresh folders, the operator; ends both afterwards. */
async function withOperator<T>(work: (running: Running) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'aiops-bench-'));
  const simulator = await startCvmSimulator();
  let operator: ChildProcess | undefined;
  try {
    const manifests = join(folder, 'manifests');
    await mkdir(manifests);
    await cp(MANIFEST, join(manifests, 'pool.yaml'));
    const asked = new Promise<number>((resolve) => {
      const unwatch = simulator.journal.watch((entry) => {
        if (entry.kind !== 'call' || entry.action !== 'DescribeInstances') return;
        unwatch();
        resolve(performance.now());
      });
    });
    const began = performance.now();
    operator = startOperator({ manifests, state: join(folder, 'state.db'), endpoint: simulator.url });
    const firstReconcile = Promise.race([asked, failure(operator)]).then((at) => at - began);
    // It may fail while nobody waits for it.
    firstReconcile.catch(() => {});
    return await work({ operator, firstReconcile });
  } finally {
    if (operator) await stop(operator);
    await simulator.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Rejects when the operator ends by itself or takes too long, with the last that it said on stderr. */
async function failure(operator: ChildProcess): Promise<never> {
  let said = '';
  operator.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-1000);
  });
  const limit = AbortSignal.timeout(LONGEST_START_MS);
  const ended = once(operator, 'exit', { signal: limit }).then(
    ([code, signal]) => `the operator ended by itself (${signal ?? `exit code ${code}`})`,
    (error: unknown) =>
      limit.aborted ? `no DescribeInstances within ${LONGEST_START_MS} ms` : `the operator did not start (${error})`,
  );
  throw new Error(`${await ended}: ${said.trim() || 'nothing on stderr'}`);
}

async function residentKib(operator: ChildProcess): Promise<number> {
  if (operator.exitCode !== null || operator.pid === undefined) throw new Error('the operator has ended');
  const status = await readFile(`/proc/${operator.pid}/status`, 'utf8');
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  if (kib === undefined) throw new Error(`no VmRSS in /proc/${operator.pid}/status`);
  return Number(kib);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
