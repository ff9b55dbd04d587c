import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { fromMicros } from '../../src/lib/money.ts';
import { openCloud, type TestCloud } from './test-call.ts';

const HOUR = 3_600_000;
let cloud: TestCloud;
let start: number;
beforeEach(async () => {
  cloud = await openCloud();
  start = cloud.clock.now();
});

/** Between two hours since the start. */
function bill(from: number, to: number, pool?: string): [string, string] {
  const { paid, list } = cloud.simulator.bill({ from: start + from * HOUR, to: start + to * HOUR }, pool);
  return [fromMicros(paid), fromMicros(list)];
}

async function ask(query: string): Promise<[number, unknown]> {
  const response = await fetch(`${cloud.simulator.url}/_sim/bill${query}`);
  return [response.status, await response.json()];
}

it('a bill holds what machines cost in its span, at the price that each was bought for', async () => {
  onTestFinished(() => cloud.simulator.close());
  const [first = ''] = await cloud.run({ InstanceName: 'first-1' });
  await cloud.clock.advance(HOUR);
  cloud.simulator.setPrice('ap-singapore-2', 'GN7.2XLARGE32', { spotPercent: 50, listPrice: 2 });
  await cloud.run({ InstanceName: 'second-1' });
  await cloud.clock.advance(HOUR);
  await cloud.call('TerminateInstances', { InstanceIds: [first] });
  await cloud.clock.advance(2 * HOUR);
  // 0.252 of 1.26 and 1 of 2 an hour, and 0.00405 for the disk of each.
  expect(bill(0, 1)).toEqual(['0.25605', '1.26405']);
  expect(bill(0.5, 1.5)).toEqual(['0.758075', '2.266075']);
  expect(bill(1, 2)).toEqual(['1.2601', '3.2681']);
  expect(bill(2, 3)).toEqual(['1.00405', '2.00405']);
  expect(bill(0, 9, 'first')).toEqual(['0.5121', '2.5281']);
  expect(bill(0, 9, 'second')).toEqual(['3.01215', '6.01215']);
  expect(bill(-2, 0)).toEqual(['0', '0']);
  expect(await ask('')).toEqual([200, { paid: '3.52425', list: '8.54025' }]);
  const span = `from=${new Date(start + HOUR).toISOString()}&to=${new Date(start + 2 * HOUR).toISOString()}`;
  expect(await ask(`?${span}`)).toEqual([200, { paid: '1.2601', list: '3.2681' }]);
  expect(await ask(`?${span}&poolName=second`)).toEqual([200, { paid: '1.00405', list: '2.00405' }]);
  expect(await ask('?from=yesterday')).toMatchObject([400, { error: { field: 'from' } }]);
});

it('a machine that failed to launch is not on it, and one that is stopped free of charge only with its disk', async () => {
  onTestFinished(() => cloud.simulator.close());
  cloud.simulator.failLaunches(1);
  await cloud.run();
  await cloud.clock.advance(HOUR);
  expect(bill(0, 1)).toEqual(['0', '0']);
  const [id = ''] = await cloud.run({ InstanceChargeType: 'POSTPAID_BY_HOUR' });
  await cloud.clock.advance(HOUR);
  expect(bill(1, 2)).toEqual(['1.26405', '1.26405']);
  await cloud.call('StopInstances', { InstanceIds: [id], StoppedMode: 'STOP_CHARGING' });
  await cloud.clock.advance(2 * HOUR);
  expect(bill(3, 4)).toEqual(['0.00405', '0.00405']);
});
