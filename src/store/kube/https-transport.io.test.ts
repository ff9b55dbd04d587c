import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../../test/builders/fake-clock.ts';
import { type KubeReply, startKubeResponder } from '../../../test/builders/kube-responder.ts';
import { kubeFailure, OK, statusReply, THINGS, until, useTransports } from '../../../test/builders/kube-transport.ts';
import type { Clock } from '../../lib/clock.ts';
import type { KubeError } from './kube-error.ts';
import { KubeConfigError } from './kubeconfig.ts';

const transports = useTransports();
const path = THINGS;
const never = new AbortController().signal;

describe('a call', () => {
  it('goes out as it is told, over a path of the server too', async () => {
    const { responder, transport, calls } = await transports.start({ server: (url) => `${url}/k8s/clusters/c-1` });
    expect(transport.server).toBe(responder.url);
    const answer = await transport.request({
      method: 'PATCH',
      path,
      query: { fieldManager: 'a b', limit: undefined },
      body: { note: '雪' },
      contentType: 'application/merge-patch+json',
    });
    expect(answer).toEqual({ kind: 'Thing' });
    const [seen] = responder.seen;
    expect([seen?.method, seen?.url, seen?.body]).toEqual([
      'PATCH',
      `/k8s/clusters/c-1${path}?fieldManager=a+b`,
      '{"note":"雪"}',
    ]);
    expect(seen?.headers).toMatchObject({
      accept: 'application/json',
      authorization: 'Bearer secret-token',
      'content-type': 'application/merge-patch+json',
      'content-length': '14',
      'user-agent': 'aiops-operator/1.2.3 (linux/amd64)',
      host: `127.0.0.1:${responder.port}`,
    });
    expect(calls).toEqual([
      { verb: 'PATCH', code: '200', host: `127.0.0.1:${responder.port}`, ms: expect.any(Number), isRetry: false },
    ]);
  });

  it('without a body says nothing of one; Accept may be another', async () => {
    const { responder, transport } = await transports.start();
    await transport.request({ method: 'GET', path, accept: 'application/json;as=Table' });
    expect(responder.seen[0]?.headers).not.toHaveProperty('content-type');
    expect(responder.seen[0]?.headers.accept).toBe('application/json;as=Table');
  });

  it('many use one connection, refused ones too', async () => {
    const { responder, transport } = await transports.start({
      reply: (_call, index) => (index % 3 === 0 ? statusReply(409, { reason: 'Conflict' }) : OK),
    });
    for (let index = 0; index < 200; index += 1) await transport.request({ method: 'GET', path }).catch(() => {});
    expect([responder.seen.length, responder.connections()]).toEqual([200, 1]);
  });

  it('many at a time use as many connections as are allowed', async () => {
    const { responder, transport } = await transports.start({ options: { maxSockets: 3 } });
    await Promise.all(Array.from({ length: 60 }, () => transport.request({ method: 'GET', path })));
    expect([responder.seen.length, responder.connections()]).toEqual([60, 3]);
  });

  it('an empty list that comes without a list is an empty list', async () => {
    const { transport } = await transports.start({ reply: () => ({ json: { kind: 'ThingList', items: null } }) });
    expect(await transport.request({ method: 'GET', path })).toEqual({ kind: 'ThingList', items: [] });
  });

  it('204 is an answer without a value', async () => {
    const { transport } = await transports.start({ reply: () => (answer) => answer.writeHead(204).end() });
    expect(await transport.request({ method: 'DELETE', path })).toBeUndefined();
  });

  it('plain http and IPv6 work where the server is given so', async () => {
    const { transport } = await transports.start({ plain: true, me: { ca: undefined } });
    expect(await transport.request({ method: 'GET', path })).toEqual({ kind: 'Thing' });
    const six = await startKubeResponder(() => OK, { certificate: transports.certificate, host: '::1' }).catch(
      () => undefined,
    );
    if (!six) return;
    transports.closing.push(() => six.close());
    const other = await transports.start({ server: () => six.url });
    expect(await other.transport.request({ method: 'GET', path })).toEqual({ kind: 'Thing' });
    expect(six.seen[0]?.headers.host).toBe(`[::1]:${six.port}`);
  });
});

describe('what the server refuses', () => {
  it.each<[string, KubeReply, object]>([
    [
      'a conflict',
      statusReply(409, { reason: 'Conflict', message: 'the object has been modified' }),
      { reason: 'Conflict', code: 409 },
    ],
    ['a kind that is missing', { code: 404, text: '404 page not found\n' }, { reason: 'NotInstalled', code: 404 }],
    ['a page of somebody else', { text: '<html>secret-page</html>' }, { reason: 'Failed', code: 200 }],
    ['nothing', { text: '' }, { reason: 'Failed', code: 200 }],
    [
      'a redirect',
      { code: 302, headers: { location: 'https://elsewhere' }, text: '' },
      { reason: 'Failed', code: 302 },
    ],
    ['an overload without a time', statusReply(429), { reason: 'TooManyRequests', code: 429 }],
    ['an endless error', { code: 500, text: 'x'.repeat(10_000_000) }, { reason: 'Failed', code: 500 }],
  ])('%s comes as an error, after one request', async (_name, reply, expected) => {
    const { responder, transport } = await transports.start({ reply: () => reply });
    const error = await kubeFailure(transport.request({ method: 'POST', path, body: { data: 'secret-body' } }));
    expect(error).toMatchObject(expected);
    expect(error.message).toContain(`POST ${path}`);
    expect(error.message.length).toBeLessThan(1200);
    expect(responder.seen).toHaveLength(1);
  });

  it('401: credentials are read anew and it is asked once more', async () => {
    const { responder, transport, me, calls } = await transports.start({
      reply: ({ headers }) =>
        headers.authorization === 'Bearer new' ? OK : statusReply(401, { reason: 'Unauthorized' }),
      me: {
        onForget: () => {
          me.token = 'new';
        },
      },
    });
    expect(await transport.request({ method: 'POST', path, body: {} })).toEqual({ kind: 'Thing' });
    expect([me.forgotten, responder.connections()]).toEqual([1, 1]);
    expect(calls.map(({ code, isRetry }) => [code, isRetry])).toEqual([
      ['401', false],
      ['200', true],
    ]);
  });

  it('401 twice is an error that names server and context', async () => {
    const { responder, transport } = await transports.start({
      reply: () => statusReply(401, { reason: 'Unauthorized', message: 'Unauthorized' }),
    });
    const error = await kubeFailure(transport.request({ method: 'GET', path }));
    expect(error).toMatchObject({ reason: 'Unauthorized', code: 401 });
    expect(error.message).toContain('(context "test") does not accept our credentials');
    expect(responder.seen).toHaveLength(2);
  });

  it('credentials that cannot be had are an error of the call', async () => {
    const { responder, transport } = await transports.start({
      access: { authorise: () => Promise.reject(new KubeConfigError('the plugin is ill')) },
    });
    const error = await kubeFailure(transport.request({ method: 'GET', path }));
    expect(error).toMatchObject({ reason: 'Unauthorized', code: 0 });
    expect(error.message).toContain('the plugin is ill');
    expect(responder.seen).toHaveLength(0);
  });
});

describe('Retry-After', () => {
  const overloaded = (seconds: number | string, code = 429): KubeReply =>
    statusReply(code, {}, { 'retry-after': String(seconds) });

  it.each([
    [429, 1],
    [503, 1],
    [500, 7],
  ])('%i with %i s is asked again then, and not before', async (code, seconds) => {
    const clock = createFakeClock();
    const { responder, transport } = await transports.start({
      reply: (_call, index) => (index === 0 ? overloaded(seconds, code) : OK),
      options: { clock },
    });
    const asked = transport.request({ method: 'POST', path, body: {} });
    await until(() => responder.seen.length === 1 && clock.waiting === 1);
    await clock.advance(seconds * 1000 - 1);
    expect(responder.seen).toHaveLength(1);
    await clock.advance(1);
    expect(await asked).toEqual({ kind: 'Thing' });
  });

  /** What the transport waits before each repeat of a request that is always refused. */
  const delays = async (seconds: number | string, random = 0): Promise<{ waits: number[]; error: KubeError }> => {
    const clock = createFakeClock();
    const timers: number[] = [];
    const noting: Clock = {
      ...clock,
      after(ms, run) {
        timers.push(ms);
        return clock.after(ms, run);
      },
    };
    const { transport } = await transports.start({
      reply: () => overloaded(seconds),
      options: { clock: noting, random: () => random },
    });
    const asked = kubeFailure(transport.request({ method: 'GET', path }));
    // Each attempt has two deadlines, and the wait after it is the third timer.
    for (let repeat = 1; repeat <= 10; repeat += 1) {
      await until(() => timers.length === 3 * repeat);
      await clock.advance(timers[3 * repeat - 1] ?? 0);
    }
    const error = await asked;
    return { error, waits: timers.filter((_ms, index) => index % 3 === 2) };
  };

  it('is honoured ten times, then the caller hears of it', async () => {
    const { waits, error } = await delays(2);
    expect(waits).toEqual(Array(10).fill(2000));
    expect(error).toMatchObject({ reason: 'TooManyRequests', retryAfterSeconds: 2 });
  });

  it.each([
    ['spread upwards', 2, 0.8, 2400],
    ['capped', 3600, 0, 30_000],
    ['never a hot loop', 0, 0, 100],
  ])('is %s', async (_name, seconds, random, expected) => {
    expect((await delays(seconds, random)).waits[0]).toBe(expected);
  });

  it('of a version from the future is for the caller', async () => {
    const { responder, transport } = await transports.start({
      reply: () =>
        statusReply(
          504,
          { reason: 'Timeout', details: { causes: [{ reason: 'ResourceVersionTooLarge' }] } },
          { 'retry-after': '1' },
        ),
    });
    expect(await kubeFailure(transport.request({ method: 'GET', path }))).toMatchObject({
      reason: 'ResourceVersionTooLarge',
      retryAfterSeconds: 1,
    });
    expect(responder.seen).toHaveLength(1);
  });

  it('that would end after the time given is not waited for', async () => {
    const { transport } = await transports.start({ reply: () => overloaded(30) });
    const began = performance.now();
    expect(await kubeFailure(transport.request({ method: 'GET', path, timeoutMs: 5000 }))).toMatchObject({
      reason: 'TooManyRequests',
    });
    expect(performance.now() - began).toBeLessThan(2000);
  });

  it('holds for a stream that has not begun', async () => {
    const clock = createFakeClock();
    const { responder, transport } = await transports.start({
      reply: (_call, index) => (index === 0 ? overloaded(1) : { text: 'a\n' }),
      options: { clock },
    });
    const lines: string[] = [];
    const streamed = transport.stream({ path, deadlineMs: 60_000 }, (line) => lines.push(line), never);
    await until(() => responder.seen.length === 1 && clock.waiting === 2);
    await clock.advance(1000);
    await streamed;
    expect(lines).toEqual(['a']);
  });
});
