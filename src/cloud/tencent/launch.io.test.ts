import { describe, expect, it } from 'vitest';
import { launchOrder, offering } from '../../../test/builders/launch-order.ts';
import { never, type TencentBench, tencentBench } from '../../../test/builders/tencent-bench.ts';
import type { LaunchOrder } from '../cloud.ts';

const order = (changes: Partial<LaunchOrder> = {}): LaunchOrder => launchOrder({ count: 5, atLeast: 1, ...changes });
const sent = ({ seen }: TencentBench): readonly unknown[] =>
  seen.map(({ body }) => {
    const { InstanceCount, MinCount, ClientToken } = body as Record<string, unknown>;
    return [InstanceCount, MinCount, ClientToken];
  });
const bought = (...ids: string[]) => ({ response: { InstanceIdSet: ids } });
const refused = (Code: string) => ({ response: { Error: { Code, Message: 'no' } } });

describe('a purchase that may bring less', () => {
  it('says so, and gives what there was', async () => {
    const bench = await tencentBench(() => bought('ins-00000001', 'ins-00000002'));
    expect(await bench.finish(bench.cloud.launch(order(), never))).toEqual(['ins-00000001', 'ins-00000002']);
    expect(sent(bench)).toEqual([[5, 1, 'token-1']]);
  });

  it('asks for all where fewer than all are not wanted', async () => {
    const bench = await tencentBench(() => bought('ins-00000001'));
    await bench.finish(bench.cloud.launch(launchOrder({ count: 5 }), never));
    await bench.finish(bench.cloud.launch(order({ count: 1, clientToken: 'token-2' }), never));
    expect(sent(bench)).toEqual([
      [5, undefined, 'token-1'],
      [1, undefined, 'token-2'],
    ]);
  });

  it('goes out whole, under a token of its own, where parts are not sold; that is learnt once for a charge type', async () => {
    const bench = await tencentBench(({ body }) =>
      'MinCount' in (body as object)
        ? refused('UnsupportedOperation.MinCountUnsupportedRegion')
        : bought('ins-00000001'),
    );
    const launch = (changes: Partial<LaunchOrder> = {}): Promise<readonly string[]> =>
      bench.finish(bench.cloud.launch(order(changes), never));
    expect(await launch()).toEqual(['ins-00000001']);
    await launch({ clientToken: 'token-2' });
    await launch({ clientToken: 'token-3', offering: offering({ chargeType: 'POSTPAID_BY_HOUR' }) });
    expect(sent(bench)).toEqual([
      [5, 1, 'token-1'],
      [5, undefined, 'token-1-all'],
      [5, undefined, 'token-2-all'],
      [5, 1, 'token-3'],
      [5, undefined, 'token-3-all'],
    ]);
  });

  it('is not repeated whole after any other refusal, nor when nothing is known of the outcome', async () => {
    const replies = [refused('LimitExceeded.SpotQuota'), refused('InternalError')];
    const bench = await tencentBench((_request, index) => replies[index] ?? bought('ins-00000001'));
    for (const isOutcomeUnknown of [false, true]) {
      await expect(bench.finish(bench.cloud.launch(order(), never))).rejects.toMatchObject({ isOutcomeUnknown });
    }
    expect(bench.seen).toHaveLength(2);
  });

  it.each([
    ['one', order(), 1],
    ['all', launchOrder({ count: 5 }), 5],
  ])('tells with its refusal that %s would have done', async (_name, wanted, atLeast) => {
    const bench = await tencentBench(() => refused('LimitExceeded.SpotQuota'));
    await expect(bench.finish(bench.cloud.launch(wanted, never))).rejects.toMatchObject({ reason: 'SoldOut', atLeast });
  });
});

describe('a purchase that is not wanted any more', () => {
  it('is not sent', async () => {
    const bench = await tencentBench(() => bought('ins-00000001'));
    expect(await bench.finish(bench.cloud.launch(order(), never, () => false))).toEqual([]);
    expect(bench.seen).toEqual([]);
  });

  it('is asked about after its wait for the rate limit', async () => {
    const bench = await tencentBench(() => bought('ins-00000001'));
    let isWanted = true;
    const launches = Array.from({ length: 12 }, (_, n) =>
      bench.cloud.launch(order({ clientToken: `token-${n}` }), never, () => isWanted),
    );
    // Ten go at once, the others wait for their second.
    await new Promise((resolve) => setTimeout(resolve, 200));
    isWanted = false;
    const results = await bench.finish(Promise.all(launches));
    expect(bench.seen).toHaveLength(10);
    expect(results.map((ids) => ids.length)).toEqual([...Array.from({ length: 10 }, () => 1), 0, 0]);
  });
});
