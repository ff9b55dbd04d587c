import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openCloud, type TestCloud } from './test-call.ts';

let cloud: TestCloud;
beforeEach(async () => {
  cloud = await openCloud({ machines: 'shared' });
});
afterEach(() => cloud.simulator.close());

/** How it ends to ask a machine for its models: a status, or the code of the error. */
async function ask(address: string): Promise<number | string> {
  const url = `http://${address}:${cloud.simulator.machinePort}/api/tags`;
  try {
    const response = await fetch(url, { headers: { connection: 'close' } });
    await response.arrayBuffer();
    return response.status;
  } catch (error) {
    return (error as { cause: { code: string } }).cause.code;
  }
}

/** Buys machines and has them made; those of this image boot for 20 s more. */
async function make(count: number): Promise<readonly { id: string; address: string }[]> {
  const ids = await cloud.run({ InstanceCount: count });
  await cloud.clock.advance(25_000);
  const rows = await Promise.all(ids.map((id) => cloud.row(id)));
  return rows.map((row, index) => ({ id: ids[index] ?? '', address: row?.['PublicIpAddresses'][0] }));
}

describe('machines behind one listener', () => {
  it('have addresses of their own and answer once they have booted', async () => {
    const machines = await make(3);
    const addresses = machines.map(({ address }) => address);
    expect(new Set(addresses).size).toBe(3);
    expect(await Promise.all(addresses.map(ask))).toEqual(['ECONNRESET', 'ECONNRESET', 'ECONNRESET']);
    await cloud.clock.advance(20_000);
    expect(await Promise.all(addresses.map(ask))).toEqual([200, 200, 200]);
  });

  it('leave one by one', async () => {
    const [first, second] = await make(2);
    await cloud.clock.advance(20_000);
    cloud.simulator.reclaim(first?.id ?? '', { noticeMs: 0 });
    expect([await ask(first?.address ?? ''), await ask(second?.address ?? '')]).toEqual(['ECONNRESET', 200]);
  });

  it('cut off who is connected when they leave', async () => {
    const [machine] = await make(1);
    await cloud.clock.advance(20_000);
    const socket = connect({ host: machine?.address ?? '', port: cloud.simulator.machinePort });
    const failed = new Promise((resolve) => socket.once('error', resolve));
    await new Promise((resolve) => socket.once('connect', resolve));
    // The other end must know of it first.
    expect(await ask(machine?.address ?? '')).toBe(200);
    cloud.simulator.reclaim(machine?.id ?? '', { noticeMs: 0 });
    expect(await failed).toMatchObject({ code: 'ECONNRESET' });
  });

  it('answer 500 when their image is broken', async () => {
    cloud.simulator.setImage('img-5gn3j31i', { isBroken: true, readyAfterMs: 0 });
    const [machine] = await make(1);
    expect(await ask(machine?.address ?? '')).toBe(500);
  });

  it('are not there for other addresses of this computer', async () => {
    await make(1);
    await cloud.clock.advance(20_000);
    const outside = Object.values(networkInterfaces()).flatMap((addresses = []) => addresses);
    const others = outside.filter(({ family, internal }) => family === 'IPv4' && !internal);
    for (const address of ['127.0.0.1', ...others.map((other) => other.address)]) {
      expect(await ask(address)).toBe('ECONNRESET');
    }
  });
});
