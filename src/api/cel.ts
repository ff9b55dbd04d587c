import { type ASTNode, Environment, type ParseResult } from '@marcbachmann/cel-js';
import type { CelRule } from './kind.ts';
import { type FieldPath, type Problem, valueAt, valueText } from './problem.ts';
import { type Shape, shapeAt } from './shape.ts';

interface Program {
  readonly run: ParseResult;
  /** What the rule reads: `['self', 'region']`, `['o', 'maxPrice']`; each starts with the name of a variable. */
  readonly reads: readonly (readonly string[])[];
}

/** Compiled at the first use and kept: the rules are a fixed, small set. */
const programs = new Map<string, Program>();
let environment: Environment | undefined;

function programOf(rule: string): Program {
  let program = programs.get(rule);
  if (program === undefined) {
    environment ??= new Environment({ unlistedVariablesAreDyn: true });
    const run = environment.parse(rule);
    program = { run, reads: readsOf(run.ast) };
    programs.set(rule, program);
  }
  return program;
}

/** The paths that an expression reads, each from its variable on; the longest ones only. */
export function readsOf(node: ASTNode): string[][] {
  const path = memberPath(node);
  if (path !== undefined) return [path];
  return childrenOf(node.args).flatMap(readsOf);
}

function memberPath(node: ASTNode): string[] | undefined {
  if (node.op === 'id') return [node.args];
  if (node.op !== '.') return undefined;
  const [parent, name] = node.args;
  const path = memberPath(parent);
  return path === undefined ? undefined : [...path, name];
}

function childrenOf(args: unknown): ASTNode[] {
  if (Array.isArray(args)) return args.flatMap(childrenOf);
  return typeof args === 'object' && args !== null && 'op' in args ? [args as ASTNode] : [];
}

/**
 * Runs rules on a spec as the API server does. `self` holds the parts whose schema has passed, defaults included; rules
 * that read another part (one of `failed`) are left out, for that part has its own problem.
 */
export function brokenRules(
  rules: readonly CelRule[],
  spec: {
    readonly shape: Shape;
    readonly self: Readonly<Record<string, unknown>>;
    readonly failed: readonly (readonly string[])[];
  },
): Problem[] {
  const self = toCel(spec.shape, spec.self) as Record<string, unknown>;
  return rules.flatMap((rule) => {
    const { reads } = programOf(rule.rule);
    const isReadable = reads.every(
      ([variable, ...path]) => variable !== 'self' || !spec.failed.some((part) => overlap(part, path)),
    );
    return isReadable && !holds(rule, self) ? problemsOf(rule, spec, self) : [];
  });
}

/** Whether one path is the other one, or leads to it. */
function overlap(a: readonly string[], b: readonly string[]): boolean {
  return a.slice(0, b.length).every((name, index) => name === b[index]);
}

/** A rule that cannot be evaluated counts as broken, as for the API server. */
function holds(rule: CelRule, self: unknown): boolean {
  try {
    return programOf(rule.rule).run({ self }) === true;
  } catch {
    return false;
  }
}

/** One problem; for a rule about a list, one for each of its entries that breaks the rule by itself. */
function problemsOf(
  rule: CelRule,
  spec: { readonly shape: Shape; readonly self: Readonly<Record<string, unknown>> },
  self: Record<string, unknown>,
): Problem[] {
  const path = pathOf(rule.fieldPath);
  const [field] = path;
  const list = typeof field === 'string' && path.length === 1 ? self[field] : undefined;
  const guilty = Array.isArray(list)
    ? [...list.keys()].filter((index) => !holds(rule, { ...self, [field as string]: [list[index]] }))
    : [];
  if (guilty.length === 0) return [{ path, message: `${rule.message}${givenText(rule, spec, [])}` }];
  return guilty.map((index) => {
    const at = [...path, index];
    return { path: at, message: `${rule.message}${givenText(rule, spec, at)}` };
  });
}

/** What the rule saw: ` (given: minimum 3, maxSize 2)`. Secrets are left out. */
function givenText(
  rule: CelRule,
  { shape, self }: { readonly shape: Shape; readonly self: Readonly<Record<string, unknown>> },
  entry: FieldPath,
): string {
  const given = new Map<string, string>();
  for (const [variable, ...names] of programOf(rule.rule).reads) {
    const path = variable === 'self' ? names : [...entry, ...names];
    const value = valueAt(self, path);
    const seen = shapeAt(shape, path);
    if (path.length === 0 || seen === undefined || value === undefined) continue;
    const name = names.join('.');
    if (seen.isSecret || typeof value === 'object') continue;
    // An entry's own value hides the one of the whole that it would fall back to.
    if (variable !== 'self' || !given.has(name)) given.set(name, `${name} ${valueText(value)}`);
  }
  return given.size === 0 ? '' : ` (given: ${[...given.values()].join(', ')})`;
}

/** `.instance.tags` as a path. */
export function pathOf(fieldPath: string | undefined): string[] {
  return fieldPath === undefined ? [] : fieldPath.split('.').filter((part) => part !== '');
}

/** CEL tells integers from floating point: what the schema calls an integer becomes a bigint. */
function toCel(shape: Shape | undefined, value: unknown): unknown {
  if (typeof value === 'number') return shape?.type === 'integer' ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map((item) => toCel(shape?.items, item));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  // Users name the entries of a map: one named `constructor` must not be taken for the class of an object.
  if (shape?.type === 'map') return new Map(entries.map(([name, item]) => [name, toCel(shape.items, item)]));
  return Object.fromEntries(entries.map(([name, item]) => [name, toCel(shape?.fields.get(name), item)]));
}
