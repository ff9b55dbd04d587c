import { rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { ASSUMPTIONS } from '../../simulators/cvm/assumptions.ts';
import { alive, calls, everBought, mostAlive, released } from '../builders/cloud-judge.ts';
import { type OperatorOptions, type OperatorUnderTest, startOperator } from '../builders/operator.ts';
import { poolManifest } from '../builders/pool-manifest.ts';

const MINUTE = 60_000;

const isReady = (op: OperatorUnderTest): boolean => op.condition('pool', 'Ready')?.status === 'True';

async function readyPool(changes: Readonly<Record<string, unknown>> = {}, options: OperatorOptions = {}) {
  const op = await startOperator({ manifests: { 'pool.yaml': [poolManifest('pool', changes)] }, ...options });
  await op.until('the pool is ready', () => isReady(op));
  return op;
}

function loseState(op: OperatorUnderTest): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(op.statePath + suffix, { force: true });
}

function wipeStatus(op: OperatorUnderTest): void {
  const db = new DatabaseSync(op.statePath);
  db.exec('UPDATE objects SET status = NULL');
  db.close();
}

/** No machine beyond `machines` was ever made, and all of them live. */
function expectKept(op: OperatorUnderTest, machines: readonly string[]): void {
  expect(alive(op.simulator)).toEqual(machines);
  expect(everBought(op.simulator)).toHaveLength(machines.length);
  const shown = op.pool('pool')?.status?.instances ?? [];
  expect(shown.map(({ instanceId }) => instanceId).toSorted()).toEqual([...machines].toSorted());
}

describe('an operator that starts again', () => {
  const ends = {
    'stopped in order': (op: OperatorUnderTest) => op.stop(),
    killed: (op: OperatorUnderTest) => op.abandon(),
  };
  it.each(Object.entries(ends))('%s: goes on with the same machines', async (_how, end) => {
    const op = await readyPool({ minimum: 2 });
    const before = alive(op.simulator);
    await end(op);
    await op.start();
    await op.advance(5 * MINUTE);
    expectKept(op, before);
    expect(isReady(op)).toBe(true);
  });

  const wipes = { 'its state file is lost': loseState, 'its status is wiped': wipeStatus };
  it.each(Object.entries(wipes))('%s: finds its machines again, and buys none', async (_what, wipe) => {
    const op = await readyPool({ minimum: 2, maximum: 3 });
    const before = alive(op.simulator);
    const uid = op.pool('pool')?.metadata.uid;
    await op.stop();
    wipe(op);
    await op.start();
    await op.until('the pool is ready', () => isReady(op), 3 * MINUTE);
    await op.advance(10 * MINUTE);
    expectKept(op, before);
    expect(op.pool('pool')?.metadata.uid).toBe(uid);
    expect(calls(op.simulator, 'RunInstances')).toHaveLength(1);
  });

  const lags = [
    { appear: [0, 0], tags: [1000, 10_000] },
    { appear: [3000, 3000], tags: [10_000, 10_000] },
    { appear: [20_000, 20_000], tags: [60_000, 60_000] },
    { appear: [0, 0], tags: [4 * MINUTE, 4 * MINUTE] },
  ] as const;
  const losses = Object.entries(wipes).flatMap(([what, wipe]) => lags.map((timing) => ({ what, wipe, timing })));
  it.each(losses)('$what right after a purchase, lists lag $timing: buys none', async ({ wipe, timing }) => {
    const op = await startOperator({ manifests: { 'pool.yaml': [poolManifest('pool')] }, simulator: { timing } });
    await op.until('a machine is bought', () => everBought(op.simulator).length > 0, 15_000);
    const before = alive(op.simulator);
    await op.abandon();
    wipe(op);
    await op.start();
    await op.advance(10 * MINUTE);
    expectKept(op, before);
    expect(isReady(op)).toBe(true);
  });

  it('another installation on the same manifests neither buys nor releases', async () => {
    const op = await readyPool({ minimum: 2 });
    const before = alive(op.simulator);
    await op.stop();
    loseState(op);
    rmSync(`${op.manifestsDir}/.aiops-installation`);
    await op.start();
    await op.advance(30 * MINUTE);
    expect(alive(op.simulator)).toEqual(before);
    expect(everBought(op.simulator)).toHaveLength(2);
    expect(op.condition('pool', 'IdentityConflict')).toMatchObject({
      status: 'True',
      message: expect.stringContaining(before[0] ?? '?'),
    });
  });
});

describe('killed around a purchase', () => {
  const moments = [
    ['before the cloud is looked at', { method: 'sweep', when: 'before' }],
    ['when it was planned and not written', { method: 'price', when: 'after' }],
    ['when it was written and not sent', { method: 'launch', when: 'before' }],
    ['when it was sent and not heard of', { method: 'launch', when: 'after' }],
  ] as const;
  it.each(moments)('%s: the next life ends up with minimum', async (_name, moment) => {
    const op = await startOperator({ manifests: {} });
    op.abandonWhen(({ method, when }) => method === moment.method && when === moment.when);
    op.write('pool.yaml', [poolManifest('pool', { minimum: 2 })]);
    await op.until('it is killed', () => !op.isRunning, MINUTE);
    await op.start();
    await op.until('the pool is ready', () => isReady(op), 5 * MINUTE);
    await op.advance(5 * MINUTE);
    expect(everBought(op.simulator)).toHaveLength(2);
    expect(op.pool('pool')?.status?.intents ?? []).toEqual([]);
  });

  it('three times in a row: still minimum', async () => {
    const op = await startOperator({ manifests: {} });
    op.write('pool.yaml', [poolManifest('pool', { minimum: 2 })]);
    for (const method of ['launch', 'price', 'findByName'] as const) {
      op.abandonWhen((moment) => moment.method === method && moment.when === 'after');
      if (!op.isRunning) await op.start();
      await op.until(`it is killed after ${method}`, () => !op.isRunning, 5 * MINUTE);
    }
    await op.start();
    await op.until('the pool is ready', () => isReady(op), 5 * MINUTE);
    await op.advance(5 * MINUTE);
    expect(everBought(op.simulator)).toHaveLength(2);
  });
});

describe('a purchase of unknown outcome', () => {
  const after = ['internal-error-after', 'http-500-after', 'reset-after', 'hang-after', 'truncated'] as const;
  const before = ['internal-error-before', 'http-500-before', 'http-502', 'reset-before', 'hang', 'html'] as const;

  it.each(ASSUMPTIONS.clientToken.flatMap((token) => [...after, ...before].map((kind) => [token, kind] as const)))(
    '(token %s, %s) never makes a second machine',
    async (clientToken, kind) => {
      const op = await startOperator({ manifests: {}, simulator: { assumptions: { clientToken } } });
      op.simulator.addFault({ action: 'RunInstances', kind });
      op.write('pool.yaml', [poolManifest('pool', { minimum: 2, maximum: 3 })]);
      await op.until('the outcome is unknown', () => op.pool('pool')?.status?.intents?.[0]?.unknownSince, MINUTE);
      await op.until('the pool is ready', () => isReady(op), 6 * MINUTE);
      await op.advance(5 * MINUTE);
      expect(op.events('pool').map(({ reason }) => reason)).toContain('OutcomeUnknown');
      expect(alive(op.simulator)).toHaveLength(2);
      expect(everBought(op.simulator)).toHaveLength(2);
      expect(released(op.simulator)).toEqual([]);
    },
  );

  it.each(ASSUMPTIONS.clientToken)('(token %s) while lists lag and tags come late: neither', async (clientToken) => {
    const timing = { appear: [15_000, 15_000], tags: [2 * MINUTE, 2 * MINUTE] } as const;
    const op = await startOperator({ manifests: {}, simulator: { assumptions: { clientToken }, timing } });
    op.simulator.addFault({ action: 'RunInstances', kind: 'reset-after' });
    op.write('pool.yaml', [poolManifest('pool', { minimum: 2, maximum: 2 })]);
    await op.advance(15 * MINUTE);
    expect(everBought(op.simulator)).toHaveLength(2);
    expect(isReady(op)).toBe(true);
  });

  it('again and again: every machine is found, none is bought beyond minimum', async () => {
    const op = await startOperator({ manifests: {} });
    op.simulator.addFault({ action: 'RunInstances', kind: 'http-500-after', times: 'always' });
    op.write('pool.yaml', [poolManifest('pool', { minimum: 1, maximum: 1 })]);
    await op.until('the pool is ready', () => isReady(op), 5 * MINUTE);
    op.simulator.reclaim(alive(op.simulator)[0] ?? '', { noticeMs: 0 });
    await op.advance(30 * MINUTE);
    expect(everBought(op.simulator)).toHaveLength(2);
    expect(mostAlive(op.simulator)).toBe(1);
    expect(isReady(op)).toBe(true);
  });
});
