import type { Metrics } from '../../telemetry/metrics.ts';
import type { ListReason } from './reflector.ts';

const REASONS: readonly ListReason[] = ['Expired', 'ResourceVersionTooLarge', 'WatchFailed', 'Drift', 'Compare'];

/** What one informer tells of itself. */
interface OneInformerMetrics {
  /** Everything was listed once more. */
  relisted(reason: ListReason): void;
  /** The watch had missed changes of so many objects. */
  drifted(objects: number): void;
  /** How long ago the server last sent anything. */
  age(ms: number): void;
  objects(by: number): void;
  /** The informer has stopped: its gauges go. */
  close(): void;
}

/** The metrics of all informers of a process. */
export interface InformerMetrics {
  /** Metrics of the informer of `kind` in `namespace` ('' for all); every series exists from then on. */
  of(kind: string, namespace: string): OneInformerMetrics;
}

/** Registers the informers' metrics. Once a registry. */
export function createInformerMetrics(metrics: Metrics): InformerMetrics {
  const relists = metrics.counter({
    name: 'informer_relists_total',
    help: 'Times that all objects of a kind were listed again.',
    labels: ['kind', 'reason'],
  });
  const drift = metrics.counter({
    name: 'informer_drift_total',
    help: 'Objects whose changes a watch had missed.',
    labels: ['kind'],
  });
  const labels = ['kind', 'namespace'];
  const age = metrics.gauge({
    name: 'informer_watch_age_seconds',
    help: 'Seconds since the API server last answered a list, opened a watch or sent an event.',
    labels,
  });
  const objects = metrics.gauge({ name: 'informer_objects', help: 'Objects that are kept in memory.', labels });

  return {
    of(kind, namespace) {
      const one = { kind, namespace };
      for (const reason of REASONS) relists.inc({ kind, reason }, 0);
      drift.inc({ kind }, 0);
      objects.add(one, 0);
      return {
        relisted: (reason) => relists.inc({ kind, reason }),
        drifted: (count) => drift.inc({ kind }, count),
        age: (ms) => age.set(one, ms / 1000),
        objects: (by) => objects.add(one, by),
        close() {
          age.remove(one);
          objects.remove(one);
        },
      };
    },
  };
}
