import { afterEach, describe, expect, it } from 'vitest';
import type { InstanceEntry } from './journal.ts';
import type { CvmSimulatorOptions } from './simulator.ts';
import { type Answer, openCloud, runRequest, type TestCloud } from './test-call.ts';

let cloud: TestCloud;
const open = async (options: CvmSimulatorOptions = {}): Promise<void> => {
  cloud = await openCloud(options);
};
afterEach(() => cloud.simulator.close());

const tags = [{ ResourceType: 'instance', Tags: [{ Key: 'pool', Value: 'p' }] }];
const byTag = { Filters: [{ Name: 'tag:pool', Values: ['p'] }] };
const count = async (body: object = {}): Promise<number> => (await cloud.call('DescribeInstances', body))['TotalCount'];
const moves = (id: string): string[] =>
  cloud.simulator.journal.entries
    .filter((entry): entry is InstanceEntry => entry.kind === 'event' && entry.event === 'instance' && entry.id === id)
    .map((entry) => `${entry.to} ${entry.cause}`);

async function running(over: object = {}): Promise<string> {
  const [id = ''] = await cloud.run(over);
  await cloud.clock.advance(20_000);
  return id;
}

describe('coming up', () => {
  it('shows a new machine late, its tags later, and its address only when it runs', async () => {
    await open();
    const [id = ''] = await cloud.run({ TagSpecification: tags });
    expect(await cloud.row(id)).toBeUndefined();
    await cloud.clock.advance(2000);
    expect(await cloud.row(id)).toMatchObject({
      InstanceState: 'PENDING',
      PublicIpAddresses: null,
      Tags: [],
      LatestOperation: 'RunInstances',
      LatestOperationState: 'OPERATING',
    });
    expect(await count(byTag)).toBe(0);
    await cloud.clock.advance(3000);
    expect(await count(byTag)).toBe(1);
    await cloud.clock.advance(15_000);
    expect(await cloud.row(id)).toMatchObject({
      InstanceState: 'RUNNING',
      PublicIpAddresses: [expect.stringMatching(/^127\.(?!0\.)/)],
      PrivateIpAddresses: [expect.stringMatching(/^10\.0\.2\./)],
      LatestOperationState: 'SUCCESS',
      ExpiredTime: null,
      CPU: 8,
      Memory: 32,
      Placement: { Zone: 'ap-singapore-2' },
      SystemDisk: { DiskType: 'CLOUD_PREMIUM', DiskSize: 50 },
      GPUInfo: { GPUCount: 1 },
    });
    expect(moves(id)).toEqual(['PENDING run', 'RUNNING run']);
  });

  it('has no public address without bandwidth: the private one is where it listens', async () => {
    await open();
    const id = await running({ InternetAccessible: undefined });
    expect(await cloud.row(id)).toMatchObject({
      PublicIpAddresses: null,
      PrivateIpAddresses: [expect.stringMatching(/^127\./)],
    });
  });

  it('may fail for good, with a message, and is gone some minutes later; it costs nothing', async () => {
    await open();
    cloud.simulator.failLaunches(1, 'no host');
    const [id = ''] = await cloud.run();
    await cloud.clock.advance(20_000);
    expect(await cloud.row(id)).toMatchObject({
      InstanceState: 'LAUNCH_FAILED',
      LatestOperationState: 'FAILED',
      LatestOperationErrorMsg: 'no host',
      PublicIpAddresses: null,
    });
    expect(await cloud.code('TerminateInstances', { InstanceIds: [id] })).toBe(
      'UnsupportedOperation.InstanceStateLaunchFailed',
    );
    await cloud.clock.advance(300_000);
    expect(await cloud.row(id)).toBeUndefined();
    expect(cloud.simulator.state().accounts[0]?.balance).toBe('100');
    expect(cloud.simulator.state().gone[0]).toMatchObject({ endCause: 'launch-failed', cost: '0' });
  });

  it('fails by chance where that is assumed', async () => {
    await open({
      assumptions: { launchFailedPercent: 20 },
      seed: 3,
      accounts: [{ keys: [{ secretId: 'xxx', secretKey: 'xxx' }], spotQuotaCores: 1000, balance: 1000 }],
    });
    await cloud.run({ InstanceCount: 20 });
    await cloud.clock.advance(20_000);
    const failed = await count({ Filters: [{ Name: 'instance-state', Values: ['LAUNCH_FAILED'] }] });
    expect(failed).toBeGreaterThan(0);
    expect(failed).toBeLessThan(12);
  });
});

describe('start, stop and reboot', () => {
  it('walk through their states and refuse the wrong ones', async () => {
    await open();
    const id = await running();
    const ids = { InstanceIds: [id] };
    expect(await cloud.code('StartInstances', ids)).toBe('UnsupportedOperation.InstanceStateRunning');
    expect(await cloud.code('StopInstances', { ...ids, StoppedMode: 'STOP_CHARGING' })).toBe(
      'UnsupportedOperation.StoppedModeStopCharging',
    );
    expect(await cloud.code('StopInstances', ids)).toBe('ok');
    expect(await cloud.code('StopInstances', ids)).toBe('UnsupportedOperation.InstanceStateStopping');
    expect(await cloud.code('TerminateInstances', ids)).toBe('UnsupportedOperation.InstanceStateStopping');
    await cloud.clock.advance(10_000);
    expect(await cloud.row(id)).toMatchObject({ InstanceState: 'STOPPED', StopChargingMode: 'KEEP_CHARGING' });
    expect(await cloud.code('StartInstances', ids)).toBe('ok');
    await cloud.clock.advance(10_000);
    expect(await cloud.code('RebootInstances', ids)).toBe('ok');
    expect(await cloud.row(id)).toMatchObject({ InstanceState: 'REBOOTING', LatestOperation: 'RebootInstances' });
    await cloud.clock.advance(10_000);
    expect(moves(id).slice(1)).toEqual([
      'RUNNING run',
      'STOPPING stop',
      'STOPPED stop',
      'STARTING start',
      'RUNNING start',
      'REBOOTING reboot',
      'RUNNING reboot',
    ]);
  });

  it('a stopped hourly machine costs only its disk where it was asked for', async () => {
    await open();
    const id = await running({ InstanceChargeType: 'POSTPAID_BY_HOUR' });
    await cloud.call('StopInstances', { InstanceIds: [id], StoppedMode: 'STOP_CHARGING' });
    await cloud.clock.advance(10_000);
    expect(cloud.simulator.state().instances[0]?.perHour).toBe('0.00405');
    await cloud.call('StartInstances', { InstanceIds: [id] });
    await cloud.clock.advance(10_000);
    expect(cloud.simulator.state().instances[0]?.perHour).toBe('1.26405');
  });
});

describe('terminate', () => {
  it('shows the machine as TERMINATING for a while, then not at all', async () => {
    await open();
    const id = await running();
    expect(await cloud.code('TerminateInstances', { InstanceIds: [id] })).toBe('ok');
    expect(await cloud.row(id)).toMatchObject({ InstanceState: 'TERMINATING', LatestOperation: 'TerminateInstances' });
    expect(await cloud.code('TerminateInstances', { InstanceIds: [id] })).toBe(
      'UnsupportedOperation.InstanceStateTerminating',
    );
    await cloud.clock.advance(10_000);
    expect(await cloud.row(id)).toBeUndefined();
    expect(await cloud.code('TerminateInstances', { InstanceIds: [id] })).toBe('InvalidInstanceId.NotFound');
    expect(cloud.simulator.state().gone[0]).toMatchObject({ id, endCause: 'terminate' });
  });

  it('refuses a machine that is being made, and one that is protected', async () => {
    await open();
    const [id = ''] = await cloud.run();
    const ids = { InstanceIds: [id] };
    expect(await cloud.code('TerminateInstances', ids)).toBe('UnsupportedOperation.InstanceStatePending');
    await cloud.clock.advance(20_000);
    expect(await cloud.code('ModifyInstancesAttribute', { ...ids, DisableApiTermination: true })).toBe('ok');
    expect(await cloud.code('TerminateInstances', ids)).toBe('UnsupportedOperation.InstancesProtected');
  });

  it('refuses more than 100 ids, malformed ones, and two charge types in one call', async () => {
    await open();
    const spot = await running();
    const hourly = await running({ InstanceChargeType: 'POSTPAID_BY_HOUR' });
    const code = (ids: string[]): Promise<string> => cloud.code('TerminateInstances', { InstanceIds: ids });
    expect(await code(Array.from({ length: 101 }, (_, n) => `ins-${String(n).padStart(8, '0')}`))).toBe(
      'InvalidParameterValue.LimitExceeded',
    );
    expect(await code(['ins-short'])).toBe('InvalidInstanceId.Malformed');
    expect(await code([spot, hourly])).toBe('UnsupportedOperation.InstanceMixedPricingModel');
  });

  it.each([
    ['all-or-nothing', 'RUNNING'],
    ['partial', 'TERMINATING'],
  ] as const)('with one bad id in the batch, %s: the good one is %s', async (terminateBatch, state) => {
    await open({ assumptions: { terminateBatch } });
    const id = await running();
    expect(await cloud.code('TerminateInstances', { InstanceIds: [id, 'ins-aaaaaaaa'] })).toBe(
      'InvalidInstanceId.NotFound',
    );
    expect(await cloud.row(id)).toMatchObject({ InstanceState: state });
  });

  it('puts hourly machines into the recycle bin where that is assumed', async () => {
    await open({ assumptions: { hourlyTerminate: 'recycle-bin' } });
    const id = await running({ InstanceChargeType: 'POSTPAID_BY_HOUR' });
    await cloud.call('TerminateInstances', { InstanceIds: [id] });
    expect(await cloud.row(id)).toMatchObject({ InstanceState: 'SHUTDOWN' });
    await cloud.clock.advance(2 * 3_600_000 + 10_000);
    expect(moves(id).slice(2)).toEqual(['SHUTDOWN terminate', 'TERMINATING terminate', 'ABSENT terminate']);
  });

  it('happens by itself when the action timer is due', async () => {
    await open();
    const at = new Date(cloud.clock.now() + 600_000).toISOString();
    const id = await running({ ActionTimer: { TimerAction: 'TerminateInstances', ActionTime: at } });
    await cloud.clock.advance(600_000);
    expect(moves(id).slice(2)).toEqual(['TERMINATING action-timer', 'ABSENT action-timer']);
  });
});

describe('reclaim', () => {
  const notice = async (id: string): Promise<[number, string]> => {
    const path = `_metadata/${id}/latest/meta-data/spot/termination-time`;
    const response = await fetch(`${cloud.simulator.url}/${path}`);
    return [response.status, await response.text()];
  };

  it('is told two minutes ahead in the metadata only, in UTC+8, then the machine lingers and is gone', async () => {
    await open();
    const id = await running();
    expect((await notice(id))[0]).toBe(404);
    cloud.simulator.reclaim(id);
    // The fake clock starts at 00:00 UTC; 20 s have passed.
    expect(await notice(id)).toEqual([200, '2026-11-01 08:02:20']);
    const before = await cloud.row(id);
    expect(before).toMatchObject({ InstanceState: 'RUNNING', LatestOperation: 'RunInstances' });
    await cloud.clock.advance(119_999);
    expect(await cloud.row(id)).toEqual(before);
    await cloud.clock.advance(1);
    expect(await cloud.row(id)).toMatchObject({ InstanceState: 'TERMINATING', LatestOperation: 'RunInstances' });
    expect((await notice(id))[0]).toBe(404);
    await cloud.clock.advance(3000);
    expect(await cloud.row(id)).toBeUndefined();
    expect(moves(id).slice(2)).toEqual(['TERMINATING reclaim', 'ABSENT reclaim']);
  });

  it('vanishes at once, without notice, where that is assumed and ordered', async () => {
    await open({ assumptions: { reclaimed: 'vanishes' } });
    const id = await running();
    cloud.simulator.reclaim(id, { noticeMs: 0 });
    expect(await cloud.row(id)).toBeUndefined();
  });

  it('looks like a terminate where that is assumed', async () => {
    await open({ assumptions: { reclaimOperation: 'TerminateInstances' } });
    const id = await running();
    cloud.simulator.reclaim(id, { noticeMs: 0 });
    expect(await cloud.row(id)).toMatchObject({ LatestOperation: 'TerminateInstances' });
  });

  it('takes no machine that was released before, and does not take one twice', async () => {
    await open();
    const id = await running();
    cloud.simulator.reclaim(id);
    await cloud.call('TerminateInstances', { InstanceIds: [id] });
    await cloud.clock.advance(200_000);
    expect(moves(id).filter((move) => move.startsWith('ABSENT'))).toEqual(['ABSENT terminate']);
    expect(() => cloud.simulator.reclaim(id)).toThrow(/does not exist/);
  });

  it('never takes hourly machines', async () => {
    await open();
    const id = await running({ InstanceChargeType: 'POSTPAID_BY_HOUR' });
    expect(() => cloud.simulator.reclaim(id)).toThrow(/not a spot instance/);
  });

  it('comes at a rate, and stops when the rate is 0', async () => {
    await open();
    cloud.simulator.setReclaimRate(60);
    await cloud.run({ InstanceCount: 4 });
    await cloud.clock.advance(3_600_000);
    expect(cloud.simulator.state().gone).toHaveLength(4);
    cloud.simulator.setReclaimRate(0);
    await cloud.run({ InstanceCount: 2 });
    await cloud.clock.advance(3_600_000);
    expect(cloud.simulator.state().instances).toHaveLength(2);
  });
});

describe('lists', () => {
  it('page by 20 unless told otherwise, at most 100, with the total before paging', async () => {
    await open({ accounts: [{ keys: [{ secretId: 'xxx', secretKey: 'xxx' }], balance: 1000 }] });
    await cloud.run({ InstanceType: 'S5.MEDIUM4', InstanceChargeType: 'POSTPAID_BY_HOUR', InstanceCount: 25 });
    await cloud.clock.advance(5000);
    const page = async (body: object): Promise<[number, number]> => {
      const answer = await cloud.call('DescribeInstances', body);
      return [answer['TotalCount'], answer['InstanceSet'].length];
    };
    expect(await page({})).toEqual([25, 20]);
    expect(await page({ Offset: 20 })).toEqual([25, 5]);
    expect(await page({ Limit: 100 })).toEqual([25, 25]);
    expect(await cloud.code('DescribeInstances', { Limit: 101 })).toBe('InvalidParameterValue.Range');
    const rows = (await cloud.call('DescribeInstances', { Limit: 100 }))['InstanceSet'].map(
      (row: Answer) => row['InstanceId'],
    );
    expect(new Set(rows).size).toBe(25);
  });

  it.each([
    ['values of a filter are alternatives', [{ Name: 'zone', Values: ['ap-singapore-1', 'ap-singapore-2'] }], 1],
    [
      'filters must all pass',
      [
        { Name: 'zone', Values: ['ap-singapore-2'] },
        { Name: 'instance-state', Values: ['STOPPED'] },
      ],
      0,
    ],
    ['name', [{ Name: 'instance-name', Values: ['poo'] }], 1],
    ['charge type', [{ Name: 'instance-charge-type', Values: ['SPOTPAID'] }], 1],
    ['tag key', [{ Name: 'tag-key', Values: ['pool'] }], 1],
    ['tag value', [{ Name: 'tag-value', Values: ['q'] }], 0],
    ['an unknown tag', [{ Name: 'tag:nobody', Values: ['p'] }], 0],
    ['subnet', [{ Name: 'subnet-id', Values: ['subnet-gfrv79s2'] }], 1],
    ['made after', [{ Name: 'creation-start-time', Values: ['2026-11-01 08:00:00'] }], 1],
    ['made before', [{ Name: 'creation-end-time', Values: ['2026-11-01 07:59:59'] }], 0],
  ])('filter: %s', async (_name, filters, expected) => {
    await open();
    await running({ InstanceName: 'pool-1', TagSpecification: tags });
    expect(await count({ Filters: filters })).toBe(expected);
  });

  const id = 'ins-aaaaaaaa';
  it.each([
    ['an unknown filter', { Filters: [{ Name: 'colour', Values: ['red'] }] }, 'InvalidFilter'],
    ['tag: without a key', { Filters: [{ Name: 'tag:', Values: ['p'] }] }, 'InvalidFilter'],
    [
      '11 filters',
      { Filters: Array.from({ length: 11 }, () => ({ Name: 'zone', Values: ['z'] })) },
      'InvalidFilterValue.LimitExceeded',
    ],
    [
      '6 values',
      { Filters: [{ Name: 'zone', Values: ['1', '2', '3', '4', '5', '6'] }] },
      'InvalidFilterValue.LimitExceeded',
    ],
    ['ids with filters', { InstanceIds: [id], Filters: [{ Name: 'zone', Values: ['z'] }] }, 'InvalidParameter'],
    ['101 ids', { InstanceIds: Array.from({ length: 101 }, () => id) }, 'InvalidParameterValue.LimitExceeded'],
    ['a malformed id', { InstanceIds: ['i-1'] }, 'InvalidInstanceId.Malformed'],
    ['an unknown id', { InstanceIds: [id] }, 'ok'],
  ])('%s', async (_name, body, code) => {
    await open();
    expect(await cloud.code('DescribeInstances', body)).toBe(code);
  });

  it('may answer TagKeyNotFound for a tag that no machine has, where that is assumed', async () => {
    await open({ assumptions: { unknownTagFilter: 'error' } });
    expect(await cloud.code('DescribeInstances', byTag)).toBe('InvalidParameterValue.TagKeyNotFound');
    await running({ TagSpecification: tags });
    expect(await count(byTag)).toBe(1);
  });

  it('can lack machines on demand; a question by id does not, unless that is ordered too', async () => {
    await open();
    const [first = '', second = ''] = [await running(), await running()];
    cloud.simulator.shortenLists({ ids: [first], times: 2 });
    expect([await count(), await count({ InstanceIds: [first] }), await count(), await count()]).toEqual([1, 1, 1, 2]);
    const end = cloud.simulator.shortenLists({ count: 2, times: 'always', byIdToo: true });
    expect([await count(), await count({ InstanceIds: [second] })]).toEqual([0, 0]);
    end();
    expect(await count()).toBe(2);
  });
});

it('changes names, groups and user data, and reads user data back', async () => {
  await open();
  const id = await running({ UserData: Buffer.from('echo 1').toString('base64') });
  const ids = { InstanceIds: [id] };
  const read = async (): Promise<string> =>
    (await cloud.call('DescribeInstancesAttributes', { ...ids, Attributes: ['UserData'] }))['InstanceSet'][0].Attributes
      .UserData;
  expect(await read()).toBe('ZWNobyAx');
  expect(await cloud.code('ModifyInstancesAttribute', ids)).toBe('MissingParameter.AtLeastOne');
  expect(await cloud.code('ModifyInstancesAttribute', { ...ids, InstanceName: 'x'.repeat(61) })).toBe(
    'InvalidInstanceName.TooLong',
  );
  expect(await cloud.code('ModifyInstancesAttribute', { ...ids, InstanceName: 'new', UserData: 'ZWNobyAy' })).toBe(
    'ok',
  );
  expect(await read()).toBe('ZWNobyAy');
  expect(await cloud.row(id)).toMatchObject({ InstanceName: 'new' });
});

it('gives the same ids, delays and chances for the same seed', async () => {
  const story = async (seed: number): Promise<unknown> => {
    await open({ seed, timing: {} });
    await cloud.call('RunInstances', runRequest({ InstanceCount: 3 }));
    await cloud.clock.advance(60_000);
    const entries = cloud.simulator.journal.entries.filter((entry) => entry.kind === 'event');
    await cloud.simulator.close();
    return entries;
  };
  const first = await story(5);
  expect(await story(5)).toEqual(first);
  expect(await story(6)).not.toEqual(first);
});
