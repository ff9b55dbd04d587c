import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { CvmSimulatorOptions } from './simulator.ts';
import { openCloud, runRequest, type TestCloud } from './test-call.ts';

let cloud: TestCloud;
const open = async (options: CvmSimulatorOptions = {}): Promise<void> => {
  cloud = await openCloud(options);
};
afterEach(() => cloud.simulator.close());

const key = { secretId: 'xxx', secretKey: 'xxx' };
const rich = { accounts: [{ keys: [key], balance: 10_000, spotQuotaCores: 10_000 }] };
const [zone, type] = ['ap-singapore-2', 'GN7.2XLARGE32'];
const buy = (over: object = {}): Promise<string> => cloud.code('RunInstances', runRequest(over));
const made = (): number => cloud.simulator.state().instances.length;
const network = (over: object): object => ({
  VirtualPrivateCloud: { VpcId: 'vpc-86f66zht', SubnetId: 'subnet-gfrv79s2', ...over },
});
const bid = (MaxPrice: string): object => ({ InstanceMarketOptions: { SpotOptions: { MaxPrice } } });
const tag = (...keys: string[]): object => ({
  TagSpecification: [{ ResourceType: 'instance', Tags: keys.map((Key) => ({ Key, Value: 'v' })) }],
});

it.each([
  ['the sample manifest', {}, 'ok'],
  ['a zone of another region', { Placement: { Zone: 'ap-guangzhou-3' } }, 'InvalidZone.MismatchRegion'],
  ['an unknown type', { InstanceType: 'GN9.LARGE1' }, 'InvalidParameterValue.InstanceTypeNotFound'],
  ['a malformed type', { InstanceType: 'big one' }, 'InvalidInstanceType.Malformed'],
  ['an unknown image', { ImageId: 'img-aaaaaaaa' }, 'InvalidImageId.NotFound'],
  ['a malformed image', { ImageId: 'ami-1' }, 'InvalidImageId.Malformed'],
  ['an unknown vpc', network({ VpcId: 'vpc-aaaaaaaa' }), 'InvalidParameterValue.VpcIdNotExist'],
  ['a malformed vpc', network({ VpcId: 'v' }), 'InvalidParameterValue.VpcIdMalformed'],
  ['an unknown subnet', network({ SubnetId: 'subnet-aaaaaaaa' }), 'InvalidParameterValue.SubnetNotExist'],
  ['a malformed subnet', network({ SubnetId: 's' }), 'InvalidParameterValue.SubnetIdMalformed'],
  [
    'the subnet of another zone',
    network({ SubnetId: 'subnet-k3m8q0a1' }),
    'InvalidParameterValue.SubnetIdZoneIdNotMatch',
  ],
  ['the default network', { VirtualPrivateCloud: { VpcId: 'DEFAULT', SubnetId: 'DEFAULT' } }, 'ok'],
  ['an unknown group', { SecurityGroupIds: ['sg-aaaaaaaa'] }, 'InvalidSecurityGroupId.NotFound'],
  ['a malformed group', { SecurityGroupIds: ['x'] }, 'InvalidSgId.Malformed'],
  ['six groups', { SecurityGroupIds: Array(6).fill('sg-aglabemo') }, 'LimitExceeded.AssociateUSGLimitExceeded'],
  ['an unknown key pair', { LoginSettings: { KeyIds: ['skey-aaaaaaaa'] } }, 'InvalidParameterValue.KeyPairNotFound'],
  ['a known key pair', { LoginSettings: { KeyIds: ['skey-a1b2c3d4'] } }, 'ok'],
  ['two logins', { LoginSettings: { KeepImageLogin: 'TRUE', Password: 'Abcdefg1!' } }, 'InvalidParameterCombination'],
  [
    'a kept login of a public image',
    { ImageId: 'img-487zeit5', LoginSettings: { KeepImageLogin: 'TRUE' } },
    'InvalidParameterValue.NotSupported',
  ],
  ['a disk smaller than the image', { SystemDisk: { DiskSize: 40 } }, 'FailedOperation.SnapshotSizeLargerThanDataSize'],
  ['an unknown disk type', { SystemDisk: { DiskType: 'FLOPPY' } }, 'InvalidParameterValue'],
  ['an unknown charge type', { InstanceChargeType: 'FREE' }, 'InvalidParameterValue'],
  ['a bid that is too low', bid('0.25'), 'InvalidParameterValue.InsufficientPrice'],
  ['a bid at the market', bid('0.252'), 'ok'],
  ['a bid that is no number', bid('cheap'), 'InvalidParameterValue'],
  [
    'a bid on an hourly machine',
    { ...bid('9'), InstanceChargeType: 'POSTPAID_BY_HOUR' },
    'InvalidParameterCombination',
  ],
  ['user data that is not base64', { UserData: 'echo!' }, 'InvalidParameterValue.InvalidUserDataFormat'],
  ['user data above 16 KB', { UserData: 'AAAA'.repeat(5462) }, 'InvalidParameterValue.TooLong'],
  ['a name above 128', { InstanceName: 'n'.repeat(129) }, 'InvalidInstanceName.TooLong'],
  ['a bad host name', { HostName: '-a' }, 'InvalidParameterValue.IllegalHostName'],
  ['a reserved tag', tag('qcs:x'), 'FailedOperation.TagKeyReserved'],
  ['the tag 项目', tag('项目'), 'FailedOperation.TagKeyReserved'],
  ['a tag twice', tag('a', 'a'), 'InvalidParameterValue.DuplicateTags'],
  ['a token above 64 bytes', { ClientToken: 'é'.repeat(33) }, 'InvalidClientToken.TooLong'],
  [
    'a timer too soon',
    { ActionTimer: { TimerAction: 'TerminateInstances', ActionTime: '2026-11-01T00:04:00Z' } },
    'InvalidParameterValue.InvalidTimeFormat',
  ],
  [
    'a public address without bandwidth',
    { InternetAccessible: { PublicIpAssigned: true } },
    'InvalidParameterCombination',
  ],
  ['MinCount above InstanceCount', { MinCount: 2 }, 'InvalidParameterValue.InvalidParameterMinCount'],
])('%s', async (_name, over, code) => {
  await open();
  expect(await buy(over)).toBe(code);
  expect(made()).toBe(code === 'ok' ? 1 : 0);
});

describe('stock', () => {
  it('runs out: spot says LimitExceeded.SpotQuota, hourly ResourceInsufficient, all or nothing', async () => {
    await open(rich);
    cloud.simulator.setStock(zone, type, 'SPOTPAID', 1);
    cloud.simulator.setStock(zone, type, 'POSTPAID_BY_HOUR', 0);
    expect(await buy({ InstanceCount: 2 })).toBe('LimitExceeded.SpotQuota');
    expect(made()).toBe(0);
    expect(await buy()).toBe('ok');
    expect(await buy()).toBe('LimitExceeded.SpotQuota');
    expect(await buy({ InstanceChargeType: 'POSTPAID_BY_HOUR' })).toBe('ResourceInsufficient.SpecifiedInstanceType');
    expect(await buy({ Placement: { Zone: 'ap-singapore-1' }, ...network({ SubnetId: 'subnet-k3m8q0a1' }) })).toBe(
      'ok',
    );
  });

  it('delivers a part where MinCount allows it', async () => {
    await open(rich);
    cloud.simulator.setStock(zone, type, 'SPOTPAID', 2);
    expect(await buy({ InstanceCount: 4, MinCount: 3 })).toBe('ResourceInsufficient.InsufficientOfferingMinimum');
    expect(await cloud.run({ InstanceCount: 4, MinCount: 1 })).toHaveLength(2);
  });

  it.each(['InvalidParameterValue.InsufficientOffering', 'ResourcesSoldOut.SpecifiedInstanceType'] as const)(
    'may say %s',
    async (soldOutCode) => {
      await open({ assumptions: { soldOutCode, minCount: 'unsupported' } });
      cloud.simulator.setStock(zone, type, 'SPOTPAID', 0);
      expect(await buy()).toBe(soldOutCode);
      expect(await buy({ MinCount: 1 })).toBe('UnsupportedOperation.MinCountUnsupportedRegion');
    },
  );

  it('comes back when machines are released, but not while it is sold out, and not by a reclaim', async () => {
    await open(rich);
    const left = (): number | undefined =>
      cloud.simulator.state().stock.find((row) => row.zone === zone && row.instanceType === type)?.count;
    const ids = await cloud.run({ InstanceCount: 3 });
    await cloud.clock.advance(20_000);
    expect(left()).toBe(17);
    await cloud.call('TerminateInstances', { InstanceIds: [ids[0]] });
    expect(left()).toBe(18);
    cloud.simulator.reclaim(ids[1] ?? '', { noticeMs: 0 });
    expect(left()).toBe(18);
    cloud.simulator.setStock(zone, type, 'SPOTPAID', 0);
    await cloud.call('TerminateInstances', { InstanceIds: [ids[2]] });
    expect(left()).toBe(0);
  });

  it.each([
    [0, 'SOLD_OUT', 'WithoutStock'],
    [3, 'SELL', 'UnderStock'],
    [7, 'SELL', 'NormalStock'],
    [20, 'SELL', 'EnoughStock'],
  ])('%i is listed as %s, %s, after the lag', async (count, status, category) => {
    await open({ assumptions: { stockLagSeconds: 60 } });
    const row = async (): Promise<unknown> => {
      const Filters = [
        { Name: 'zone', Values: [zone] },
        { Name: 'instance-type', Values: [type] },
        { Name: 'instance-charge-type', Values: ['SPOTPAID'] },
      ];
      return (await cloud.call('DescribeZoneInstanceConfigInfos', { Filters }))['InstanceTypeQuotaSet'];
    };
    cloud.simulator.setStock(zone, type, 'SPOTPAID', count);
    expect(await row()).toMatchObject([{ Status: 'SELL', StatusCategory: 'EnoughStock', SoldOutReason: '' }]);
    await cloud.clock.advance(60_000);
    expect(await row()).toMatchObject([
      {
        Status: status,
        StatusCategory: category,
        SoldOutReason: count === 0 ? 'ResourcesSoldOut.SpecifiedInstanceType' : '',
        Cpu: 8,
        Price: { UnitPrice: 1.26, UnitPriceDiscount: 0.252, Discount: 20 },
      },
    ]);
  });
});

it('has a quota of vCPU cores a zone for spot, mirrored in DescribeAccountQuota', async () => {
  await open();
  expect(await buy({ InstanceCount: 7 })).toBe('LimitExceeded.UserSpotQuota');
  expect(await buy({ InstanceCount: 6 })).toBe('ok');
  expect(await buy()).toBe('LimitExceeded.UserSpotQuota');
  const Filters = [
    { Name: 'zone', Values: [zone] },
    { Name: 'quota-type', Values: ['SpotPaidQuotaSet'] },
  ];
  expect(await cloud.call('DescribeAccountQuota', { Filters })).toMatchObject({
    AppId: 1_250_000_000,
    AccountQuotaOverview: {
      Region: 'ap-singapore',
      AccountQuota: { SpotPaidQuotaSet: [{ Zone: zone, UsedQuota: 48, RemainingQuota: 2, TotalQuota: 50 }] },
    },
  });
});

describe('money', () => {
  const balance = (): number => Number(cloud.simulator.state().accounts[0]?.balance);

  it('needs one hour of every machine when it is bought', async () => {
    await open({ accounts: [{ keys: [key], balance: 0.5 }] });
    // 0.252 for the machine and 0.00405 for 50 GiB of disk.
    expect(await buy()).toBe('ok');
    expect(cloud.simulator.state().accounts[0]).toMatchObject({ frozen: '0.25605', perHour: '0.25605' });
    expect(await buy()).toBe('InvalidAccount.InsufficientBalance');
    cloud.simulator.setBalance(undefined, 1);
    expect(await buy()).toBe('ok');
  });

  it('falls by the second from the request to the release', async () => {
    await open();
    const [id = ''] = await cloud.run();
    await cloud.clock.advance(3_600_000);
    expect(balance()).toBeCloseTo(100 - 0.25605, 6);
    await cloud.call('TerminateInstances', { InstanceIds: [id] });
    await cloud.clock.advance(3_600_000);
    expect(balance()).toBeCloseTo(100 - 0.25605, 6);
    expect(cloud.simulator.state().gone[0]?.cost).toBe('0.25605');
  });

  it('asks the same price as InquiryPriceRunInstances said', async () => {
    await open();
    const order = {
      SystemDisk: { DiskType: 'CLOUD_BSSD', DiskSize: 100 },
      InternetAccessible: { InternetMaxBandwidthOut: 10, InternetChargeType: 'BANDWIDTH_POSTPAID_BY_HOUR' },
    };
    const { SecurityGroupIds: _, ...body } = runRequest(order) as { SecurityGroupIds: string[] };
    const { Price: price } = await cloud.call('InquiryPriceRunInstances', body);
    expect(price).toMatchObject({
      InstancePrice: { UnitPrice: 1.2681, UnitPriceDiscount: 0.2601, ChargeUnit: 'HOUR' },
      BandwidthPrice: { UnitPriceDiscount: 0.2, ChargeUnit: 'HOUR' },
    });
    await cloud.run(order);
    expect(Number(cloud.simulator.state().instances[0]?.perHour)).toBe(
      price.InstancePrice.UnitPriceDiscount + price.BandwidthPrice.UnitPriceDiscount,
    );
  });

  it.each([
    ['UnitPrice', { UnitPrice: 0.25605, UnitPriceDiscount: null }],
    ['UnitPriceDiscount', { UnitPrice: null, UnitPriceDiscount: 0.25605 }],
  ] as const)('may fill only %s for spot', async (spotPriceField, filled) => {
    await open({ assumptions: { spotPriceField } });
    expect((await cloud.call('InquiryPriceRunInstances', runRequest()))['Price'].InstancePrice).toMatchObject(filled);
  });

  it('below zero for two hours shuts machines down; paying brings them back as stopped; after 15 days they are gone', async () => {
    await open({ accounts: [{ keys: [key], balance: 0.26 }] });
    const [id = ''] = await cloud.run();
    await cloud.clock.advance(3_600_000 + 2 * 3_600_000);
    expect(await cloud.row(id)).toMatchObject({ InstanceState: 'RUNNING', IsolatedSource: 'NOTISOLATED' });
    await cloud.clock.advance(300_000);
    expect(await cloud.row(id)).toMatchObject({
      InstanceState: 'STOPPED',
      RestrictState: 'PROTECTIVELY_ISOLATED',
      IsolatedSource: 'ARREAR',
    });
    expect(await cloud.code('StartInstances', { InstanceIds: [id] })).toBe('InvalidAccount.InsufficientBalance');
    cloud.simulator.setBalance('xxx', 0.1);
    expect(await cloud.row(id)).toMatchObject({ InstanceState: 'STOPPED', RestrictState: 'NORMAL' });
    expect(await cloud.code('StartInstances', { InstanceIds: [id] })).toBe('ok');
    await cloud.clock.advance(16 * 86_400_000);
    expect(cloud.simulator.state().gone).toMatchObject([{ id, endCause: 'arrears' }]);
  });

  it('is what the ledger says, whatever is bought, released and topped up', async () => {
    await open(rich);
    const step = fc.oneof(
      fc.record({ kind: fc.constant('buy' as const), count: fc.integer({ min: 1, max: 3 }) }),
      fc.record({ kind: fc.constant('release' as const), nth: fc.nat(5) }),
      fc.record({ kind: fc.constant('reclaim' as const), nth: fc.nat(5) }),
      fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 100_000_000 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        await cloud.simulator.close();
        await open(rich);
        for (const action of steps) {
          const running = cloud.simulator.state().instances.filter((row) => row.state === 'RUNNING');
          if (action.kind === 'wait') await cloud.clock.advance(action.ms);
          else if (action.kind === 'buy') await cloud.run({ InstanceCount: action.count });
          else {
            const target = running[action.nth];
            if (!target) continue;
            if (action.kind === 'reclaim') cloud.simulator.reclaim(target.id);
            else await cloud.call('TerminateInstances', { InstanceIds: [target.id] });
          }
        }
        const { instances, gone } = cloud.simulator.state();
        const spent = [...instances, ...gone].reduce((sum, row) => sum + Number(row.cost), 0);
        expect(balance()).toBeCloseTo(10_000 - spent, 5);
      }),
      { numRuns: 15 },
    );
  });
});

describe('ClientToken', () => {
  const withToken = (over: object = {}): Promise<{ ids: readonly string[]; code: string }> =>
    cloud.call('RunInstances', runRequest({ ClientToken: 'tok', ...over })).then((answer) => ({
      ids: answer['InstanceIdSet'] ?? [],
      code: answer.Error?.Code ?? 'ok',
    }));

  it('gives the same machines for the same token and body, for 24 hours', async () => {
    await open(rich);
    const first = await withToken();
    expect(await withToken()).toEqual(first);
    expect(made()).toBe(1);
    await cloud.clock.advance(24 * 3_600_000 + 1);
    expect((await withToken()).ids).not.toEqual(first.ids);
  });

  it.each([
    ['refuse', 'InvalidParameterValue'],
    ['replay', 'ok'],
  ] as const)('with another body, %s: %s', async (tokenReuse, code) => {
    await open({ assumptions: { tokenReuse } });
    await withToken();
    expect((await withToken({ InstanceCount: 2 })).code).toBe(code);
    expect(made()).toBe(1);
  });

  it('is not spent by a failure', async () => {
    await open();
    cloud.simulator.setStock(zone, type, 'SPOTPAID', 0);
    expect((await withToken()).code).toBe('LimitExceeded.SpotQuota');
    cloud.simulator.setStock(zone, type, 'SPOTPAID', 5);
    expect((await withToken()).code).toBe('ok');
  });

  it('may remember failures', async () => {
    await open({ assumptions: { clientToken: 'failures-remembered' } });
    cloud.simulator.setStock(zone, type, 'SPOTPAID', 0);
    await withToken();
    cloud.simulator.setStock(zone, type, 'SPOTPAID', 5);
    expect((await withToken()).code).toBe('LimitExceeded.SpotQuota');
  });

  it.each([
    ['honoured', 1],
    ['forgotten-after-failure', 2],
    ['ignored', 2],
  ] as const)('%s: an answer that was lost and a retry make %i machines', async (clientToken, machines) => {
    await open({ assumptions: { clientToken } });
    cloud.simulator.addFault({ action: 'RunInstances', kind: 'reset-after' });
    await expect(withToken()).rejects.toThrow();
    expect((await withToken()).code).toBe('ok');
    expect(made()).toBe(machines);
  });
});

describe('DryRun', () => {
  it('checks everything, buys nothing', async () => {
    await open();
    expect(Object.keys(await cloud.call('RunInstances', runRequest({ DryRun: true })))).toEqual(['RequestId']);
    expect(await buy({ DryRun: true, ImageId: 'img-aaaaaaaa' })).toBe('InvalidImageId.NotFound');
    cloud.simulator.setStock(zone, type, 'SPOTPAID', 0);
    expect(await buy({ DryRun: true })).toBe('LimitExceeded.SpotQuota');
    expect(made()).toBe(0);
  });

  it('may answer DryRunOperation', async () => {
    await open({ assumptions: { dryRunPass: 'DryRunOperation' } });
    expect(await buy({ DryRun: true })).toBe('DryRunOperation');
  });
});

it('makes, lists and deletes images; a machine starts from a finished one only', async () => {
  await open(rich);
  const [id = ''] = await cloud.run();
  const create = (over: object = {}): Promise<string> =>
    cloud.code('CreateImage', { ImageName: 'mine', InstanceId: id, ...over });
  expect(await create()).toBe('OperationDenied.InstanceOperationInProgress');
  await cloud.clock.advance(20_000);
  expect(await create({ SnapshotIds: ['snap-5gn3j31i'] })).toBe('InvalidParameterCombination');
  const { ImageId: image } = await cloud.call('CreateImage', { ImageName: 'mine', InstanceId: id });
  expect(await create()).toBe('InvalidImageName.Duplicate');
  const row = async (): Promise<unknown> => (await cloud.call('DescribeImages', { ImageIds: [image] }))['ImageSet'][0];
  expect(await row()).toMatchObject({ ImageState: 'CREATING', SnapshotSet: [] });
  expect(await buy({ ImageId: image })).toBe('InvalidParameterValue.InvalidImageState');
  expect(await cloud.code('DeleteImages', { ImageIds: [image] })).toBe('InvalidImageId.IncorrectState');
  await cloud.clock.advance(60_000);
  expect(await row()).toMatchObject({
    ImageState: 'NORMAL',
    SnapshotSet: [{ DiskUsage: 'SYSTEM_DISK', DiskSize: 50 }],
  });
  expect(await buy({ ImageId: image })).toBe('ok');
  expect(await cloud.code('DeleteImages', { ImageIds: ['img-487zeit5'] })).toBe(
    'UnauthorizedOperation.ImageNotBelongToAccount',
  );
  expect(await cloud.code('DeleteImages', { ImageIds: [image] })).toBe('ok');
  expect(await row()).toBeUndefined();
  for (let n = 0; n < 10; n += 1) expect(await create({ ImageName: `n${n}` })).toBe('ok');
  expect(await create({ ImageName: 'eleventh' })).toBe('ImageQuotaLimitExceeded');
});
