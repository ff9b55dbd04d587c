import fc from 'fast-check';

/** A `metadata` to judge, on an object that is sound otherwise. */
export interface MetadataCase {
  readonly name: string;
  readonly metadata: unknown;
}

const KIB = 1024;
const named = (name: unknown): object => ({ name });
const labelled = (labels: unknown): object => ({ name: 'a', labels });
const annotated = (annotations: unknown): object => ({ name: 'a', annotations });
const marked = [
  ['labels', labelled],
  ['annotations', annotated],
] as const;

const names: readonly unknown[] = [
  'a',
  '1',
  '1.2',
  'a.b.c',
  'a-b',
  'x'.repeat(253),
  'x'.repeat(64),
  'x'.repeat(254),
  '',
  '-a',
  'a-',
  '.a',
  'a.',
  'a..b',
  'a.-b',
  'a-.b',
  'A',
  'a_b',
  'a b',
  'a/b',
  'é',
  '中',
  '😀',
  'a\n',
  1,
  true,
  null,
  ['a'],
  {},
];
const keys = [
  'a',
  'A',
  '1',
  'a.b',
  'a_b',
  'a-b',
  'x'.repeat(63),
  'x'.repeat(64),
  `${'x'.repeat(253)}/a`,
  `${'x'.repeat(254)}/a`,
  'example.com/a',
  'example.com/A',
  'Example.com/a',
  'a/b/c',
  '/a',
  'a/',
  '',
  ' ',
  '-a',
  'a-',
  '.a',
  '_a',
  'a b',
  'a:b',
  'é',
  '😀',
  'ex_ample/a',
  'example..com/a',
  '-example.com/a',
  'kubernetes.io/a',
  `${'X'.repeat(253)}/a`,
];
const values: readonly unknown[] = [
  '',
  'a',
  'A.b_c-1',
  'x'.repeat(63),
  'x'.repeat(64),
  ' ',
  'a b',
  '-a',
  'a-',
  '.',
  'é',
  '😀',
  'a/b',
  'a\n',
  null,
  1,
  1.5,
  true,
  [],
  {},
  ['a'],
];

/** What annotations may be that labels may not, and the other way round. */
const whole: readonly MetadataCase[] = [
  { name: 'annotations of 256 KiB', metadata: annotated({ a: 'x'.repeat(256 * KIB - 1) }) },
  { name: 'annotations of 256 KiB and a byte', metadata: annotated({ a: 'x'.repeat(256 * KIB) }) },
  { name: 'annotations of 256 KiB in signs of 4 bytes', metadata: annotated({ abcd: '😀'.repeat(64 * KIB - 1) }) },
  { name: 'annotations of more in signs of 4 bytes', metadata: annotated({ abcde: '😀'.repeat(64 * KIB - 1) }) },
  {
    name: 'labels of more than 256 KiB',
    metadata: labelled(
      Object.fromEntries(Array.from({ length: 3000 }, (_, n) => [`${'x'.repeat(50)}${n}`, 'y'.repeat(60)])),
    ),
  },
  { name: 'no metadata', metadata: undefined },
  { name: 'metadata without a value', metadata: null },
  { name: 'empty metadata', metadata: {} },
  { name: 'metadata as a list', metadata: [] },
  { name: 'metadata as a text', metadata: 'a' },
  ...marked.flatMap(([field, of]) =>
    [null, {}, [], 'a', 1].map((value) => ({ name: `${field}: ${JSON.stringify(value)}`, metadata: of(value) })),
  ),
  { name: 'an unknown field', metadata: { name: 'a', lables: {} } },
  { name: 'two unknown fields', metadata: { name: 'a', Name: 'a', x: 1 } },
  { name: 'what a server writes', metadata: { name: 'a', creationTimestamp: null, generation: 3, managedFields: [] } },
  { name: 'several faults', metadata: { name: 'A', labels: { '-': 'a', b: ' ' }, annotations: { ' ': 'x' } } },
];

/** Texts near to what Kubernetes takes for a name. */
const near = fc.string({
  unit: fc.constantFrom('a', 'b', 'Z', '0', '-', '.', '_', '/', 'é'),
  minLength: 1,
  maxLength: 5,
});
const generated = fc.record({
  name: fc.oneof(
    near.map((text) => text.toLowerCase()),
    fc.constant('a'),
  ),
  labels: fc.dictionary(near, near, { maxKeys: 2, noNullPrototype: true }),
  annotations: fc.dictionary(near, near, { maxKeys: 2, noNullPrototype: true }),
});

/** Metadata good and bad, by hand and by chance; the same in every run. */
export function metadataCases(): readonly MetadataCase[] {
  return [
    ...whole,
    ...names.map((name) => ({ name: `name ${short(name)}`, metadata: named(name) })),
    ...marked.flatMap(([field, of]) => [
      ...keys.map((key) => ({ name: `${field}: key ${short(key)}`, metadata: of({ [key]: 'x' }) })),
      ...values.map((value) => ({ name: `${field}: value ${short(value)}`, metadata: of({ a: value }) })),
    ]),
    ...fc
      .sample(generated, { numRuns: 300, seed: 20_261_101 })
      .map((metadata) => ({ name: `by chance: ${JSON.stringify(metadata)}`, metadata })),
  ];
}

/** Names of namespaces; the API server judges them when a namespace of that name is made. */
export function namespaceCases(): readonly unknown[] {
  const some = fc.sample(near, { numRuns: 60, seed: 20_261_101 });
  return [...names.filter((name) => name !== '' && name !== null), 'x'.repeat(63), 'a.b', ...some];
}

function short(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 20)}… (${text.length})` : text;
}
