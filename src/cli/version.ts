import { Command, Option } from 'commander';
import manifest from '../../package.json' with { type: 'json' };
import type { CliIo } from './io.ts';

/** The version of aiops and of what runs it, for people. */
export function versionText(): string {
  return `aiops ${manifest.version} (Node.js ${process.version})`;
}

/** `aiops version`. */
export function versionCommand(io: CliIo): Command {
  return new Command('version')
    .description('print the version of aiops and of the Node.js that runs it')
    .addOption(new Option('-o, --output <format>', 'output format').choices(['json']))
    .addHelpText('after', '\nExamples:\n  aiops version\n  aiops version -o json | jq -r .version')
    .action(({ output }: { output?: 'json' }) => {
      const found = { version: manifest.version, node: process.version };
      io.stdout(output === 'json' ? `${JSON.stringify(found)}\n` : `${versionText()}\n`);
    });
}
