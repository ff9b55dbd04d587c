import { type ChildProcess, spawn } from 'node:child_process';
import type { Writable } from 'node:stream';

/**
 * The program takes the place of the shell, so its process id is the one that we know. Beside it waits a shell that hears
 * from us over descriptor 3: "done" when the program has ended, or nothing but the end of the pipe when we are gone, and then
 * it kills the program and removes the folder. It removes it several times: a second program may still be dying in it.
 */
const SCRIPT = `
folder=$1; shift
(
  trap '' HUP INT TERM
  read -r word <&3
  if [ "$word" != done ]; then
    kill -9 $$
    for i in 1 2 3 4 5; do [ -z "$folder" ] || rm -rf -- "$folder"; sleep 0.1; done
  fi
) </dev/null >/dev/null 2>&1 &
exec "$@" 3<&-
`;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A program that cannot outlive the process that started it, however that one ends; SIGKILL included. */
export interface Supervised {
  readonly pid: number;
  /** Set as soon as it has ended. */
  readonly exit: Exit | undefined;
  /** Waits for its end, and keeps our event loop alive meanwhile. */
  untilEnd(): Promise<Exit>;
  readonly stdout: ChildProcess['stdout'];
  readonly stderr: ChildProcess['stderr'];
  /** Does nothing when it has ended. */
  kill(signal: NodeJS.Signals): void;
}

export interface SuperviseOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Where its output goes: an open file's descriptor, or `pipe` to read it here. */
  readonly output: number | 'pipe';
  /** Removed, with all that is in it, when this process dies before the program has ended. */
  readonly folder?: string;
}

/**
 * Starts `command` in a session of its own, so that neither Ctrl-C nor a stop of our process group reaches it. It does not
 * keep our event loop alive unless it is waited for: when that ends, so does the program.
 */
export async function supervise(
  command: string,
  args: readonly string[],
  options: SuperviseOptions,
): Promise<Supervised> {
  const { env, cwd, output, folder = '' } = options;
  const child = spawn('/bin/sh', ['-c', SCRIPT, 'sh', folder, command, ...args], {
    env,
    ...(cwd === undefined ? {} : { cwd }),
    detached: true,
    stdio: ['ignore', output, output, 'pipe'],
  });
  const lifeline = child.stdio[3] as Writable & { unref(): void };
  // Broken only when both shell and program are gone, and then nobody is left to be told.
  lifeline.on('error', () => {});
  let exit: Exit | undefined;
  const ended = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => {
      exit = { code, signal };
      lifeline.end('done\n');
      resolve(exit);
    });
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  child.unref();
  lifeline.unref();
  return {
    pid: child.pid as number,
    get exit() {
      return exit;
    },
    untilEnd() {
      if (exit === undefined) child.ref();
      return ended;
    },
    stdout: child.stdout,
    stderr: child.stderr,
    kill(signal) {
      if (exit === undefined) child.kill(signal);
    },
  };
}
