import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createFakeClock } from '../../../test/builders/fake-clock.ts';
import { launchOrder } from '../../../test/builders/launch-order.ts';
import { never, page, tencentBench } from '../../../test/builders/tencent-bench.ts';
import { createEgress } from '../../lib/egress.ts';
import { inlineCredentials, operatorCredentials, roleCredentials, secretCredentials } from './credentials.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('keys in the manifest', () => {
  it('are trimmed and given', async () => {
    expect(await inlineCredentials(' id\n', 'key\n').getCredentials(never)).toEqual({
      secretId: 'id',
      secretKey: 'key',
    });
  });

  it.each([
    ['', 'key', 'no secretId'],
    ['id', '  ', 'no secretKey'],
    ['', '', 'no secretId and no secretKey'],
  ])('"%s" and "%s" are refused: %s', async (secretId, secretKey, says) => {
    await expect(inlineCredentials(secretId, secretKey).getCredentials(never)).rejects.toMatchObject({
      reason: 'InvalidCredentials',
      message: expect.stringContaining(says),
    });
  });
});

describe('keys in a Secret', () => {
  const at = { namespace: 'default', name: 'tencent' };
  it('are read each time, so that a new key works at once', async () => {
    let data: Record<string, Uint8Array> | undefined = {
      secretId: bytes('a'),
      secretKey: bytes('b\n'),
      token: bytes('t'),
    };
    const credentials = secretCredentials(at, async () => data);
    expect(await credentials.getCredentials(never)).toEqual({ secretId: 'a', secretKey: 'b', token: 't' });
    data = { secretId: bytes('c'), secretKey: bytes('d') };
    expect(await credentials.getCredentials(never)).toEqual({ secretId: 'c', secretKey: 'd' });
    data = undefined;
    await expect(credentials.getCredentials(never)).rejects.toThrow(/Secret default\/tencent does not exist/);
  });

  it('may have other names', async () => {
    const credentials = secretCredentials(
      { ...at, secretIdKey: 'id', secretKeyKey: 'key', tokenKey: 'tok' },
      async () => ({
        id: bytes('a'),
        key: bytes('b'),
        tok: bytes('t'),
        token: bytes('not this'),
      }),
    );
    expect(await credentials.getCredentials(never)).toEqual({ secretId: 'a', secretKey: 'b', token: 't' });
  });

  it('that lack a field are refused, naming the field', async () => {
    const credentials = secretCredentials({ ...at, secretKeyKey: 'constructor' }, async () => ({
      secretId: bytes('a'),
    }));
    await expect(credentials.getCredentials(never)).rejects.toThrow('Secret default/tencent has no constructor');
  });
});

/** A metadata service: the role `worker`, and what `answer` says of its keys. */
async function metadata(answer: () => { status?: number; body: unknown }) {
  const paths: string[] = [];
  const server = http.createServer((request, reply) => {
    paths.push(`${request.headers.host} ${request.url}`);
    if (request.url?.endsWith('/')) {
      reply.end('worker\n');
      return;
    }
    const { status = 200, body } = answer();
    reply.writeHead(status).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const clock = createFakeClock();
  const egress = createEgress({ mode: 'loopback', connectTo: [`metadata.tencentyun.com:80=127.0.0.1:${port}`] });
  return { paths, clock, egress };
}
const roleKeys = (id: string, ExpiredTime: number) => ({
  body: { TmpSecretId: id, TmpSecretKey: `${id}-key`, Token: `${id}-token`, ExpiredTime, Code: 'Success' },
});

describe('keys of the CVM role', () => {
  it('are kept until five minutes before they end, then fetched again', async () => {
    let made = 0;
    const next = (): string => {
      made += 1;
      return `id-${made}`;
    };
    const world = await metadata(() => roleKeys(next(), world.clock.now() / 1000 + 3600));
    const credentials = roleCredentials('worker', world);
    const both = await Promise.all([credentials.getCredentials(never), credentials.getCredentials(never)]);
    expect(both).toEqual(Array(2).fill({ secretId: 'id-1', secretKey: 'id-1-key', token: 'id-1-token' }));
    await world.clock.advance(54 * 60_000);
    expect((await credentials.getCredentials(never)).secretId).toBe('id-1');
    await world.clock.advance(2 * 60_000);
    expect((await credentials.getCredentials(never)).secretId).toBe('id-2');
    expect(world.paths).toEqual(
      Array(2).fill('metadata.tencentyun.com /latest/meta-data/cam/security-credentials/worker'),
    );
  });

  it.each([
    ['an error', { status: 404, body: 'no' }],
    ['another shape', { body: { TmpSecretId: 'secret-in-the-answer' } }],
  ])('after %s are asked for again, and the answer is not shown', async (_name, bad) => {
    let isBad = true;
    const world = await metadata(() => (isBad ? bad : roleKeys('id', world.clock.now() / 1000 + 3600)));
    const credentials = roleCredentials('worker', world);
    const error = await credentials.getCredentials(never).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ reason: 'InvalidCredentials', message: expect.stringContaining('role worker') });
    expect(String(error)).not.toContain('secret-in-the-answer');
    isBad = false;
    expect((await credentials.getCredentials(never)).secretId).toBe('id');
  });

  it('give up on a metadata service that says nothing', async () => {
    const server = http.createServer(() => {});
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const clock = createFakeClock();
    const { port } = server.address() as AddressInfo;
    const egress = createEgress({ mode: 'loopback', connectTo: [`metadata.tencentyun.com:80=127.0.0.1:${port}`] });
    const asking = roleCredentials('worker', { clock, egress }).getCredentials(never);
    asking.catch(() => {});
    await clock.advance(5000);
    await expect(asking).rejects.toMatchObject({ reason: 'InvalidCredentials' });
  });
});

describe('keys of the operator', () => {
  it('are those of the environment where there are any', async () => {
    const world = await metadata(() => roleKeys('id', 0));
    const env = { TENCENTCLOUD_SECRET_ID: 'a', TENCENTCLOUD_SECRET_KEY: 'b', TENCENTCLOUD_SESSION_TOKEN: 'c' };
    expect(await operatorCredentials(env, world).getCredentials(never)).toEqual({
      secretId: 'a',
      secretKey: 'b',
      token: 'c',
    });
    const half = operatorCredentials({ TENCENTCLOUD_SECRET_ID: 'a' }, world);
    await expect(half.getCredentials(never)).rejects.toThrow('the environment has no TENCENTCLOUD_SECRET_KEY');
    expect(world.paths).toEqual([]);
  });

  it('are else those of whatever role the machine has', async () => {
    const world = await metadata(() => roleKeys('id', world.clock.now() / 1000 + 3600));
    const credentials = operatorCredentials({}, world);
    expect(await credentials.getCredentials(never)).toMatchObject({ secretId: 'id' });
    expect(world.paths[1]).toMatch(/security-credentials\/worker$/);
  });
});

describe('keys that the cloud calls stale', () => {
  it('are fetched again once for a question, and only forgotten for a purchase', async () => {
    let made = 0;
    const next = (): string => {
      made += 1;
      return `id-${made}`;
    };
    const world = await metadata(() => roleKeys(next(), world.clock.now() / 1000 + 3600));
    const stale = /Credential=id-[13]\//;
    const bench = await tencentBench(({ headers, action }) => {
      if (stale.test(headers.authorization ?? '')) return { error: 'AuthFailure.TokenFailure' };
      return action === 'RunInstances' ? { response: { InstanceIdSet: ['ins-aaaaaaaa'] } } : page([]);
    });
    const credentials = roleCredentials('worker', world);
    const { cloud, accountKey } = await bench.provider.open(credentials, 'ap-singapore', never);
    expect(await bench.finish(cloud.find(['ins-aaaaaaaa'], never))).toEqual([]);
    expect(bench.seen.map(({ headers }) => headers['x-tc-token'])).toEqual(['id-1-token', 'id-2-token']);
    credentials.forget();

    await expect(bench.finish(cloud.launch(launchOrder(), never))).rejects.toMatchObject({
      reason: 'InvalidCredentials',
    });
    expect(await bench.finish(cloud.launch(launchOrder(), never))).toEqual(['ins-aaaaaaaa']);
    expect((await bench.provider.open(credentials, 'ap-singapore', never)).accountKey).toBe(accountKey);
  });
});
