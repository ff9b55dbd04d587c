import type { KindDefinition } from '../../src/api/kind.ts';
import { parseSpec } from '../../src/api/parse.ts';
import { type FieldPath, type Problem, valueAt } from '../../src/api/problem.ts';
import { type Shape, shapeAt, shapeOf } from '../../src/api/shape.ts';
import { readManifests } from '../../src/store/local/manifests.ts';
import { readMetadata } from '../../src/store/local/metadata.ts';

/** What a judge says of a manifest; the paths as the API server writes them: `spec.offerings[0].maxPrice`. */
export interface Verdict {
  readonly isAccepted: boolean;
  /** Fields that the kind does not have. */
  readonly unknown: ReadonlySet<string>;
  /** Fields whose own value is wrong or missing, `metadata` included. */
  readonly schema: ReadonlySet<string>;
  /** Where broken rules point, by their message. */
  readonly rules: ReadonlyMap<string, string>;
}

/** The verdict of the API server says how far it came too. */
export interface ServerVerdict extends Verdict {
  /** `decoding`: it stopped before the schema; `schema`: before the rules; `rules`: it checked everything. */
  readonly stage: 'decoding' | 'schema' | 'rules';
  readonly message: string;
}

/** Whether standalone mode accepts a manifest, by the way that `aiops run` and `aiops validate` go. */
export function weAccept(text: string, kinds: readonly KindDefinition[]): boolean {
  const { documents, problems, faultyIds } = readManifests([{ path: 'm', text }], { kinds, parse: parseSpec });
  return documents.length === 1 && problems.length === 0 && faultyIds.size === 0;
}

/** Standalone mode's verdict on the parts of a manifest that is sound as a text, with the fields that it names. */
export function ourVerdict(manifest: object, kind: KindDefinition): Verdict {
  const { spec, metadata } = manifest as { spec?: unknown; metadata?: unknown };
  const shape = shapeOf(kind.specSchema);
  const problems = problemsOf(kind, spec);
  const own = problemsOf({ ...kind, rules: [] }, spec);
  const ofRules = problems.filter((problem) => !own.some(({ message }) => message === problem.message));
  const isUnknown = ({ message }: Problem): boolean => message.startsWith('unknown field');
  const schema = own.filter((problem) => !isUnknown(problem) && !isName(shape, problem));
  const names = own.filter((problem) => isName(shape, problem));
  const rules = new Map(ofRules.map(({ path, message }) => [ruleOf(kind, message), pathText(mapOrList(spec, path))]));
  const nameRule = kind.rules.find(({ message }) => message.startsWith('the name of a tag'))?.message ?? '';
  for (const { path } of names) rules.set(nameRule, pathText(path.slice(0, -1)));
  const marks = readMetadata(metadata).findings.map(({ path, message }) => ({
    // Without metadata what is missing is the name, for the server.
    path: path.length === 1 ? 'metadata.name' : path.slice(0, 2).join('.'),
    isUnknown: message.startsWith('is not a known field'),
  }));
  const verdict = {
    unknown: new Set([
      ...own.filter(isUnknown).map(({ path }) => pathText(path)),
      ...marks.flatMap((mark) => (mark.isUnknown ? [mark.path] : [])),
    ]),
    schema: new Set([
      ...schema.map(({ path }) => pathText(path)),
      ...marks.flatMap((mark) => (mark.isUnknown ? [] : [mark.path])),
    ]),
    rules,
  };
  return { ...verdict, isAccepted: verdict.unknown.size + verdict.schema.size + rules.size === 0 };
}

function problemsOf(kind: KindDefinition, spec: unknown): readonly Problem[] {
  const parsed = parseSpec(kind, spec);
  return parsed.ok ? [] : parsed.problems;
}

/** The name of an entry of a map: a CRD has no word for that, so a rule says it there. */
function isName(shape: Shape, { path, message }: Problem): boolean {
  return shapeAt(shape, path.slice(0, -1))?.type === 'map' && /: the name .* is not allowed/.test(message);
}

/** The server points to a list as a whole where we point to the entry. */
function mapOrList(spec: unknown, path: FieldPath): FieldPath {
  return typeof path.at(-1) === 'number' && typeof valueAt(spec, path) === 'object' ? path.slice(0, -1) : path;
}

function ruleOf(kind: KindDefinition, message: string): string {
  return kind.rules.find((rule) => message.startsWith(rule.message))?.message ?? message;
}

function pathText(path: FieldPath): string {
  return path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : `${text}.${part}`),
    'spec',
  );
}

interface Status {
  readonly message?: string;
  readonly details?: { readonly causes?: readonly { readonly message?: string; readonly field?: string }[] };
}

/** Reads the answer of an API server to a dry run. */
export function serverVerdict(
  { status, body }: { status: number; body: unknown },
  kind: KindDefinition,
): ServerVerdict {
  const { message = '', details } = (typeof body === 'object' && body !== null ? body : {}) as Status;
  const isAccepted = status === 201;
  const unknown = new Set(
    [...message.matchAll(/unknown field ("(?:[^"\\]|\\.)*")/g)].map(([, name]) => JSON.parse(name ?? '""') as string),
  );
  const schema = new Set<string>();
  const rules = new Map<string, string>();
  let stage: ServerVerdict['stage'] = status === 400 ? 'decoding' : 'rules';
  for (const { field: given = '', message: why = '' } of details?.causes ?? []) {
    // A number beyond its format has its path in the message only.
    const field = /^Invalid value: .*: Checked value must be .* in (spec\S*)$/.exec(why)?.[1] ?? given;
    const rule = kind.rules.find((one) => why.includes(one.message));
    if (why.includes('some validation rules were not checked')) stage = 'schema';
    // A rule that cannot be evaluated points to the whole spec there, and to its field here.
    else if (rule !== undefined && why.includes('evaluating rule'))
      rules.set(rule.message, `spec${rule.fieldPath ?? ''}`);
    else if (rule !== undefined) rules.set(rule.message, field);
    // The check on `scale` writes the path as the CRD does, with a dot in front.
    else schema.add(field.replace(/^\./, ''));
  }
  return { isAccepted, unknown, schema, rules, stage, message };
}
