import { z } from 'zod';
import type { CelRule, KindDefinition } from './kind.ts';
import { apiVersionOf } from './kinds.ts';

/** RFC 1123, as Kubernetes asks of the names of our kinds. */
const NAME_PATTERN = '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$';

const words = { type: 'object', additionalProperties: { type: 'string' } };

/**
 * JSON Schema (draft 7, which YAML editors know best) of a manifest: every spelling, unknown fields refused, and those of
 * the rules that JSON Schema can say.
 */
export function jsonSchemaOf(definition: KindDefinition): object {
  const { $schema, ...spec } = z.toJSONSchema(definition.specSchema, {
    target: 'draft-7',
    io: 'input',
    cycles: 'throw',
    unrepresentable: 'throw',
  });
  const allOf = definition.rules.flatMap(presenceOf);
  return {
    $schema,
    title: definition.kind,
    description: definition.description,
    type: 'object',
    required: ['apiVersion', 'kind', 'metadata', 'spec'],
    properties: {
      apiVersion: { const: apiVersionOf(definition) },
      kind: { const: definition.kind },
      metadata: {
        type: 'object',
        required: ['name'],
        properties: {
          name: { type: 'string', minLength: 1, maxLength: 253, pattern: NAME_PATTERN },
          namespace: { type: 'string', minLength: 1, maxLength: 63 },
          labels: words,
          annotations: words,
        },
      },
      spec: allOf.length === 0 ? spec : { ...spec, allOf },
      status: { type: 'object', description: 'Written by the operator; ignored in a manifest.' },
    },
    additionalProperties: false,
  };
}

/** Rules that only ask which fields are there: "not both" and "one of". */
function presenceOf({ rule, message }: CelRule): object[] {
  const both = /^!\(has\(self\.(\w+)\) && has\(self\.(\w+)\)\)$/.exec(rule);
  if (both !== null) return [{ description: message, not: { required: both.slice(1) } }];
  if (!/^has\(self\.\w+\)( \|\| has\(self\.\w+\))*$/.test(rule)) return [];
  const fields = [...rule.matchAll(/self\.(\w+)/g)].map(([, field]) => field);
  return [{ description: message, anyOf: fields.map((field) => ({ required: [field] })) }];
}
