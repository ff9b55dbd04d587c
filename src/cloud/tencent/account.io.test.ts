import { describe, expect, it } from 'vitest';
import type { Reply, SeenRequest } from '../../../test/builders/cvm-responder.ts';
import { launchOrder, offering } from '../../../test/builders/launch-order.ts';
import { keys, never, page, row, tencentBench } from '../../../test/builders/tencent-bench.ts';

const ids = (count: number): string[] => Array.from({ length: count }, (_, n) => `ins-${String(n).padStart(8, '0')}`);
const rows = (count: number) => ids(count).map((id) => row(id));

/** Pages through `all` as the vendor does. */
const paging =
  (all: readonly Record<string, unknown>[]) =>
  ({ body }: SeenRequest): Reply =>
    page(all.slice(Number(body['Offset']), Number(body['Offset']) + Number(body['Limit'])), all.length);

describe('a sweep', () => {
  it('reads 250 machines in three pages', async () => {
    const { cloud, seen, finish, clock } = await tencentBench(paging(rows(250)));
    const sweep = await finish(cloud.sweep(0, never));
    expect(sweep.instances.map(({ id }) => id)).toEqual(ids(250));
    expect(sweep.at).toBeLessThanOrEqual(clock.now());
    expect(seen.map(({ body }) => body)).toEqual(
      [0, 100, 200].map((Offset) => ({
        Filters: [{ Name: 'tag-key', Values: ['aiops.org/installation'] }],
        Offset,
        Limit: 100,
      })),
    );
  });

  it('counts a machine once that moved to the next page while pages were read', async () => {
    const { cloud, finish } = await tencentBench(({ body }) =>
      page(body['Offset'] === 0 ? rows(100) : [row(ids(100)[99] ?? ''), row('ins-zzzzzzzz')], 102),
    );
    expect((await finish(cloud.sweep(0, never))).instances).toHaveLength(101);
  });

  it('fails as a whole when one page fails', async () => {
    const { cloud, finish } = await tencentBench((request) =>
      request.body['Offset'] === 100 ? { error: 'UnauthorizedOperation' } : paging(rows(250))(request),
    );
    await expect(finish(cloud.sweep(0, never))).rejects.toMatchObject({ reason: 'PermissionDenied' });
  });

  it('of an account that has never seen our tag is empty', async () => {
    const { cloud, finish } = await tencentBench(() => ({ error: 'InvalidParameterValue.TagKeyNotFound' }));
    expect((await finish(cloud.sweep(0, never))).instances).toEqual([]);
  });

  it('leaves out machines without our tags, even if the filter did not', async () => {
    const others = [row('ins-aaaaaaaa', { Tags: null }), row('ins-bbbbbbbb', { Tags: [{ Key: 'team', Value: 'x' }] })];
    const { cloud, finish } = await tencentBench(() => page([...others, row('ins-cccccccc')]));
    expect((await finish(cloud.sweep(0, never))).instances.map(({ id }) => id)).toEqual(['ins-cccccccc']);
  });

  it('is one call for pools of one account and region, another for another', async () => {
    const { provider, seen, finish } = await tencentBench(() => page([]));
    const clouds = [
      await provider.open(keys('one', 'k'), 'ap-singapore', never),
      await provider.open(keys('one', 'k'), 'ap-singapore', never),
      await provider.open(keys('one', 'k'), 'ap-tokyo', never),
      await provider.open(keys('two', 'k'), 'ap-singapore', never),
      await provider.open(keys('one', 'wrong'), 'ap-singapore', never),
    ];
    expect(new Set(clouds.map(({ accountKey }) => accountKey)).size).toBe(4);
    await finish(Promise.all(clouds.map(({ cloud }) => cloud.sweep(60_000, never))));
    expect(seen).toHaveLength(4);
    await finish(Promise.all(clouds.map(({ cloud }) => cloud.sweep(60_000, never))));
    expect(seen).toHaveLength(4);
    expect(JSON.stringify(clouds.map(({ accountKey }) => accountKey))).not.toMatch(/one|two/);
  });
});

describe('looking for machines', () => {
  it('by no ids asks nothing: an empty list would mean all', async () => {
    const { cloud, seen, finish } = await tencentBench(() => page(rows(3)));
    expect(await finish(cloud.find([], never))).toEqual([]);
    expect(await finish(cloud.find(['no such id', ''], never))).toEqual([]);
    expect(seen).toEqual([]);
  });

  it('by 150 ids asks twice and leaves out what was not asked for', async () => {
    const { cloud, seen, finish } = await tencentBench(({ body }) =>
      page([...(body['InstanceIds'] as string[]).slice(1).map((id) => row(id)), row('ins-zzzzzzzz')]),
    );
    const found = await finish(cloud.find([...ids(150), 'ins-00000000'], never));
    expect(found.map(({ id }) => id)).toEqual(ids(150).filter((_, n) => n !== 0 && n !== 100));
    expect(seen.map(({ body }) => [(body['InstanceIds'] as string[]).length, body['Filters']])).toEqual([
      [100, undefined],
      [50, undefined],
    ]);
  });

  it('by name asks for zone and subnet and compares names itself', async () => {
    const named = ['first-k3f91', 'first-k3f92', 'second-first-k3f9', 'first-k3f'].map((InstanceName, n) =>
      row(`ins-0000000${n}`, { InstanceName, Tags: null }),
    );
    const { cloud, seen, finish } = await tencentBench(() => page(named));
    const found = await finish(cloud.findByName('first-k3f9', offering(), never));
    expect(found.map(({ name }) => name)).toEqual(['first-k3f91', 'first-k3f92']);
    expect(seen[0]?.body['Filters']).toEqual([
      { Name: 'zone', Values: ['ap-singapore-2'] },
      { Name: 'subnet-id', Values: ['subnet-gfrv79s2'] },
    ]);
  });
});

describe('a purchase', () => {
  it('returns the ids', async () => {
    const { cloud, finish } = await tencentBench(() => ({
      response: { InstanceIdSet: ['ins-aaaaaaaa', 'ins-bbbbbbbb'] },
    }));
    expect(await finish(cloud.launch(launchOrder({ count: 2 }), never))).toEqual(['ins-aaaaaaaa', 'ins-bbbbbbbb']);
  });

  it('without ids in the answer has an unknown outcome', async () => {
    const { cloud, finish } = await tencentBench(() => ({ response: { InstanceIdSet: null } }));
    await expect(finish(cloud.launch(launchOrder(), never))).rejects.toMatchObject({ isOutcomeUnknown: true });
  });

  it('with more user data than Tencent takes is refused before it is sent', async () => {
    const { cloud, seen, finish } = await tencentBench(() => page([]));
    const order = launchOrder({ userData: '中'.repeat(6000) });
    await expect(finish(cloud.launch(order, never))).rejects.toMatchObject({
      reason: 'InvalidRequest',
      isOutcomeUnknown: false,
    });
    expect(seen).toEqual([]);
  });

  it('without permission names the action', async () => {
    const { cloud, finish } = await tencentBench(() => ({ error: 'UnauthorizedOperation.PermissionDenied' }));
    const error = await finish(cloud.launch(launchOrder(), never)).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ reason: 'PermissionDenied', action: 'RunInstances' });
    expect(String(error)).toContain('Allow cvm:RunInstances');
  });
});

/** A vendor that refuses a batch of several charge types, or with a bad id in it, as a whole. */
function terminating(machines: Record<string, { charge: string; error?: string }>) {
  return ({ action, body }: SeenRequest): Reply => {
    const wanted = body['InstanceIds'] as string[];
    if (action === 'DescribeInstances') {
      return page(
        wanted.filter((id) => machines[id]).map((id) => row(id, { InstanceChargeType: machines[id]?.charge })),
      );
    }
    const charges = new Set(wanted.map((id) => machines[id]?.charge));
    if (charges.size > 1) return { error: 'UnsupportedOperation.InstanceMixedPricingModel' };
    const bad = wanted.find((id) => !machines[id] || machines[id]?.error);
    if (bad === undefined) return { response: {} };
    return { error: machines[bad]?.error ?? 'InvalidInstanceId.NotFound' };
  };
}
const terminated = (seen: readonly SeenRequest[]) =>
  seen.filter(({ action }) => action === 'TerminateInstances').map(({ body }) => body['InstanceIds']);

describe('releasing', () => {
  it('nothing asks nothing', async () => {
    const { cloud, seen } = await tencentBench(() => page([]));
    expect(await cloud.release([], never)).toEqual([]);
    expect(seen).toEqual([]);
  });

  it('sends one batch for each charge type', async () => {
    const { cloud, seen, finish } = await tencentBench(
      terminating({
        'ins-aaaa': { charge: 'SPOTPAID' },
        'ins-bbbb': { charge: 'POSTPAID_BY_HOUR' },
        'ins-cccc': { charge: 'SPOTPAID' },
      }),
    );
    const results = await finish(cloud.release(['ins-aaaa', 'ins-bbbb', 'ins-cccc'], never));
    expect(results).toEqual([{ id: 'ins-aaaa' }, { id: 'ins-cccc' }, { id: 'ins-bbbb' }]);
    expect(terminated(seen)).toEqual([['ins-aaaa', 'ins-cccc'], ['ins-bbbb']]);
  });

  it('does not look machines up that it has seen', async () => {
    const { cloud, seen, finish } = await tencentBench(
      terminating({ 'ins-aaaa': { charge: 'SPOTPAID' }, 'ins-bbbb': { charge: 'SPOTPAID' } }),
    );
    await finish(cloud.find(['ins-aaaa', 'ins-bbbb'], never));
    await finish(cloud.release(['ins-aaaa', 'ins-bbbb'], never));
    expect(seen.map(({ action }) => action)).toEqual(['DescribeInstances', 'TerminateInstances']);
  });

  it('is not held back by one bad machine; one that is gone counts as released', async () => {
    const { cloud, finish } = await tencentBench(
      terminating({
        'ins-aaaa': { charge: 'SPOTPAID' },
        'ins-pend': { charge: 'SPOTPAID', error: 'UnsupportedOperation.InstanceStatePending' },
        'ins-prot': { charge: 'SPOTPAID', error: 'UnsupportedOperation.InstancesProtected' },
        'ins-term': { charge: 'SPOTPAID', error: 'UnsupportedOperation.InstanceStateTerminating' },
      }),
    );
    const results = await finish(cloud.release(['ins-aaaa', 'ins-gone', 'ins-pend', 'ins-prot', 'ins-term'], never));
    const reasonOf = Object.fromEntries(results.map(({ id, error }) => [id, (error as { reason?: string })?.reason]));
    expect(reasonOf).toEqual({
      'ins-aaaa': undefined,
      'ins-gone': undefined,
      'ins-pend': 'Busy',
      'ins-prot': 'ReleaseRefused',
      'ins-term': undefined,
    });
  });

  it('goes on when machines cannot be looked up', async () => {
    const { cloud, finish } = await tencentBench(({ action }) =>
      action === 'DescribeInstances' ? { error: 'UnauthorizedOperation' } : { response: {} },
    );
    expect(await finish(cloud.release(['ins-aaaa', 'ins-bbbb'], never))).toEqual([
      { id: 'ins-aaaa' },
      { id: 'ins-bbbb' },
    ]);
  });

  it('takes at most 100 machines a call, each once', async () => {
    const { cloud, seen, finish } = await tencentBench(({ action }) =>
      action === 'DescribeInstances' ? page([]) : { response: {} },
    );
    expect(await finish(cloud.release([...ids(150), ...ids(3)], never))).toHaveLength(150);
    expect(terminated(seen).map((batch) => (batch as string[]).length)).toEqual([100, 50]);
  });

  it('is tried again when the server fails, and a refusal of the keys is not asked a hundred times', async () => {
    const { cloud, seen, finish } = await tencentBench(({ action }) =>
      action === 'DescribeInstances' ? page([]) : { error: 'AuthFailure.SignatureFailure' },
    );
    const results = await finish(cloud.release(ids(100), never));
    expect(results.every(({ error }) => (error as { reason?: string })?.reason === 'InvalidCredentials')).toBe(true);
    expect(terminated(seen)).toHaveLength(1);
    const flaky = await tencentBench((_request, index) => (index < 2 ? { error: 'InternalError' } : { response: {} }));
    expect(await flaky.finish(flaky.cloud.release(['ins-aaaa'], never))).toEqual([{ id: 'ins-aaaa' }]);
  });
});

describe('prices', () => {
  const priced = ({ body }: SeenRequest): Reply => {
    const size = (body['SystemDisk'] as { DiskSize: number }).DiskSize;
    const price = Number((0.25 + size * 0.0002).toFixed(6));
    return {
      response: {
        Price: {
          InstancePrice: { UnitPrice: 1.26, UnitPriceDiscount: price, ChargeUnit: 'HOUR', Discount: 20 },
          BandwidthPrice: { UnitPrice: 0.12, UnitPriceDiscount: 0.12, ChargeUnit: 'GB' },
        },
      },
    };
  };
  it.each([50, 100, 1000])('are split into machine, disk of %i GiB and traffic', async (sizeGiB) => {
    const { cloud, finish } = await tencentBench(priced);
    const order = launchOrder({ systemDisk: { type: 'CLOUD_BSSD', sizeGiB } });
    expect(await finish(cloud.price(order, never))).toEqual({
      currency: 'USD',
      machine: 250_000,
      disk: sizeGiB * 200,
      bandwidth: 0,
      trafficPerGiB: 120_000,
      onDemand: 250_000 + sizeGiB * 200,
    });
  });

  it('are the machine alone where the second question fails', async () => {
    const { cloud, finish } = await tencentBench((request) =>
      (request.body['SystemDisk'] as { DiskSize: number }).DiskSize === 100
        ? priced(request)
        : { error: 'InvalidParameterValue.Range' },
    );
    expect(await finish(cloud.price(launchOrder(), never))).toMatchObject({ machine: 270_000, disk: 0 });
  });

  it('are the list price where there is no discount, by the hour where bandwidth is, and in the currency of the site', async () => {
    const { cloud, finish } = await tencentBench(
      () => ({
        response: {
          Price: {
            InstancePrice: { UnitPrice: 9.5, UnitPriceDiscount: 0 },
            BandwidthPrice: { UnitPrice: 0.5, UnitPriceDiscount: null, ChargeUnit: 'HOUR' },
          },
        },
      }),
      { site: 'china' },
    );
    expect(await finish(cloud.price(launchOrder(), never))).toEqual({
      currency: 'CNY',
      machine: 9_500_000,
      disk: 0,
      bandwidth: 500_000,
      trafficPerGiB: 0,
      onDemand: 10_000_000,
    });
  });

  describe('on demand', () => {
    const byChargeType =
      (spot: Reply, hourly: Reply) =>
      ({ body }: SeenRequest): Reply =>
        body['InstanceChargeType'] === 'SPOTPAID' ? spot : hourly;
    const price = (InstancePrice: object, BandwidthPrice?: object): Reply => ({
      response: { Price: { InstancePrice, ...(BandwidthPrice ? { BandwidthPrice } : {}) } },
    });

    it.each([
      { name: 'what is paid', answer: price({ UnitPrice: 1.3, UnitPriceDiscount: 1.2 }), onDemand: 1_200_000 },
      { name: 'the list price', answer: price({ UnitPrice: 1.3, UnitPriceDiscount: null }), onDemand: 1_300_000 },
      {
        name: 'bandwidth by the hour too',
        answer: price({ UnitPriceDiscount: 1.2 }, { UnitPriceDiscount: 0.2, ChargeUnit: 'HOUR' }),
        onDemand: 1_400_000,
      },
      {
        name: 'no traffic by volume',
        answer: price({ UnitPriceDiscount: 1.2 }, { UnitPriceDiscount: 0.2, ChargeUnit: 'GB' }),
        onDemand: 1_200_000,
      },
      { name: 'nothing that is free', answer: price({ UnitPrice: 0 }), onDemand: undefined },
      { name: 'nothing where it is refused', answer: { error: 'InvalidParameter' } as Reply, onDemand: undefined },
      { name: 'nothing where it is garbled', answer: { response: {} } as Reply, onDemand: undefined },
    ])('are $name, and the spot price stands', async ({ answer, onDemand }) => {
      const spot = price({ UnitPrice: 9.9, UnitPriceDiscount: 0.3 });
      const { cloud, finish } = await tencentBench(byChargeType(spot, answer));
      const told = await finish(cloud.price(launchOrder(), never));
      expect([told.machine + told.disk, told.onDemand]).toEqual([300_000, onDemand]);
    });

    it('are asked for the same machine without a bid', async () => {
      const { cloud, seen, finish } = await tencentBench(priced);
      await finish(cloud.price(launchOrder({ offering: offering({ maxPrice: '0.5' }) }), never));
      const [spot, hourly] = ['SPOTPAID', 'POSTPAID_BY_HOUR'].map((type) =>
        seen.map(({ body }) => body).find((body) => body['InstanceChargeType'] === type),
      );
      const { InstanceMarketOptions: bid, ...rest } = spot ?? {};
      expect(bid).toBeDefined();
      expect(hourly).toEqual({ ...rest, InstanceChargeType: 'POSTPAID_BY_HOUR' });
    });

    it('are those of the machine itself when it is bought so, and nothing more is asked', async () => {
      const { cloud, seen, finish } = await tencentBench(() => price({ UnitPrice: 1.3, UnitPriceDiscount: 1.2 }));
      const order = launchOrder({ offering: offering({ chargeType: 'POSTPAID_BY_HOUR' }) });
      expect((await finish(cloud.price(order, never))).onDemand).toBe(1_200_000);
      expect(seen).toHaveLength(2);
    });
  });

  it('cannot be had for an image that does not exist', async () => {
    const { cloud, finish } = await tencentBench(() => ({ error: 'InvalidImageId.NotFound' }));
    await expect(finish(cloud.price(launchOrder(), never))).rejects.toMatchObject({ reason: 'InvalidReference' });
  });
});

it('stock is asked for once for all pools', async () => {
  const { cloud, seen, finish } = await tencentBench(() => ({
    response: {
      InstanceTypeQuotaSet: [
        {
          Zone: 'z-1',
          InstanceType: 'GN7.2XLARGE32',
          InstanceChargeType: 'SPOTPAID',
          Cpu: 8,
          Status: 'SELL',
          StatusCategory: 'EnoughStock',
          SoldOutReason: '',
        },
        {
          Zone: 'z-2',
          InstanceType: 'GN7.2XLARGE32',
          InstanceChargeType: 'SPOTPAID',
          Cpu: 8,
          Status: 'SOLD_OUT',
          StatusCategory: 'WithoutStock',
          SoldOutReason: 'ResourcesSoldOut.SpecifiedInstanceType',
        },
      ],
    },
  }));
  const [stock] = await finish(Promise.all([cloud.stock(60_000, never), cloud.stock(60_000, never)]));
  expect(seen).toHaveLength(1);
  const same = { instanceType: 'GN7.2XLARGE32', chargeType: 'SPOTPAID', cpu: 8 };
  expect(stock).toEqual([
    { ...same, zone: 'z-1', isSelling: true, category: 'EnoughStock' },
    {
      ...same,
      zone: 'z-2',
      isSelling: false,
      category: 'WithoutStock',
      soldOutReason: 'ResourcesSoldOut.SpecifiedInstanceType',
    },
  ]);
});

it('the spot quota is read by zone, in cores', async () => {
  const { cloud, finish } = await tencentBench(() => ({
    response: {
      AppId: 1,
      AccountQuotaOverview: {
        Region: 'ap-singapore',
        AccountQuota: {
          SpotPaidQuotaSet: [{ Zone: 'z-1', UsedQuota: 16, RemainingQuota: 34, TotalQuota: 50 }],
          ImageQuotaSet: null,
        },
      },
    },
  }));
  expect(await finish(cloud.spotQuota(never))).toEqual([{ zone: 'z-1', used: 16, total: 50 }]);
});
