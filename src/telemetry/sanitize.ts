import { isSecretField, MASK, type Redactor } from './redact.ts';

/** How deep, how wide and how much of one log record is kept; the rest is said to be missing. */
const MAX_DEPTH = 8;
const MAX_ENTRIES = 100;
const MAX_VALUES = 2000;
const MAX_TEXT = 8192;
/** Text beyond this is not even looked at. Well above `MAX_TEXT`, so that no secret is cut in half at the shown end. */
const MAX_READ = 65_536;

interface Walk {
  readonly redactor: Redactor;
  /** The objects above the present one: meeting one again is a circle. */
  readonly above: Set<object>;
  left: number;
}

/**
 * A copy of `value` that may be written to a log: plain JSON data, bounded in depth, width and length, without secrets.
 * Errors keep name, message, stack, cause and their own fields. Never throws, whatever getters and proxies do.
 */
export function sanitize(value: unknown, redactor: Redactor): unknown {
  return walk(value, { redactor, above: new Set(), left: MAX_VALUES }, 0);
}

/** Text for a log: without secrets, at most 8,192 characters. */
export function sanitizeText(text: string, redactor: Redactor): string {
  const clean = redactor.text(text.slice(0, MAX_READ));
  return clean.length > MAX_TEXT ? `${clean.slice(0, MAX_TEXT)}…` : clean;
}

function walk(value: unknown, state: Walk, depth: number): unknown {
  if (state.left-- <= 0) return '[more]';
  switch (typeof value) {
    case 'string':
      return sanitizeText(value, state.redactor);
    case 'number':
    case 'bigint': {
      // A secret may be all digits.
      const text = String(value);
      const clean = state.redactor.text(text);
      return clean === text && typeof value === 'number' ? value : clean;
    }
    case 'boolean':
    case 'undefined':
      return value;
    case 'object':
      return value === null ? null : guarded(value, state, depth);
    case 'function':
    case 'symbol':
      return `[${typeof value}]`;
  }
}

function guarded(value: object, state: Walk, depth: number): unknown {
  if (state.above.has(value)) return '[circular]';
  if (depth >= MAX_DEPTH) return '[deep]';
  state.above.add(value);
  try {
    return ofObject(value, state, depth + 1);
  } catch {
    return '[unreadable]';
  } finally {
    state.above.delete(value);
  }
}

function ofObject(value: object, state: Walk, depth: number): unknown {
  if (value instanceof Error) return ofError(value, state, depth);
  if (Array.isArray(value)) return ofList(value, state, depth);
  if (value instanceof Set) return ofList([...value], state, depth);
  if (value instanceof Map)
    return ofEntries(
      [...value].map(([key, held]) => [String(key), held] as const),
      state,
      depth,
    );
  if (value instanceof Date)
    return sanitizeText(Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString(), state.redactor);
  if (value instanceof URL) return sanitizeText(value.href, state.redactor);
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  return ofEntries(ownEntries(value), state, depth);
}

function ofError(error: Error, state: Walk, depth: number): unknown {
  const own = ownEntries(error).filter(([key]) => key !== 'name' && key !== 'message' && key !== 'stack');
  const told: (readonly [string, unknown])[] = [
    ['name', error.name],
    ['message', error.message],
    ...own,
    ['stack', error.stack],
  ];
  // `cause` and `errors` are not enumerable.
  if (error.cause !== undefined) told.push(['cause', error.cause]);
  if (error instanceof AggregateError) told.push(['errors', error.errors]);
  return ofEntries(told, state, depth);
}

function ownEntries(value: object): (readonly [string, unknown])[] {
  return Object.keys(value).map((key) => {
    try {
      return [key, (value as Record<string, unknown>)[key]] as const;
    } catch {
      return [key, '[unreadable]'] as const;
    }
  });
}

function ofList(list: readonly unknown[], state: Walk, depth: number): unknown[] {
  const kept = list.slice(0, MAX_ENTRIES).map((item) => walk(item, state, depth));
  return list.length > MAX_ENTRIES ? [...kept, `[${list.length - MAX_ENTRIES} more]`] : kept;
}

function ofEntries(
  entries: readonly (readonly [string, unknown])[],
  state: Walk,
  depth: number,
): Record<string, unknown> {
  const kept = entries
    .slice(0, MAX_ENTRIES)
    .map(([key, value]) => [
      sanitizeText(key, state.redactor),
      isSecretField(key, value) ? MASK : walk(value, state, depth),
    ]);
  if (entries.length > MAX_ENTRIES) kept.push(['…', `[${entries.length - MAX_ENTRIES} more]`]);
  // Not assignment: a key `__proto__` must stay data.
  return Object.fromEntries(kept);
}
