import type { ServerResponse } from 'node:http';
import { describe, expect, it, vi } from 'vitest';
import { launchOrder } from '../../../test/builders/launch-order.ts';
import { tencentBench as bench, never, page } from '../../../test/builders/tencent-bench.ts';
import { createEgress } from '../../lib/egress.ts';

/** Real answers take real time, more on a busy machine. */
const soon = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 10_000, interval: 5 });

describe('what a call looks like on the wire', () => {
  it('is a signed POST in English, uncompressed, with the region and without a proxy', async () => {
    vi.stubEnv('http_proxy', 'http://127.0.0.1:9');
    const { cloud, seen, finish } = await bench(() => page([]));
    await finish(cloud.find(['ins-abcd1234'], never));
    vi.unstubAllEnvs();
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({
      action: 'DescribeInstances',
      body: { InstanceIds: ['ins-abcd1234'], Limit: 100, Offset: 0 },
      headers: { 'x-tc-region': 'ap-singapore', 'x-tc-language': 'en-US', 'accept-encoding': 'identity' },
    });
    expect(seen[0]?.headers.authorization).toMatch(/^TC3-HMAC-SHA256 Credential=AKIDexample\//);
  });
});

type Hand = (answer: ServerResponse) => void;
const unreadable: { name: string; hand: Hand; reason: string; says: RegExp }[] = [
  { name: 'HTTP 502', hand: (a) => a.writeHead(502).end('bad gateway'), reason: 'ServerError', says: /HTTP 502/ },
  { name: 'HTTP 404', hand: (a) => a.writeHead(404).end('no'), reason: 'Unreachable', says: /HTTP 404/ },
  {
    name: 'HTML with status 200',
    hand: (a) => a.writeHead(200).end('<html>login</html>'),
    reason: 'Unreachable',
    says: /json/i,
  },
  {
    name: 'JSON without Response',
    hand: (a) => a.writeHead(200).end('{"ok":true}'),
    reason: 'Unreachable',
    says: /No usable answer/,
  },
  {
    name: 'an answer of another shape',
    hand: (a) => a.writeHead(200).end('{"Response":{"TotalCount":"many"}}'),
    reason: 'Unreachable',
    says: /Response\.TotalCount/,
  },
  {
    name: 'a body cut off by the server',
    hand: (a) => {
      a.writeHead(200, { 'content-length': '500' });
      a.write('{"Response":');
      setTimeout(() => a.destroy(), 10);
    },
    reason: 'Unreachable',
    says: /No usable answer/,
  },
  { name: 'a reset', hand: (a) => a.destroy(), reason: 'Unreachable', says: /socket hang up|ECONNRESET/ },
];

describe('a question without a usable answer', () => {
  it.each(unreadable)('$name is $reason and is asked three times', async ({ hand, reason, says }) => {
    const { cloud, seen, codes, finish } = await bench(() => hand);
    const error = await finish(cloud.find(['ins-abcd1234'], never)).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ name: 'CloudError', reason, action: 'DescribeInstances', code: '' });
    expect(String(error)).toMatch(says);
    expect(String(error)).not.toContain('secret-key-1');
    expect(seen).toHaveLength(3);
    expect(codes).toEqual(Array(3).fill(`DescribeInstances ${reason}`));
  });

  it('never follows a redirect: neither method nor signature would survive it', async () => {
    const { cloud, seen, finish } = await bench(
      () => (answer) => answer.writeHead(307, { location: '/elsewhere' }).end(),
    );
    const error = await finish(cloud.find(['ins-abcd1234'], never)).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ reason: 'Unreachable' });
    expect(String(error)).toContain('redirects are not followed');
    expect(seen.map((request) => request.action)).toEqual(Array(3).fill('DescribeInstances'));
  });

  it('is cut off when it is larger than an answer can be', async () => {
    const egress = createEgress({ mode: 'loopback' });
    const small = {
      ...egress,
      agent: (protocol: 'http:' | 'https:') => egress.agent(protocol, { maxAnswerBytes: 50_000 }),
    };
    const endless: Hand = (answer) => {
      answer.writeHead(200, { 'content-type': 'application/json' });
      const more = (): void => void (answer.destroyed || answer.write(' '.repeat(10_000), () => setImmediate(more)));
      more();
    };
    const { cloud, finish } = await bench(() => endless, { egress: small });
    await expect(finish(cloud.find(['ins-abcd1234'], never))).rejects.toMatchObject({ reason: 'Unreachable' });
  });
});

describe('waiting', () => {
  const hangs: { name: string; hand: Hand }[] = [
    { name: 'no answer at all', hand: () => {} },
    { name: 'a body that stalls', hand: (answer) => void answer.writeHead(200).write('{"Response":') },
  ];
  it.each(hangs)('$name ends after 15 s a try, 30 s for a purchase', async ({ hand }) => {
    const { cloud, clock, seen } = await bench(() => hand);
    const asking = cloud.find(['ins-abcd1234'], never).catch((error: unknown) => error);
    const buying = cloud.launch(launchOrder(), never).catch((error: unknown) => error);
    await soon(() => expect(seen).toHaveLength(2));
    await clock.advance(14_000);
    expect(seen).toHaveLength(2);
    await clock.advance(3000);
    await soon(() => expect(seen).toHaveLength(3));
    await clock.advance(14_000);
    expect(await buying).toMatchObject({
      reason: 'Unreachable',
      isOutcomeUnknown: true,
      message: expect.stringContaining('within 30000 ms'),
    });
    expect(seen.filter((request) => request.action === 'RunInstances')).toHaveLength(1);
    await clock.advance(60_000);
    await soon(() => expect(seen).toHaveLength(4));
    await clock.advance(15_000);
    expect(await asking).toMatchObject({ reason: 'Unreachable' });
    expect(clock.waiting).toBe(0);
  });

  it('ends at once with the reason of the signal', async () => {
    const { cloud, seen } = await bench(() => () => {});
    const stop = new AbortController();
    const asking = cloud.find(['ins-abcd1234'], stop.signal);
    await soon(() => expect(seen).toHaveLength(1));
    stop.abort(new Error('shutting down'));
    await expect(asking).rejects.toThrow('shutting down');
  });
});

describe('repeating', () => {
  it('a question that the server failed is asked again and answered', async () => {
    const { cloud, seen, finish } = await bench((_request, index) =>
      index < 2 ? { error: 'InternalError' } : page([]),
    );
    expect(await finish(cloud.find(['ins-abcd1234'], never))).toEqual([]);
    expect(seen).toHaveLength(3);
  });

  it.each([
    'InternalError',
    'RequestLimitExceeded',
    'AuthFailure.TokenFailure',
    'LimitExceeded.SpotQuota',
    'Martian.Code',
  ])('a purchase is never repeated after %s', async (code) => {
    const { cloud, seen, finish } = await bench(() => ({ error: code }));
    await expect(finish(cloud.launch(launchOrder(), never))).rejects.toMatchObject({ name: 'CloudError', code });
    expect(seen).toHaveLength(1);
  });

  it('an unknown code is shown verbatim', async () => {
    const { cloud, finish } = await bench(() => ({ error: 'Martian.Code', message: 'the red planet\nis full' }));
    const error = await finish(cloud.launch(launchOrder(), never)).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ reason: 'Unexpected', isOutcomeUnknown: false, requestId: 'request-1' });
    expect(String(error)).toContain('(Martian.Code: the red planet is full)');
  });

  it('a refusal of the network rules is not repeated and nothing is sent', async () => {
    const { cloud, seen, codes, finish } = await bench(() => page([]), { endpoint: 'https://cvm.example.com' });
    const error = await finish(cloud.find(['ins-abcd1234'], never)).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ reason: 'Unreachable' });
    expect(String(error)).toContain('--egress loopback');
    expect(codes).toHaveLength(1);
    expect(seen).toHaveLength(0);
  });

  it('throttling slows all calls of the account', async () => {
    const { cloud, clock, seen, codes } = await bench((_request, index) =>
      index === 0 ? { error: 'RequestLimitExceeded' } : page([]),
    );
    const first = cloud.find(['ins-abcd1234'], never);
    await soon(() => expect(codes).toEqual(['DescribeInstances RequestLimitExceeded']));
    const other = cloud.sweep(0, never);
    await clock.advance(499);
    expect(seen).toHaveLength(1);
    await clock.advance(1);
    await Promise.all([first, other]);
    expect(seen).toHaveLength(3);
  });
});
