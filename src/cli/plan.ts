import { Command } from 'commander';
import type { SpotPool } from '../api/spotpool.ts';
import type { OpenCloud } from '../cloud/cloud.ts';
import type { CloudSettings } from '../wiring.ts';
import { addCloudOptions } from './cloud-options.ts';
import { fileOption } from './file-option.ts';
import type { CliIo } from './io.ts';

/** What there is beside the pool itself to open its cloud with. */
export interface OpenCloudContext {
  readonly io: CliIo;
  /** The data of a Secret among the manifests, decoded; `undefined` when there is none. */
  readonly readSecret: (namespace: string, name: string) => Promise<Readonly<Record<string, Uint8Array>> | undefined>;
}

/**
 * Opens the account and region of a pool.
 * @throws {CloudError} `InvalidCredentials`
 * @throws {RangeError} naming a flag that cannot be read
 */
export type OpenCloudFor = (pool: SpotPool, settings: CloudSettings, context: OpenCloudContext) => Promise<OpenCloud>;

const EXAMPLES = `
Only reading calls are made: machines, stock, spot quota and prices. Nothing is
bought.

Examples:
  aiops plan -f pool.yaml
  aiops plan -f pools/ --tencent-site international

Against a simulator (aiops simulate cvm --port 7070):
  aiops plan -f pool.yaml --tencent-endpoint http://127.0.0.1:7070 --egress loopback`;

/** `aiops plan`. */
export function planCommand(io: CliIo, openCloudFor: OpenCloudFor): Command {
  return addCloudOptions(new Command('plan'))
    .description('show what pools could buy, at what price, and what would be bought; nothing is bought')
    .helpGroup('Before you start:')
    .addOption(fileOption('the pools, and the Secrets that they name').makeOptionMandatory())
    .addHelpText('after', EXAMPLES)
    .action(async ({ filename, ...settings }: CloudSettings & { filename: string[] }) => {
      const { plan } = await import('./plan-action.ts');
      await plan(filename, { io, open: (pool, readSecret) => openCloudFor(pool, settings, { io, readSecret }) });
    });
}
