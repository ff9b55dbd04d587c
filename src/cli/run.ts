import { Command, InvalidArgumentError, Option } from 'commander';
import type { OperatorSettings } from '../wiring.ts';
import { addCloudOptions } from './cloud-options.ts';
import type { CliIo } from './io.ts';
import { addStateOption } from './state-options.ts';

const EXAMPLES = `
The operator looks at the folder once a second: a changed file counts at once, an invalid one disturbs nothing else, and a
file that is removed does not delete its object (see --prune). Ctrl-C stops it in order; a second Ctrl-C at once.

Examples:
  aiops run --manifests pools/
  aiops run --manifests pools/ --state /var/lib/aiops/state.db --log-format json
  aiops simulate cvm --port 7070 &
  aiops run --manifests pools/ --tencent-endpoint http://127.0.0.1:7070 --egress loopback`;

function port(text: string): number {
  const value = Number(text);
  if (!/^[0-9]+$/.test(text) || value > 65_535) {
    throw new InvalidArgumentError('Write a port, 0 to 65535; 0 is any free one.');
  }
  return value;
}

function count(text: string): number {
  if (!/^[0-9]{1,6}$/.test(text)) throw new InvalidArgumentError('Write a number of machines, 0 to 999999.');
  return Number(text);
}

function amount(text: string): number {
  if (!/^[0-9]{1,9}(\.[0-9]{1,6})?$/.test(text)) {
    throw new InvalidArgumentError('Write an amount of money with at most six places, for instance 12.50.');
  }
  return Number(text);
}

/** `aiops run`. `start` runs the operator until it is told to stop. */
export function runCommand(io: CliIo, start: (settings: OperatorSettings) => Promise<void>): Command {
  const command = new Command('run')
    .description('start the operator on a folder of manifests')
    .helpGroup('Run:')
    .requiredOption('--manifests <dir>', 'the folder of YAML manifests')
    .option('--installation-id <uuid>', 'the identity that machines are tagged with, when a machine is rebuilt')
    .option(
      '--prune',
      'delete objects whose manifest stays away for 5 seconds; without it they are kept and shown as unmanaged',
      false,
    )
    .option('--observe', 'watch only: nothing is bought or released, and events tell what would have been', false)
    .addOption(
      new Option('--max-machines <count>', 'the most machines of all pools together (default: no limit)').argParser(
        count,
      ),
    )
    .addOption(
      new Option(
        '--max-cost-per-hour <amount>',
        'the most that all machines together may cost by the hour, in the currency of the account (default: no limit)',
      ).argParser(amount),
    )
    .option('--bind-address <address>', 'where metrics and health listen', '127.0.0.1')
    .addOption(new Option('--metrics-port <port>', 'Prometheus metrics under /metrics').default(8080).argParser(port))
    .addOption(new Option('--health-port <port>', '/healthz and /readyz').default(8081).argParser(port))
    .addOption(
      new Option('--log-level <level>', 'how much to log').choices(['debug', 'info', 'warn', 'error']).default('info'),
    )
    .addOption(
      new Option('--log-format <format>', 'json, or pretty (the default on a terminal)').choices(['json', 'pretty']),
    );
  return addCloudOptions(addStateOption(command, io))
    .addHelpText('after', EXAMPLES)
    .action(async (flags: Omit<OperatorSettings, 'logFormat'> & { logFormat?: OperatorSettings['logFormat'] }) => {
      await start({ ...flags, logFormat: flags.logFormat ?? (io.isTerminal ? 'pretty' : 'json') });
    });
}
