import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { createMetrics } from '../telemetry/metrics.ts';
import { type Endpoint, healthPages, listen, metricsPages, type Pages } from './endpoints.ts';

const host = '127.0.0.1';
const hello: Pages = { '/': () => ({ status: 200, text: 'héllo', contentType: 'text/plain; charset=utf-8' }) };

let endpoint: Endpoint | undefined;
afterEach(async () => {
  await endpoint?.close();
  endpoint = undefined;
});

/** Serves `pages` and gives a way to ask for them. */
async function serve(pages: Pages): Promise<(path: string, init?: RequestInit) => Promise<Response>> {
  endpoint = await listen(pages, { host, port: 0, flag: '--x' });
  const { port } = endpoint;
  return (path, init) => fetch(`http://${host}:${port}${path}`, init);
}

it('answers 200 while nothing speaks against it, else 503 with the reasons', async () => {
  const reasons: string[] = [];
  const ask = await serve(healthPages({ unhealthy: () => [], unready: () => reasons }));
  expect((await ask('/healthz')).status).toBe(200);
  expect((await ask('/readyz')).status).toBe(200);
  reasons.push('starting', 'controller a: not all objects have been read');
  const answer = await ask('/readyz');
  expect([answer.status, await answer.text()]).toEqual([
    503,
    'starting\ncontroller a: not all objects have been read\n',
  ]);
  expect((await ask('/healthz')).status).toBe(200);
});

it('shows metrics as Prometheus reads them', async () => {
  const metrics = createMetrics();
  metrics.counter({ name: 'a_total', help: 'A.' }).inc({});
  const answer = await (await serve(metricsPages(metrics)))('/metrics');
  expect(answer.headers.get('content-type')).toBe(metrics.contentType);
  expect(await answer.text()).toContain('a_total 1');
});

it.each([
  { method: 'GET', path: '/', status: 200, text: 'héllo' },
  { method: 'GET', path: '/?verbose', status: 200, text: 'héllo' },
  { method: 'HEAD', path: '/', status: 200, text: '' },
  { method: 'POST', path: '/', status: 405, text: 'only GET and HEAD are answered\n' },
  { method: 'GET', path: '/else', status: 404, text: 'not found\n' },
  { method: 'GET', path: '/toString', status: 404, text: 'not found\n' },
])('answers $method $path with $status', async ({ method, path, status, text }) => {
  const answer = await (await serve(hello))(path, { method });
  expect({ status: answer.status, text: await answer.text() }).toEqual({ status, text });
});

it('breaks the connection when a page fails', async () => {
  const ask = await serve({ '/': () => Promise.reject(new Error('no')) });
  await expect(ask('/')).rejects.toThrow();
  await expect(ask('/else')).resolves.toMatchObject({ status: 404 });
});

it('takes any free port for 0, tells which, and lets it go', async () => {
  const ask = await serve(hello);
  expect(await (await ask('/')).text()).toBe('héllo');
  await endpoint?.close();
  await expect(ask('/')).rejects.toThrow();
});

it('cuts off a request that does not end', async () => {
  const ask = await serve({ '/': () => new Promise<never>(() => {}) });
  const request = ask('/').catch((error: Error) => error.name);
  await new Promise((resolve) => setTimeout(resolve, 50));
  await endpoint?.close();
  expect(await request).toBe('TypeError');
});

it('names the flag to change when the port is in use or the address is not ours', async () => {
  const taken = createServer().listen(0, host);
  await new Promise((resolve) => taken.once('listening', resolve));
  const { port } = taken.address() as AddressInfo;
  await expect(listen({}, { host, port, flag: '--health-port' })).rejects.toThrow(
    `--health-port ${port}: the port is in use on 127.0.0.1`,
  );
  await expect(listen({}, { host: '192.0.2.1', port: 0, flag: '--health-port' })).rejects.toThrow('--bind-address');
  taken.close();
});
