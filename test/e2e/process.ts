import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The clone. */
export const ROOT = join(import.meta.dirname, '../..');
export const AIOPS = join(ROOT, 'bin/aiops');

/** How a process ended: `code` is null after a signal that it did not handle. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A process under test. */
export interface Running {
  readonly child: ChildProcess;
  readonly pid: number;
  stdout(): string;
  stderr(): string;
  readonly ended: Promise<Ended>;
  /** Resolves with the first match in the standard output, earlier text included. Rejects when the process ends before. */
  sees(pattern: RegExp, withinMs?: number): Promise<RegExpExecArray>;
}

export type Command = readonly [program: string, ...args: string[]];

interface StartOptions extends Pick<SpawnOptions, 'cwd' | 'detached'> {
  readonly env?: NodeJS.ProcessEnv;
}

/** What the person who runs the tests may have set for their own use of the program. */
const OWN_VARIABLES = /^(AIOPS_|DEMO_|TENCENTCLOUD_|NODE_OPTIONS$|NO_COLOR$|FORCE_COLOR$|https?_proxy$|no_proxy$)/i;

/** The environment of the tests without what would change the program under test, and with `more`. */
export function cleanEnv(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return { ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !OWN_VARIABLES.test(name))), ...more };
}

export function start([program, ...args]: Command, options: StartOptions = {}): Running {
  const child = spawn(program, args, {
    ...options,
    env: options.env ?? cleanEnv(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  const looks = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      said[name] += text;
      for (const look of looks) look();
    });
  }
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, ...said }));
  });
  ended.catch(() => {}); // Whoever waits for something sees it.
  return {
    child,
    pid: child.pid ?? Number.NaN,
    stdout: () => said.stdout,
    stderr: () => said.stderr,
    ended,
    sees: async (pattern, withinMs = 30_000) => {
      const stop = new AbortController();
      const found = new Promise<RegExpExecArray>((resolve) => {
        const look = (): void => {
          const match = pattern.exec(said.stdout);
          if (match) resolve(match);
        };
        looks.add(look);
        stop.signal.addEventListener('abort', () => looks.delete(look));
        look();
      });
      const story = (): string => `${said.stdout.slice(-3000)}\n${said.stderr.slice(-2000)}`;
      const gone = ended.then(({ code, signal }) => {
        throw new Error(`ended (${signal ?? code}) before ${pattern} was seen:\n${story()}`);
      });
      const late = new Promise<never>((_resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`${pattern} not within ${withinMs} ms:\n${story()}`)),
          withinMs,
        );
        stop.signal.addEventListener('abort', () => clearTimeout(timer));
      });
      try {
        return await Promise.race([found, gone, late]);
      } finally {
        stop.abort();
      }
    },
  };
}

/** Runs a command to its end. */
export function run(command: Command, options: StartOptions = {}): Promise<Ended> {
  return start(command, options).ended;
}

/** One row of the process table. */
export interface Row {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly command: string;
}

/** The process table, without those that have ended and are only waited for. */
export function processes(): readonly Row[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        // The second field is a name in brackets that may hold anything.
        const [state, parent, group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        return state === 'Z' ? [] : [{ pid: Number(pid), parent: Number(parent), group: Number(group), command }];
      } catch {
        return []; // It has ended meanwhile.
      }
    });
}

/** Waits until `look` gives something that is not undefined or false. @throws {Error} naming `what` after `withinMs` */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  withinMs = 30_000,
): Promise<T> {
  const giveUpAt = Date.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > giveUpAt) throw new Error(`${what}: not within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
