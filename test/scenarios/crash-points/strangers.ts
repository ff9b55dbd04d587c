import type { CvmSimulator } from '../../../simulators/cvm/simulator.ts';
import { callSimulator, runRequest } from '../../../simulators/cvm/test-call.ts';

/** The key of somebody else in the same account. */
interface Keys {
  readonly secretId: string;
  readonly secretKey: string;
}

/**
 * Other people's machines in the same account, zone and subnet, with names and tags that look like those of the pool
 * `default/pool`, one of them of another pool of the same installation.
 */
export async function settleStrangers(simulator: CvmSimulator, installationId: string, keys: Keys): Promise<void> {
  const other = '0b5c6d3e-7f10-4a21-8b3c-9d4e5f607182';
  const strangers = [
    { InstanceName: 'pool-1a2b3c4d-abcdefghij' },
    { InstanceName: 'pool', ...tagged({ pool: 'default/pool' }) },
    { InstanceName: 'pool-2', ...tagged({ installation: other, 'pool-uid': other, pool: 'default/pool-2' }) },
    {
      InstanceName: 'pool-5e6f7a8b-0123456789',
      ...tagged({ installation: installationId, 'pool-uid': other, pool: 'other/pool' }),
    },
    { InstanceName: 'pool', ...tagged({ installation: '', 'pool-uid': '', pool: 'default/pool' }) },
  ];
  for (const stranger of strangers) {
    const answer = await callSimulator(simulator, 'RunInstances', runRequest(stranger), keys);
    if (answer.Error) throw new Error(`${answer.Error.Code}: ${answer.Error.Message}`);
  }
}

function tagged(values: Readonly<Record<string, string>>): object {
  const tags = Object.entries(values).map(([Key, Value]) => ({ Key: `aiops.org/${Key}`, Value }));
  return { TagSpecification: [{ ResourceType: 'instance', Tags: tags }] };
}
