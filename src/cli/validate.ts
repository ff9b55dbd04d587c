import { Command } from 'commander';
import { fileOption } from './file-option.ts';
import type { CliIo } from './io.ts';

const EXAMPLES = `
Prints every problem at once, each with file, line and column, the field, what is
wrong and what is allowed. Exit code 0: everything is valid (there may be
warnings); 1: something is not.

Examples:
  aiops validate -f pools/
  aiops validate -f pool.yaml -f secret.yaml
  helm template my-chart | aiops validate -f -`;

/** `aiops validate`. */
export function validateCommand(io: CliIo): Command {
  return new Command('validate')
    .description('check manifests without touching anything')
    .helpGroup('Before you start:')
    .addOption(fileOption('what to check').makeOptionMandatory())
    .addHelpText('after', EXAMPLES)
    .action(async ({ filename }: { filename: string[] }) => {
      const { validate } = await import('./validate-action.ts');
      await validate(filename, io);
    });
}
