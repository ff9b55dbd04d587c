import type { Command } from 'commander';
import type { CliIo } from '../../src/cli/io.ts';
import { createProgram, runProgram } from '../../src/cli/program.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { createFakeClock } from './fake-clock.ts';

/** The outside world of a command, kept in memory. */
export interface FakeIo extends CliIo {
  /** Everything written so far. */
  out(): string;
  err(): string;
  /** Ctrl-C. */
  interrupt(): void;
}

export function createFakeIo(
  options: { env?: CliIo['env']; stdin?: string; clock?: Clock; isTerminal?: boolean } = {},
): FakeIo {
  const { env = {}, stdin = '', clock = createFakeClock(), isTerminal = false } = options;
  const written = { out: '', err: '' };
  const interruption = new AbortController();
  return {
    stdout: (text) => {
      written.out += text;
    },
    stderr: (text) => {
      written.err += text;
    },
    readStdin: async () => stdin,
    env: { AIOPS_STATE: '/nonexistent/state.db', ...env },
    clock,
    isTerminal,
    hasColours: false,
    signal: interruption.signal,
    out: () => written.out,
    err: () => written.err,
    interrupt: () => interruption.abort(new DOMException('stopped by SIGINT', 'AbortError')),
  };
}

/** Runs one command line. */
export async function runCli(
  args: readonly string[],
  io: FakeIo = createFakeIo(),
  extra: readonly Command[] = [],
): Promise<{ code: number; out: string; err: string }> {
  const code = await runProgram(createProgram(io, extra), args, io);
  return { code, out: io.out(), err: io.err() };
}
