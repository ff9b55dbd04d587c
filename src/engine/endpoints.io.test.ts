import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Hono } from 'hono';
import { expect, it } from 'vitest';
import { createMetrics } from '../telemetry/metrics.ts';
import { createHealthApp, createMetricsApp, listen } from './endpoints.ts';

const host = '127.0.0.1';

it('answers 200 while nothing speaks against it, else 503 with the reasons', async () => {
  const reasons: string[] = [];
  const app = createHealthApp({ unhealthy: () => [], unready: () => reasons });
  expect((await app.request('/healthz')).status).toBe(200);
  expect((await app.request('/readyz')).status).toBe(200);
  reasons.push('starting', 'controller a: not all objects have been read');
  const answer = await app.request('/readyz');
  expect([answer.status, await answer.text()]).toEqual([
    503,
    'starting\ncontroller a: not all objects have been read\n',
  ]);
  expect((await app.request('/healthz')).status).toBe(200);
  expect((await app.request('/else')).status).toBe(404);
});

it('shows metrics as Prometheus reads them', async () => {
  const metrics = createMetrics();
  metrics.counter({ name: 'a_total', help: 'A.' }).inc({});
  const answer = await createMetricsApp(metrics).request('/metrics');
  expect(answer.headers.get('content-type')).toBe(metrics.contentType);
  expect(await answer.text()).toContain('a_total 1');
});

it('takes any free port for 0, tells which, and lets it go', async () => {
  const endpoint = await listen(
    new Hono().get('/', (context) => context.text('hello')),
    { host, port: 0, flag: '--x' },
  );
  const url = `http://${host}:${endpoint.port}/`;
  expect(await (await fetch(url)).text()).toBe('hello');
  await endpoint.close();
  await expect(fetch(url)).rejects.toThrow();
});

it('cuts off a request that does not end', async () => {
  const stuck = new Hono().get('/', () => new Promise<Response>(() => {}));
  const endpoint = await listen(stuck, { host, port: 0, flag: '--x' });
  const request = fetch(`http://${host}:${endpoint.port}/`).catch((error: Error) => error.name);
  await new Promise((resolve) => setTimeout(resolve, 50));
  await endpoint.close();
  expect(await request).toBe('TypeError');
});

it('names the flag to change when the port is in use or the address is not ours', async () => {
  const taken = createServer().listen(0, host);
  await new Promise((resolve) => taken.once('listening', resolve));
  const { port } = taken.address() as AddressInfo;
  await expect(listen(new Hono(), { host, port, flag: '--health-port' })).rejects.toThrow(
    `--health-port ${port}: the port is in use on 127.0.0.1`,
  );
  await expect(listen(new Hono(), { host: '192.0.2.1', port: 0, flag: '--health-port' })).rejects.toThrow(
    '--bind-address',
  );
  taken.close();
});
