import { Command } from 'commander';
import type { CloudSettings } from '../wiring.ts';
import type { AdoptOptions } from './adopt-action.ts';
import { addCloudOptions } from './cloud-options.ts';
import { fileOption } from './file-option.ts';
import type { CliIo } from './io.ts';
import type { OpenCloudFor } from './plan.ts';
import { addNamespaceOption, addStateOption } from './state-options.ts';

const EXAMPLES = `
Without ids: shows the machines that could be taken in, and what of them the
pool would buy otherwise. With ids: puts the pool's tags on them, all or (when
one cannot be taken in) none. The operator takes them in at its next look, and
from then on they are the pool's like those that it has bought: a machine that
does not answer in time, or is too many, is released, and all of them when the
pool is deleted.

That is also what settles the condition IdentityConflict: machines of another
installation, or of an earlier life of the pool, are taken over. Stop what else
may still run on them first.

Keys are those that the operator would use; it keeps none that stand in
manifests, so name these with -f.

Examples:
  aiops adopt my-pool -f pools/
  aiops adopt my-pool ins-1a2b3c4d ins-5e6f7g8h -f pools/ --dry-run
  aiops adopt sp/my-pool ins-1a2b3c4d -n team -f pools/`;

/** `aiops adopt`. */
export function adoptCommand(io: CliIo, openCloudFor: OpenCloudFor): Command {
  const command = new Command('adopt')
    .description('take machines into a pool that it has not bought; without ids, show which there are')
    .helpGroup('Change:')
    .argument('<pool>', 'the name of a pool, or sp/NAME')
    .argument('[id...]', 'ids of machines, as ins-1a2b3c4d')
    .addOption(fileOption('where the keys of the pool are: its manifest, or the Secret that it names'))
    .option('--dry-run', 'check, and change nothing')
    .addHelpText('after', EXAMPLES);
  return addCloudOptions(addStateOption(addNamespaceOption(command), io)).action(
    async (pool: string, ids: string[], { filename, dryRun, namespace, state, ...settings }: Flags) => {
      const { adopt } = await import('./adopt-action.ts');
      const options: AdoptOptions = { namespace, state, filename: filename ?? [], isDryRun: dryRun === true };
      await adopt(pool, ids, options, {
        io,
        open: (opened, readSecret) => openCloudFor(opened, settings, { io, readSecret }),
      });
    },
  );
}

interface Flags extends CloudSettings {
  readonly filename?: readonly string[];
  readonly dryRun?: boolean;
  readonly namespace: string;
  readonly state: string;
}
