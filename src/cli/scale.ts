import { Command, InvalidArgumentError, Option } from 'commander';
import type { CliIo } from './io.ts';
import type { ScaleOptions } from './scale-action.ts';
import { addNamespaceOption, addStateOption } from './state-options.ts';

const EXAMPLES = `
The number counts more than that of the manifest until the manifest's own number
changes. A pool never leaves the range from its minimum to its maximum; to widen
that, edit the manifest. The operator must be running.

Examples:
  aiops scale spotpool my-pool --replicas 3
  aiops scale sp/a sp/b --replicas 0`;

/** `aiops scale`. */
export function scaleCommand(io: CliIo): Command {
  const command = new Command('scale')
    .description('set how many machines a pool should have')
    .helpGroup('Change:')
    .argument('<kind>', 'what it is: spotpool, spotpools or sp; or KIND/NAME')
    .argument('[name...]', 'names; none with KIND/NAME')
    .addOption(new Option('--replicas <number>', 'how many').argParser(wholeNumber).makeOptionMandatory())
    .addHelpText('after', EXAMPLES);
  return addStateOption(addNamespaceOption(command), io).action(
    async (kind: string, names: string[], options: ScaleOptions) => {
      const { scale } = await import('./scale-action.ts');
      await scale([kind, ...names], options, io);
    },
  );
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number, 0 or more.');
  return Number(text);
}
