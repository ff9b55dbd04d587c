import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** Label values by label name. */
export type Labels = Readonly<Record<string, string>>;

export interface CounterMetric {
  /** Adds `by` (default 1; 0 makes the series appear). */
  inc(labels: Labels, by?: number): void;
  /** Takes a series away; one that is not there is none to take. */
  remove(labels: Labels): void;
}
export interface GaugeMetric {
  set(labels: Labels, value: number): void;
  /** Adds `by`, which may be negative. */
  add(labels: Labels, by: number): void;
  /** As that of a counter. */
  remove(labels: Labels): void;
}
export interface HistogramMetric {
  observe(labels: Labels, value: number): void;
  /** Makes the series appear, empty. */
  open(labels: Labels): void;
  /** As that of a counter. */
  remove(labels: Labels): void;
}

interface MetricOptions {
  /** As Prometheus wants it: unit last, `_total` for counters. Each name can be made once a registry. */
  readonly name: string;
  readonly help: string;
  /** Label values must be few and known beforehand; never a name that users choose freely without bound. */
  readonly labels?: readonly string[];
}

/** Where a process keeps its metrics. One a process, made in the composition root and handed down. */
export interface Metrics {
  counter(options: MetricOptions): CounterMetric;
  gauge(options: MetricOptions): GaugeMetric;
  histogram(options: MetricOptions & { readonly buckets: readonly number[] }): HistogramMetric;
  /** Adds what is known of any Node.js process: CPU, memory, handles, garbage collection, `nodejs_eventloop_lag_seconds`. */
  addProcessMetrics(): void;
  /** Everything in the text format of Prometheus. */
  text(): Promise<string>;
  /** The content type of `text`. */
  readonly contentType: string;
}

/** An empty registry on prom-client. @throws {Error} from its methods when a name is taken or not allowed */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const shared = ({ name, help, labels = [] }: MetricOptions) => ({
    name,
    help,
    labelNames: [...labels],
    registers: [registry],
  });
  return {
    counter(options) {
      const counter = new Counter(shared(options));
      return { inc: (labels, by = 1) => counter.inc(labels, by), remove: (labels) => counter.remove(labels) };
    },
    gauge(options) {
      const gauge = new Gauge(shared(options));
      return {
        set: (labels, value) => gauge.set(labels, value),
        add: (labels, by) => gauge.inc(labels, by),
        remove: (labels) => gauge.remove(labels),
      };
    },
    histogram(options) {
      const histogram = new Histogram({ ...shared(options), buckets: [...options.buckets] });
      return {
        observe: (labels, value) => histogram.observe(labels, value),
        open: (labels) => histogram.zero(labels),
        remove: (labels) => histogram.remove(labels),
      };
    },
    addProcessMetrics: () => collectDefaultMetrics({ register: registry }),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
