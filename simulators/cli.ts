import { Command, CommanderError } from 'commander';
import { remoteCommands } from './cvm/cli/remote.ts';
import { serveCommand } from './cvm/cli/serve.ts';
import { demoCommand } from './demo/demo.ts';

/** `aiops simulate`: simulators to run, and commands that change what goes on in a running one. */
function simulateCommand(): Command {
  const command = new Command('simulate').description('run simulators of outside systems, and make weather in them');
  for (const sub of [serveCommand(), ...remoteCommands()]) command.addCommand(sub);
  return command;
}

/** Commands of this entry point, which `bin/aiops` starts for the words that they are called by. */
const COMMANDS: readonly (() => Command)[] = [simulateCommand, demoCommand];

/** @returns the exit code: 0, 1 when something went wrong, 2 when the command was written wrongly */
async function main(): Promise<number> {
  const program = new Command('aiops').option('--debug', 'print stack traces of errors');
  for (const make of COMMANDS) program.addCommand(make());
  throwInsteadOfExiting(program);
  try {
    await program.parseAsync();
    return Number(process.exitCode ?? 0);
  } catch (error) {
    // Commander has written its message already. It uses code 1 for all errors.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    process.stderr.write(`error: ${error instanceof Error ? describeError(error) : String(error)}\n`);
    if (program.opts()['debug'] === true && error instanceof Error) process.stderr.write(`${error.stack}\n`);
    return 1;
  }
}

function throwInsteadOfExiting(command: Command): void {
  command.exitOverride();
  for (const sub of command.commands) throwInsteadOfExiting(sub);
}

function describeError(error: NodeJS.ErrnoException): string {
  if (error.code === 'EADDRINUSE') return `${error.message}; choose another --port`;
  return error.message;
}

process.exitCode = await main();
