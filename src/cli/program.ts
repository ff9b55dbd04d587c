import { Command, CommanderError } from 'commander';
import { CliError } from './cli-error.ts';
import { crdsCommand } from './crds.ts';
import { deleteCommand } from './delete.ts';
import { describeCommand } from './describe.ts';
import { getCommand } from './get.ts';
import { historyCommand } from './history.ts';
import { type CliIo, complaint } from './io.ts';
import { scaleCommand } from './scale.ts';
import { startCommand, stopCommand } from './stop.ts';
import { validateCommand } from './validate.ts';
import { versionCommand, versionText } from './version.ts';

const INTRODUCTION = `Keeps pools of cheap, reclaimable GPU machines alive that serve LLMs.

Write what you want into YAML manifests, start the operator on their folder, and look at what it does. The commands \
have the names and flags of kubectl.`;

const EXAMPLES = `
Examples:
  aiops validate -f pools/                 check manifests
  aiops plan -f pools/                     what would be bought, at what price
  aiops run --manifests pools/             start the operator
  aiops get spotpools                      what there is
  aiops describe spotpool my-pool          why it is as it is
  aiops history my-pool --since 24h        what it has decided, and why
  aiops scale spotpool my-pool --replicas 3
  aiops delete spotpool my-pool            release its machines
  aiops stop --all                         buy and release nothing any more

aiops COMMAND --help says more about a command, with examples.`;

/**
 * The whole command line. `extra` are the commands that need adapters (`run`, `plan`, `adopt`), built where those are known.
 * Commands load what they need when they run, so that `--help` and `version` are there at once.
 */
export function createProgram(io: CliIo, extra: readonly Command[] = []): Command {
  const program = new Command('aiops')
    .description(INTRODUCTION)
    .usage('COMMAND [options]')
    .option('--debug', 'print stack traces of errors')
    .addHelpText('after', EXAMPLES)
    .commandsGroup('Other:')
    .helpCommand('help [COMMAND]', 'display help for a command')
    .helpOption('-h, --help', 'display help')
    .version(versionText(), '--version', 'print the version');
  const commands = [
    validateCommand(io),
    ...extra,
    getCommand(io),
    describeCommand(io),
    historyCommand(io),
    scaleCommand(io),
    deleteCommand(io),
    stopCommand(io),
    startCommand(io),
    crdsCommand(io),
    versionCommand(io),
  ];
  for (const command of commands) program.addCommand(command);
  for (const command of [program, ...commands]) prepare(command, io);
  return program;
}

/** Nothing of commander writes or exits past us. */
function prepare(command: Command, io: CliIo): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => io.stdout(text),
    writeErr: (text) => io.stderr(text),
    outputError: (text, write) => write(complaint(io, 'error', text.replace(/^error: /, ''))),
    getOutHasColors: () => false,
    getErrHasColors: () => false,
  });
}

/**
 * Parses and runs. Errors become one line on standard error, with `--debug` a stack trace too; nothing is thrown.
 * @param args without the program's own name
 * @returns the exit code: 0, 1 when something went wrong, 2 when the command was written wrongly, 130 after Ctrl-C
 */
export async function runProgram(program: Command, args: readonly string[], io: CliIo): Promise<number> {
  if (args.length === 0) {
    program.outputHelp();
    return 0;
  }
  try {
    await program.parseAsync(args.map(withoutEqualsSign), { from: 'user' });
    return 0;
  } catch (error) {
    return exitCodeOf(error, io, program.opts()['debug'] === true);
  }
}

/** kubectl takes `-o=json` for `-ojson`; commander would take the sign for a part of the value. */
function withoutEqualsSign(arg: string): string {
  return arg.replace(/^(-[A-Za-z])=(?=.)/, '$1');
}

function exitCodeOf(error: unknown, io: CliIo, isDebug: boolean): number {
  // Commander has written its message already. It uses code 1 for all errors.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (isInterruption(error)) return 130;
  io.stderr(complaint(io, 'error', error instanceof Error ? error.message : String(error)));
  if (isDebug && error instanceof Error) io.stderr(`${stackOf(error)}\n`);
  return error instanceof CliError ? error.exitCode : 1;
}

function isInterruption(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by: ${stackOf(error.cause)}` : '';
  return `${error.stack ?? error.message}${cause}`;
}
