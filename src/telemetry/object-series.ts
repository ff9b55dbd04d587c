import type { ObjectKey } from '../api/meta.ts';
import { keyText } from '../api/meta.ts';
import type { Labels, Metrics } from './metrics.ts';

/** A value with its labels, beside those that name the object. */
export interface Row {
  readonly labels: Labels;
  readonly value: number;
}

interface SeriesOptions {
  readonly name: string;
  readonly help: string;
  /** Beside those that name the object. */
  readonly labels?: readonly string[];
}

interface ObjectGauge {
  /** These are the object's series; those told before and not any more are taken away. */
  show(key: ObjectKey, rows: readonly Row[]): void;
}

interface ObjectCounter {
  /** 0 makes the series appear. */
  add(key: ObjectKey, labels: Labels, by: number): void;
}

interface ObjectHistogram {
  /** Without values the series appears, empty. */
  observe(key: ObjectKey, values: readonly number[]): void;
}

/** Metrics whose series belong to objects (labels `namespace` and one for the name), and leave with them. */
export interface ObjectSeries {
  gauge(options: SeriesOptions): ObjectGauge;
  counter(options: SeriesOptions): ObjectCounter;
  histogram(options: SeriesOptions & { readonly buckets: readonly number[] }): ObjectHistogram;
  /** Takes every series of the object away. */
  forget(key: ObjectKey): void;
}

/** @param nameLabel the label that holds the object's name: `pool` */
export function createObjectSeries(metrics: Metrics, nameLabel: string): ObjectSeries {
  const forgetters: ((key: ObjectKey) => void)[] = [];
  const full = (key: ObjectKey, labels: Labels): Labels => ({
    namespace: key.namespace,
    [nameLabel]: key.name,
    ...labels,
  });
  const named = <T extends SeriesOptions>(options: T) => ({
    ...options,
    labels: ['namespace', nameLabel, ...(options.labels ?? [])],
  });
  /** What each object shows, so that it can be taken away. */
  const books = (metric: { remove(labels: Labels): void }): Map<string, readonly Row[]> => {
    const shown = new Map<string, readonly Row[]>();
    forgetters.push((key) => {
      for (const { labels } of shown.get(keyText(key)) ?? []) metric.remove(full(key, labels));
      shown.delete(keyText(key));
    });
    return shown;
  };

  return {
    gauge(options) {
      const gauge = metrics.gauge(named(options));
      const shown = books(gauge);
      return {
        show(key, rows) {
          const before = shown.get(keyText(key)) ?? [];
          for (const { labels } of before) if (!rowOf(rows, labels)) gauge.remove(full(key, labels));
          for (const { labels, value } of rows) {
            // Most looks change nothing.
            if (rowOf(before, labels)?.value !== value) gauge.set(full(key, labels), value);
          }
          shown.set(keyText(key), rows);
        },
      };
    },
    counter(options) {
      const counter = metrics.counter(named(options));
      const shown = books(counter);
      return {
        add(key, labels, by) {
          const before = shown.get(keyText(key)) ?? [];
          const isNew = !rowOf(before, labels);
          if (isNew) shown.set(keyText(key), [...before, { labels, value: 0 }]);
          if (isNew || by > 0) counter.inc(full(key, labels), by);
        },
      };
    },
    histogram(options) {
      const histogram = metrics.histogram(named(options));
      const shown = books(histogram);
      return {
        observe(key, values) {
          if (!shown.has(keyText(key))) histogram.open(full(key, {}));
          shown.set(keyText(key), [{ labels: {}, value: 0 }]);
          for (const value of values) histogram.observe(full(key, {}), value);
        },
      };
    },
    forget(key) {
      for (const forget of forgetters) forget(key);
    },
  };
}

function rowOf(rows: readonly Row[], labels: Labels): Row | undefined {
  const names = Object.keys(labels);
  return rows.find((row) => names.every((name) => row.labels[name] === labels[name]));
}
