import { Command } from 'commander';
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

async function main(): Promise<void> {
  const program = new Command('aiops');
  for (const make of COMMANDS) program.addCommand(make());
  try {
    await program.parseAsync();
  } catch (error) {
    process.stderr.write(`aiops: ${error instanceof Error ? describeError(error) : String(error)}\n`);
    process.exitCode = 1;
  }
}

function describeError(error: NodeJS.ErrnoException): string {
  if (error.code === 'EADDRINUSE') return `${error.message}; choose another --port`;
  return error.message;
}

await main();
