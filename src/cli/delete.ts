import { Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../lib/duration.ts';
import type { DeleteOptions } from './delete-action.ts';
import { fileOption } from './file-option.ts';
import type { CliIo } from './io.ts';
import { addNamespaceOption, addStateOption } from './state-options.ts';

const EXAMPLES = `
A pool is gone once its machines are released (with deletionPolicy Retain: at
once). Its manifest may stay where it is: it does not bring the pool back until
it says something else. The operator must be running. Ctrl-C stops the waiting,
not the deletion.

Examples:
  aiops delete spotpool my-pool
  aiops delete sp/a sp/b --wait=false
  aiops delete logpilot my-pilot
  aiops delete -f pools/old.yaml --timeout 10m`;

/** `aiops delete`. */
export function deleteCommand(io: CliIo): Command {
  const command = new Command('delete')
    .description('delete objects, and wait until they are gone')
    .helpGroup('Change:')
    .argument('[kind]', 'what it is: spotpool, spotpools or sp, logpilot, logpilots or lp; or KIND/NAME')
    .argument('[name...]', 'names; none with KIND/NAME')
    .addOption(fileOption('delete the objects that these manifests describe'))
    .addOption(new Option('--wait [boolean]', 'wait until they are gone').argParser(yesOrNo).default(true))
    .addOption(
      new Option('--timeout <duration>', 'how long to wait, as 90s or 10m; 0s: for ever')
        .argParser(duration)
        .default(0, '0s'),
    )
    .option('--ignore-not-found', 'an object that is not there is no error')
    .addHelpText('after', EXAMPLES);
  return addStateOption(addNamespaceOption(command), io).action(
    async (kind: string | undefined, names: string[], options: DeleteOptions) => {
      const { deleteObjects } = await import('./delete-action.ts');
      await deleteObjects(kind === undefined ? [] : [kind, ...names], options, io);
    },
  );
}

function yesOrNo(text: string): boolean {
  if (text !== 'true' && text !== 'false') throw new InvalidArgumentError('It must be true or false.');
  return text === 'true';
}

function duration(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}
