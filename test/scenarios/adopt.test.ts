import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { callSimulator, runRequest } from '../../simulators/cvm/test-call.ts';
import { adoptCommand } from '../../src/cli/adopt.ts';
import { createClouds, createCredentials } from '../../src/wiring.ts';
import { createFakeIo, runCli } from '../builders/cli.ts';
import { alive, calls, everBought, released } from '../builders/cloud-judge.ts';
import { type OperatorUnderTest, startOperator } from '../builders/operator.ts';
import { poolManifest } from '../builders/pool-manifest.ts';

const MINUTE = 60_000;

const isReady = (op: OperatorUnderTest): boolean => op.condition('pool', 'Ready')?.status === 'True';
const instances = (op: OperatorUnderTest) => op.pool('pool')?.status?.instances ?? [];

async function readyPool(changes: Readonly<Record<string, unknown>>): Promise<OperatorUnderTest> {
  const op = await startOperator({ manifests: { 'pool.yaml': [poolManifest('pool', changes)] } });
  await op.until('the pool is ready', () => isReady(op));
  return op;
}

/** `aiops adopt`, with the adapters that it has in production. */
function adopt(op: OperatorUnderTest, ...args: string[]): ReturnType<typeof runCli> {
  const io = createFakeIo({ env: { AIOPS_STATE: op.statePath }, clock: op.clock });
  const command = adoptCommand(io, async (pool, settings, { readSecret }) => {
    const edges = { env: {}, clock: op.clock, clockFactor: 1 };
    const { clouds, egress } = createClouds(settings, edges);
    const credentials = createCredentials(readSecret, { ...edges, egress })(pool);
    return clouds.open(credentials, pool.spec.region, io.signal);
  });
  const manifests = ['-f', op.manifestsDir, '--tencent-endpoint', op.simulator.url, '--egress', 'loopback'];
  return runCli(['adopt', 'pool', ...args, ...manifests], io, [command]);
}

/** A machine that somebody makes in the console. */
async function makeByHand(op: OperatorUnderTest): Promise<string> {
  const answer = await callSimulator(op.simulator, 'RunInstances', runRequest({ InstanceName: 'by-hand' }));
  expect(answer.Error).toBeUndefined();
  await op.advance(MINUTE);
  return answer['InstanceIdSet'][0];
}

describe('a machine made by hand', () => {
  it('is left alone until it is adopted, then is one of the pool, and goes with it', async () => {
    const op = await readyPool({ minimum: 1, maximum: 2 });
    const [bought = ''] = alive(op.simulator);
    const id = await makeByHand(op);
    expect(instances(op).map(({ instanceId }) => instanceId)).toEqual([bought]);
    expect((await adopt(op)).out).toMatch(new RegExp(`^${id} +by-hand +RUNNING .* - +yes$`, 'm'));

    expect(await adopt(op, id)).toMatchObject({
      code: 0,
      err: '',
      out: expect.stringContaining(`machine ${id} adopted\n`),
    });
    const own = (): boolean => instances(op).some(({ instanceId, phase }) => instanceId === id && phase === 'Ready');
    await op.until('it is one of the pool', own, 2 * MINUTE);
    expect(op.pool('pool')?.status).toMatchObject({ size: 2, ready: 2 });
    expect((await adopt(op)).err).toContain('no machine that it could take in');

    const third = await makeByHand(op);
    expect(await adopt(op, third)).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining('its maximum is 2'),
    });
    await op.advance(5 * MINUTE);
    expect(alive(op.simulator).toSorted()).toEqual([bought, id, third].toSorted());
    expect(everBought(op.simulator)).toHaveLength(3);

    await op.delete('pool');
    await op.until('the pool is gone', () => op.pool('pool') === undefined, 10 * MINUTE);
    expect(released(op.simulator).toSorted()).toEqual([bought, id].toSorted());
    expect(alive(op.simulator)).toEqual([third]);
  });
});

describe('machines of another installation under the same name', () => {
  it('are adopted, which settles the conflict, and the pool goes on', async () => {
    const op = await readyPool({ minimum: 2, maximum: 2 });
    const before = alive(op.simulator);
    await op.stop();
    for (const suffix of ['', '-wal', '-shm']) rmSync(op.statePath + suffix, { force: true });
    rmSync(join(op.manifestsDir, '.aiops-installation'));
    await op.start();
    const conflict = () => op.condition('pool', 'IdentityConflict')?.status;
    await op.until('the conflict shows', () => conflict() === 'True', 2 * MINUTE);
    await op.advance(5 * MINUTE);
    expect(alive(op.simulator)).toEqual(before);

    const listed = (await adopt(op)).out;
    for (const id of before)
      expect(listed).toMatch(new RegExp(`^${id} .* default/pool of installation \\S+ +yes$`, 'm'));
    expect(await adopt(op, ...before, '--dry-run')).toMatchObject({ code: 0 });
    await op.advance(2 * MINUTE);
    expect(conflict()).toBe('True');

    expect(await adopt(op, ...before)).toMatchObject({ code: 0, err: '' });
    await op.until('the conflict is settled', () => conflict() !== 'True', MINUTE);
    await op.until('the pool is ready', () => isReady(op), 2 * MINUTE);
    await op.advance(5 * MINUTE);
    expect(
      instances(op)
        .map(({ instanceId }) => instanceId)
        .toSorted(),
    ).toEqual(before.toSorted());
    expect(everBought(op.simulator)).toHaveLength(2);
    expect(calls(op.simulator, 'TagResources')).toHaveLength(1);

    op.simulator.reclaim(before[0] ?? '', { noticeMs: 0 });
    await op.until('it is replaced', () => everBought(op.simulator).length === 3 && isReady(op), 5 * MINUTE);
    expect(alive(op.simulator)).toHaveLength(2);
    expect(released(op.simulator)).toEqual([]);
  });
});
