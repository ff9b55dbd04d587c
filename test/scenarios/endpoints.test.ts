import { expect, it } from 'vitest';
import { example, type OperatorUnderTest, startOperator } from '../builders/operator.ts';

const start = (): Promise<OperatorUnderTest> =>
  startOperator({ manifests: { 'first.yaml': example('spotpool-first.yaml') } });

it('/healthz and /readyz answer 200, and nothing else is there', async () => {
  const op = await start();
  for (const path of ['/healthz', '/readyz']) {
    const answer = await fetch(op.urls.health + path);
    expect([path, answer.status, await answer.text()]).toEqual([path, 200, 'ok\n']);
  }
  expect((await fetch(`${op.urls.health}/`)).status).toBe(404);
});

it('/metrics counts reconciles, the queue and the calls of the cloud, by the names that dashboards know', async () => {
  const op = await start();
  await op.until('the pool is ready', () => op.condition('spotpool-first', 'Ready')?.status === 'True');
  op.simulator.addFault({ action: 'DescribeInstances', kind: 'throttle' });
  await op.advance(2 * 60_000);
  const answer = await fetch(`${op.urls.metrics}/metrics`);
  expect(answer.headers.get('content-type')).toContain('text/plain; version=0.0.4');
  const text = await answer.text();
  const value = (series: string): number =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(series))
        ?.split(' ')
        .at(-1),
    );
  expect(value('controller_runtime_reconcile_total{controller="spotpool",result="requeue_after"}')).toBeGreaterThan(5);
  expect(value('controller_runtime_reconcile_errors_total{controller="spotpool"}')).toBe(0);
  expect(value('controller_runtime_reconcile_time_seconds_count{controller="spotpool"}')).toBeGreaterThan(5);
  expect(value('controller_runtime_max_concurrent_reconciles{controller="spotpool"}')).toBe(32);
  expect(value('workqueue_depth{name="spotpool",controller="spotpool",priority="0"}')).toBe(0);
  expect(value('workqueue_adds_total{name="spotpool",controller="spotpool"}')).toBeGreaterThan(5);
  expect(value('aiops_cloud_calls_total{action="RunInstances",code="OK"}')).toBe(1);
  expect(value('aiops_cloud_calls_total{action="DescribeInstances",code="RequestLimitExceeded"}')).toBe(1);
  expect(text).toMatch(/^nodejs_eventloop_lag_seconds /m);
  expect(text).not.toMatch(/NaN$/m);
});

it('a stop closes both, and leaves no socket beside the state', async () => {
  const op = await start();
  const { health, metrics } = op.urls;
  await op.stop();
  for (const url of [`${health}/healthz`, `${metrics}/metrics`]) await expect(fetch(url)).rejects.toThrow();
  await expect(op.scale('spotpool-first', 2)).rejects.toThrow(/No operator is running on .*start it with "aiops run"/);
});
