import type { z } from 'zod';

type Def = z.core.$ZodTypes['_zod']['def'];

/** Why a type of zod cannot become part of a CRD, and what to write instead. Types that are named nowhere are refused too. */
const refusals: Readonly<Record<string, string>> = {
  union: 'a union puts "type" inside anyOf, which the API server refuses; use optional fields and a CEL rule',
  intersection: 'an intersection puts "type" inside allOf, which the API server refuses; use one object',
  tuple: 'a tuple has no place in a CRD; use an object, or a list with bounds',
  any: 'z.any() has no type; say what the field is',
  unknown: 'z.unknown() has no type; say what the field is',
  date: 'a date does not exist in JSON; use z.string() with the RFC 3339 form',
  bigint: 'a bigint does not exist in JSON; use z.int()',
  set: 'a set does not exist in JSON; use z.array()',
  map: 'a Map does not exist in JSON; use z.record()',
  lazy: 'schemas that contain themselves are not allowed in a CRD',
  pipe: 'a transform is unknown to the API server; keep the value as written and convert it in normalise',
  transform: 'a transform is unknown to the API server; keep the value as written and convert it in normalise',
};

/** Checks that a CRD can express. `string_format`, `overwrite` and `custom` have words of their own. */
const knownChecks = new Set([
  'min_length',
  'max_length',
  'length_equals',
  'greater_than',
  'less_than',
  'multiple_of',
  'number_format',
]);

interface CheckDef {
  readonly check?: string;
  readonly format?: string;
  readonly pattern?: RegExp;
}

/**
 * What of a schema the API server would refuse, or would silently not check: each line names the field. Empty when a CRD
 * can say all that the schema says.
 */
export function inexpressible(schema: z.ZodType, path: string): string[] {
  const { def } = (schema as unknown as z.core.$ZodTypes)._zod;
  return [
    ...metaProblems(schema, path),
    ...checkProblems(def, path),
    ...defaultProblems(def, path),
    ...childProblems(def, path),
  ];
}

function childProblems(def: Def, path: string): string[] {
  switch (def.type) {
    case 'object':
      return Object.entries(def.shape).flatMap(([name, field]) =>
        inexpressible(field as z.ZodType, path === '' ? name : `${path}.${name}`),
      );
    case 'array':
      return inexpressible(def.element as z.ZodType, `${path}[]`);
    case 'record':
      return [
        ...(zodType(def.keyType) === 'string'
          ? []
          : [`${path}: z.record() over an enum requires every name; use z.string() for the names`]),
        ...inexpressible(def.valueType as z.ZodType, `${path}{}`),
      ];
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
      return inexpressible(def.innerType as z.ZodType, path);
    case 'string':
    case 'number':
    case 'boolean':
    case 'enum':
    case 'literal':
      return [];
    default:
      return [`${path}: ${refusals[def.type] ?? `z.${def.type}() cannot be expressed in a CRD`}`];
  }
}

function zodType(schema: z.core.$ZodType): string {
  return (schema as z.core.$ZodTypes)._zod.def.type;
}

function metaProblems(schema: z.ZodType, path: string): string[] {
  const meta = schema.meta() ?? {};
  return [
    ...(meta.id === undefined
      ? []
      : [`${path}: .meta({ id }) turns into $ref, which the API server refuses; leave it out`]),
    ...('x-kubernetes-validations' in meta
      ? [`${path}: rules belong into the rules of the kind, which also run without an API server`]
      : []),
  ];
}

function checkProblems(def: Def, path: string): string[] {
  const own = def as CheckDef;
  const checks = [own, ...(def.checks ?? []).map((check) => check._zod.def as CheckDef)];
  const patterns = checks.flatMap(({ pattern, format }) => (format === 'regex' && pattern ? [pattern] : []));
  return [
    ...checks.flatMap((check) => checkProblem(check, path)),
    ...patterns.flatMap((pattern) => patternProblems(pattern, path)),
    ...(patterns.length > 1 ? [`${path}: two patterns turn into allOf; write one pattern`] : []),
  ];
}

function checkProblem({ check, format }: CheckDef, path: string): string[] {
  if (check === undefined || knownChecks.has(check)) return [];
  if (check === 'custom')
    return [`${path}: .refine() is unknown to the API server; write it as a CEL rule of the kind`];
  if (check === 'overwrite') return [`${path}: ${refusals['transform']}`];
  if (check !== 'string_format') return [`${path}: the check ${check} cannot be expressed in a CRD`];
  // z.iso.duration() is P1D, where the API server's format "duration" is Go's 24h.
  if (format === 'duration')
    return [`${path}: z.iso.duration() is not what Kubernetes calls a duration; use a pattern`];
  return ['starts_with', 'ends_with', 'includes'].includes(format ?? '')
    ? [`${path}: the check ${format} turns into a second pattern; write one pattern`]
    : [];
}

/** The API server's patterns are RE2: a subset of JavaScript's, without flags. */
function patternProblems(pattern: RegExp, path: string): string[] {
  const shown = `${path}: the pattern ${pattern}`;
  const beyond = /\(\?(?:[=!]|<[=!])|\\[1-9]|\\k<|\\u|\\c|\[\^?\]/.exec(pattern.source)?.[0];
  const repeats = [...pattern.source.matchAll(/\{(\d+)(?:,(\d*))?\}/g)].flatMap(([, from, to]) => [
    +(from ?? 0),
    +(to ?? 0),
  ]);
  return [
    ...(pattern.flags === '' ? [] : [`${shown} has flags, which a CRD loses; write it without`]),
    ...(beyond === undefined ? [] : [`${shown} uses ${beyond}, which RE2 does not know`]),
    ...(repeats.some((count) => count > 1000) ? [`${shown} repeats more than 1000 times, which RE2 refuses`] : []),
  ];
}

/** The API server applies defaults first and checks them when the CRD is created. */
function defaultProblems(def: Def, path: string): string[] {
  if (def.type !== 'default' && def.type !== 'prefault') return [];
  const parsed = (def.innerType as z.ZodType).safeParse(def.defaultValue);
  return parsed.success ? [] : [`${path}: the default ${JSON.stringify(def.defaultValue)} does not fit its own schema`];
}
