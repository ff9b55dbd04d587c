import { describe, expect, it } from 'vitest';
import { alive, calls, everBought, mostAlive, released } from '../builders/cloud-judge.ts';
import { example, type OperatorOptions, type OperatorUnderTest, startOperator } from '../builders/operator.ts';
import { poolManifest, secretManifest } from '../builders/pool-manifest.ts';

const MINUTE = 60_000;

/** The two manifests of the field, unchanged. */
async function bothPools(options: OperatorOptions = {}): Promise<OperatorUnderTest> {
  const op = await startOperator({
    manifests: { 'first.yaml': example('spotpool-first.yaml'), 'sample.yaml': example('spotpool-sample.yaml') },
    ...options,
  });
  await op.until('both pools are ready', () => isReady(op, 'spotpool-first') && isReady(op, 'spotpool-sample'));
  return op;
}

/** A pool of one to two machines, `changes` to its spec. */
async function onePool(changes: Readonly<Record<string, unknown>> = {}, options: OperatorOptions = {}) {
  const op = await startOperator({ manifests: { 'pool.yaml': [poolManifest('pool', changes)] }, ...options });
  await op.until('the pool is ready', () => isReady(op, 'pool'));
  return op;
}

function isReady(op: OperatorUnderTest, pool: string): boolean {
  return op.condition(pool, 'Ready')?.status === 'True';
}

/** The pool's own books and the cloud's name the same machines. */
function expectBooksAgree(op: OperatorUnderTest, pool: string): void {
  const shown = op.pool(pool)?.status?.instances?.filter(({ phase }) => phase !== 'Terminating') ?? [];
  expect(shown.map(({ instanceId }) => instanceId).toSorted()).toEqual([...alive(op.simulator, pool)].toSorted());
}

describe('the manifests of the field, unchanged', () => {
  it('come up: minimum machines each, answering, with their price', async () => {
    const op = await bothPools();
    expect(alive(op.simulator, 'spotpool-first')).toHaveLength(1);
    expect(alive(op.simulator, 'spotpool-sample')).toHaveLength(2);
    expectBooksAgree(op, 'spotpool-sample');
    expect(op.pool('spotpool-sample')?.status).toMatchObject({ size: 2, ready: 2, currency: 'USD' });
    expect(Number(op.pool('spotpool-sample')?.status?.hourlyCost)).toBeGreaterThan(0.5);
    expect(op.condition('spotpool-sample', 'GatewaySynced')?.status).toBe('Unknown');
    expect(op.condition('spotpool-sample', 'InlineCredentials')?.status).toBe('True');
    expect(op.condition('spotpool-first', 'Stalled')?.status).toBe('False');
    for (const { publicIp = '' } of op.pool('spotpool-sample')?.status?.instances ?? []) {
      expect((await fetch(`http://${publicIp}:11434/api/tags`)).status).toBe(200);
    }
  });

  it('stay as they are: nothing is bought or released for an hour, and only what they have cost is written', async () => {
    const op = await bothPools();
    await op.advance(MINUTE);
    const status = () => ({ ...op.pool('spotpool-sample')?.status, spend: undefined });
    const before = status();
    await op.advance(60 * MINUTE);
    expect(everBought(op.simulator)).toHaveLength(3);
    expect(calls(op.simulator, 'RunInstances')).toHaveLength(2);
    expect(calls(op.simulator, 'TerminateInstances')).toEqual([]);
    expect(status()).toEqual(before);
  });

  it('share one sweep of the account', async () => {
    const op = await bothPools();
    const since = op.clock.now();
    await op.advance(30 * MINUTE);
    const sweeps = calls(op.simulator, 'DescribeInstances', since).length;
    // One pool that looks every 18 to 20 s makes at most 100; two make no more, however their turns fall.
    expect(sweeps).toBeGreaterThan(80);
    expect(sweeps).toBeLessThanOrEqual(115);
    const others = op.simulator.journal.entries.filter(
      (entry) => entry.kind === 'call' && entry.at >= since && entry.action !== 'DescribeInstances',
    );
    expect(others.length).toBeLessThan(10);
  });
});

describe('a machine that is lost', () => {
  it.each([
    ['with notice', { noticeMs: 120_000 }],
    ['at once', { noticeMs: 0 }],
    ['after it fell silent', { noticeMs: 120_000, machineStopsEarlyMs: 30_000 }],
  ])('by a reclaim %s is replaced', async (_how, reclaim) => {
    const op = await bothPools();
    const [lost = ''] = alive(op.simulator, 'spotpool-sample');
    op.simulator.reclaim(lost, reclaim);
    await op.advance(150_000);
    await op.until('two answer again', () => isReady(op, 'spotpool-sample'), 3 * MINUTE);
    expect(alive(op.simulator, 'spotpool-sample')).not.toContain(lost);
    expect(alive(op.simulator, 'spotpool-sample')).toHaveLength(2);
    expect(everBought(op.simulator, 'spotpool-sample')).toHaveLength(3);
    expect(mostAlive(op.simulator, 'spotpool-sample')).toBe(2);
    expect(everBought(op.simulator, 'spotpool-first')).toHaveLength(1);
    expectBooksAgree(op, 'spotpool-sample');
    expect(op.events('spotpool-sample').map(({ reason }) => reason)).toContain('MachineLost');
  });

  it.each(['lingers', 'vanishes'] as const)('is replaced whether it %s in lists', async (reclaimed) => {
    const op = await bothPools({ simulator: { assumptions: { reclaimed } } });
    op.simulator.reclaim(alive(op.simulator, 'spotpool-first')[0] ?? '', { noticeMs: 0 });
    await op.until('it is noticed', () => !isReady(op, 'spotpool-first'), MINUTE);
    await op.until('it is replaced', () => isReady(op, 'spotpool-first'), 3 * MINUTE);
    expect(everBought(op.simulator, 'spotpool-first')).toHaveLength(2);
  });

  it('fell silent and is still there: it is released and replaced', async () => {
    const op = await onePool({ minimum: 2 });
    const [id = ''] = alive(op.simulator, 'pool');
    // Its server goes down now; the reclaim itself would come an hour later.
    op.simulator.reclaim(id, { noticeMs: 60 * MINUTE, machineStopsEarlyMs: 60 * MINUTE - 1 });
    await op.until('it is released', () => released(op.simulator).includes(id), 5 * MINUTE);
    await op.until('two answer', () => isReady(op, 'pool'), 3 * MINUTE);
    expect(everBought(op.simulator)).toHaveLength(3);
    expect(mostAlive(op.simulator)).toBe(2);
  });
});

describe('the size', () => {
  it('follows scale, up and down, and a released machine has drained', async () => {
    const op = await bothPools();
    await op.scale('spotpool-first', 3);
    await op.until('three answer', () => op.pool('spotpool-first')?.status?.ready === 3, 5 * MINUTE);
    expect(alive(op.simulator, 'spotpool-first')).toHaveLength(3);
    await op.scale('spotpool-first', 1);
    await op.until('one is left', () => alive(op.simulator, 'spotpool-first').length === 1, 10 * MINUTE);
    expect(mostAlive(op.simulator, 'spotpool-first')).toBe(3);
    const { reason } = op.events('spotpool-first').find((event) => event.reason === 'Draining') ?? {};
    expect(reason).toBe('Draining');
    await op.advance(10 * MINUTE);
    expect(alive(op.simulator, 'spotpool-first')).toHaveLength(1);
    expect(everBought(op.simulator, 'spotpool-first')).toHaveLength(3);
  });

  it.each([
    [9, 3, 'TooManyReplicas'],
    [0, 1, 'TooFewReplicas'],
  ])('keeps to its bounds when it is scaled to %i', async (replicas, size, reason) => {
    const op = await bothPools();
    await op.scale('spotpool-first', replicas);
    await op.advance(5 * MINUTE);
    expect(alive(op.simulator, 'spotpool-first')).toHaveLength(size);
    expect(op.condition('spotpool-first', 'ScalingLimited')).toMatchObject({
      status: 'True',
      reason,
      message: expect.stringContaining(`replicas is ${replicas}`),
    });
  });

  it('follows the manifest', async () => {
    const op = await onePool({ minimum: 1, maximum: 1 });
    op.write('pool.yaml', [poolManifest('pool', { minimum: 3, maximum: 3 })]);
    await op.until('three answer', () => op.pool('pool')?.status?.ready === 3, 5 * MINUTE);
    op.write('pool.yaml', [poolManifest('pool', { minimum: 0, maximum: 0 })]);
    await op.until('none is left', () => alive(op.simulator).length === 0, 15 * MINUTE);
    expect(mostAlive(op.simulator)).toBe(3);
  });
});

describe('a deletion', () => {
  it('releases every machine, and the same manifest does not bring the pool back', async () => {
    const op = await bothPools();
    await op.delete('spotpool-sample');
    await op.until('it is gone', () => op.pool('spotpool-sample') === undefined, 10 * MINUTE);
    expect(alive(op.simulator, 'spotpool-sample')).toEqual([]);
    await op.advance(30 * MINUTE);
    expect(everBought(op.simulator, 'spotpool-sample')).toHaveLength(2);
    expect(alive(op.simulator, 'spotpool-first')).toHaveLength(1);
    expect(op.problems().join()).toContain('sample.yaml:1:1: SpotPool default/spotpool-sample: was deleted at');
  });

  it('goes on after the operator was killed in the middle of it', async () => {
    const op = await bothPools();
    op.abandonWhen(({ method, when }) => method === 'release' && when === 'before');
    await op.delete('spotpool-sample');
    await op.advance(2 * MINUTE);
    expect([op.isRunning, alive(op.simulator, 'spotpool-sample').length]).toEqual([false, 2]);
    await op.start();
    await op.until('it is gone', () => op.pool('spotpool-sample') === undefined, 10 * MINUTE);
    expect(alive(op.simulator, 'spotpool-sample')).toEqual([]);
  });

  it('with deletionPolicy Retain leaves the machines running', async () => {
    const op = await onePool({ deletionPolicy: 'Retain' });
    await op.delete('pool');
    await op.until('it is gone', () => op.pool('pool') === undefined, MINUTE);
    await op.advance(10 * MINUTE);
    expect(alive(op.simulator, 'pool')).toHaveLength(1);
  });
});

describe('keys in a Secret', () => {
  const manifests = (secretKey: string) => [
    secretManifest('tencent', { secretId: 'AKIDexampleexample', secretKey }),
    poolManifest('pool', { secretId: undefined, secretKey: undefined, credentialsSecretRef: { name: 'tencent' } }),
  ];

  it('are used from the moment they change, and never logged', async () => {
    const op = await startOperator({
      simulator: { accounts: [{ keys: [{ secretId: 'AKIDexampleexample', secretKey: 'first-secret-value' }] }] },
      manifests: { 'pool.yaml': manifests('first-secret-value') },
    });
    await op.until('the pool is ready', () => isReady(op, 'pool'));
    op.simulator.rotateKey('AKIDexampleexample', 'second-secret-value');
    await op.until(
      'the old key is refused',
      () => op.condition('pool', 'CredentialsValid')?.status === 'False',
      MINUTE,
    );
    expect(op.condition('pool', 'CredentialsValid')?.message).toContain('Secret default/tencent');
    op.write('pool.yaml', manifests('second-secret-value'));
    await op.until('the new one is used', () => op.condition('pool', 'CredentialsValid')?.status === 'True', 15_000);
    await op.until('the pool is ready', () => isReady(op, 'pool'), 15_000);
    expect(everBought(op.simulator)).toHaveLength(1);
    expect(op.rawLog.join('')).not.toMatch(/(first|second)-secret-value/);
  });
});
