import { Command, Option } from 'commander';
import type { GetOptions } from './get-action.ts';
import type { CliIo } from './io.ts';
import { addNamespaceOption, addStateOption } from './state-options.ts';

const EXAMPLES = `
Works while the operator runs and while it is stopped. Problems of manifests
follow on standard error. NOTE tells what no other column does: scaled to N
(by aiops scale, over the manifest), unmanaged (the manifest is gone), deleting.

Examples:
  aiops get spotpools
  aiops get logpilots
  aiops get sp my-pool -o yaml          also: sp/my-pool, spotpool/my-pool
  aiops get sp -A -o wide               all namespaces, all columns
  aiops get sp -w                       print changes as they happen, until Ctrl-C
  aiops get sp -o json | jq '.items[].status.size'`;

/** `aiops get`. */
export function getCommand(io: CliIo): Command {
  const command = new Command('get')
    .description('list objects, as kubectl does')
    .helpGroup('Look:')
    .argument('<kind>', 'what it is: spotpool, spotpools or sp, logpilot, logpilots or lp; or KIND/NAME')
    .argument('[name...]', 'names; none with KIND/NAME')
    .option('-A, --all-namespaces', 'in all namespaces')
    .addOption(new Option('-o, --output <format>', 'output format').choices(['wide', 'yaml', 'json', 'name']))
    .option('-w, --watch', 'go on and print changes, until Ctrl-C')
    .addHelpText('after', EXAMPLES);
  return addStateOption(addNamespaceOption(command), io).action(
    async (kind: string, names: string[], options: GetOptions) => {
      const { get } = await import('./get-action.ts');
      await get([kind, ...names], options, io);
    },
  );
}
