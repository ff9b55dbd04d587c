import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Environment, goTarget } from './cache.ts';
import { supervise } from './supervise.ts';
import type { tools } from './table.ts';

type GoTool = Extract<(typeof tools)[keyof typeof tools], { readonly from: 'go' }>;

/** So often a build says that it is alive. */
const PROGRESS_MS = 15_000;
/** So much of the compiler's output is shown when it fails: its last lines name the cause. */
const TAIL_LINES = 30;

export interface GoBuild {
  readonly name: string;
  readonly tool: GoTool;
  /** The folder with go.mod. */
  readonly module: string;
  /** Where the program and the compiler's temporary files go; must be there. Removed when this process is killed. */
  readonly staging: string;
  /** The user's, with PATH. */
  readonly env: Environment;
  /** How often it says how far it is; default 15 s. */
  readonly progressMs?: number | undefined;
  readonly say: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Compiles a program into `staging/<name>`.
 * @throws {Error} with the tail of Go's output when it fails, or the signal's reason when it is aborted
 */
export async function goBuild(build: GoBuild): Promise<void> {
  const { name, tool, module, staging, progressMs = PROGRESS_MS, say, signal } = build;
  signal?.throwIfAborted();
  const started = Date.now();
  const flags = [...tool.flags, '-ldflags', tool.ldflags];
  const go = await supervise('go', ['build', '-v', ...flags, '-o', join(staging, name), tool.package], {
    cwd: module,
    // A go.work of the user's above the repository is none of this module's.
    env: { ...build.env, ...goTarget(process.platform, process.arch), ...tool.env, GOWORK: 'off', GOTMPDIR: staging },
    output: 'pipe',
    folder: staging,
  });
  // The whole group: Go waits for its compilers and linkers, which do not hear of it otherwise.
  const stop = (): void => void process.kill(-go.pid, 'SIGINT');
  signal?.addEventListener('abort', stop);
  const output = collect(go.stdout, go.stderr);
  const timer = setInterval(() => say(progress(name, tool, Date.now() - started, output.last())), progressMs);
  try {
    const exit = await go.untilEnd();
    await output.isRead;
    signal?.throwIfAborted();
    if (exit.code !== 0) {
      const end = exit.code === null ? `was killed by ${exit.signal}` : `ended with ${exit.code}`;
      throw new Error(`go build of ${name} ${end}:\n${output.tail().join('\n')}`);
    }
  } finally {
    clearInterval(timer);
    signal?.removeEventListener('abort', stop);
  }
}

function progress(name: string, tool: GoTool, elapsedMs: number, last: string): string {
  return `${name}: building for ${toDuration(elapsedMs)} of about ${tool.expected}${last && `, at ${last}`}`;
}

/** As people say it: `45 s`, `3 min 13 s`. */
export function toDuration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** The last lines of what a compiler says. `go build -v` names each package, which shows how far it is. */
function collect(...streams: readonly (NodeJS.ReadableStream | null)[]): {
  last(): string;
  tail(): readonly string[];
  readonly isRead: Promise<unknown>;
} {
  const lines: string[] = [];
  const readers = streams.flatMap((stream) => (stream === null ? [] : [createInterface({ input: stream })]));
  for (const reader of readers) {
    reader.on('line', (line) => {
      lines.push(line);
      if (lines.length > TAIL_LINES) lines.shift();
    });
  }
  return {
    last: () => lines.at(-1) ?? '',
    tail: () => lines,
    isRead: Promise.all(readers.map((reader) => new Promise((resolve) => reader.once('close', resolve)))),
  };
}
