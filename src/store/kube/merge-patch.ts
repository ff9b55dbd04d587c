import { isDeepStrictEqual } from 'node:util';

type Json = unknown;
type JsonMap = Readonly<Record<string, Json>>;

/**
 * The merge patch that turns `before` into `after`: maps are merged, lists replaced whole, and what is gone is named with
 * null. `after` must hold no null of its own: a merge patch cannot write one. Source: RFC 7386.
 */
export function mergePatch(before: Json, after: Json): Json {
  if (!isMap(before) || !isMap(after)) return after;
  const patch: Record<string, Json> = {};
  for (const name of Object.keys(before)) if (!(name in after)) patch[name] = null;
  for (const [name, value] of Object.entries(after)) {
    if (!isDeepStrictEqual(before[name], value)) patch[name] = mergePatch(before[name], value);
  }
  return patch;
}

function isMap(value: Json): value is JsonMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
