import { describe, expect, it } from 'vitest';
import { alive, calls, everBought } from '../builders/cloud-judge.ts';
import { startOperator } from '../builders/operator.ts';
import { poolManifest, secretManifest } from '../builders/pool-manifest.ts';

const MINUTE = 60_000;
const keys = (id: string) => secretManifest('keys', { secretId: id, secretKey: `${id}-secret` });
const manifest = poolManifest('pool', {
  secretId: undefined,
  secretKey: undefined,
  credentialsSecretRef: { name: 'keys' },
  minimum: 2,
});

/** A ready pool of two in the first of two accounts; the first has two keys. */
async function twoAccounts() {
  const key = (id: string) => ({ secretId: id, secretKey: `${id}-secret` });
  const op = await startOperator({
    simulator: { accounts: [{ keys: [key('first'), key('first-new')] }, { keys: [key('second')] }] },
    manifests: { 'keys.yaml': [keys('first')], 'pool.yaml': [manifest] },
  });
  await op.until('the pool is ready', () => op.condition('pool', 'Ready')?.status === 'True');
  return op;
}

describe('keys that change', () => {
  it('to those of another account lose sight of no machine: nothing is bought or forgotten until they are set back', async () => {
    const op = await twoAccounts();
    op.write('keys.yaml', [keys('second')]);
    await op.advance(30 * MINUTE);
    expect(op.condition('pool', 'Stalled')).toMatchObject({ status: 'True', reason: 'AccountChanged' });
    expect(op.pool('pool')?.status?.instances).toHaveLength(2);
    expect([everBought(op.simulator).length, alive(op.simulator).length]).toEqual([2, 2]);
    op.write('keys.yaml', [keys('first')]);
    await op.until('it is as before', () => op.condition('pool', 'Ready')?.status === 'True', 10 * MINUTE);
    expect([everBought(op.simulator).length, calls(op.simulator, 'TerminateInstances').length]).toEqual([2, 0]);
  });

  it('nor does a deletion end while they run there', async () => {
    const op = await twoAccounts();
    op.write('keys.yaml', [keys('second')]);
    await op.advance(MINUTE);
    await op.delete('pool');
    await op.advance(20 * MINUTE);
    expect(op.pool('pool')).toBeDefined();
    op.write('keys.yaml', [keys('first')]);
    await op.until('it is gone', () => op.pool('pool') === undefined, 20 * MINUTE);
    expect(alive(op.simulator)).toEqual([]);
  });

  it('to others of the same account are just used, even when a machine is lost at that moment', async () => {
    const op = await twoAccounts();
    op.write('keys.yaml', [keys('first-new')]);
    op.simulator.reclaim(alive(op.simulator)[0] ?? '', { noticeMs: 0 });
    await op.until('the lost one is replaced', () => alive(op.simulator).length === 2, 5 * MINUTE);
    expect(op.condition('pool', 'Stalled')?.status).toBe('False');
  });

  it('while the only machine was lost are taken when somebody says so', async () => {
    const op = await twoAccounts();
    op.simulator.disableKey('first');
    await op.advance(MINUTE);
    for (const id of alive(op.simulator)) op.simulator.reclaim(id, { noticeMs: 0 });
    await op.advance(10 * MINUTE);
    op.write('keys.yaml', [keys('first-new')]);
    await op.until('it asks', () => op.condition('pool', 'Stalled')?.reason === 'AccountChanged', 10 * MINUTE);
    const account = /demo\.aiops\.org\/account: "([^"]+)"/.exec(op.condition('pool', 'Stalled')?.message ?? '')?.[1];
    const said = { ...manifest, metadata: { name: 'pool', annotations: { 'demo.aiops.org/account': account } } };
    op.write('pool.yaml', [said]);
    await op.until('it begins anew', () => alive(op.simulator).length === 2, 15 * MINUTE);
  });
});
