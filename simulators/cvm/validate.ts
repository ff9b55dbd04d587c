import type { z } from 'zod';
import { ApiError, invalid } from './api-error.ts';

/**
 * Reads the parameters of a request. Parameters of a GET or a form are texts: with `isText` those that the schema wants as
 * numbers or booleans are converted first.
 * @throws {ApiError} `UnknownParameter`, `MissingParameter`, `InvalidParameter`, `InvalidParameterValue.*`, naming the field
 */
export function readParams<S extends z.ZodType>(schema: S, params: unknown, isText: boolean): z.output<S> {
  const input = dropNulls(params);
  let result = schema.safeParse(input);
  if (!result.success && isText && convertTexts(input, result.error.issues)) result = schema.safeParse(input);
  if (result.success) return result.data;
  throw toApiError(input, result.error.issues);
}

function dropNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(dropNulls);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== null)
      .map(([name, member]) => [name, dropNulls(member)]),
  );
}

function at(root: unknown, path: readonly PropertyKey[]): unknown {
  let value = root;
  for (const key of path) value = (value as Record<PropertyKey, unknown> | undefined)?.[key];
  return value;
}

function convertTexts(input: unknown, issues: readonly z.core.$ZodIssue[]): boolean {
  let converted = false;
  for (const issue of issues) {
    if (issue.code !== 'invalid_type') continue;
    const text = at(input, issue.path);
    const value = typeof text === 'string' ? fromText(text, issue.expected) : undefined;
    const parent = at(input, issue.path.slice(0, -1)) as Record<PropertyKey, unknown> | undefined;
    const key = issue.path.at(-1);
    if (value === undefined || parent === undefined || key === undefined) continue;
    parent[key] = value;
    converted = true;
  }
  return converted;
}

function fromText(text: string, expected: string): number | boolean | undefined {
  if (expected === 'boolean' && /^(true|false)$/i.test(text)) return text.toLowerCase() === 'true';
  if ((expected === 'number' || expected === 'int') && /^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  return undefined;
}

function toApiError(input: unknown, issues: readonly z.core.$ZodIssue[]): ApiError {
  const unknown = issues.find((issue) => issue.code === 'unrecognized_keys');
  if (unknown) {
    const field = nameOf([...unknown.path, unknown.keys[0] ?? '']);
    return new ApiError('UnknownParameter', `The parameter \`${field}\` is not recognized.`, `未知参数\`${field}\`。`);
  }
  const isMissing = (issue: z.core.$ZodIssue): boolean =>
    issue.code === 'invalid_type' && at(input, issue.path) === undefined;
  const issue = issues.find(isMissing) ?? issues[0];
  const field = nameOf(issue?.path ?? []);
  if (issue && isMissing(issue)) {
    return new ApiError(
      'MissingParameter',
      `The request is missing a required parameter \`${field}\`.`,
      `请求缺少必要参数\`${field}\`。`,
    );
  }
  return invalid(
    codeOf(issue),
    field,
    at(input, issue?.path ?? []),
    issue?.message ?? 'invalid',
    `要求：${issue?.message}`,
  );
}

function codeOf(issue: z.core.$ZodIssue | undefined): string {
  if (issue?.code === 'invalid_value') return 'InvalidParameterValue';
  if (issue?.code !== 'too_big' && issue?.code !== 'too_small') return 'InvalidParameter';
  if (issue.origin === 'array') return 'InvalidParameterValue.LimitExceeded';
  return issue.origin === 'string' ? 'InvalidParameterValue.TooLong' : 'InvalidParameterValue.Range';
}

function nameOf(path: readonly PropertyKey[]): string {
  return path.map(String).join('.');
}

/** Turns flattened parameters (`Filters.0.Name=zone`) into the tree that the JSON body would have been. */
export function unflatten(flat: Readonly<Record<string, string>>): unknown {
  const root: Tree = Object.create(null) as Tree;
  for (const [name, value] of Object.entries(flat)) {
    const keys = name.split('.');
    let node = root;
    for (const key of keys.slice(0, -1)) {
      const next = node[key];
      const child = typeof next === 'object' ? next : (Object.create(null) as Tree);
      node[key] = child;
      node = child;
    }
    node[keys.at(-1) ?? ''] = value;
  }
  return toArrays(root);
}

interface Tree {
  [key: string]: string | Tree;
}

function toArrays(node: string | Tree): unknown {
  if (typeof node === 'string') return node;
  const keys = Object.keys(node);
  const isArray = keys.length > 0 && keys.every((key) => /^\d+$/.test(key));
  if (isArray) return keys.toSorted((a, b) => Number(a) - Number(b)).map((key) => toArrays(node[key] ?? ''));
  return Object.fromEntries(keys.map((key) => [key, toArrays(node[key] ?? '')]));
}
