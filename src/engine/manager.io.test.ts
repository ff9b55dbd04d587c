import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { captureLog } from '../../test/builders/log.ts';
import { systemClock } from '../lib/clock.ts';
import { createMemoryStore } from '../store/memory.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import type { Election } from './election.ts';
import { createManager, LeadershipLost } from './manager.ts';

const Thing = { apiVersion: 'demo.aiops.org/v1', kind: 'Thing' };

const build = (healthPort: number, metricsPort: number, election?: Election) => {
  const clock = systemClock;
  const store = createMemoryStore({ clock });
  const manager = createManager({
    store,
    clock,
    log: captureLog().log,
    metrics: createMetrics(),
    healthPort,
    metricsPort,
    ...(election ? { election } : {}),
  });
  manager.controller({ name: 'things', reconcile: async () => ({}) }).for(Thing);
  store.apply({ ...Thing, metadata: { name: 'a' }, spec: {} });
  return manager;
};

it('serves health, readiness and metrics while it runs, and nothing afterwards', async () => {
  const manager = build(0, 0);
  const stop = new AbortController();
  const ended = manager.run(stop.signal);
  const get = (port: number | undefined, path: string) => fetch(`http://127.0.0.1:${port}${path}`);
  await expect.poll(() => manager.probes.unready()).toEqual([]);
  const { health, metrics } = manager.ports;
  expect((await get(health, '/healthz')).status).toBe(200);
  expect((await get(health, '/readyz')).status).toBe(200);
  await expect
    .poll(async () => (await get(metrics, '/metrics')).text())
    .toContain('controller_runtime_reconcile_total{controller="things",result="success"} 1');
  stop.abort();
  await ended;
  await expect(get(health, '/healthz')).rejects.toThrow();
  await expect(get(metrics, '/metrics')).rejects.toThrow();
});

it('refuses to run when a port is in use, names the flag, and lets the other port go', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  const { port } = taken.address() as AddressInfo;
  const manager = build(0, port);
  await expect(manager.run(new AbortController().signal)).rejects.toThrow(`--metrics-port ${port}: the port is in use`);
  await expect(fetch(`http://127.0.0.1:${manager.ports.health}/healthz`)).rejects.toThrow();
  taken.close();
});

it('answers as a standby, says what is wrong with the election, and is gone at once when leadership is lost', async () => {
  const decided = Promise.withResolvers<'lost'>();
  let problem: string | undefined;
  const manager = build(0, 0, {
    run: () => decided.promise,
    mayAct: () => false,
    isLeader: () => false,
    release: async () => {},
    problem: () => problem,
  });
  const ended = manager.run(new AbortController().signal);
  await expect.poll(() => manager.probes.unready()).toEqual([]);
  const { health, metrics } = manager.ports;
  const get = async (port: number | undefined, path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' } });
    return [response.status, await response.text()];
  };
  expect(await get(health, '/readyz')).toEqual([200, 'ok\n']);
  expect(await get(health, '/healthz')).toEqual([200, 'ok\n']);
  expect((await get(metrics, '/metrics'))[1]).toContain(
    'controller_runtime_reconcile_total{controller="things",result="success"} 0',
  );
  problem = 'still leads';
  expect(await get(health, '/healthz')).toEqual([503, 'election: still leads\n']);
  const since = performance.now();
  decided.resolve('lost');
  await expect(ended).rejects.toBeInstanceOf(LeadershipLost);
  expect(performance.now() - since).toBeLessThan(1000);
  await expect(get(health, '/healthz')).rejects.toThrow();
});
