import { Command } from 'commander';
import type { CliIo } from './io.ts';

const EXAMPLES = `
Examples:
  aiops crds | kubectl apply -f -                     teach a cluster the kinds
  aiops crds --json-schema SpotPool > spotpool.json   let an editor check manifests as you type

With the YAML language server, name the schema in the first line of a manifest:
  # yaml-language-server: $schema=./spotpool.json`;

/** `aiops crds`. */
export function crdsCommand(io: CliIo): Command {
  return new Command('crds')
    .description('print the CustomResourceDefinitions of every kind, as YAML for kubectl apply')
    .option('--json-schema <kind>', 'print the JSON Schema of the manifests of one kind instead')
    .addHelpText('after', EXAMPLES)
    .action(async ({ jsonSchema }: { jsonSchema?: string }) => {
      const { kinds } = await import('../api/kinds.ts');
      if (jsonSchema === undefined) {
        const { crdYaml } = await import('../api/crd.ts');
        io.stdout(kinds.map(crdYaml).join('---\n'));
        return;
      }
      const [{ jsonSchemaOf }, { kindNamed }] = await Promise.all([
        import('../api/json-schema.ts'),
        import('./target.ts'),
      ]);
      io.stdout(`${JSON.stringify(jsonSchemaOf(kindNamed(jsonSchema)), null, 2)}\n`);
    });
}
