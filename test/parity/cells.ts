import { structuralSchema } from '../../src/api/crd.ts';
import type { CelRule, KindDefinition } from '../../src/api/kind.ts';
import type { StructuralSchema } from '../../src/api/structural.ts';

/** Each side of a bound: the last value that is allowed, and the first that is not. */
export type Side = 'allowed' | 'refused';

/** One thing that a schema or a rule asks for. */
export interface Cell {
  /** `SpotPool offerings[].maxPrice maxLength`. */
  readonly name: string;
  readonly kind: KindDefinition;
  /** `offerings[].maxPrice`: `[]` for the entries of a list, `{}` for the values of a map; `''` is the spec. */
  readonly path: string;
  readonly keyword: Keyword;
  /** Of the value at the path; of a rule, the whole spec's. */
  readonly node: StructuralSchema;
  /** Of `required`: which field. */
  readonly field?: string;
  readonly rule?: CelRule;
}

type Keyword =
  | 'type'
  | 'minLength'
  | 'maxLength'
  | 'pattern'
  | 'enum'
  | 'minimum'
  | 'maximum'
  | 'format'
  | 'minItems'
  | 'maxItems'
  | 'maxProperties'
  | 'required'
  | 'unknown field'
  | 'rule';

const bounds = [
  'minLength',
  'maxLength',
  'pattern',
  'enum',
  'minimum',
  'maximum',
  'minItems',
  'maxItems',
  'maxProperties',
] as const;

/** Everything that the CRD of a kind asks of a spec: each bound of each field, and each rule. */
export function cellsOf(kind: KindDefinition): readonly Cell[] {
  const root = structuralSchema(kind.specSchema, 'spec');
  const rules = kind.rules.map(
    (rule): Cell => ({
      name: `${kind.kind} rule: ${rule.message}`,
      kind,
      path: '',
      keyword: 'rule',
      node: root,
      rule,
    }),
  );
  return [...schemaCells(kind, root, ''), ...rules];
}

function schemaCells(kind: KindDefinition, node: StructuralSchema, path: string): Cell[] {
  const cell = (keyword: Keyword, field?: string): Cell => {
    const where = [path === '' ? 'spec' : path, keyword, field].filter((part) => part !== undefined).join(' ');
    return { name: `${kind.kind} ${where}`, kind, path, keyword, node, ...(field === undefined ? {} : { field }) };
  };
  const hasOpenEnd = node.format === 'int32' && node.maximum === undefined;
  return [
    cell('type'),
    ...bounds.filter((bound) => node[bound] !== undefined).map((bound) => cell(bound)),
    ...(hasOpenEnd ? [cell('format')] : []),
    ...(node.required ?? []).map((field) => cell('required', field)),
    ...(node.properties === undefined ? [] : [cell('unknown field')]),
    ...Object.entries(node.properties ?? {}).flatMap(([name, field]) =>
      schemaCells(kind, field, path === '' ? name : `${path}.${name}`),
    ),
    ...(node.items === undefined ? [] : schemaCells(kind, node.items, `${path}[]`)),
    ...(node.additionalProperties === undefined ? [] : schemaCells(kind, node.additionalProperties, `${path}{}`)),
  ];
}

/** The names, `0` and `key` that lead from the spec to the value that a cell is about. */
export function stepsOf(path: string): readonly (string | number)[] {
  return path
    .replaceAll('[]', '.#')
    .replaceAll('{}', '.key')
    .split('.')
    .filter((step) => step !== '')
    .map((step) => (step === '#' ? 0 : step));
}
