import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ControlError } from './controls.ts';
import type { CallEntry } from './journal.ts';
import { callSimulator, openCloud, runRequest, signTc3, type TestCloud } from './test-call.ts';

let cloud: TestCloud;
beforeEach(async () => {
  cloud = await openCloud();
});
afterEach(() => cloud.simulator.close());

const send = (signal?: AbortSignal): Promise<Response> => {
  const body = JSON.stringify(runRequest());
  return fetch(cloud.simulator.url, {
    method: 'POST',
    body,
    ...(signal ? { signal } : {}),
    headers: {
      ...signTc3(cloud.simulator.endpoint, body),
      'x-tc-action': 'RunInstances',
      'x-tc-version': '2017-03-12',
      'x-tc-region': 'ap-singapore',
    },
  });
};
const made = (): number => cloud.simulator.state().instances.length;
const lastCall = (): CallEntry | undefined =>
  cloud.simulator.journal.entries.findLast((entry): entry is CallEntry => entry.kind === 'call');

it.each([
  ['http-500-before', 500, 0, 'none'],
  ['http-500-after', 500, 1, 'ok'],
  ['http-502', 502, 0, 'none'],
  ['html', 200, 0, 'none'],
] as const)('%s answers %i and leaves %i machines', async (kind, status, machines, result) => {
  cloud.simulator.addFault({ action: 'RunInstances', kind });
  const response = await send();
  expect(response.status).toBe(status);
  await expect(response.json()).rejects.toThrow();
  expect(made()).toBe(machines);
  expect(lastCall()).toMatchObject({ fault: kind, httpStatus: status, result });
});

it.each([
  ['internal-error-before', 0, 'InternalError'],
  ['internal-error-after', 1, 'InternalError'],
  ['throttle', 0, 'RequestLimitExceeded'],
] as const)('%s leaves %i machines and says %s', async (kind, machines, code) => {
  cloud.simulator.addFault({ kind });
  expect(await cloud.code('RunInstances', runRequest())).toBe(code);
  expect(made()).toBe(machines);
});

it('answers any code on demand', async () => {
  cloud.simulator.addFault({ kind: 'code', code: 'OperationDenied.AccountNotSupported' });
  expect(await cloud.code('RunInstances', runRequest())).toBe('OperationDenied.AccountNotSupported');
  expect(lastCall()).toMatchObject({ result: 'OperationDenied.AccountNotSupported', fault: 'code', httpStatus: 200 });
});

it.each([
  ['reset-before', 0],
  ['reset-after', 1],
] as const)('%s resets the connection and leaves %i machines', async (kind, machines) => {
  cloud.simulator.addFault({ kind });
  await expect(send()).rejects.toMatchObject({ cause: { code: expect.stringMatching(/ECONNRESET|UND_ERR_SOCKET/) } });
  expect(made()).toBe(machines);
  expect(lastCall()).toMatchObject({ httpStatus: 0, fault: kind });
});

it('truncated cuts the answer in the middle, after the effect', async () => {
  cloud.simulator.addFault({ kind: 'truncated' });
  const response = await send();
  expect(response.status).toBe(200);
  await expect(response.text()).rejects.toThrow();
  expect(made()).toBe(1);
});

it.each([
  ['hang', 0],
  ['hang-after', 1],
] as const)('%s holds the call until the caller gives up, and leaves %i machines', async (kind, machines) => {
  cloud.simulator.addFault({ kind });
  const stop = new AbortController();
  const held = send(stop.signal);
  const failed = expect(held).rejects.toThrow();
  while (cloud.simulator.hanging === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  // A fake clock may go on while a call hangs.
  expect(cloud.simulator.inFlight).toBe(0);
  await cloud.clock.advance(60_000);
  expect(made()).toBe(machines);
  stop.abort();
  await failed;
  while (cloud.simulator.hanging > 0) await new Promise((resolve) => setTimeout(resolve, 5));
});

it('is closed at once although calls hang', async () => {
  cloud.simulator.addFault({ kind: 'hang' });
  const failed = expect(send()).rejects.toThrow();
  while (cloud.simulator.hanging === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await cloud.simulator.close();
  await failed;
});

describe('the journal', () => {
  it('has every call and every event in order, without keys, signatures and passwords', async () => {
    const answer = await callSimulator(
      cloud.simulator,
      'RunInstances',
      runRequest({ ClientToken: 'tok', LoginSettings: { Password: 'Abc12345!' } }),
    );
    await cloud.clock.advance(20_000);
    const [id] = answer['InstanceIdSet'];
    expect(cloud.simulator.journal.entries).toMatchObject([
      { seq: 1, kind: 'event', event: 'instance', id, from: 'ABSENT', to: 'PENDING', cause: 'run' },
      {
        seq: 2,
        kind: 'call',
        action: 'RunInstances',
        region: 'ap-singapore',
        secretId: 'xxx',
        clientToken: 'tok',
        body: { ImageId: 'img-5gn3j31i', LoginSettings: { Password: '***' } },
        result: 'ok',
        instanceIds: [id],
        httpStatus: 200,
        requestId: answer.RequestId,
      },
      { seq: 3, kind: 'event', id, from: 'PENDING', to: 'RUNNING' },
    ]);
    expect(JSON.stringify(cloud.simulator.journal.entries)).not.toContain('Signature');
    expect(JSON.stringify(cloud.simulator.journal.entries)).not.toContain('Abc12345!');
  });
});

describe('the control API', () => {
  const ask = async (method: string, path: string, body?: unknown): Promise<[number, unknown]> => {
    const response = await fetch(`${cloud.simulator.url}/_sim/${path}`, {
      method,
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    return [response.status, await response.json()];
  };

  it('shows the world', async () => {
    await cloud.run();
    expect(await ask('GET', 'state')).toMatchObject([
      200,
      { accounts: [{ name: 'xxx', balance: '100' }], instances: [{ state: 'PENDING' }], hanging: 0 },
    ]);
    expect(await ask('GET', 'journal?since=1')).toMatchObject([200, [{ seq: 2, action: 'RunInstances' }]]);
  });

  it('makes weather', async () => {
    const [id = ''] = await cloud.run();
    expect(await ask('POST', 'advance', { ms: 20_000 })).toMatchObject([200, { ok: true }]);
    expect(await ask('POST', 'reclaim', { noticeSeconds: 0 })).toEqual([200, { instanceId: id }]);
    expect(await cloud.row(id)).toMatchObject({ InstanceState: 'TERMINATING' });
    await ask('POST', 'stock', { zone: 'ap-singapore-2', instanceType: 'GN7.2XLARGE32', count: 0 });
    expect(await cloud.code('RunInstances', runRequest())).toBe('LimitExceeded.SpotQuota');
    await ask('POST', 'stock', { zone: 'ap-singapore-2', instanceType: 'GN7.2XLARGE32', count: 9 });
    await ask('POST', 'balance', { amount: 0 });
    expect(await cloud.code('RunInstances', runRequest())).toBe('InvalidAccount.InsufficientBalance');
    await ask('POST', 'balance', { amount: 50 });
    await ask('POST', 'permissions', { secretId: 'xxx', actions: ['DescribeZones'] });
    expect(await cloud.code('RunInstances', runRequest())).toBe('UnauthorizedOperation.PermissionDenied');
    await ask('POST', 'permissions', { secretId: 'xxx', actions: null });
    await ask('POST', 'faults', { kind: 'internal-error-before', times: 'always' });
    expect(await cloud.code('DescribeZones')).toBe('InternalError');
    await ask('DELETE', 'faults');
    expect(await cloud.code('DescribeZones')).toBe('ok');
    await ask('POST', 'launch-failed', { times: 1 });
    const [failing = ''] = await cloud.run();
    await cloud.clock.advance(20_000);
    expect(await cloud.row(failing)).toMatchObject({ InstanceState: 'LAUNCH_FAILED' });
  });

  it('finds a machine of a pool by tag value or name', async () => {
    await cloud.run({ InstanceName: 'other' });
    const tagged = { TagSpecification: [{ ResourceType: 'instance', Tags: [{ Key: 'pool', Value: 'default/p' }] }] };
    const [id] = await cloud.run(tagged);
    await cloud.clock.advance(20_000);
    expect(await ask('POST', 'reclaim', { poolName: 'p' })).toEqual([200, { instanceId: id }]);
    expect(await ask('POST', 'reclaim', { poolName: 'nobody' })).toMatchObject([400, { error: { field: 'poolName' } }]);
  });

  it.each([
    ['stock', { zone: 'ap-moon-1', instanceType: 'GN7.2XLARGE32', count: 0 }, 'zone'],
    ['stock', { zone: 'ap-singapore-2', instanceType: 'X', count: 0 }, 'instanceType'],
    ['stock', { zone: 'ap-singapore-2', instanceType: 'GN7.2XLARGE32', count: -1 }, 'count'],
    ['stock', { zone: 'ap-singapore-2', instanceType: 'GN7.2XLARGE32', count: 1, chargeType: 'X' }, 'chargeType'],
    ['balance', { amount: 'much' }, 'amount'],
    ['balance', { amount: 1, account: 'nobody' }, 'account'],
    ['balance', { amuont: 1, amount: 1 }, 'amuont'],
    ['reclaim', { instanceId: 'ins-aaaaaaaa' }, 'instanceId'],
    ['reclaim', {}, 'instanceId'],
    ['faults', { kind: 'earthquake' }, 'kind'],
    ['permissions', { secretId: 'nobody', actions: [] }, 'secretId'],
    ['image', { imageId: 'img-0', isBroken: true }, 'imageId'],
    ['balance', 'not json', ''],
  ])('refuses POST %s %j and names the field', async (path, body, field) => {
    expect(await ask('POST', path, body)).toMatchObject([400, { error: { field, message: expect.any(String) } }]);
  });

  it('says 404 for what is no control', async () => {
    expect(await ask('POST', 'weather', {})).toMatchObject([
      404,
      { error: { message: 'POST /_sim/weather is not a control' } },
    ]);
  });
});

it('refuses a wrong order in the process too, naming the field', () => {
  expect(() => cloud.simulator.addFault({ kind: 'code', times: 0 })).toThrow(ControlError);
  expect(() => cloud.simulator.setBalance('nobody', 1)).toThrow(/not one of xxx/);
});
