import { Command } from 'commander';
import type { DescribeOptions } from './describe-action.ts';
import type { CliIo } from './io.ts';
import { addNamespaceOption, addStateOption } from './state-options.ts';

const EXAMPLES = `
Tells what the operator knows of an object and why it did what it did: spec,
machines, offerings, purchases under way, conditions and events. Keys are never
shown.

Examples:
  aiops describe spotpool my-pool
  aiops describe sp/a sp/b
  aiops describe logpilot my-pilot
  aiops describe sp                     every pool of the namespace`;

/** `aiops describe`. */
export function describeCommand(io: CliIo): Command {
  const command = new Command('describe')
    .description('tell everything that is known of an object, and why it is as it is')
    .helpGroup('Look:')
    .argument('<kind>', 'what it is: spotpool, spotpools or sp, logpilot, logpilots or lp; or KIND/NAME')
    .argument('[name...]', 'names; none with KIND/NAME')
    .addHelpText('after', EXAMPLES);
  return addStateOption(addNamespaceOption(command), io).action(
    async (kind: string, names: string[], options: DescribeOptions) => {
      const { describe } = await import('./describe-action.ts');
      await describe([kind, ...names], options, io);
    },
  );
}
