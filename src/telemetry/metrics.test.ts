import { expect, it } from 'vitest';
import { createMetrics } from './metrics.ts';

it('shows counters, gauges and histograms in the text format of Prometheus', async () => {
  const metrics = createMetrics();
  const counter = metrics.counter({ name: 'launches_total', help: 'Launches.', labels: ['zone'] });
  counter.inc({ zone: 'a' }, 0);
  counter.inc({ zone: 'b' });
  const gauge = metrics.gauge({ name: 'machines', help: 'Machines.' });
  gauge.set({}, 3);
  gauge.add({}, -1);
  const histogram = metrics.histogram({ name: 'time_seconds', help: 'Time.', labels: ['x'], buckets: [1, 10] });
  histogram.open({ x: 'new' });
  histogram.observe({ x: 'used' }, 5);
  const lines = (await metrics.text()).split('\n');
  expect(lines).toEqual(
    expect.arrayContaining([
      '# TYPE launches_total counter',
      'launches_total{zone="a"} 0',
      'launches_total{zone="b"} 1',
      'machines 2',
      'time_seconds_count{x="new"} 0',
      'time_seconds_bucket{le="1",x="used"} 0',
      'time_seconds_bucket{le="10",x="used"} 1',
    ]),
  );
  expect(metrics.contentType).toContain('text/plain');
});

it('shares nothing between registries, and refuses a name twice in one', async () => {
  const one = createMetrics();
  const other = createMetrics();
  one.counter({ name: 'a_total', help: 'A.' }).inc({});
  other.counter({ name: 'a_total', help: 'A.' });
  expect(await other.text()).toContain('a_total 0');
  expect(() => one.counter({ name: 'a_total', help: 'A.' })).toThrow('a_total');
});

it('knows the process it runs in when asked to', async () => {
  const metrics = createMetrics();
  expect(await metrics.text()).not.toContain('nodejs_');
  metrics.addProcessMetrics();
  expect(await metrics.text()).toContain('\nnodejs_eventloop_lag_seconds ');
});

it('takes single series away, and leaves the others', async () => {
  const metrics = createMetrics();
  const counter = metrics.counter({ name: 'launches_total', help: 'Launches.', labels: ['zone'] });
  const gauge = metrics.gauge({ name: 'machines', help: 'Machines.', labels: ['zone'] });
  const histogram = metrics.histogram({ name: 'time_seconds', help: 'Time.', labels: ['zone'], buckets: [1] });
  for (const zone of ['a', 'b']) {
    counter.inc({ zone });
    gauge.set({ zone }, 1);
    histogram.observe({ zone }, 1);
  }
  for (const metric of [counter, gauge, histogram]) {
    metric.remove({ zone: 'a' });
    metric.remove({ zone: 'never seen' });
  }
  const text = await metrics.text();
  expect(text).not.toContain('zone="a"');
  expect(text.match(/zone="b"/g)).toHaveLength(6);
});
