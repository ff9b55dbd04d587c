import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createFakeClock } from '../../test/builders/fake-clock.ts';
import { type CvmSimulator, startCvmSimulator } from './simulator.ts';
import { callSimulator, FIXED_TIMING, openCloud, runRequest, type TestCloud } from './test-call.ts';

const open: CvmSimulator[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((simulator) => simulator.close()));
});

async function openServing(): Promise<TestCloud> {
  const cloud = await openCloud({ machines: true });
  open.push(cloud.simulator);
  return cloud;
}

async function boot(cloud: TestCloud, over: object = {}): Promise<{ id: string; address: string }> {
  const [id = ''] = await cloud.run(over);
  await cloud.clock.advance(50_000);
  const row = await cloud.row(id);
  const [address] = row?.['PublicIpAddresses'] ?? row?.['PrivateIpAddresses'] ?? [];
  return { id, address };
}

const tags = (address: string): Promise<number> =>
  fetch(`http://${address}:11434/api/tags`).then(
    async (response) => {
      await response.arrayBuffer();
      return response.status;
    },
    () => 0,
  );

describe('a machine', () => {
  it('answers on its own address once it is up, and not before', async () => {
    const cloud = await openServing();
    const [id = ''] = await cloud.run();
    await cloud.clock.advance(20_000);
    const address = (await cloud.row(id))?.['PublicIpAddresses'][0];
    expect(await tags(address)).toBe(0);
    await cloud.clock.advance(20_000);
    expect(await tags(address)).toBe(200);
  });

  it('answers on its private address when it has no public one', async () => {
    const cloud = await openServing();
    const { address } = await boot(cloud, { InternetAccessible: undefined });
    expect(await tags(address)).toBe(200);
  });

  it('answers 500 when its image is broken', async () => {
    const cloud = await openServing();
    cloud.simulator.setImage('img-5gn3j31i', { isBroken: true, readyAfterMs: 0 });
    expect(await tags((await boot(cloud)).address)).toBe(500);
  });

  it('stops in mid-connection when it is reclaimed', async () => {
    const cloud = await openServing();
    const { id, address } = await boot(cloud);
    const socket = connect(11434, address);
    await new Promise((resolve) => socket.once('connect', resolve));
    const ended = new Promise((resolve) => socket.once('error', resolve).once('close', resolve));
    cloud.simulator.reclaim(id);
    await cloud.clock.advance(119_999);
    expect(await tags(address)).toBe(200);
    await cloud.clock.advance(1);
    await ended;
    expect(await tags(address)).toBe(0);
  });

  it('may stop before the reclaim takes it', async () => {
    const cloud = await openServing();
    const { id, address } = await boot(cloud);
    cloud.simulator.reclaim(id, { machineStopsEarlyMs: 30_000 });
    await cloud.clock.advance(90_000);
    expect(await tags(address)).toBe(0);
    expect(await cloud.row(id)).toMatchObject({ InstanceState: 'RUNNING' });
  });

  it('stops when it is stopped, and comes back at the same address', async () => {
    const cloud = await openServing();
    const { id, address } = await boot(cloud);
    await cloud.call('StopInstances', { InstanceIds: [id] });
    await cloud.clock.advance(10_000);
    expect(await tags(address)).toBe(0);
    await cloud.call('StartInstances', { InstanceIds: [id] });
    await cloud.clock.advance(40_000);
    expect(await tags(address)).toBe(200);
  });

  it('that is released while it boots leaves nothing behind', async () => {
    const cloud = await openServing();
    const [id = ''] = await cloud.run();
    await cloud.clock.advance(20_000);
    const address = (await cloud.row(id))?.['PublicIpAddresses'][0];
    await cloud.call('TerminateInstances', { InstanceIds: [id] });
    await cloud.clock.advance(60_000);
    expect(await tags(address)).toBe(0);
  });
});

it('several simulators run side by side, each machine on an address of its own', async () => {
  const clouds = await Promise.all([openServing(), openServing(), openServing()]);
  const machines = await Promise.all(clouds.map((cloud) => boot(cloud)));
  expect(await Promise.all(machines.map(({ address }) => tags(address)))).toEqual([200, 200, 200]);
  expect(new Set(machines.map(({ address }) => address)).size).toBe(3);
});

it('closing stops every machine', async () => {
  const cloud = await openServing();
  const { address } = await boot(cloud);
  await cloud.simulator.close();
  expect(await tags(address)).toBe(0);
});

it('gives the keys of its role to a machine, which the API accepts until they expire', async () => {
  const clock = createFakeClock();
  const simulator = await startCvmSimulator({ clock, machines: false, timing: FIXED_TIMING });
  open.push(simulator);
  const [id] = (await callSimulator(simulator, 'RunInstances', runRequest({ CamRoleName: 'pool' })))['InstanceIdSet'];
  await clock.advance(20_000);
  const path = `_metadata/${id}/latest/meta-data/cam/security-credentials/pool`;
  const keys = (await (await fetch(`${simulator.url}/${path}`)).json()) as Record<string, string>;
  const call = async (): Promise<string | undefined> => {
    const as = { secretId: keys['TmpSecretId'] ?? '', secretKey: keys['TmpSecretKey'] ?? '' };
    const headers = { 'x-tc-token': keys['Token'] ?? '' };
    return (await callSimulator(simulator, 'DescribeZones', {}, { ...as, headers })).Error?.Code;
  };
  expect(await call()).toBeUndefined();
  await clock.advance(2 * 3_600_000);
  expect(await call()).toBe('AuthFailure.TokenFailure');
});
