import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { callSimulator, runRequest } from '../../../simulators/cvm/test-call.ts';
import { adoptCommand } from '../../../src/cli/adopt.ts';
import { type OpenCloudFor, planCommand } from '../../../src/cli/plan.ts';
import { createClouds, createCredentials } from '../../../src/wiring.ts';
import { createFakeIo, runCli } from '../../builders/cli.ts';
import { calls } from '../../builders/cloud-judge.ts';
import { type OperatorUnderTest, startOperator } from '../../builders/operator.ts';
import { poolManifest } from '../../builders/pool-manifest.ts';
import { MINUTE } from './frame.ts';
import { allowed } from './policies.ts';

const KEY = 'xxx';
const OTHER = { secretId: 'AKIDotherother', secretKey: 'other-secret-key' };

/** Opens the cloud as `aiops` does, with the clock of the operator. */
const openFor =
  (op: OperatorUnderTest): OpenCloudFor =>
  (opened, _settings, { io, readSecret }) => {
    const edges = { env: {}, clock: op.clock, clockFactor: 1 };
    const settings = { tencentSite: 'international', connectTo: [], egress: 'loopback' } as const;
    const { clouds, egress } = createClouds({ ...settings, tencentEndpoint: op.simulator.url }, edges);
    return clouds.open(createCredentials(readSecret, { ...edges, egress })(opened), opened.spec.region, io.signal);
  };

/** An operator with a pool that wants nothing, and an idle machine that somebody has bought in its place. */
async function operator(): Promise<{ op: OperatorUnderTest; id: string }> {
  const op = await startOperator({
    simulator: { accounts: [{ keys: [{ secretId: KEY, secretKey: KEY }, OTHER] }] },
    manifests: { 'pool.yaml': [poolManifest('pool', { minimum: 0, maximum: 2 })] },
  });
  const bought = await callSimulator(op.simulator, 'RunInstances', runRequest(), OTHER);
  await op.advance(MINUTE);
  return { op, id: bought['InstanceIdSet'][0] };
}

/** Runs a command with keys that may do this and no more. */
async function run(op: OperatorUnderTest, args: readonly string[], actions: readonly string[]) {
  op.simulator.setPermissions(KEY, actions);
  const io = createFakeIo({ clock: op.clock });
  const file = ['-f', join(op.manifestsDir, 'pool.yaml')];
  return runCli([...args, ...file], io, [planCommand(io, openFor(op)), adoptCommand(io, openFor(op))]);
}

const without = (actions: readonly string[], missing: string): readonly string[] =>
  actions.filter((action) => action !== missing);

describe('aiops plan', () => {
  const needed = ['cvm:DescribeInstances', ...allowed('Prices', 'Stock', '`aiops plan`')];

  it('does all that it can with exactly its policies', async () => {
    const { op } = await operator();
    expect(await run(op, ['plan'], needed)).toMatchObject({ code: 0, err: '' });
  });

  it.each(without(needed, 'cvm:DescribeInstances'))('without %s: names it, and shows the rest', async (missing) => {
    const { op } = await operator();
    const { code, out, err } = await run(op, ['plan'], without(needed, missing));
    expect(code).toBe(0);
    expect(err).toContain(`Allow ${missing} in their CAM policy`);
    expect(out).toContain('SpotPool default/pool in ap-singapore');
  });

  it('without cvm:DescribeInstances: names it, and fails', async () => {
    const { op } = await operator();
    const { code, err } = await run(op, ['plan'], without(needed, 'cvm:DescribeInstances'));
    expect(code).not.toBe(0);
    expect(err).toContain('Allow cvm:DescribeInstances in their CAM policy');
  });
});

describe('aiops adopt', () => {
  const needed = ['cvm:DescribeInstances', ...allowed('`aiops adopt`')];

  it('takes a machine in with exactly its policies', async () => {
    const { op, id } = await operator();
    const { code } = await run(op, ['adopt', 'pool', id, '--state', op.statePath], needed);
    expect(code).toBe(0);
    await op.advance(MINUTE);
    expect(op.pool('pool')?.status?.instances?.map(({ instanceId }) => instanceId)).toEqual([id]);
  });

  it.each(needed)('without %s: names it, and changes nothing', async (missing) => {
    const { op, id } = await operator();
    const { code, err } = await run(op, ['adopt', 'pool', id, '--state', op.statePath], without(needed, missing));
    expect(code).not.toBe(0);
    expect(err).toContain(`Allow ${missing} in their CAM policy`);
    expect(calls(op.simulator, 'TagResources').filter(({ result }) => result === 'ok')).toEqual([]);
    expect(op.pool('pool')?.status?.instances ?? []).toEqual([]);
  });
});
