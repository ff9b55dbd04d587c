import type { Metrics } from '../telemetry/metrics.ts';
import type { QueueMetrics } from './queue.ts';
import type { Result, Verdict } from './verdict.ts';

/** Source: controller-runtime, so that its dashboards and alerts fit. */
const RECONCILE_SECONDS = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5, 1.75, 2,
  2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
];
/** 10 ns × 10^n, 12 buckets. */
const QUEUE_SECONDS = Array.from({ length: 12 }, (_, power) => Number(`1e${power - 8}`));
const RESULTS: readonly Result[] = ['error', 'requeue_after', 'requeue', 'success'];

/** What one controller tells of itself. */
interface ControllerMetrics {
  readonly queue: QueueMetrics;
  started(): void;
  ended(ms: number, verdict: Verdict): void;
  timedOut(): void;
}

/** The metrics of all controllers of a process, with the names and labels of controller-runtime. */
export interface EngineMetrics {
  /** Metrics of the controller `name`; every series exists from then on. */
  of(name: string, concurrency: number): ControllerMetrics;
}

/** Registers the engine's metrics. Once a registry. */
export function createEngineMetrics(metrics: Metrics): EngineMetrics {
  const perController = ['controller'];
  const counter = (name: string, help: string, labels = perController) => metrics.counter({ name, help, labels });
  const gauge = (name: string, help: string, labels = perController) => metrics.gauge({ name, help, labels });
  const total = counter('controller_runtime_reconcile_total', 'Reconciles by result.', ['controller', 'result']);
  const errors = counter('controller_runtime_reconcile_errors_total', 'Reconciles that failed.');
  const terminal = counter('controller_runtime_terminal_reconcile_errors_total', 'Reconciles that failed for good.');
  const panics = counter('controller_runtime_reconcile_panics_total', 'Reconciles that failed with a bug.');
  const timeouts = counter('controller_runtime_reconcile_timeouts_total', 'Reconciles that took too long.');
  const time = metrics.histogram({
    name: 'controller_runtime_reconcile_time_seconds',
    help: 'How long reconciles take.',
    labels: perController,
    buckets: RECONCILE_SECONDS,
  });
  const most = gauge('controller_runtime_max_concurrent_reconciles', 'How many reconciles may run at once.');
  const active = gauge('controller_runtime_active_workers', 'How many reconciles run.');
  const queue = queueMetrics(metrics);

  return {
    of(name, concurrency) {
      const labels = { controller: name };
      for (const result of RESULTS) total.inc({ ...labels, result }, 0);
      for (const series of [errors, terminal, panics, timeouts]) series.inc(labels, 0);
      time.open(labels);
      most.set(labels, concurrency);
      active.set(labels, 0);
      return {
        queue: queue(name),
        started: () => active.add(labels, 1),
        ended(ms, verdict) {
          active.add(labels, -1);
          time.observe(labels, ms / 1000);
          if (verdict.result) total.inc({ ...labels, result: verdict.result });
          if (verdict.isError) errors.inc(labels);
          if (verdict.isTerminal) terminal.inc(labels);
          if (verdict.isPanic) panics.inc(labels);
        },
        timedOut: () => timeouts.inc(labels),
      };
    },
  };
}

function queueMetrics(metrics: Metrics): (name: string) => QueueMetrics {
  const perQueue = ['name', 'controller'];
  const histogram = (name: string, help: string) =>
    metrics.histogram({ name, help, labels: perQueue, buckets: QUEUE_SECONDS });
  const gauge = (name: string, help: string, labels = perQueue) => metrics.gauge({ name, help, labels });
  const depth = gauge('workqueue_depth', 'Keys that are ready and not taken.', [...perQueue, 'priority']);
  const adds = metrics.counter({ name: 'workqueue_adds_total', help: 'Keys that became ready.', labels: perQueue });
  const retries = metrics.counter({ name: 'workqueue_retries_total', help: 'Delayed adds.', labels: perQueue });
  const waited = histogram('workqueue_queue_duration_seconds', 'How long keys are ready before they are taken.');
  const worked = histogram('workqueue_work_duration_seconds', 'How long the work on a key takes.');
  const unfinished = gauge('workqueue_unfinished_work_seconds', 'Seconds that running keys have taken, together.');
  const longest = gauge(
    'workqueue_longest_running_processor_seconds',
    'Seconds that the longest running key has taken.',
  );

  return (name) => {
    const labels = { name, controller: name };
    depth.set({ ...labels, priority: '0' }, 0);
    adds.inc(labels, 0);
    retries.inc(labels, 0);
    waited.open(labels);
    worked.open(labels);
    unfinished.set(labels, 0);
    longest.set(labels, 0);
    return {
      depth: (priority, by) => depth.add({ ...labels, priority: String(priority) }, by),
      added: () => adds.inc(labels),
      retried: () => retries.inc(labels),
      waited: (ms) => waited.observe(labels, ms / 1000),
      worked: (ms) => worked.observe(labels, ms / 1000),
      unfinished(totalMs, longestMs) {
        unfinished.set(labels, totalMs / 1000);
        longest.set(labels, longestMs / 1000);
      },
    };
  };
}
