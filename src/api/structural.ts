/** The part of OpenAPI 3 that a CRD may use, as an own type: what is not here is refused. */
export interface StructuralSchema {
  title?: string;
  description?: string;
  type?: string;
  format?: string;
  default?: unknown;
  nullable?: boolean;
  enum?: unknown[];
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: boolean;
  exclusiveMaximum?: boolean;
  multipleOf?: number;
  minItems?: number;
  maxItems?: number;
  items?: StructuralSchema;
  minProperties?: number;
  maxProperties?: number;
  required?: string[];
  properties?: Record<string, StructuralSchema>;
  additionalProperties?: StructuralSchema;
  'x-kubernetes-preserve-unknown-fields'?: boolean;
  'x-kubernetes-list-type'?: string;
  'x-kubernetes-list-map-keys'?: string[];
  'x-kubernetes-validations'?: { rule: string; message: string; fieldPath?: string }[];
}

const keywords = new Set(
  `title description type format default nullable enum pattern minLength maxLength minimum maximum exclusiveMinimum
  exclusiveMaximum multipleOf minItems maxItems items minProperties maxProperties required properties
  additionalProperties x-kubernetes-preserve-unknown-fields x-kubernetes-list-type x-kubernetes-list-map-keys
  x-kubernetes-validations`.split(/\s+/),
);

const types = new Set(['object', 'array', 'string', 'integer', 'number', 'boolean']);

/** Formats whose texts are short by themselves. */
const shortFormats = new Set(['date-time', 'date', 'uuid', 'ipv4', 'ipv6', 'cidr']);

/**
 * What the API server would refuse in a schema of a CRD, each line beginning with the field. Bounds are asked for
 * everywhere, for a CEL rule that reaches something without one is over its cost budget.
 */
export function structuralProblems(node: StructuralSchema, path: string): string[] {
  const at = (text: string): string => `${path === '' ? 'the schema' : path}: ${text}`;
  if (typeof node !== 'object' || node === null) return [at('must be a schema')];
  const problems = Object.keys(node)
    .filter((keyword) => !keywords.has(keyword))
    .map((keyword) => at(`${keyword} is not allowed in a CRD`));
  if (!types.has(node.type ?? '')) {
    const isOpen = node['x-kubernetes-preserve-unknown-fields'] === true && node.type === undefined;
    if (!isOpen) problems.push(at(`the type is ${node.type === undefined ? 'missing' : JSON.stringify(node.type)}`));
  }
  for (const bound of ['exclusiveMinimum', 'exclusiveMaximum'] as const) {
    if (node[bound] !== undefined && typeof node[bound] !== 'boolean') problems.push(at(`${bound} must be a boolean`));
  }
  if (node.default === null && node.nullable !== true)
    problems.push(at('the default is null, but null is not allowed'));
  if (node.default !== undefined && !isOfType(node.default, node)) problems.push(at('the default has another type'));
  problems.push(...boundProblems(node).map(at), ...listProblems(node).map(at));
  for (const [name, field] of Object.entries(node.properties ?? {})) {
    problems.push(...structuralProblems(field, path === '' ? name : `${path}.${name}`));
  }
  for (const name of node.required ?? []) {
    if (node.properties?.[name] === undefined) problems.push(at(`requires ${name}, which is not a field`));
  }
  if (node.items !== undefined) problems.push(...structuralProblems(node.items, `${path}[]`));
  const values: unknown = node.additionalProperties;
  if (typeof values === 'boolean') problems.push(at(`additionalProperties: ${values} is not allowed in a CRD`));
  else if (values !== undefined) {
    if (node.properties !== undefined) problems.push(at('has both properties and additionalProperties'));
    problems.push(...structuralProblems(values as StructuralSchema, `${path}{}`));
  }
  return problems;
}

function boundProblems(node: StructuralSchema): string[] {
  const isShort = node.enum !== undefined || shortFormats.has(node.format ?? '');
  if (node.type === 'string' && node.maxLength === undefined && !isShort) return ['has no maxLength'];
  if (node.type === 'array' && node.maxItems === undefined) return ['has no maxItems'];
  if (node.type === 'object' && node.additionalProperties !== undefined && node.maxProperties === undefined) {
    return ['has no maxProperties'];
  }
  return [];
}

function listProblems(node: StructuralSchema): string[] {
  if (node.type === 'array' && node.items === undefined) return ['a list needs items'];
  if (node['x-kubernetes-list-type'] !== 'map') return [];
  const keys = node['x-kubernetes-list-map-keys'] ?? [];
  if (keys.length === 0) return ['a list that is a map needs x-kubernetes-list-map-keys'];
  return keys.flatMap((key) => {
    const field = node.items?.properties?.[key];
    if (field === undefined) return [`its entries have no field ${key}`];
    const isThere = node.items?.required?.includes(key) === true || field.default !== undefined;
    const isScalar = field.type !== 'object' && field.type !== 'array' && field.nullable !== true;
    return isThere && isScalar ? [] : [`the key ${key} must be required or defaulted, and a scalar that is never null`];
  });
}

function isOfType(value: unknown, node: StructuralSchema): boolean {
  switch (node.type) {
    case 'integer':
      return Number.isInteger(value);
    case 'array':
      return Array.isArray(value);
    case 'object':
      return (
        typeof value === 'object' &&
        !Array.isArray(value) &&
        Object.keys(value ?? {}).every((name) => node.properties === undefined || Object.hasOwn(node.properties, name))
      );
    default:
      return node.type === undefined || typeof value === node.type || value === null;
  }
}
