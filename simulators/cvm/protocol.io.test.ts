import { Agent } from 'node:http';
import { connect } from 'node:net';
import { cvm } from 'tencentcloud-sdk-nodejs-cvm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PRODUCTS } from './actions/index.ts';
import { openCloud, runRequest, signTc3, type TestCloud } from './test-call.ts';

let cloud: TestCloud;
beforeEach(async () => {
  cloud = await openCloud();
});
afterEach(() => cloud.simulator.close());

interface SdkOptions {
  readonly secretKey?: string;
  readonly token?: string;
  readonly endpoint?: string;
  readonly signMethod?: 'TC3-HMAC-SHA256' | 'HmacSHA1' | 'HmacSHA256';
  readonly reqMethod?: 'POST' | 'GET';
  readonly agent?: Agent;
}

const agents: Agent[] = [];
afterEach(() => {
  for (const agent of agents.splice(0)) agent.destroy();
});

function sdk(options: SdkOptions = {}): InstanceType<typeof cvm.v20170312.Client> {
  const agent = options.agent ?? new Agent({ keepAlive: true });
  agents.push(agent);
  return new cvm.v20170312.Client({
    credential: {
      secretId: 'xxx',
      secretKey: options.secretKey ?? 'xxx',
      ...(options.token ? { token: options.token } : {}),
    },
    region: 'ap-singapore',
    profile: {
      signMethod: options.signMethod ?? 'TC3-HMAC-SHA256',
      language: 'en-US',
      httpProfile: {
        endpoint: options.endpoint ?? cloud.simulator.endpoint,
        protocol: 'http://',
        reqMethod: options.reqMethod ?? 'POST',
        reqTimeout: 5,
        agent: agent as never,
      },
    },
  });
}

/** An agent that finds this computer under every name. */
const everywhere = (): Agent =>
  new Agent({
    lookup: (_name, options, found) =>
      options.all ? found(null, [{ address: '127.0.0.1', family: 4 }]) : found(null, '127.0.0.1', 4),
  });

describe('the official Node SDK, signatures checked', () => {
  const ways: [string, () => SdkOptions][] = [
    ['TC3 POST', () => ({})],
    ['TC3 GET', () => ({ reqMethod: 'GET' })],
    ['HmacSHA1 POST', () => ({ signMethod: 'HmacSHA1' })],
    ['HmacSHA1 GET', () => ({ signMethod: 'HmacSHA1', reqMethod: 'GET' })],
    ['HmacSHA256 POST', () => ({ signMethod: 'HmacSHA256' })],
    ['HmacSHA256 GET', () => ({ signMethod: 'HmacSHA256', reqMethod: 'GET' })],
    ['an endpoint with a path', () => ({ endpoint: `${cloud.simulator.endpoint}/cvm` })],
    ['localhost', () => ({ endpoint: `localhost:${cloud.simulator.port}`, agent: everywhere() })],
    [
      'the real name through a lookup agent',
      () => ({ endpoint: `cvm.tencentcloudapi.com:${cloud.simulator.port}`, agent: everywhere() }),
    ],
  ];

  it.each(ways)('buys, lists and releases by %s', async (_name, options) => {
    const client = sdk(options());
    const bought = await client.RunInstances({
      ...(runRequest() as object),
      InstanceCount: 2,
      InstanceName: '机器',
      DryRun: false,
      TagSpecification: [{ ResourceType: 'instance', Tags: [{ Key: 'pool', Value: 'a b+c=/' }] }],
    });
    expect(bought.InstanceIdSet).toHaveLength(2);
    await cloud.clock.advance(60_000);
    const listed = await client.DescribeInstances({ Filters: [{ Name: 'tag:pool', Values: ['a b+c=/'] }], Limit: 100 });
    expect(listed.TotalCount).toBe(2);
    expect(listed.InstanceSet?.map((row) => row.InstanceName).toSorted()).toEqual(['机器1', '机器2']);
    await client.TerminateInstances({ InstanceIds: bought.InstanceIdSet ?? [] });
    const status = await client.DescribeInstancesStatus({ InstanceIds: bought.InstanceIdSet ?? [] });
    expect(status.InstanceStatusSet?.map((row) => row.InstanceState)).toEqual(['TERMINATING', 'TERMINATING']);
  });

  it.each(ways)('is refused with a wrong key by %s', async (_name, options) => {
    const client = sdk({ ...options(), secretKey: 'wrong' });
    await expect(client.DescribeInstances({})).rejects.toMatchObject({ code: 'AuthFailure.SignatureFailure' });
    expect(cloud.simulator.journal.entries.at(-1)).toMatchObject({
      secretId: 'xxx',
      result: 'AuthFailure.SignatureFailure',
    });
  });

  it('sees the trace id that it sent', async () => {
    await expect(sdk({ secretKey: 'wrong' }).DescribeInstances({})).rejects.toMatchObject({
      traceId: expect.stringMatching(/-/),
    });
  });
});

describe('the front door', () => {
  it('answers a request signed as the Go SDK does, with a uuid as RequestId', async () => {
    const answer = await cloud.call('DescribeZones');
    expect(answer['ZoneSet']).toHaveLength(3);
    expect(answer.RequestId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it.each([
    ['an unknown action', 'Dance', {}, {}, 'InvalidAction'],
    ['a name that every object has', 'constructor', {}, {}, 'InvalidAction'],
    ['no action', '', {}, {}, 'MissingParameter'],
    ['another version', 'DescribeZones', {}, { version: '2017-03-13' }, 'NoSuchVersion'],
    ['no version', 'DescribeZones', {}, { version: '' }, 'MissingParameter'],
    ['no region', 'DescribeZones', {}, { region: '' }, 'MissingParameter'],
    ['an unknown region', 'DescribeZones', {}, { region: 'ap-moon' }, 'UnsupportedRegion'],
    ['an unknown field', 'DescribeInstances', { Limt: 1 }, {}, 'UnknownParameter'],
    ['a field of the wrong type', 'DescribeInstances', { Limit: '1' }, {}, 'InvalidParameter'],
    ['a missing field', 'TerminateInstances', {}, {}, 'MissingParameter'],
    ['a body that is a list', 'DescribeInstances', [], {}, 'InvalidRequest'],
    ['no region where none is needed', 'DescribeRegions', {}, { region: '' }, 'ok'],
    ['an unknown key', 'DescribeZones', {}, { secretId: 'nobody' }, 'AuthFailure.SecretIdNotFound'],
    ['an old signature', 'DescribeZones', {}, { timestamp: 1 }, 'AuthFailure.SignatureExpire'],
    [
      'a token that the key has not',
      'DescribeZones',
      {},
      { headers: { 'x-tc-token': 't' } },
      'AuthFailure.TokenFailure',
    ],
  ])('answers %s', async (_name, action, body, options, code) => {
    expect(await cloud.code(action, body, options)).toBe(code);
  });

  it('speaks Chinese unless asked for English', async () => {
    const message = async (language: string): Promise<string> =>
      (await cloud.call('DescribeInstances', { Foo: 1 }, { headers: { 'x-tc-language': language } })).Error?.Message ??
      '';
    expect(await message('')).toBe('未知参数`Foo`。');
    expect(await message('zh-CN')).toBe('未知参数`Foo`。');
    expect(await message('en-US')).toBe('The parameter `Foo` is not recognized.');
  });

  it('echoes X-TC-TraceId, answers 200 for errors and never redirects', async () => {
    const response = await fetch(`${cloud.simulator.url}/any/path`, {
      method: 'POST',
      body: '{}',
      redirect: 'error',
      headers: { ...signTc3(cloud.simulator.endpoint, '{}'), 'x-tc-action': 'Dance', 'x-tc-traceid': 'trace-7' },
    });
    expect([response.status, response.headers.get('x-tc-traceid')]).toEqual([200, 'trace-7']);
    await response.text();
  });

  it('accepts a target in absolute form, as a proxy gets it', async () => {
    const host = 'cvm.tencentcloudapi.com';
    const headers = { ...signTc3(host, '{}'), 'x-tc-action': 'DescribeZones', 'x-tc-version': '2017-03-12' };
    const lines = Object.entries({ ...headers, host, 'x-tc-region': 'ap-singapore', connection: 'close' });
    const answer = await raw(
      `POST http://${host}/ HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}content-length: 2\r\n\r\n{}`,
    );
    expect(answer).toContain('"TotalCount":3');
  });

  it('refuses a body above 10 MB', async () => {
    expect(await cloud.code('DescribeInstances', { Foo: 'x'.repeat(10 * 1024 * 1024) })).toBe(
      'RequestSizeLimitExceeded',
    );
  });

  it('looks at its own clock, which can be off', async () => {
    cloud.simulator.setSkew(301_000);
    expect(await cloud.code('DescribeZones')).toBe('AuthFailure.SignatureExpire');
    cloud.simulator.setSkew(0);
    expect(await cloud.code('DescribeZones')).toBe('ok');
  });

  function raw(text: string): Promise<string> {
    return new Promise((resolve, reject) => {
      let got = '';
      const socket = connect(cloud.simulator.port, '127.0.0.1', () => socket.write(text));
      socket.setEncoding('utf8');
      socket.on('data', (piece) => {
        got += piece;
      });
      socket.on('error', reject);
      socket.on('close', () => resolve(got));
    });
  }
});

describe('keys and permissions', () => {
  it('refuses an action that the key may not call, and names it', async () => {
    cloud.simulator.setPermissions('xxx', ['cvm:DescribeInstances', 'DescribeZones']);
    expect(await cloud.code('DescribeInstances')).toBe('ok');
    const refused = await cloud.call('RunInstances', runRequest());
    expect(refused.Error?.Code).toBe('UnauthorizedOperation.PermissionDenied');
    expect(refused.Error?.Message).toContain('cvm:RunInstances');
    cloud.simulator.setPermissions('xxx', undefined);
    expect(await cloud.code('RunInstances', runRequest())).toBe('ok');
  });

  it('has a permission for every action', async () => {
    cloud.simulator.setPermissions('xxx', []);
    for (const { actions, version } of Object.values(PRODUCTS)) {
      for (const action of Object.keys(actions)) {
        expect(await cloud.code(action, {}, { version }), action).toBe('UnauthorizedOperation.PermissionDenied');
      }
    }
  });

  it('takes a rotated key at once, and refuses the old and a disabled one', async () => {
    cloud.simulator.rotateKey('xxx', 'new');
    expect(await cloud.code('DescribeZones')).toBe('AuthFailure.SignatureFailure');
    expect(await cloud.code('DescribeZones', {}, { secretKey: 'new' })).toBe('ok');
    cloud.simulator.disableKey('xxx');
    expect(await cloud.code('DescribeZones', {}, { secretKey: 'new' })).toBe('AuthFailure.SecretIdNotFound');
  });

  it('wants the token of a temporary key', async () => {
    cloud.simulator.addKey('xxx', { secretId: 'AKIDtmp', secretKey: 's', token: 'tok' });
    const with_ = (token: string): Promise<string> =>
      cloud.code('DescribeZones', {}, { secretId: 'AKIDtmp', secretKey: 's', headers: { 'x-tc-token': token } });
    expect([await with_('tok'), await with_('other'), await with_('')]).toEqual([
      'ok',
      'AuthFailure.TokenFailure',
      'AuthFailure.TokenFailure',
    ]);
  });

  it('shows nothing of one account to another', async () => {
    await cloud.simulator.close();
    cloud = await openCloud({
      accounts: ['a', 'b'].map((id) => ({ keys: [{ secretId: id, secretKey: id }] })),
    });
    const as = (id: string): { secretId: string; secretKey: string } => ({ secretId: id, secretKey: id });
    const ids = (await cloud.call('RunInstances', runRequest(), as('a')))['InstanceIdSet'];
    await cloud.clock.advance(30_000);
    expect((await cloud.call('DescribeInstances', {}, as('a')))['TotalCount']).toBe(1);
    expect((await cloud.call('DescribeInstances', {}, as('b')))['TotalCount']).toBe(0);
    expect(await cloud.code('TerminateInstances', { InstanceIds: ids }, as('b'))).toBe('InvalidInstanceId.NotFound');
  });
});

describe('the tag service', () => {
  const version = '2018-08-13';
  const resource = (id: string): string => `qcs::cvm:ap-singapore:uin/:instance/${id}`;

  it('changes the tags of an instance at once', async () => {
    const [id = ''] = await cloud.run({
      TagSpecification: [
        {
          ResourceType: 'instance',
          Tags: [
            { Key: 'pool', Value: 'a' },
            { Key: 'old', Value: '1' },
          ],
        },
      ],
    });
    await cloud.clock.advance(20_000);
    const body = {
      Resource: resource(id),
      ReplaceTags: [{ TagKey: 'pool', TagValue: 'b' }],
      DeleteTags: [{ TagKey: 'old' }],
    };
    expect(await cloud.code('ModifyResourceTags', body, { version })).toBe('ok');
    expect(await cloud.row(id)).toMatchObject({ Tags: [{ Key: 'pool', Value: 'b' }] });
  });

  it.each([
    ['an unknown instance', { Resource: resource('ins-aaaaaaaa') }, version, 'InvalidParameterValue.ResourceIdInvalid'],
    ['a malformed resource', { Resource: 'ins-aaaaaaaa' }, version, 'InvalidParameterValue.ResourceDescriptionError'],
    ['the version of another service', { Resource: resource('ins-aaaaaaaa') }, '2017-03-12', 'NoSuchVersion'],
  ])('refuses %s', async (_name, body, asked, code) => {
    const tags = { ReplaceTags: [{ TagKey: 'a', TagValue: 'b' }] };
    expect(await cloud.code('ModifyResourceTags', { ...body, ...tags }, { version: asked })).toBe(code);
  });

  const tag = (TagKey: string, TagValue = '1') => ({ TagKey, TagValue });

  it('sets tags of several instances as late as those of a purchase, and leaves others as they are', async () => {
    await cloud.simulator.close();
    const timing = { appear: [0, 0], tags: [8000, 8000] } as const;
    cloud = await openCloud({ timing });
    const ids = await cloud.run({
      InstanceCount: 2,
      TagSpecification: [
        {
          ResourceType: 'instance',
          Tags: [
            { Key: 'old', Value: '1' },
            { Key: 'pool', Value: 'a' },
          ],
        },
      ],
    });
    await cloud.clock.advance(20_000);
    const names = [...ids, 'ins-aaaaaaaa'].map(resource);
    const body = { ResourceList: names, Tags: [tag('pool', 'b'), tag('new')] };
    expect(await cloud.call('TagResources', body, { version })).toMatchObject({
      FailedResources: [{ Resource: names[2], Code: 'InvalidParameterValue.ResourceIdInvalid' }],
    });
    await cloud.clock.advance(7000);
    for (const id of ids) expect((await cloud.row(id))?.['Tags']).toHaveLength(2);
    await cloud.clock.advance(1000);
    const tags = [
      { Key: 'old', Value: '1' },
      { Key: 'pool', Value: 'b' },
      { Key: 'new', Value: '1' },
    ];
    for (const id of ids) expect((await cloud.row(id))?.['Tags']).toEqual(tags);
  });

  it('lets the tags that were set last win, however late each shows', async () => {
    await cloud.simulator.close();
    cloud = await openCloud({ timing: { appear: [0, 0], tags: [1000, 10_000] } });
    const [id = ''] = await cloud.run();
    await cloud.clock.advance(10_000);
    for (let round = 1; round <= 20; round += 1) {
      for (const value of ['a', 'b', `c${round}`]) {
        await cloud.call('TagResources', { ResourceList: [resource(id)], Tags: [tag('pool', value)] }, { version });
      }
      await cloud.clock.advance(10_000);
      expect((await cloud.row(id))?.['Tags']).toEqual([{ Key: 'pool', Value: `c${round}` }]);
    }
  });

  it('needs a permission of its own for that', async () => {
    cloud.simulator.setPermissions('xxx', ['cvm:DescribeInstances', 'tag:ModifyResourceTags']);
    const body = { ResourceList: [resource('ins-aaaaaaaa')], Tags: [tag('a')] };
    expect(await cloud.code('TagResources', body, { version })).toBe('UnauthorizedOperation.PermissionDenied');
    cloud.simulator.setPermissions('xxx', ['tag:TagResources']);
    expect(await cloud.code('TagResources', body, { version })).toBe('ok');
  });

  const known = [resource('ins-aaaaaaaa')];
  it.each([
    [
      'a malformed resource',
      { ResourceList: ['ins-aaaaaaaa'], Tags: [tag('a')] },
      'InvalidParameterValue.ResourceDescriptionError',
    ],
    [
      '11 resources',
      { ResourceList: Array(11).fill(known[0]), Tags: [tag('a')] },
      'LimitExceeded.ResourceNumPerRequest',
    ],
    [
      '11 tags',
      { ResourceList: known, Tags: [...'abcdefghijk'].map((key) => tag(key)) },
      'LimitExceeded.TagNumPerRequest',
    ],
    ['a key twice', { ResourceList: known, Tags: [tag('a'), tag('a')] }, 'InvalidParameterValue.TagKeyDuplicate'],
    ['an empty key', { ResourceList: known, Tags: [tag('')] }, 'InvalidParameterValue.TagKeyEmpty'],
    ['a long key', { ResourceList: known, Tags: [tag('k'.repeat(128))] }, 'InvalidParameterValue.TagKeyLengthExceeded'],
    [
      'a long value',
      { ResourceList: known, Tags: [tag('a', 'v'.repeat(256))] },
      'InvalidParameterValue.TagValueLengthExceeded',
    ],
    ['a reserved key', { ResourceList: known, Tags: [tag('project')] }, 'InvalidParameter.ReservedTagKey'],
  ])('sets nothing with %s', async (_name, body, code) => {
    expect(await cloud.code('TagResources', body, { version })).toBe(code);
  });

  it('is found by its host name, and refuses the actions of another service there', async () => {
    const host = 'tag.tencentcloudapi.com';
    const agent = everywhere();
    agents.push(agent);
    const { CommonClient } = await import('tencentcloud-sdk-nodejs-common');
    const client = new CommonClient(`${host}:${cloud.simulator.port}`, version, {
      credential: { secretId: 'xxx', secretKey: 'xxx' },
      region: 'ap-singapore',
      profile: { httpProfile: { protocol: 'http://', agent: agent as never } },
    });
    await expect(client.request('ModifyResourceTags', { Resource: 'x' })).rejects.toMatchObject({
      code: 'InvalidParameterValue.ResourceDescriptionError',
    });
    await expect(client.request('RunInstances', {})).rejects.toMatchObject({ code: 'InvalidAction' });
  });
});

it('throttles above the published rate and recovers within a second of world time', async () => {
  await cloud.simulator.close();
  cloud = await openCloud({ rateFactor: 1 });
  const burst = (): Promise<string[]> =>
    Promise.all(Array.from({ length: 12 }, () => cloud.code('StopInstances', { InstanceIds: ['ins-aaaaaaaa'] })));
  const count = (codes: string[]): number => codes.filter((code) => code === 'RequestLimitExceeded').length;
  expect(count(await burst())).toBe(2);
  await cloud.clock.advance(1000);
  expect(count(await burst())).toBe(2);
});
