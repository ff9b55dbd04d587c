import type { z } from 'zod';
import { DURATION_PATTERN } from '../lib/duration.ts';

/** What the parser must know of a schema beyond whether a value fits: which fields there are, and what to tell people. */
export interface Shape {
  readonly type: 'object' | 'map' | 'list' | 'text' | 'integer' | 'number' | 'boolean' | 'other';
  /** Of an object, in the order of the schema. */
  readonly fields: ReadonlyMap<string, Shape>;
  /** Of a list or a map: what each of them is. */
  readonly items: Shape | undefined;
  /** Of a text that has only a few values. */
  readonly values: readonly string[];
  /** Must not be shown: the schema says `format: password`. */
  readonly isSecret: boolean;
  readonly isNullable: boolean;
  /** Of a map: how many entries it may have at most. zod has no check for that; the schema says `maxProperties`. */
  readonly mostEntries: number | undefined;
  /** "a whole number from 0 to 1000". */
  readonly allowed: string;
  /** The schema of this part alone, with its default. */
  readonly schema: z.ZodType;
}

/** An object with more fields than this is not described by their names. */
const MOST_LISTED = 8;

/** What the checks on a schema ask for: of numbers their bounds, of the rest those of their length. */
interface Bounds {
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
  readonly isInteger: boolean;
}

const shapes = new WeakMap<z.ZodType, Shape>();

/** The shape of a schema made of the types that a CRD can express; anything else is `other`. */
export function shapeOf(schema: z.ZodType): Shape {
  let shape = shapes.get(schema);
  if (shape === undefined) {
    shape = describe(schema);
    shapes.set(schema, shape);
  }
  return shape;
}

/** The shape at a path, or `undefined` where the schema knows nothing. */
export function shapeAt(root: Shape, path: readonly (string | number)[]): Shape | undefined {
  let shape: Shape | undefined = root;
  for (const part of path) {
    shape = typeof part === 'string' && shape?.type === 'object' ? shape.fields.get(part) : shape?.items;
  }
  return shape;
}

function describe(schema: z.ZodType): Shape {
  const core = schema as unknown as z.core.$ZodTypes;
  const { def } = core._zod;
  const bounds = boundsOf(def as CheckedDef);
  const isSecret = schema.meta()?.['format'] === 'password';
  const plain: Omit<Shape, 'type' | 'allowed'> = {
    fields: new Map(),
    items: undefined,
    values: [],
    isSecret,
    isNullable: false,
    mostEntries: undefined,
    schema,
  };
  switch (def.type) {
    case 'optional':
    case 'default':
    case 'prefault':
    case 'nullable': {
      const inner = shapeOf(def.innerType as z.ZodType);
      return {
        ...inner,
        schema,
        isSecret: isSecret || inner.isSecret,
        isNullable: inner.isNullable || def.type === 'nullable',
      };
    }
    case 'object': {
      const fields = new Map(Object.entries(def.shape).map(([name, field]) => [name, shapeOf(field as z.ZodType)]));
      return { ...plain, type: 'object', fields, allowed: allowedFields([...fields.keys()]) };
    }
    case 'array': {
      const items = shapeOf(def.element as z.ZodType);
      return { ...plain, type: 'list', items, allowed: `a list of ${range(bounds, 'entries')}, each ${items.allowed}` };
    }
    case 'record': {
      const items = shapeOf(def.valueType as z.ZodType);
      const mostEntries = schema.meta()?.['maxProperties'] as number | undefined;
      const size = mostEntries === undefined ? '' : ` with at most ${mostEntries} entries`;
      return { ...plain, type: 'map', items, mostEntries, allowed: `a map${size} from names to ${items.allowed}` };
    }
    case 'enum': {
      const values = Object.values(def.entries).map(String);
      return { ...plain, type: 'text', values, allowed: listed(values, 'or') };
    }
    case 'string':
      return { ...plain, type: 'text', allowed: allowedText(bounds) };
    case 'number': {
      const { isInteger } = bounds;
      const what = isInteger ? 'a whole number' : 'a number';
      return { ...plain, type: isInteger ? 'integer' : 'number', allowed: `${what}${numberRange(bounds)}` };
    }
    case 'boolean':
      return { ...plain, type: 'boolean', allowed: 'true or false' };
    default:
      return { ...plain, type: 'other', allowed: `a ${def.type}` };
  }
}

/** The parts of zod's check definitions that are read here; a schema such as `z.int()` is a check on itself. */
interface CheckDef {
  readonly check?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly value?: number;
  readonly inclusive?: boolean;
  readonly format?: string;
  readonly pattern?: RegExp;
}
interface CheckedDef extends CheckDef {
  readonly checks?: readonly { readonly _zod: { readonly def: CheckDef } }[];
}

function boundsOf(def: CheckedDef): Bounds {
  const all = [def, ...(def.checks ?? []).map((check) => check._zod.def)];
  const isInteger = all.some(({ check, format }) => check === 'number_format' && /int/.test(format ?? ''));
  // Of whole numbers "greater than 0" is "at least 1".
  const step = (inclusive: boolean | undefined): number => (isInteger && inclusive === false ? 1 : 0);
  const lows = all.flatMap(({ check, minimum, value, inclusive }) =>
    check === 'greater_than' ? [(value ?? 0) + step(inclusive)] : (minimum ?? []),
  );
  const highs = all.flatMap(({ check, maximum, value, inclusive }) =>
    check === 'less_than' ? [(value ?? 0) - step(inclusive)] : (maximum ?? []),
  );
  const pattern = all.find((check) => check.pattern !== undefined)?.pattern?.source;
  return {
    isInteger,
    ...(lows.length === 0 ? {} : { minimum: Math.max(...lows) }),
    ...(highs.length === 0 ? {} : { maximum: Math.min(...highs) }),
    ...(pattern === undefined ? {} : { pattern }),
  };
}

function allowedFields(names: readonly string[]): string {
  return names.length > MOST_LISTED ? 'a map of fields' : `a map with the fields ${listed(names, 'and')}`;
}

function allowedText(bounds: Bounds): string {
  const { pattern, maximum } = bounds;
  if (pattern === DURATION_PATTERN) return 'a duration such as 20s, 5m or 1h30m';
  if (pattern === undefined) return `text of ${range(bounds, 'characters')}`;
  return `text that matches ${pattern}${maximum === undefined ? '' : `, at most ${maximum} characters`}`;
}

function range({ minimum, maximum }: Bounds, what: string): string {
  if (maximum === undefined) return minimum === undefined ? `any number of ${what}` : `at least ${minimum} ${what}`;
  return minimum === undefined ? `at most ${maximum} ${what}` : `${minimum} to ${maximum} ${what}`;
}

function numberRange({ minimum, maximum }: Bounds): string {
  if (minimum !== undefined && maximum !== undefined) return ` from ${minimum} to ${maximum}`;
  if (minimum !== undefined) return ` of at least ${minimum}`;
  return maximum === undefined ? '' : ` of at most ${maximum}`;
}

/** "a, b or c". */
function listed(words: readonly string[], last: 'and' | 'or'): string {
  if (words.length < 2) return words.join('');
  return `${words.slice(0, -1).join(', ')} ${last} ${words.at(-1)}`;
}
