import type { EpochMs } from '../lib/clock.ts';
import type { KindDefinition, PrinterColumn } from './kind.ts';
import type { KubeObject } from './meta.ts';

/** A table as `get` prints it: heads in capitals, cells as text, empty where an object has no value. */
export interface Table {
  readonly columns: readonly string[];
  /** One row an object, in the order given; as many cells as there are columns. */
  readonly rows: readonly (readonly string[])[];
}

/**
 * The printer columns of a kind for some objects, behind their name (and, if asked for, their namespace), as kubectl shows
 * them. `isWide` adds the columns with a priority.
 */
export function tableOf(
  kind: KindDefinition,
  objects: readonly KubeObject[],
  options: { readonly now: EpochMs; readonly isWide?: boolean; readonly withNamespace?: boolean },
): Table {
  const columns = kind.printerColumns.filter(({ priority = 0 }) => options.isWide === true || priority === 0);
  const isNamespaced = options.withNamespace === true;
  return {
    columns: [...(isNamespaced ? ['NAMESPACE'] : []), 'NAME', ...columns.map(({ name }) => name.toUpperCase())],
    rows: objects.map((object) => [
      ...(isNamespaced ? [object.metadata.namespace] : []),
      object.metadata.name,
      ...columns.map((column) => cellText(column, object, options.now)),
    ]),
  };
}

function cellText(column: PrinterColumn, object: KubeObject, now: EpochMs): string {
  const value = firstAt(object, column.jsonPath);
  if (value === undefined || value === null) return '';
  if (column.type !== 'date') return typeof value === 'object' ? JSON.stringify(value) : String(value);
  const since = Date.parse(String(value));
  return Number.isNaN(since) ? '<unknown>' : ageText(now - since);
}

/** `.name`, or `[?(@.name=="value")]`. */
const STEP = /\.([A-Za-z_]\w*)|\[\?\(@\.([A-Za-z_]\w*)==["']([^"']*)["']\)\]/y;

/** The first value that a JSONPath finds. Knows the subset that the printer columns use. @throws {Error} beyond that */
function firstAt(root: unknown, jsonPath: string): unknown {
  let values: unknown[] = [root];
  STEP.lastIndex = 0;
  while (STEP.lastIndex < jsonPath.length) {
    const at = STEP.lastIndex;
    const step = STEP.exec(jsonPath);
    if (step === null) throw new Error(`cannot read the JSONPath ${jsonPath} from ${jsonPath.slice(at)} on`);
    const [, name, key, wanted] = step;
    values =
      name === undefined
        ? values.flatMap((value) => (Array.isArray(value) ? value : [])).filter((item) => field(item, key) === wanted)
        : values.map((value) => field(value, name)).filter((value) => value !== undefined);
  }
  return values[0];
}

function field(value: unknown, name: string | undefined): unknown {
  if (typeof value !== 'object' || value === null || name === undefined || !Object.hasOwn(value, name))
    return undefined;
  return (value as Record<string, unknown>)[name];
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

/** Below `until` an age shows as `big` and, where a second unit is named, the rest as `small`. */
const steps: readonly { until: number; big: readonly [number, string]; small?: readonly [number, string] }[] = [
  { until: 2 * MINUTE, big: [SECOND, 's'] },
  { until: 10 * MINUTE, big: [MINUTE, 'm'], small: [SECOND, 's'] },
  { until: 3 * HOUR, big: [MINUTE, 'm'] },
  { until: 8 * HOUR, big: [HOUR, 'h'], small: [MINUTE, 'm'] },
  { until: 2 * DAY, big: [HOUR, 'h'] },
  { until: 8 * DAY, big: [DAY, 'd'], small: [HOUR, 'h'] },
  { until: 2 * YEAR, big: [DAY, 'd'] },
  { until: 8 * YEAR, big: [YEAR, 'y'], small: [DAY, 'd'] },
  { until: Number.POSITIVE_INFINITY, big: [YEAR, 'y'] },
];

/**
 * An age as kubectl writes it: `45s`, `3m12s`, `27m`, `5h3m`, `3d4h`, `400d`. A clock that is a second behind gives `0s`,
 * a later future `<invalid>`.
 */
export function ageText(ms: number): string {
  if (ms <= -2 * SECOND) return '<invalid>';
  if (ms < 0) return '0s';
  for (const { until, big, small } of steps) {
    if (ms >= until) continue;
    const text = `${Math.floor(ms / big[0])}${big[1]}`;
    const rest = small === undefined ? 0 : Math.floor((ms % big[0]) / small[0]);
    return rest === 0 ? text : `${text}${rest}${small?.[1]}`;
  }
  return '<invalid>';
}
