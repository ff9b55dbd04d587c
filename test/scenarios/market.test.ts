import { describe, expect, it } from 'vitest';
import { ASSUMPTIONS } from '../../simulators/cvm/assumptions.ts';
import { alive, calls, everBought, mostAlive, released } from '../builders/cloud-judge.ts';
import { type OperatorOptions, type OperatorUnderTest, startOperator } from '../builders/operator.ts';
import { poolManifest } from '../builders/pool-manifest.ts';

const MINUTE = 60_000;
const OFFER = ['ap-singapore-2', 'GN7.2XLARGE32', 'SPOTPAID'] as const;

async function pool(changes: Readonly<Record<string, unknown>> = {}, options: OperatorOptions = {}) {
  const op = await startOperator({ manifests: { 'pool.yaml': [poolManifest('pool', changes)] }, ...options });
  return op;
}

const isReady = (op: OperatorUnderTest): boolean => op.condition('pool', 'Ready')?.status === 'True';

async function readyPool(changes: Readonly<Record<string, unknown>> = {}, options: OperatorOptions = {}) {
  const op = await pool(changes, options);
  await op.until('the pool is ready', () => isReady(op));
  return op;
}

describe('a zone that is sold out', () => {
  it('is asked after 3, 6, 12, 24 and then every 30 minutes', async () => {
    const op = await pool({}, { manifests: {} });
    op.simulator.setStock(...OFFER, 0);
    op.write('pool.yaml', [poolManifest('pool')]);
    await op.advance(2.5 * 60 * MINUTE);
    const tries = calls(op.simulator, 'RunInstances').map(({ at }) => at);
    const waits = tries.slice(1).map((at, index) => (at - (tries[index] ?? 0)) / MINUTE);
    for (const [index, least] of [3, 6, 12, 24, 30, 30].entries()) {
      expect(waits[index]).toBeGreaterThanOrEqual(least);
      expect(waits[index]).toBeLessThan(least + 0.5);
    }
    expect(alive(op.simulator)).toEqual([]);
  });

  it.each(ASSUMPTIONS.soldOutCode)('is told of, whatever its code (%s), and is nothing for a person', async (code) => {
    const op = await pool({}, { simulator: { assumptions: { soldOutCode: code } }, manifests: {} });
    op.simulator.setStock(...OFFER, 0);
    op.write('pool.yaml', [poolManifest('pool')]);
    await op.advance(2 * MINUTE);
    expect(op.condition('pool', 'CapacityAvailable')).toMatchObject({
      status: 'False',
      reason: 'SoldOut',
      message: expect.stringContaining(code),
    });
    expect(op.condition('pool', 'Ready')?.status).toBe('False');
    expect(op.condition('pool', 'Stalled')?.status).toBe('False');
  });

  it('is asked again as soon as the stock list says that it is selling', async () => {
    const op = await readyPool();
    op.simulator.setStock(...OFFER, 0);
    op.simulator.reclaim(alive(op.simulator)[0] ?? '', { noticeMs: 0 });
    await op.advance(40 * MINUTE);
    expect(op.pool('pool')?.status?.offerings?.[0]).toMatchObject({ state: 'Blocked', reason: 'SoldOut' });
    op.simulator.setStock(...OFFER, 5);
    await op.until('the pool is ready again', () => isReady(op), 4 * MINUTE);
    expect(everBought(op.simulator)).toHaveLength(2);
    expect(op.condition('pool', 'CapacityAvailable')?.status).toBe('True');
  });

  it('is passed over for the next offering, at once', async () => {
    const op = await pool({
      minimum: 2,
      offerings: [{}, { availabilityZone: 'ap-singapore-3', subnetId: 'subnet-t7w2c5d3' }],
    });
    op.simulator.setStock(...OFFER, 0);
    await op.until('the pool is ready', () => isReady(op));
    const zones = op.simulator.state().instances.map(({ zone }) => zone);
    expect(zones).toEqual(['ap-singapore-3', 'ap-singapore-3']);
    const [first, ...others] = calls(op.simulator, 'RunInstances').map(({ at }) => at);
    expect(Math.max(...others) - (first ?? 0)).toBeLessThan(1000);
  });
});

describe('an account that cannot pay', () => {
  it('stops the pool, says so, and is noticed when it is topped up', async () => {
    const op = await pool(
      {},
      { simulator: { accounts: [{ keys: [{ secretId: 'xxx', secretKey: 'xxx' }], balance: 0 }] } },
    );
    await op.advance(30 * MINUTE);
    for (const type of ['Stalled', 'Ready'] as const) expect(op.condition('pool', type)).toBeDefined();
    expect(op.condition('pool', 'Stalled')).toMatchObject({ status: 'True', reason: 'InsufficientBalance' });
    expect(op.condition('pool', 'Stalled')?.message).toMatch(/Top it up.*InvalidAccount\.InsufficientBalance/s);
    expect(calls(op.simulator, 'RunInstances').length).toBeLessThanOrEqual(6);
    op.simulator.setBalance(undefined, 100);
    await op.until('the pool is ready', () => isReady(op), 17 * MINUTE);
    expect(everBought(op.simulator)).toHaveLength(1);
    expect(op.condition('pool', 'Stalled')?.status).toBe('False');
  });
});

describe('machines that never serve', () => {
  it('LAUNCH_FAILED does not count, is not released, and another is bought', async () => {
    // It stays in lists for longer than the test.
    const timing = { launchFailed: [60 * MINUTE, 60 * MINUTE] } as const;
    const op = await pool({ minimum: 2, maximum: 2 }, { simulator: { timing } });
    op.simulator.failLaunches(1, 'no host');
    await op.until('two answer', () => isReady(op), 6 * MINUTE);
    expect(alive(op.simulator)).toHaveLength(2);
    expect(everBought(op.simulator)).toHaveLength(3);
    expect(op.events('pool').find(({ reason }) => reason === 'LaunchFailed')?.note).toContain('no host');
    await op.advance(10 * MINUTE);
    expect(op.pool('pool')?.status).toMatchObject({ size: 2, ready: 2 });
    expect(everBought(op.simulator)).toHaveLength(3);
    expect(released(op.simulator)).toEqual([]);
  });

  it('of an image that never answers are replaced after their time, within maximum', async () => {
    const op = await pool({ minimum: 2, maximum: 2 }, { manifests: {} });
    op.simulator.setImage('img-5gn3j31i', { isBroken: true });
    op.write('pool.yaml', [poolManifest('pool', { minimum: 2, maximum: 2 })]);
    await op.until('the first is given up', () => released(op.simulator).length > 0, 14 * MINUTE);
    const [{ createdAt = 0, endedAt = 0 } = {}] = everBought(op.simulator).filter(({ endedAt }) => endedAt);
    expect(endedAt - createdAt).toBeGreaterThan(10 * MINUTE);
    op.simulator.setImage('img-5gn3j31i', { isBroken: false });
    await op.until('two answer', () => isReady(op), 15 * MINUTE);
    expect(mostAlive(op.simulator)).toBe(2);
    expect(op.events('pool').find(({ reason }) => reason === 'NeverReady')?.note).toMatch(/answers 500/);
  });

  it('that do not run in time are told of, and kept when they do run after all', async () => {
    // The cloud refuses to release a machine that is being made.
    const timing = { pending: [8 * MINUTE, 8 * MINUTE] } as const;
    const op = await pool({ minimum: 1, maximum: 1 }, { simulator: { timing } });
    await op.advance(7 * MINUTE);
    expect(op.pool('pool')?.status?.instances).toMatchObject([{ phase: 'Failed', reason: 'NeverRan' }]);
    expect(op.events('pool').map(({ reason }) => reason)).toContain('NeverRan');
    await op.until('it answers', () => isReady(op), 5 * MINUTE);
    expect(everBought(op.simulator)).toHaveLength(1);
  });
});

describe('a cloud that answers badly', () => {
  it('throttled: everybody slows down, nothing is lost', async () => {
    const op = await readyPool({ minimum: 2 });
    const since = op.clock.now();
    const end = op.simulator.addFault({ action: '*', kind: 'throttle', times: 'always' });
    op.simulator.reclaim(alive(op.simulator)[0] ?? '', { noticeMs: 0 });
    await op.advance(10 * MINUTE);
    const attempts = op.simulator.journal.entries.filter(({ kind, at }) => kind === 'call' && at >= since).length;
    expect(attempts).toBeLessThan(40);
    expect(op.condition('pool', 'Ready')).toMatchObject({ status: 'Unknown', reason: 'Throttled' });
    end();
    await op.until('two answer', () => isReady(op), 5 * MINUTE);
    expect(everBought(op.simulator)).toHaveLength(3);
    expect(mostAlive(op.simulator)).toBe(2);
  });

  it.each([
    'http-502',
    'html',
    'truncated',
    'internal-error-before',
    'reset-before',
    'hang',
    'http-500-before',
  ] as const)('every other list is %s: the pool goes on', async (kind) => {
    const op = await readyPool({ minimum: 2 });
    op.simulator.addFault({ action: 'DescribeInstances', kind, times: 'always', probability: 0.5 });
    op.simulator.reclaim(alive(op.simulator)[0] ?? '', { noticeMs: 0 });
    await op.advance(20 * MINUTE);
    op.simulator.clearFaults();
    await op.until('two answer', () => isReady(op), 2 * MINUTE);
    expect(alive(op.simulator)).toHaveLength(2);
    expect(mostAlive(op.simulator)).toBe(2);
    expect(released(op.simulator)).toEqual([]);
  });

  it('lists lack a machine for an hour: it is confirmed by id, nothing is bought or released', async () => {
    const op = await readyPool({ minimum: 2, maximum: 3 });
    const before = alive(op.simulator);
    const end = op.simulator.shortenLists({ ids: [before[0] ?? ''], times: 'always' });
    await op.advance(60 * MINUTE);
    expect(op.pool('pool')?.status).toMatchObject({ size: 2, ready: 2 });
    end();
    await op.advance(5 * MINUTE);
    expect(alive(op.simulator)).toEqual(before);
    expect(everBought(op.simulator)).toHaveLength(2);
    expect(released(op.simulator)).toEqual([]);
  });

  it('denies a machine by id too: replaced, and taken in again when it turns up', async () => {
    const op = await readyPool({ minimum: 2, maximum: 2 });
    const before = alive(op.simulator);
    const end = op.simulator.shortenLists({ ids: [before[0] ?? ''], times: 'always', byIdToo: true });
    await op.until('it is replaced', () => everBought(op.simulator).length === 3, 5 * MINUTE);
    end();
    await op.until('one is released', () => alive(op.simulator).length === 2, 10 * MINUTE);
    await op.advance(30 * MINUTE);
    expect(everBought(op.simulator)).toHaveLength(3);
    expect(op.pool('pool')?.status).toMatchObject({ size: 2, ready: 2 });
  });
});
