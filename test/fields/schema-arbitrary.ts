import fc from 'fast-check';
import { z } from 'zod';
import { DURATION_PATTERN } from '../../src/lib/duration.ts';

interface Node {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: Node;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Node | boolean;
}

/** Longer texts and lists find nothing that short ones do not, and take their time. */
const LONG = 12;
const MANY = 3;

/** Values that a schema accepts, as a user could write them; rules between fields are not looked at. */
export function arbitraryOf(schema: z.ZodType): fc.Arbitrary<unknown> {
  return arbitrary(z.toJSONSchema(schema, { target: 'draft-7', io: 'input' }) as Node);
}

function arbitrary(node: Node): fc.Arbitrary<unknown> {
  if (node.enum !== undefined) return fc.constantFrom(...node.enum);
  switch (node.type) {
    case 'integer':
      return fc.integer({ min: node.minimum ?? -1000, max: node.maximum ?? 1000 });
    case 'boolean':
      return fc.boolean();
    case 'string':
      return text(node);
    case 'array':
      return fc.array(arbitrary(node.items ?? {}), {
        minLength: node.minItems ?? 0,
        maxLength: Math.min(node.maxItems ?? MANY, MANY),
      });
    case 'object':
      if (typeof node.additionalProperties === 'object') {
        const name = fc.string({ minLength: 1, maxLength: LONG }).filter((key) => key !== '__proto__');
        return fc.dictionary(name, arbitrary(node.additionalProperties), { maxKeys: MANY, noNullPrototype: true });
      }
      return fc.record(
        Object.fromEntries(Object.entries(node.properties ?? {}).map(([name, field]) => [name, arbitrary(field)])),
        { requiredKeys: [...(node.required ?? [])], noNullPrototype: true },
      );
    default:
      throw new Error(`no values for ${JSON.stringify(node)}`);
  }
}

function text({ pattern, minLength = 0, maxLength = LONG }: Node): fc.Arbitrary<string> {
  if (pattern === DURATION_PATTERN) return fc.constantFrom('1s', '1500ms', '90s', '5m', '1m30s');
  if (pattern === undefined) return fc.string({ minLength, maxLength: Math.min(maxLength, Math.max(LONG, minLength)) });
  return fc
    .stringMatching(new RegExp(pattern), { size: 'small' })
    .filter((value) => value.length <= Math.min(maxLength, 2 * LONG));
}
