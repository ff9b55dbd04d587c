import { describe, expect, it } from 'vitest';
import { createFakeIo, runCli } from '../../test/builders/cli.ts';
import { createFakeClock } from '../../test/builders/fake-clock.ts';
import type { Offering } from '../cloud/cloud.ts';
import { CloudError } from '../cloud/errors.ts';
import { createMemoryCloud, type MemoryCloud } from '../cloud/memory.ts';
import { type OpenCloudFor, planCommand } from './plan.ts';

const offering: Offering = {
  zone: 'ap-singapore-2',
  subnetId: 'subnet-a',
  instanceType: 'GN7',
  chargeType: 'SPOTPAID',
};
const pool = (more = ''): string => `apiVersion: demo.aiops.org/v1
kind: SpotPool
metadata: {name: a}
spec:
  region: ap-singapore
  minimum: 2
  maximum: 3
  subnetId: subnet-a
  vpcId: vpc-a
  securityGroupIds: [sg-a]
  imageId: img-a
  instanceType: GN7
  offerings: [{availabilityZone: ap-singapore-2}, {availabilityZone: ap-singapore-2, instanceType: GN8, instanceChargeType: POSTPAID_BY_HOUR}]
${more}`;

interface Ran {
  readonly memory: MemoryCloud;
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function plan(
  stdin: string,
  prepare: (memory: MemoryCloud) => void | Promise<void> = () => {},
  open?: OpenCloudFor,
): Promise<Ran> {
  const clock = createFakeClock();
  const memory = createMemoryCloud({ clock, random: () => 0.5 });
  await prepare(memory);
  const io = createFakeIo({ stdin, clock });
  const opened: OpenCloudFor = open ?? (async () => ({ accountKey: 'test', cloud: memory.cloud }));
  return { memory, ...(await runCli(['plan', '-f', '-'], io, [planCommand(io, opened)])) };
}

const table = (out: string): string[] => out.split('\n').map((line) => line.replaceAll(/ {3,}/g, ' | ').trim());

describe('plan', () => {
  it('shows stock, price and quota of each offering, and what would be bought', async () => {
    const { code, out, err, memory } = await plan(pool(), ({ weather }) => {
      weather.setStock(offering, 5);
      weather.setQuota('ap-singapore-2', 64);
    });
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(table(out)).toEqual([
      'SpotPool default/a in ap-singapore: minimum 2, maximum 3, 0 alive',
      'OFFERING | STOCK | COST/H | TRAFFIC/GIB | QUOTA (VCPU) | WOULD BUY',
      'ap-singapore-2/GN7/subnet-a/SPOTPAID | selling | 0.27 USD | 0.12 USD | 0 of 64 used | 2',
      'ap-singapore-2/GN8/subnet-a/POSTPAID_BY_HOUR | ? | 1.27 USD | 0.12 USD | - | 0',
      'Would buy 2 of ap-singapore-2/GN7/subnet-a/SPOTPAID, for 0.54 USD an hour.',
      '',
      'Nothing was bought.',
      '',
    ]);
    expect(memory.alive()).toEqual([]);
  });

  it('only asks', async () => {
    const { memory } = await plan(pool());
    expect(new Set(memory.calls.map(({ method }) => method))).toEqual(
      new Set(['sweep', 'stock', 'spotQuota', 'price']),
    );
  });

  it('walks on where an offering is sold out', async () => {
    const { out } = await plan(pool(), ({ weather }) => weather.setStock(offering, 0));
    expect(out).toContain('0 (sold out)');
    expect(out).toContain('Would buy 2 of ap-singapore-2/GN8/subnet-a/POSTPAID_BY_HOUR');
  });

  it('says how many cannot be had', async () => {
    const { code, out } = await plan(pool().replace(/, \{avail.*\}\]/, ']'), ({ weather }) =>
      weather.setStock(offering, 0),
    );
    expect(code).toBe(0);
    expect(out).toContain('2 machines of 2 cannot be had right now; the operator keeps trying.');
  });

  it('counts the machines that the pool has', async () => {
    const { out } = await plan(pool(), async ({ cloud }) => {
      await cloud.launch(
        {
          offering,
          count: 2,
          owner: { installation: 'i', poolUid: 'u', pool: 'default/a' },
          clientToken: 't',
          name: 'a',
          imageId: 'img-a',
          vpcId: 'vpc-a',
          securityGroupIds: ['sg-a'],
          systemDisk: { type: 'CLOUD_BSSD', sizeGiB: 100 },
          publicBandwidthMbps: 10,
          keyIds: [],
          tags: {},
        },
        new AbortController().signal,
      );
    });
    expect(out).toContain('2 alive');
    expect(out).toContain('Would buy nothing.');
  });

  it.each([
    ['paused: true', 'Would buy nothing.'],
    ['replicas: 3', 'Would buy 3 of'],
    ['replicas: 9', 'Would buy 3 of'],
  ])('obeys %s', async (line, text) => {
    expect((await plan(pool(`  ${line}\n`))).out).toContain(text);
  });

  it('goes on without an answer that the account may not have', async () => {
    const { code, out, err } = await plan(pool(), ({ weather }) => weather.refuse('spotQuota', 'PermissionDenied'));
    expect(code).toBe(0);
    expect(err).toMatch(/^warning: SpotPool default\/a: /);
    expect(out).toContain('Would buy 2 of');
  });

  it('fails for the pool whose keys are refused, and shows the others', async () => {
    const both = `${pool()}---\n${pool().replace('{name: a}', '{name: b}')}`;
    const { code, out, err } = await plan(both, ({ weather }) => weather.refuse('sweep', 'InvalidCredentials', 1));
    expect(code).toBe(1);
    expect(err).toMatch(/^error: SpotPool default\/a: .*\nerror: 1 pool could not be planned\n$/);
    expect(out).toContain('SpotPool default/b');
  });

  it('hands the keys of a Secret among the manifests on', async () => {
    const secret = '---\napiVersion: v1\nkind: Secret\nmetadata: {name: keys}\nstringData: {secretId: the-id}\n';
    const found: unknown[] = [];
    await plan(
      pool(`  credentialsSecretRef: {name: keys}\n${secret}`),
      undefined,
      async (_pool, settings, { readSecret }) => {
        const data = await readSecret('default', 'keys');
        found.push(new TextDecoder().decode(data?.['secretId']), await readSecret('default', 'other'), settings);
        throw new CloudError('InvalidCredentials', 'no key', { action: 'getCredentials' });
      },
    );
    const settings = { tencentSite: 'china', connectTo: [], egress: 'default' };
    expect(found).toEqual(['the-id', undefined, settings]);
  });

  it.each([
    ['a faulty manifest', pool('  minimum2: 3\n'), 'error: 1 problem; the cloud was not asked\n'],
    ['no pool', '', 'error: there is no SpotPool in these manifests\n'],
  ])('asks nobody about %s', async (_name, stdin, last) => {
    const { code, err, memory } = await plan(stdin);
    expect(code).toBe(1);
    expect(err.endsWith(last)).toBe(true);
    expect(memory.calls).toEqual([]);
  });
});
