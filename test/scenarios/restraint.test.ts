import { describe, expect, it } from 'vitest';
import { openStopSwitch } from '../../src/store/local/stop-switch.ts';
import { alive, calls, everBought, mostAlive } from '../builders/cloud-judge.ts';
import type { OperatorUnderTest } from '../builders/operator.ts';
import { startOperator } from '../builders/operator.ts';
import { poolManifest } from '../builders/pool-manifest.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const changing = ({ simulator }: OperatorUnderTest, since = 0): number =>
  ['RunInstances', 'TerminateInstances', 'TagResources'].flatMap((action) => calls(simulator, action, since)).length;
const readyPool = async (name = 'pool', changes: Readonly<Record<string, unknown>> = {}) => {
  const op = await startOperator({ manifests: { 'pool.yaml': [poolManifest(name, changes)] } });
  await op.until('the pool is ready', () => op.condition(name, 'Ready')?.status === 'True');
  return op;
};
const reasons = (op: OperatorUnderTest): readonly string[] => op.events('pool').map(({ reason }) => reason);

describe('an operator that only watches', () => {
  it('changes nothing outside, whatever happens, and tells what it would have done', async () => {
    const op = await readyPool('pool', { minimum: 2, maximum: 4 });
    await op.stop();
    const since = op.clock.now();
    await op.start({ settings: { observe: true } });
    await op.advance(MINUTE);
    expect(op.condition('pool', 'Observing')).toMatchObject({ status: 'True', reason: 'ObserveOnly' });
    const [lost = '', left = ''] = alive(op.simulator);
    op.simulator.reclaim(lost);
    await op.advance(5 * MINUTE);
    await op.scale('pool', 4);
    await op.advance(5 * MINUTE);
    await op.delete('pool');
    await op.advance(10 * MINUTE);
    expect([alive(op.simulator), changing(op, since)]).toEqual([[left], 0]);
    expect(reasons(op)).toEqual(expect.arrayContaining(['MachineLost', 'WouldBuy', 'WouldDrain']));
    const told = op.pool('pool')?.status?.history?.map(({ reason }) => reason);
    expect(told).toEqual(['Launched', 'MachineLost', 'WouldBuy', 'WouldDrain']);
    await op.stop();
    await op.start();
    await op.until('the pool is gone', () => op.pool('pool') === undefined, 20 * MINUTE);
    expect(alive(op.simulator)).toEqual([]);
  });
});

describe('all pools stopped', () => {
  it('stop within five seconds, stay so across restarts, go on being watched, and start again', async () => {
    const op = await readyPool('pool', { minimum: 2, maximum: 2 });
    const stopSwitch = openStopSwitch(op.statePath);
    stopSwitch.set('a test', op.clock.now());
    const since = op.clock.now();
    await op.advance(5000);
    expect(op.condition('pool', 'Stopped')).toMatchObject({ status: 'True', reason: 'StoppedByHand' });
    const [lost = '', left = ''] = alive(op.simulator);
    op.simulator.reclaim(lost);
    await op.advance(5 * MINUTE);
    await op.stop();
    await op.start();
    await op.advance(5 * MINUTE);
    expect([alive(op.simulator), changing(op, since)]).toEqual([[left], 0]);
    expect(op.pool('pool')?.status).toMatchObject({ size: 1, ready: 1 });
    expect(reasons(op)).toContain('WouldBuy');
    stopSwitch.clear();
    await op.advance(10_000);
    expect(alive(op.simulator)).toHaveLength(2);
    expect(op.condition('pool', 'Stopped')).toBeUndefined();
  });

  it('a release that is due is not made, nor a purchase that is planned', async () => {
    const op = await readyPool('pool', { minimum: 1, maximum: 3 });
    const stopSwitch = openStopSwitch(op.statePath);
    const since = op.clock.now();
    await op.delete('pool');
    await op.until('the machine drains', () => op.pool('pool')?.status?.instances?.[0]?.phase === 'Draining');
    op.write('more.yaml', [poolManifest('more')]);
    await op.until('a purchase is planned or made', () => op.pool('more')?.status !== undefined);
    stopSwitch.set(undefined, op.clock.now());
    const before = changing(op, since);
    await op.advance(20 * MINUTE);
    expect(changing(op, since)).toBe(before);
    stopSwitch.clear();
    await op.until('the pool is gone', () => op.pool('pool') === undefined, 20 * MINUTE);
    expect(alive(op.simulator, 'more')).toHaveLength(1);
  });
});

describe('calls that wait for a throttled account when all pools are stopped', () => {
  const names = ['a', 'b', 'c', 'd', 'e'];
  const one = { minimum: 1, maximum: 1 };
  const all = names.map((name) => poolManifest(name, one));

  it('are not made any more: no release', async () => {
    const op = await startOperator({ manifests: { 'pools.yaml': all } });
    await op.until('all are ready', () => names.every((name) => op.condition(name, 'Ready')?.status === 'True'));
    const end = op.simulator.addFault({ action: 'TerminateInstances', kind: 'throttle', times: 'always' });
    for (const name of names) await op.delete(name);
    await op.until('releases wait', () => calls(op.simulator, 'TerminateInstances').length >= 8, 20 * MINUTE);
    openStopSwitch(op.statePath).set(undefined, op.clock.now());
    end();
    const since = op.clock.now() + 1;
    await op.advance(5 * MINUTE);
    expect(calls(op.simulator, 'TerminateInstances', since)).toEqual([]);
    openStopSwitch(op.statePath).clear();
    await op.until('all are gone', () => alive(op.simulator).length === 0, 20 * MINUTE);
  });

  it('nor a purchase', async () => {
    const op = await startOperator();
    const end = op.simulator.addFault({ action: 'RunInstances', kind: 'throttle', times: 'always' });
    op.write('pools.yaml', all);
    await op.until('purchases wait', () => calls(op.simulator, 'RunInstances').length >= 6, 20 * MINUTE);
    openStopSwitch(op.statePath).set(undefined, op.clock.now());
    end();
    const since = op.clock.now() + 1;
    await op.advance(5 * MINUTE);
    expect(calls(op.simulator, 'RunInstances', since)).toEqual([]);
    openStopSwitch(op.statePath).clear();
    await op.until('all are bought', () => alive(op.simulator).length === names.length, 20 * MINUTE);
    expect(everBought(op.simulator)).toHaveLength(names.length);
  });
});

describe('limits of the whole operator', () => {
  const threePools = [1, 2, 3].map((number) => poolManifest(`pool-${number}`, { minimum: 2, maximum: 3 }));

  it('--max-machines: three pools at once never have more together', async () => {
    const op = await startOperator({ manifests: { 'all.yaml': threePools }, settings: { maxMachines: 4 } });
    await op.advance(10 * MINUTE);
    expect([alive(op.simulator).length, mostAlive(op.simulator)]).toEqual([4, 4]);
    const limited = [1, 2, 3].flatMap((number) => op.condition(`pool-${number}`, 'SpendLimited')?.reason ?? []);
    expect(limited.length).toBeGreaterThan(0);
    expect(new Set(limited)).toEqual(new Set(['MaxMachines']));
    // What one pool gives back another may have.
    await op.delete('pool-1');
    await op.delete('pool-2');
    await op.until('the third pool is full', () => alive(op.simulator, 'pool-3').length === 2, 20 * MINUTE);
    expect(mostAlive(op.simulator)).toBe(4);
  });

  it('--max-machines: nor after a restart, nor with the state lost', async () => {
    const op = await startOperator({ manifests: { 'all.yaml': threePools }, settings: { maxMachines: 4 } });
    await op.advance(5 * MINUTE);
    await op.abandon();
    for (const id of alive(op.simulator).slice(0, 2)) op.simulator.reclaim(id, { noticeMs: 0 });
    await op.start();
    await op.advance(10 * MINUTE);
    expect([alive(op.simulator).length, mostAlive(op.simulator)]).toEqual([4, 4]);
  });

  it('--max-cost-per-hour: by the price of the cloud', async () => {
    const op = await startOperator({ manifests: { 'all.yaml': threePools }, settings: { maxCostPerHour: 1 } });
    await op.advance(10 * MINUTE);
    const cost = [1, 2, 3].reduce((sum, number) => sum + Number(op.pool(`pool-${number}`)?.status?.hourlyCost ?? 0), 0);
    const each = cost / alive(op.simulator).length;
    expect(cost).toBeLessThanOrEqual(1);
    expect(cost + each).toBeGreaterThan(1);
    expect([1, 2, 3].map((number) => op.condition(`pool-${number}`, 'SpendLimited')?.reason)).toContain(
      'MaxCostPerHour',
    );
  });
});

describe('an image that never becomes ready', () => {
  it.each([2, 100])(
    'costs at most six machines an hour through a whole night with a minimum of %i',
    async (minimum) => {
      const op = await startOperator({
        simulator: {
          accounts: [
            { name: 'main', keys: [{ secretId: 'xxx', secretKey: 'xxx' }], balance: 10_000, spotQuotaCores: 5000 },
          ],
        },
      });
      op.simulator.setImage('img-5gn3j31i', { isBroken: true });
      op.simulator.setStock('ap-singapore-2', 'GN7.2XLARGE32', 'SPOTPAID', 500);
      op.write('pool.yaml', [poolManifest('pool', { minimum, maximum: minimum, checkInterval: '1m' })]);
      const start = op.clock.now();
      await op.advance(8 * HOUR);
      const bought = everBought(op.simulator).map(({ createdAt }) => createdAt - start);
      const within = bought.map((at) => bought.filter((other) => other >= at && other < at + HOUR).length);
      expect(Math.max(...within)).toBeLessThanOrEqual(6);
      expect(bought.length).toBeLessThanOrEqual(4 + 2 * 8);
      expect(bought.length).toBeGreaterThan(10);
      expect(mostAlive(op.simulator)).toBeLessThanOrEqual(4);
      expect(op.condition('pool', 'Stalled')).toMatchObject({ status: 'True', reason: 'SuspectImage' });
      op.simulator.setImage('img-5gn3j31i', { isBroken: false });
      await op.until('a trial has answered', () => alive(op.simulator).length > Math.min(4, minimum - 1), 45 * MINUTE);
    },
  );
});
