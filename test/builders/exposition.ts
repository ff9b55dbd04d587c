/** A metric as `/metrics` shows it. */
export interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly series: readonly Series[];
}

interface Series {
  /** With the suffix of histograms: `_bucket`, `_sum`, `_count`. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Reads the text format of Prometheus. @throws {Error} at a line that is none of it */
export function readExposition(text: string): readonly Family[] {
  const families: { name: string; type: string; help: string; series: Series[] }[] = [];
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (keyword === 'HELP') families.push({ name, type: '', help: rest, series: [] });
    const last = families.at(-1);
    if (!last || (keyword === 'TYPE' && last.name !== name)) throw new Error(`out of place: ${line}`);
    if (keyword === 'TYPE') last.type = rest;
    if (keyword === undefined) last.series.push(readSeries(line));
  }
  return families;
}

function readSeries(line: string): Series {
  const [, name, inner = '', value] = /^([a-z_0-9]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
  if (name === undefined || value === undefined) throw new Error(`not a sample: ${line}`);
  const pairs = [...inner.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)];
  return {
    name,
    labels: Object.fromEntries(pairs.map(([, label, text]) => [label, text])),
    value: value === '+Inf' ? Number.POSITIVE_INFINITY : Number(value),
  };
}
