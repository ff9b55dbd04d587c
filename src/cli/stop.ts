import { Command } from 'commander';
import { usageError } from './cli-error.ts';
import type { CliIo } from './io.ts';
import { addStateOption } from './state-options.ts';

const ABOUT_STOP = `
For an emergency: at once nothing is bought, released or taken out of a gateway
any more, by no pool, until "aiops start --all". Pools are still looked at, and
machines that run go on running and costing money. It holds across restarts of
the operator, and can be said while none runs. To hold one pool back, write
"paused: true" into its manifest.

Examples:
  aiops stop --all
  aiops stop --all --state /var/lib/aiops/state.db`;

const ABOUT_START = `
Takes back what "aiops stop --all" has said. It does not start an operator; that
is "aiops run".

Examples:
  aiops start --all`;

interface Flags {
  readonly all?: boolean;
  readonly state: string;
}

/** `aiops stop --all`. */
export function stopCommand(io: CliIo): Command {
  const command = new Command('stop')
    .description('stop all purchases, releases and changes of gateways at once, until "start"')
    .helpGroup('Change:')
    .option('--all', 'of all pools; there is no other choice')
    .addHelpText('after', ABOUT_STOP);
  return addStateOption(command, io).action(async ({ all, state }: Flags) => {
    if (all !== true) {
      throw usageError(
        'only all pools can be stopped: aiops stop --all; for one pool write "paused: true" into its manifest',
      );
    }
    const { stopAll } = await import('./stop-action.ts');
    await stopAll(state, io);
  });
}

/** `aiops start --all`. */
export function startCommand(io: CliIo): Command {
  const command = new Command('start')
    .description('let pools buy and release again after "stop"')
    .helpGroup('Change:')
    .option('--all', 'all pools; there is no other choice')
    .addHelpText('after', ABOUT_START);
  return addStateOption(command, io).action(async ({ all, state }: Flags) => {
    if (all !== true) {
      throw usageError(
        'only all pools can be started: aiops start --all; the operator itself is started with aiops run',
      );
    }
    const { startAll } = await import('./stop-action.ts');
    await startAll(state, io);
  });
}
