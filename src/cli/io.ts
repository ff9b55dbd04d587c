import { styleText } from 'node:util';
import type { Clock } from '../lib/clock.ts';

/** What a command may touch of the outside world. Tests bring their own and need no process. */
export interface CliIo {
  /** Writes text as it is; the caller ends its lines. */
  stdout(text: string): void;
  stderr(text: string): void;
  /** Reads everything that is piped in, as UTF-8. */
  readStdin(): Promise<string>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Standard output is a terminal: a person reads it. */
  readonly isTerminal: boolean;
  /** Colours are wanted on standard error, where errors and warnings go. */
  readonly hasColours: boolean;
  /** Aborted by Ctrl-C, or when the process is told to end. */
  readonly signal: AbortSignal;
}

/** The parts of `process` that an {@link CliIo} is made of. */
type ProcessLike = Pick<NodeJS.Process, 'stdout' | 'stderr' | 'stdin' | 'env' | 'once' | 'exit'>;

/**
 * The real thing. Signals are caught only once somebody asks for `signal`, so that a command that does not wait ends at
 * once; a second signal always does. A reader that goes away (`aiops get sp | head -1`) ends the process quietly.
 */
export function createProcessIo(process: ProcessLike, clock: Clock): CliIo {
  const { env, stdout, stderr, stdin } = process;
  for (const stream of [stdout, stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  }
  let interrupted: AbortController | undefined;
  return {
    stdout: (text) => void stdout.write(text),
    stderr: (text) => void stderr.write(text),
    async readStdin() {
      const chunks: Buffer[] = [];
      for await (const chunk of stdin) chunks.push(Buffer.from(chunk));
      return Buffer.concat(chunks).toString('utf8');
    },
    env,
    clock,
    isTerminal: stdout.isTTY === true,
    hasColours: wantsColours(env, stderr.isTTY === true),
    get signal() {
      if (interrupted) return interrupted.signal;
      const controller = new AbortController();
      interrupted = controller;
      for (const name of ['SIGINT', 'SIGTERM'] as const) {
        process.once(name, () => controller.abort(new DOMException(`stopped by ${name}`, 'AbortError')));
      }
      return controller.signal;
    },
  };
}

/**
 * For what must outlive its own output: a log on a full disk, or a reader of it that went away, costs lines and never
 * the process. Undoes what {@link createProcessIo} does about such errors.
 */
export function outliveOutput({ stdout, stderr }: Pick<ProcessLike, 'stdout' | 'stderr'>): void {
  for (const stream of [stdout, stderr]) stream.removeAllListeners('error').on('error', () => {});
}

/** Source: no-color.org; FORCE_COLOR as Node.js and most tools read it. */
export function wantsColours(env: CliIo['env'], isTerminal: boolean): boolean {
  if ((env['NO_COLOR'] ?? '') !== '') return false;
  const forced = env['FORCE_COLOR'];
  if (forced !== undefined) return forced !== '0' && forced !== 'false';
  return isTerminal && env['TERM'] !== 'dumb';
}

const colours = { error: 'red', warning: 'yellow' } as const;

/**
 * One line for standard error: `error: …` or `warning: …`. Line breaks in the message become spaces, and what a terminal
 * would obey (a manifest may quote it) becomes `�`.
 */
export function complaint(io: CliIo, level: keyof typeof colours, message: string): string {
  const label = `${level}:`;
  const shown = io.hasColours ? styleText(colours[level], label, { validateStream: false }) : label;
  const line = message
    .trim()
    .replaceAll(/\s*\n\s*/g, ' ')
    .replaceAll(/\p{Cc}/gu, '\u{fffd}');
  return `${shown} ${line}\n`;
}
