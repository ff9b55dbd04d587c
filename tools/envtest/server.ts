import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { basename, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type Supervised, supervise } from '../supervise.ts';

const POLL_MS = 100;
/** A free port can be taken by somebody else before the server opens it; so often it is tried with others. */
const TRIES = 5;
const TAIL_LINES = 20;

export interface ServerPlan<Ports> {
  readonly binary: string;
  /** Where it works; its log lies there as `<name>.log`. Removed by somebody else when we are killed. */
  readonly folder: string;
  readonly choosePorts: () => Promise<Ports>;
  readonly flags: (ports: Ports) => readonly string[];
  /** Whether it serves. May throw while it does not. */
  readonly isReady: (ports: Ports) => Promise<boolean>;
  readonly startTimeoutMs: number;
  /** After SIGTERM it has this long before it is killed. */
  readonly stopTimeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** One server: started, stopped, and started again as it was. */
export interface Server<Ports> {
  readonly ports: Ports;
  /** Undefined while it does not run. */
  readonly pid: number | undefined;
  /** Sends a signal; after SIGKILL and SIGTERM the promise waits for its end. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Ends it: SIGTERM, and SIGKILL when that is not enough in time. Also when it is stopped by SIGSTOP. */
  stop(): Promise<void>;
  /** Starts it on the same ports and with the same data; it must not be running. */
  start(): Promise<void>;
  /** The end of its log. */
  log(): string;
}

/**
 * Starts a server and waits until it is ready.
 * @throws {Error} with the end of its log when it ends or is not ready in time
 */
export async function startServer<Ports>(plan: ServerPlan<Ports>): Promise<Server<Ports>> {
  for (let left = TRIES - 1; ; left--) {
    const ports = await plan.choosePorts();
    try {
      return toServer(plan, ports, await launch(plan, ports));
    } catch (error) {
      if (left === 0 || !(error instanceof PortTakenError)) throw error;
    }
  }
}

function toServer<Ports>(plan: ServerPlan<Ports>, ports: Ports, first: Supervised): Server<Ports> {
  let running = first;
  return {
    ports,
    get pid() {
      return running.exit === undefined ? running.pid : undefined;
    },
    async kill(signal) {
      running.kill(signal);
      if (signal === 'SIGKILL' || signal === 'SIGTERM') await running.untilEnd();
    },
    stop: () => end(running, plan.stopTimeoutMs),
    async start() {
      if (running.exit === undefined) throw new Error(`${basename(plan.binary)} is running (process ${running.pid})`);
      running = await launch(plan, ports);
    },
    log: () => tailOf(plan),
  };
}

class PortTakenError extends Error {
  override readonly name = 'PortTakenError';
}

async function launch<Ports>(plan: ServerPlan<Ports>, ports: Ports): Promise<Supervised> {
  const { binary, folder, startTimeoutMs, signal } = plan;
  const name = basename(binary);
  signal?.throwIfAborted();
  // A file and no pipe: when we are stopped for a while nobody reads, and the server would stand still with us.
  const log = openSync(logOf(plan), 'w');
  const { PATH, TMPDIR } = process.env;
  // Little of our environment: etcd takes each of its flags from a variable too.
  const env = { ...(PATH === undefined ? {} : { PATH }), ...(TMPDIR === undefined ? {} : { TMPDIR }), HOME: folder };
  const server = await supervise(binary, plan.flags(ports), { env, output: log, folder }).finally(() => closeSync(log));
  try {
    const deadline = performance.now() + startTimeoutMs;
    // Its own process must be alive: behind a port that it could not get, another server may well answer.
    while (!(await isReady(plan, ports)) || server.exit !== undefined) {
      signal?.throwIfAborted();
      if (server.exit !== undefined) throw toStartError(name, `ended with ${JSON.stringify(server.exit)}`, plan);
      if (performance.now() > deadline) throw toStartError(name, `was not ready within ${startTimeoutMs} ms`, plan);
      await wait(POLL_MS);
    }
    return server;
  } catch (error) {
    server.kill('SIGKILL');
    await server.untilEnd();
    throw error;
  }
}

async function isReady<Ports>(plan: ServerPlan<Ports>, ports: Ports): Promise<boolean> {
  try {
    return await plan.isReady(ports);
  } catch {
    return false;
  }
}

function toStartError<Ports>(name: string, what: string, plan: ServerPlan<Ports>): Error {
  const log = tailOf(plan);
  const message = `${name} ${what}. The end of its log:\n${log}`;
  return log.includes('address already in use') ? new PortTakenError(message) : new Error(message);
}

async function end(server: Supervised, timeoutMs: number): Promise<void> {
  if (server.exit !== undefined) return;
  server.kill('SIGTERM');
  // A stopped process hears of SIGTERM only when it goes on.
  server.kill('SIGCONT');
  const timer = setTimeout(() => server.kill('SIGKILL'), timeoutMs);
  await server.untilEnd();
  clearTimeout(timer);
}

function logOf<Ports>(plan: ServerPlan<Ports>): string {
  return join(plan.folder, `${basename(plan.binary)}.log`);
}

function tailOf<Ports>(plan: ServerPlan<Ports>): string {
  return readFileSync(logOf(plan), 'utf8').trimEnd().split('\n').slice(-TAIL_LINES).join('\n');
}

/** A port of 127.0.0.1 that nobody had open a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port was given out');
  return address.port;
}
