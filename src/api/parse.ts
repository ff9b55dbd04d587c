import type { z } from 'zod';
import { brokenRules } from './cel.ts';
import type { KindDefinition } from './kind.ts';
import { type FieldPath, type Problem, pathText, valueAt, valueText } from './problem.ts';
import { type Shape, shapeAt, shapeOf } from './shape.ts';
import { suggestField, suggestWord } from './suggest.ts';

export type ParseResult<Spec> =
  | { readonly ok: true; readonly spec: Spec }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** More problems than this help nobody; the rest is counted. */
const MOST_PROBLEMS = 100;
/** So many known fields are listed when none is near. */
const MOST_LISTED = 12;

/**
 * Reads a spec as a user wrote it (from YAML or JSON): schema with defaults, then the CEL rules, then one spelling.
 * Never throws for a value that JSON can hold; answers every problem at once, each part's own and, where those parts are
 * sound, those between them. Null counts as absent and lengths count characters, as for the API server.
 */
export function parseSpec<Spec>(kind: KindDefinition<Spec>, raw: unknown): ParseResult<Spec> {
  const shape = shapeOf(kind.specSchema);
  const input = withoutNulls(shape, raw);
  const parsed = kind.specSchema.safeParse(input);
  const { self, failed } = parsed.success
    ? { self: parsed.data as Record<string, unknown>, failed: [] }
    : soundParts(shape, input);
  const problems = [
    ...(parsed.success ? [] : schemaProblems(shape, input, parsed.error.issues)),
    ...tooManyEntries(shape, input, []),
    ...(self === undefined ? [] : brokenRules(kind.rules, { shape, self, failed })),
  ];
  if (problems.length === 0) return { ok: true, spec: kind.normalise(parsed.data as never) };
  return { ok: false, problems: bounded(problems) };
}

/** Drops null fields: YAML's `region:` with nothing behind it means that the field is not given. */
function withoutNulls(shape: Shape | undefined, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutNulls(shape?.items, item));
  if (typeof value !== 'object' || value === null) return value;
  const childOf = (name: string): Shape | undefined => (shape?.type === 'map' ? shape.items : shape?.fields.get(name));
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name, item]) => item !== null || childOf(name)?.isNullable !== false)
      .map(([name, item]) => [name, withoutNulls(childOf(name), item)]),
  );
}

/** The fields that pass by themselves, at any depth and with their defaults, and the paths of those that do not. */
function soundParts(
  shape: Shape,
  input: unknown,
): { readonly self: Record<string, unknown> | undefined; readonly failed: readonly string[][] } {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return { self: undefined, failed: [] };
  const self: Record<string, unknown> = {};
  const failed: string[][] = [];
  for (const [name, field] of shape.fields) {
    const value = valueAt(input, [name]);
    const parsed = field.schema.safeParse(value);
    const inner = parsed.success || field.type !== 'object' ? undefined : soundParts(field, value);
    if (parsed.success && parsed.data !== undefined) self[name] = parsed.data;
    if (parsed.success) continue;
    if (inner?.self === undefined) failed.push([name]);
    else {
      self[name] = inner.self;
      failed.push(...inner.failed.map((path) => [name, ...path]));
    }
  }
  return { self, failed };
}

function schemaProblems(shape: Shape, input: unknown, issues: readonly z.core.$ZodIssue[]): Problem[] {
  const seen = new Set<string>();
  const problems: Problem[] = [];
  for (const issue of issues) {
    const at = issue.path as (string | number)[];
    const found =
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((name) => ({ path: [...at, name], message: unknownField(shape, at, name) }))
        : [{ path: at, message: wrongValue(shape, input, issue) }];
    for (const problem of found) {
      // A text that is both too short and of the wrong form has two issues, and one message.
      const key = JSON.stringify(problem.path);
      if (!seen.has(key)) problems.push(problem);
      seen.add(key);
    }
  }
  return problems;
}

/** Maps that are larger than their schema says. Rules about them are run all the same: what they ask is known. */
function tooManyEntries(shape: Shape | undefined, value: unknown, path: (string | number)[]): Problem[] {
  if (shape === undefined || typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return value.flatMap((item, index) => tooManyEntries(shape.items, item, [...path, index]));
  const entries = Object.entries(value);
  const isLarge = shape.mostEntries !== undefined && entries.length > shape.mostEntries;
  const message = `${pathText(path)}: has ${entries.length} entries; it must be ${shape.allowed}`;
  return [
    ...(isLarge ? [{ path, message }] : []),
    ...entries.flatMap(([name, item]) => tooManyEntries(shape.fields.get(name) ?? shape.items, item, [...path, name])),
  ];
}

function unknownField(shape: Shape, at: FieldPath, name: string): string {
  const where = at.length === 0 ? '' : ` in ${pathText(at)}`;
  const meant = suggestField(shape, at, name);
  const message = `unknown field ${valueText(name)}${where}`;
  if (meant !== undefined) return `${message}; did you mean ${meant}?`;
  const known = [...(shapeAt(shape, at)?.fields.keys() ?? [])];
  const shown = known.slice(0, MOST_LISTED).join(', ');
  return `${message}; the fields here are ${shown}${known.length > MOST_LISTED ? ' and others' : ''}`;
}

function wrongValue(root: Shape, input: unknown, issue: z.core.$ZodIssue): string {
  const path = issue.path as (string | number)[];
  const value = valueAt(input, path);
  const shape = shapeAt(root, path);
  const allowed = shape?.allowed ?? issue.message;
  if (value === undefined) return `${pathText(path)} is missing; it must be ${allowed}`;
  if (issue.code === 'invalid_key') {
    const reason = issue.issues.map(({ message }) => message).join(', ');
    return `${pathText(path.slice(0, -1))}: the name ${valueText(path.at(-1))} is not allowed (${reason})`;
  }
  const shown = isHidden(root, path) ? 'the value (not shown)' : valueText(value);
  return `${pathText(path)}: ${shown} ${complaint(shape, value, issue)}; it must be ${allowed}${hint(shape, value)}`;
}

/** What is inside a secret is as secret. */
function isHidden(root: Shape, path: FieldPath): boolean {
  return path.some((_, index) => shapeAt(root, path.slice(0, index + 1))?.isSecret === true);
}

function complaint(shape: Shape | undefined, value: unknown, issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') {
    if (shape?.type === 'integer' && typeof value === 'number') return 'is not a whole number';
    return isPlain(value) ? `is ${typeText(value)}` : 'does not belong here';
  }
  if (value === '') return 'is empty';
  if (issue.code === 'too_small') return typeof value === 'number' ? 'is too small' : 'is too short';
  if (issue.code === 'too_big') return typeof value === 'number' ? 'is too large' : 'is too long';
  return 'is not allowed';
}

/** No list, no map, not null. */
function isPlain(value: unknown): boolean {
  return typeof value !== 'object';
}

function typeText(value: unknown): string {
  if (typeof value === 'string') return 'text';
  return typeof value === 'number' ? 'a number' : `a ${typeof value}`;
}

/** How to write it right, where the mistake is a common one. */
function hint(shape: Shape | undefined, value: unknown): string {
  if (shape === undefined) return '';
  if (typeof value === 'string') {
    if (shape.type === 'integer' || shape.type === 'number') return /^-?[0-9.]+$/.test(value) ? ', without quotes' : '';
    if (shape.type === 'boolean') return ', without quotes';
    const meant = suggestWord(shape.values, value);
    return meant === undefined ? '' : `. Did you mean ${meant}?`;
  }
  return shape.type === 'text' && isPlain(value) ? ', in quotes' : '';
}

function bounded(problems: readonly Problem[]): readonly Problem[] {
  if (problems.length <= MOST_PROBLEMS) return problems;
  const rest = problems.length - MOST_PROBLEMS;
  return [...problems.slice(0, MOST_PROBLEMS), { path: [], message: `and ${rest} more problems` }];
}
