import { Environment } from '@marcbachmann/cel-js';
import { pathOf, readsOf } from './cel.ts';
import type { CelRule } from './kind.ts';
import type { StructuralSchema } from './structural.ts';

/**
 * What the API server would refuse in rules on a schema when the CRD is created: text that is no CEL, fields that do not
 * exist, types that do not fit, a result that is no boolean, a message of several lines, a `fieldPath` to nowhere.
 */
export function ruleProblems(schema: StructuralSchema, rules: readonly CelRule[]): string[] {
  const environment = environmentFor(schema);
  return rules.flatMap((rule) => {
    const checked = environment.check(rule.rule);
    const problems = [
      ...(checked.valid ? [] : [String(checked.error?.message.split('\n')[0])]),
      ...(checked.valid && checked.type !== 'bool' ? [`it gives ${checked.type}, not a boolean`] : []),
      ...(checked.valid ? unknownReads(environment, schema, rule.rule) : []),
      ...(/\n/.test(rule.message) || rule.message === '' ? ['its message must be one line'] : []),
      ...(schemaAt(schema, pathOf(rule.fieldPath)) === undefined
        ? [`its fieldPath ${rule.fieldPath} leads nowhere`]
        : []),
    ];
    return problems.map((problem) => `the rule ${rule.rule}: ${problem}`);
  });
}

/** The checker lets `has(self.nothing)` pass, which the API server does not. */
function unknownReads(environment: Environment, schema: StructuralSchema, rule: string): string[] {
  return readsOf(environment.parse(rule).ast)
    .filter(([variable, ...path]) => variable === 'self' && schemaAt(schema, path) === undefined)
    .map((path) => `${path.join('.')} is not a field`);
}

function schemaAt(schema: StructuralSchema, path: readonly string[]): StructuralSchema | undefined {
  let node: StructuralSchema | undefined = schema;
  for (const name of path) node = node?.properties?.[name];
  return node;
}

type CelFields = { [name: string]: string | CelFields };

function environmentFor(schema: StructuralSchema): Environment {
  const environment = new Environment();
  let entries = 0;
  const typeOf = (node: StructuralSchema): string | CelFields => {
    switch (node.type) {
      case 'integer':
        return 'int';
      case 'number':
        return 'double';
      case 'boolean':
        return 'bool';
      case 'string':
        return 'string';
      case 'array':
        return `list<${named(node.items ?? {})}>`;
      default:
        if (node.additionalProperties !== undefined) return `map<string, ${named(node.additionalProperties)}>`;
        return Object.fromEntries(Object.entries(node.properties ?? {}).map(([name, field]) => [name, typeOf(field)]));
    }
  };
  const named = (node: StructuralSchema): string => {
    const type = typeOf(node);
    if (typeof type === 'string') return type;
    const name = `Entry${entries++}`;
    environment.registerType({ name, schema: type });
    return name;
  };
  environment.registerVariable({ name: 'self', schema: typeOf(schema) as CelFields });
  return environment;
}
