import { describe, expect, it, onTestFinished } from 'vitest';
import { type Reply, startCvmResponder } from '../../../test/builders/cvm-responder.ts';
import { tencentBench as bench, keys, never } from '../../../test/builders/tencent-bench.ts';
import { systemClock } from '../../lib/clock.ts';
import { createEgress } from '../../lib/egress.ts';
import type { Ownership } from '../cloud.ts';
import { createTencentProvider } from './provider.ts';

const owner: Ownership = { installation: 'installation-1', poolUid: 'pool-uid-1', pool: 'default/first' };
const ids = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `ins-${String(index).padStart(8, '0')}`);
const resource = (id: string): string => `qcs::cvm:ap-singapore:uin/:instance/${id}`;
const done: Reply = { response: { FailedResources: [] } };
const failed = (...rows: readonly [id: string, code: string][]): Reply => ({
  response: { FailedResources: rows.map(([id, Code]) => ({ Resource: resource(id), Code, Message: 'Why.' })) },
});

describe('claiming', () => {
  it('is one signed call of the tag service, with our three tags', async () => {
    const { cloud, seen, codes, finish } = await bench(() => done);
    expect(await finish(cloud.claim(['ins-abcd1234'], owner, never))).toEqual([{ id: 'ins-abcd1234' }]);
    expect(seen).toMatchObject([
      {
        action: 'TagResources',
        headers: { 'x-tc-version': '2018-08-13', 'x-tc-region': 'ap-singapore', 'accept-encoding': 'identity' },
        body: {
          ResourceList: [resource('ins-abcd1234')],
          Tags: [
            { TagKey: 'aiops.org/installation', TagValue: 'installation-1' },
            { TagKey: 'aiops.org/pool-uid', TagValue: 'pool-uid-1' },
            { TagKey: 'aiops.org/pool', TagValue: 'default/first' },
          ],
        },
      },
    ]);
    expect(seen[0]?.headers.authorization).toMatch(/^TC3-HMAC-SHA256 Credential=AKIDexample\//);
    expect(codes).toEqual(['TagResources OK']);
  });

  it('names at most ten machines a call, each once', async () => {
    const { cloud, seen, finish } = await bench(() => done);
    const results = await finish(cloud.claim([...ids(25), ...ids(5)], owner, never));
    expect(results).toEqual(ids(25).map((id) => ({ id })));
    expect(seen.map(({ body }) => (body['ResourceList'] as string[]).length)).toEqual([10, 10, 5]);
  });

  it('asks nothing about nothing, or about what is no id', async () => {
    const { cloud, seen, finish } = await bench(() => done);
    expect(await finish(cloud.claim([], owner, never))).toEqual([]);
    const [result] = await finish(cloud.claim(['ins-*'], owner, never));
    expect(result?.error).toMatchObject({ reason: 'InvalidReference', message: expect.stringContaining('"ins-*"') });
    expect(seen).toEqual([]);
  });

  it.each([
    ['InvalidParameterValue.ResourceIdInvalid', 'InvalidReference'],
    ['FailedOperation.ResourceTagProcessing', 'Busy'],
    ['InternalError', 'ServerError'],
    ['Whatever.New', 'Unexpected'],
  ])('tells of a machine that failed with %s', async (code, reason) => {
    const [good = '', bad = ''] = ids(2);
    const { cloud, finish } = await bench(() => failed([bad, code]));
    const results = await finish(cloud.claim([good, bad], owner, never));
    expect(results).toEqual([{ id: good }, { id: bad, error: expect.objectContaining({ reason, code }) }]);
    expect(results[1]?.error?.message).toBe(`Tencent did not tag ${bad} (${code}).`);
  });

  it('tries each machine by itself after a call that was refused as a whole', async () => {
    const [good = '', bad = ''] = ids(2);
    const { cloud, seen, finish } = await bench(({ body }) => {
      const isBad = (body['ResourceList'] as string[]).includes(resource(bad));
      return isBad ? { error: 'InvalidParameterValue.ResourceDescriptionError' } : done;
    });
    const results = new Map((await finish(cloud.claim([good, bad], owner, never))).map(({ id, error }) => [id, error]));
    expect(results.get(good)).toBeUndefined();
    expect(results.get(bad)).toMatchObject({ reason: 'InvalidReference' });
    expect(seen).toHaveLength(3);
  });

  it('does not repeat what no machine can change, and names the permission', async () => {
    const { cloud, seen, finish } = await bench(() => ({ error: 'AuthFailure.UnauthorizedOperation' }));
    const results = await finish(cloud.claim(ids(3), owner, never));
    expect(seen).toHaveLength(1);
    for (const { error } of results) {
      expect(error).toMatchObject({ reason: 'PermissionDenied', action: 'TagResources' });
      expect(error?.message).toContain('Allow tag:TagResources in their CAM policy.');
    }
  });

  it('is repeated when no answer came: twice has the effect of once', async () => {
    const { cloud, seen, finish } = await bench((_request, index) => (index === 0 ? (a) => a.destroy() : done));
    expect(await finish(cloud.claim(ids(1), owner, never))).toEqual([{ id: ids(1)[0] }]);
    expect(seen).toHaveLength(2);
  });
});

describe('where the tag service is', () => {
  it.each([
    ['http://cvm.tencentcloudapi.com', ['cvm.tencentcloudapi.com', 'tag.tencentcloudapi.com']],
    [
      'http://cvm.ap-singapore.tencentcloudapi.com',
      ['cvm.ap-singapore.tencentcloudapi.com', 'tag.ap-singapore.tencentcloudapi.com'],
    ],
    ['http://cvm.intl.tencentcloudapi.com:80', ['cvm.intl.tencentcloudapi.com', 'tag.intl.tencentcloudapi.com']],
    ['http://cloud.example.com', ['cloud.example.com', 'cloud.example.com']],
    ['http://cvm.example.com/api', ['cvm.example.com', 'cvm.example.com']],
  ])('beside %s', async (endpoint, hosts) => {
    const empty: Reply = { response: { TotalCount: 0, InstanceSet: [] } };
    const responder = await startCvmResponder(({ action }) => (action === 'TagResources' ? done : empty));
    onTestFinished(() => responder.close());
    const connectTo = [...new Set(hosts)].map((host) => `${host}:80=127.0.0.1:${responder.port}`);
    const egress = createEgress({ mode: 'loopback', connectTo });
    const options = { site: 'china', endpoint, egress, clock: systemClock, random: Math.random } as const;
    const { cloud } = await createTencentProvider(options).open(keys(), 'ap-singapore', never);
    await cloud.find(['ins-abcd1234'], never);
    expect(await cloud.claim(['ins-abcd1234'], owner, never)).toEqual([{ id: 'ins-abcd1234' }]);
    expect(responder.seen.map(({ headers }) => headers.host?.replace(/:80$/, ''))).toEqual(hosts);
  });
});
