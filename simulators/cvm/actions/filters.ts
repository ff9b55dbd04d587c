import { ApiError } from '../api-error.ts';

const MAX_IDS = 100;

/** Checks a list of instance ids. @throws {ApiError} `InvalidParameterValue.LimitExceeded`, `InvalidInstanceId.Malformed` */
export function checkIds(field: string, ids: readonly string[]): void {
  if (ids.length > MAX_IDS) {
    throw new ApiError(
      'InvalidParameterValue.LimitExceeded',
      `The parameter \`${field}\` has ${ids.length} values; at most ${MAX_IDS} are allowed.`,
      `参数\`${field}\`有${ids.length}个值，最多允许${MAX_IDS}个。`,
    );
  }
  for (const id of ids) {
    if (/^ins-[a-z0-9]{8}$/.test(id)) continue;
    throw new ApiError(
      'InvalidInstanceId.Malformed',
      `The instance id \`${id}\` is malformed; ids look like ins-xxxxxxxx.`,
      `实例ID\`${id}\`格式错误，应为ins-xxxxxxxx。`,
    );
  }
}

/** The values of a row that a filter's value is compared with, or a test of its own. */
type FilterTest<Row> =
  | ((row: Row) => readonly string[])
  | { matches(row: Row, value: string, suffix: string): boolean; check?(suffix: string): void };

/** Filters that a call knows, by name; a name that ends in `:` stands for every name that begins so. */
export type FilterTests<Row> = Readonly<Record<string, FilterTest<Row>>>;

/** A filter that has been read: whether a row passes. */
type Wanted<Row> = (row: Row) => boolean;

interface FilterLimits {
  readonly filters: number;
  readonly values: number;
}

/** Values within a filter are alternatives, filters must all pass. @throws {ApiError} for too many, and for unknown names */
export function readFilters<Row>(
  filters: readonly { readonly Name: string; readonly Values: readonly string[] }[],
  tests: FilterTests<Row>,
  limits: FilterLimits = { filters: 10, values: 5 },
): readonly Wanted<Row>[] {
  const most = Math.max(0, ...filters.map((filter) => filter.Values.length));
  if (filters.length > limits.filters || most > limits.values) {
    throw new ApiError(
      'InvalidFilterValue.LimitExceeded',
      `At most ${limits.filters} filters with ${limits.values} values each are allowed.`,
      `最多允许${limits.filters}个过滤条件，每个最多${limits.values}个值。`,
    );
  }
  return filters.map(({ Name: name, Values: values }) => {
    const prefix = `${name.split(':')[0]}:`;
    const test = tests[name] ?? (name.includes(':') ? tests[prefix] : undefined);
    if (!test || name.endsWith(':')) {
      throw new ApiError('InvalidFilter', `The filter \`${name}\` is not supported.`, `不支持的过滤条件\`${name}\`。`);
    }
    if (typeof test === 'function') return (row) => test(row).some((value) => values.includes(value));
    const suffix = name.slice(prefix.length);
    test.check?.(suffix);
    return (row) => values.some((value) => test.matches(row, value, suffix));
  });
}

export function passes<Row>(row: Row, wanted: readonly Wanted<Row>[]): boolean {
  return wanted.every((test) => test(row));
}
