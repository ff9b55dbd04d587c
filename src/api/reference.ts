import { DURATION_PATTERN } from '../lib/duration.ts';
import { structuralSchema } from './crd.ts';
import type { KindDefinition } from './kind.ts';
import { apiVersionOf } from './kinds.ts';
import type { StructuralSchema } from './structural.ts';

interface Field {
  readonly path: string;
  readonly node: StructuralSchema;
  readonly isRequired: boolean;
}

/** The reference page of a kind, as Markdown. */
export function referencePage(definition: KindDefinition): string {
  const { kind, plural, shortNames, singular } = definition;
  return `${[
    `# ${kind}`,
    definition.description,
    `\`apiVersion: ${apiVersionOf(definition)}\`, \`kind: ${kind}\`. On the command line: ` +
      `${[plural, singular, ...shortNames].map(code).join(', ')}; it belongs to the category \`aiops\`.`,
    '## Spec',
    'Written by you. `[]` stands for each entry of a list, `{}` for each value of a map.',
    specTable(fieldsOf(structuralSchema(definition.specSchema, 'spec'), '')),
    ...(definition.rules.length === 0 ? [] : ['## Rules', rulesIntroduction, rulesList(definition)]),
    '## Status',
    'Written by the operator.',
    statusTable(fieldsOf(structuralSchema(definition.statusSchema, 'status'), '')),
    '## Columns',
    'What `get` shows; columns marked wide only with `-o wide`.',
    columnsTable(definition),
    ...scaleSection(definition),
  ].join('\n\n')}\n`;
}

const rulesIntroduction =
  'Checked by the API server when an object is applied, and by the operator itself when there is none.';

function* fieldsOf(node: StructuralSchema, path: string): Generator<Field> {
  for (const [name, field] of Object.entries(node.properties ?? {})) {
    const at = path === '' ? name : `${path}.${name}`;
    yield { path: at, node: field, isRequired: node.required?.includes(name) === true };
    yield* fieldsOf(field, at);
  }
  if (node.items?.properties !== undefined) yield* fieldsOf(node.items, `${path}[]`);
  if (node.additionalProperties?.properties !== undefined) yield* fieldsOf(node.additionalProperties, `${path}{}`);
}

function specTable(fields: Iterable<Field>): string {
  return table(
    ['Field', 'Type', 'Default', 'Allowed', 'Description'],
    [...fields].map(({ path, node, isRequired }) => [
      code(path),
      typeText(node),
      isRequired ? '**required**' : defaultText(node),
      allowedText(node),
      node.description ?? '',
    ]),
  );
}

function statusTable(fields: Iterable<Field>): string {
  return table(
    ['Field', 'Type', 'Description'],
    [...fields].map(({ path, node }) => [code(path), typeText(node), node.description ?? '']),
  );
}

function columnsTable({ printerColumns }: KindDefinition): string {
  return table(
    ['Column', 'From', 'Meaning'],
    printerColumns.map(({ name, jsonPath, description, priority = 0 }) => [
      priority > 0 ? `${name} (wide)` : name,
      code(jsonPath),
      description,
    ]),
  );
}

function rulesList({ rules }: KindDefinition): string {
  return rules.map(({ message }) => `- ${message}`).join('\n');
}

function scaleSection({ scale }: KindDefinition): string[] {
  if (scale === undefined) return [];
  const text =
    `\`scale\` writes \`${scale.specReplicasPath.slice(1)}\` and reads \`${scale.statusReplicasPath.slice(1)}\`; ` +
    'a horizontal pod autoscaler works once the former has been set.';
  return ['## Scale', text];
}

function typeText(node: StructuralSchema): string {
  switch (node.type) {
    case 'string':
      return node.pattern === DURATION_PATTERN ? 'duration' : 'text';
    case 'integer':
      return 'whole number';
    case 'array':
      return node.items?.type === 'object' ? 'list' : `list of ${typeText(node.items ?? {})}`;
    case 'object':
      return node.additionalProperties === undefined ? 'map' : `map to ${typeText(node.additionalProperties)}`;
    default:
      return node.type ?? 'anything';
  }
}

/** The default `{}` of a map only says that the defaults inside it count. */
function defaultText(node: StructuralSchema): string {
  if (node.default === undefined || (node.properties !== undefined && Object.keys(node.default ?? {}).length === 0)) {
    return '';
  }
  return code(JSON.stringify(node.default));
}

function allowedText(node: StructuralSchema): string {
  if (node.enum !== undefined) return node.enum.map((value) => code(String(value))).join(', ');
  const { pattern } = node;
  const parts = [
    ...(pattern === undefined || pattern === DURATION_PATTERN ? [] : [code(pattern)]),
    range(node.minimum, node.maximum, ''),
    pattern === DURATION_PATTERN ? '' : range(node.minLength, node.maxLength, ' characters'),
    range(node.minItems, node.maxItems, ' entries'),
    range(node.minProperties, node.maxProperties, ' entries'),
    node.items === undefined ? '' : allowedText({ ...node.items, properties: {} }),
  ];
  return parts.filter((part) => part !== '').join('; ');
}

function range(least: number | undefined, most: number | undefined, unit: string): string {
  if (least !== undefined && most !== undefined) return `${least} to ${most}${unit}`;
  if (most !== undefined) return `at most ${most}${unit}`;
  return least === undefined ? '' : `at least ${least}${unit}`;
}

function code(text: string): string {
  return `\`${text}\``;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
