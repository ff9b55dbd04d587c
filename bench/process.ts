import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BUNDLE = join(ROOT, 'dist/aiops/main.js');
const STOP_WITHIN_MS = 10_000;

/** @throws {Error} saying how to make it */
export function assertBundle(): void {
  if (!existsSync(BUNDLE)) throw new Error('dist/aiops/main.js is missing; run `make build` first');
}

export interface Place {
  readonly manifests: string;
  readonly state: string;
  readonly endpoint: string;
}

/** The flags with which bin/aiops starts Node.js for the operator, so that a bench measures what users have. */
function nodeFlags(): readonly string[] {
  const flags = /^ *run\) exec "\$node" (.+) "\$entry"/m.exec(readFileSync(join(ROOT, 'bin/aiops'), 'utf8'))?.[1];
  if (flags === undefined) throw new Error('bin/aiops does not tell with which flags it runs the operator');
  return flags.split(' ');
}

/** Starts the built operator on its defaults, as bin/aiops does. Its complaints go to stderr, a pipe for whoever wants them. */
export function startOperator({ manifests, state, endpoint }: Place): ChildProcess {
  const flags = [
    ...['--manifests', manifests, '--state', state, '--tencent-endpoint', endpoint, '--egress', 'loopback'],
    ...['--metrics-port', '0', '--health-port', '0', '--log-format', 'json'],
  ];
  return spawn(process.execPath, [...nodeFlags(), BUNDLE, 'run', ...flags], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}

/** Ends a process in order, and after ten seconds at once. */
export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const kill = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
  await ended;
  clearTimeout(kill);
}
