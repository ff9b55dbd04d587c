import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { SizeKind, size, sizeRef } from '../../../test/builders/size-kind.ts';
import { parseSpec } from '../../api/parse.ts';
import { type ManifestFile, type Manifests, readManifests } from './manifests.ts';
import { problemText } from './problem.ts';

const read = (text: string, more: Parameters<typeof readManifests>[0] = []): Manifests =>
  readManifests([{ path: 'm.yaml', text }, ...more], { kinds: [SizeKind], parse: parseSpec });
const problems = (text: string): string[] => read(text).problems.map(problemText);
const head = 'apiVersion: demo.aiops.org/v1\nkind: Size\n';

describe('readManifests', () => {
  it('reads several documents, lists, comments and empty documents', () => {
    const list = { apiVersion: 'v1', kind: 'List', items: [size('c', { size: 1 }), size('d', { size: 1 })] };
    const text = `# first\n---\n${stringify(size('a', { size: 1 }))}---\n---\n# nothing\n---\n${stringify(list)}`;
    const { documents, problems } = read(text);
    expect(documents.map(({ id, line }) => [id, line])).toEqual([
      ['Size.demo.aiops.org/default/a', 3],
      ['Size.demo.aiops.org/default/c', 16],
      ['Size.demo.aiops.org/default/d', 22],
    ]);
    expect(problems).toEqual([]);
  });

  it('reads JSON, anchors and merge keys', () => {
    expect(read(JSON.stringify(size('a', { size: 1 }))).documents).toHaveLength(1);
    const merged = `${head}metadata: {name: a}\nx: &x {size: 3}\nspec:\n  <<: *x\n`;
    expect(problems(merged)).toEqual(['m.yaml:4:1: Size default/a: x: is not a known field']);
    const { documents } = read(`${head}metadata: {name: a}\nspec:\n  <<: &x {size: 3}\n`);
    expect(documents[0]?.spec).toEqual({ size: 3 });
  });

  it('reads words, marks and their names as Kubernetes does', () => {
    const { documents, problems } = read(
      `${head}metadata: {name: a, labels: {x: }, annotations: {Example.ORG/Key: v}}\nspec: {size: 0100}\n`,
    );
    expect(problems).toEqual([]);
    expect(documents[0]).toMatchObject({
      spec: { size: 64 },
      metadata: { labels: { x: '' }, annotations: { 'Example.ORG/Key': 'v' } },
    });
  });

  it('accepts what kubectl get -o yaml prints', () => {
    const printed = {
      ...sizeRef,
      metadata: {
        name: 'a',
        uid: 'x',
        generation: 3,
        managedFields: [],
        finalizers: ['x/y'],
        creationTimestamp: null,
        // It repeats the spec, keys included, and would carry them into the state file.
        annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{"spec":{"secretKey":"s3cret"}}' },
      },
      spec: { size: 1 },
      status: { size: 1 },
    };
    const { documents, problems } = read(stringify(printed));
    expect(problems).toEqual([]);
    expect(documents[0]?.metadata.annotations).toEqual({});
    expect(documents[0]?.hash).toBe(read(stringify(size('a', { size: 1 }))).documents[0]?.hash);
  });

  const cases: [name: string, text: string, problem: string | RegExp][] = [
    ['a syntax error', `${head}metadata: {name: a\n`, /^m\.yaml:4:1: not valid YAML: Flow map/],
    ['a tab', `${head}metadata:\n\tname: a\n`, /^m\.yaml:4:1: not valid YAML: /],
    ['a key given twice', `${head}kind: Size\n`, /^m\.yaml:3:1: not valid YAML: Map keys must be unique$/],
    [
      'a text document',
      'hello',
      'm.yaml:1:1: is not an object of Kubernetes; it must be a map with apiVersion, kind, metadata and spec',
    ],
    [
      'an unknown kind',
      'apiVersion: demo.aiops.org/v1\nkind: Sise\n',
      'm.yaml:2:1: kind: demo.aiops.org/v1 Sise is not a known kind; did you mean "demo.aiops.org/v1 Size"?; known are: demo.aiops.org/v1 Size, v1 Secret, v1 ConfigMap',
    ],
    ['another version', 'apiVersion: demo.aiops.org/v9\nkind: Size\n', /demo\.aiops\.org\/v9 Size is not a known kind/],
    ['no kind', 'a: 1', /^m\.yaml:1:1: apiVersion: \(nothing\) \(nothing\) is not a known kind/],
    ['no metadata', `${head}spec: {size: 1}\n`, 'm.yaml:1:1: metadata: is missing; it must hold at least a name'],
    ['no name', `${head}metadata: {}\nspec: {size: 1}\n`, 'm.yaml:3:1: metadata.name: is missing'],
    [
      'a bad name',
      `${head}metadata:\n  name: A_b\nspec: {size: 1}\n`,
      /^m\.yaml:4:3: metadata\.name: is "A_b"; allowed are lower-case/,
    ],
    ['a name that is too long', `${head}metadata: {name: ${'a'.repeat(254)}}\nspec: {size: 1}\n`, /at most 253$/],
    ['a number as name', `${head}metadata: {name: 7}\nspec: {size: 1}\n`, /metadata\.name: is 7; allowed/],
    [
      'a bad namespace',
      `${head}metadata: {name: a, namespace: a.b}\nspec: {size: 1}\n`,
      /^m\.yaml:3:21: metadata\.namespace: is "a\.b"/,
    ],
    [
      'a misspelt field of metadata',
      `${head}metadata:\n  name: a\n  lables: {}\nspec: {size: 1}\n`,
      'm.yaml:5:3: Size default/a: metadata.lables: is not a known field; did you mean "labels"?',
    ],
    [
      'a label that is no text',
      `${head}metadata: {name: a, labels: {x: 1}}\nspec: {size: 1}\n`,
      /metadata\.labels\.x: is 1; it must be text: put it in quotes/,
    ],
    [
      'a label with blanks',
      `${head}metadata: {name: a, labels: {x: "a b"}}\nspec: {size: 1}\n`,
      /metadata\.labels\.x: is "a b"; a label holds/,
    ],
    ['a bad label key', `${head}metadata: {name: a, labels: {"-x": a}}\nspec: {size: 1}\n`, /is not a good key/],
    ['no spec', `${head}metadata: {name: a}\n`, 'm.yaml:1:1: Size default/a: spec is missing; it must be a map'],
    [
      'a field of the root that is unknown',
      `${head}metadata: {name: a}\nspec: {size: 1}\nspeck: 1\n`,
      /^m\.yaml:5:1: Size default\/a: speck: is not a known field; did you mean "spec"\?$/,
    ],
    [
      'an unknown field of the spec',
      `${head}metadata: {name: a}\nspec:\n  size: 1\n  sise: 2\n`,
      /^m\.yaml:6:3: Size default\/a: unknown field "sise"; did you mean size\?$/,
    ],
    [
      'a missing field of the spec',
      `${head}metadata: {name: a}\nspec: {replicas: 1}\n`,
      /^m\.yaml:4:1: Size default\/a: size is missing/,
    ],
    [
      'a fault inside a list',
      stringify({ apiVersion: 'v1', kind: 'List', items: [size('a', { size: 'x' })] }),
      /^m\.yaml:9:7: Size default\/a: size: "x"/,
    ],
    [
      'base64 that is none',
      'apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata:\n  k: "not base64"\n',
      'm.yaml:5:3: Secret default/s: data.k: is not base64; write plain text under stringData instead',
    ],
    [
      'a number in a Secret',
      'apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {k: 7}\n',
      /stringData\.k: must be text: put it in quotes/,
    ],
    [
      'a bad name of an entry',
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: s}\ndata: {"a b": x}\n',
      /is not a good name/,
    ],
    [
      'spec in a Secret',
      'apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nspec: {}\n',
      /^m\.yaml:4:1: Secret default\/s: spec: is not a known field$/,
    ],
  ];
  it.each(cases)('says where and what: %s', (_name, text, problem) => {
    const found = problems(text);
    expect(found).toEqual([typeof problem === 'string' ? problem : expect.stringMatching(problem)]);
  });

  it('never shows what a document with a secret says', () => {
    for (const value of [
      '*s3cret',
      '!s3cret',
      '@s3cret',
      '`s3cret',
      '"s3cret',
      '{s3cret',
      '|s3cret',
      '&s3cret',
      '% s3cret',
      's3cret: s3cret: x',
    ]) {
      const text = `apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData:\n  k: ${value}\n`;
      const found = problems(text);
      expect(found.length).toBeGreaterThan(value.startsWith('&') || value.startsWith('%') ? -1 : 0);
      expect(found.join('\n')).not.toContain('s3cret');
    }
    expect(problems('apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {k: s3cret*}\n').join()).not.toContain(
      's3cret',
    );
  });

  it('stops documents that blow themselves up', () => {
    const levels = Array.from(
      { length: 12 },
      (_, i) =>
        `a${i}: &a${i} [${Array(9)
          .fill(i ? `*a${i - 1}` : 'x')
          .join(', ')}]`,
    );
    expect(problems(levels.join('\n'))).toEqual(['m.yaml:1:1: uses anchors more than 100 times or in a circle']);
  });

  it.each([
    // How many it shows depends on how deep the stack of the moment is.
    ['few faults of endless nesting', `${head}spec: ${'['.repeat(20_000)}`, 10],
    ['the first ten of many', `${head}${'\tx: 1\n'.repeat(500)}`, 10],
  ])('tells %s when a document does not parse', (_name, text, count) => {
    const found = problems(text);
    expect(found.length).toBeGreaterThan(0);
    expect(found.length).toBeLessThanOrEqual(count);
    expect(new Set(found).size).toBe(found.length);
  });

  it.each([
    ['holds itself', `${head}metadata: &m {name: a, labels: *m}\nspec: {size: 1}\n`, /anchors .* in a circle$/],
    ['holds itself in its spec', `${head}metadata: {name: a}\nspec: &s {size: *s}\n`, /anchors .* in a circle$/],
    ['is nested for ever', `${head}metadata: {name: a}\nspec: ${'['.repeat(20_000)}`, /call stack|too deeply/],
  ])('keeps the other files when one %s', (_name, text, problem) => {
    const { documents, problems } = read(text, [{ path: 'b.yaml', text: stringify(size('b', { size: 1 })) }]);
    expect(documents.map(({ file }) => file)).toEqual(['b.yaml']);
    expect(problems[0]).toMatchObject({ file: 'm.yaml', message: expect.stringMatching(problem) });
  });

  it.each([
    ['a name', `name: ${'a'.repeat(253)}`],
    ['a name of parts', `name: ${'a'.repeat(100)}.b`],
    ['a namespace', 'name: a, namespace: ""'],
    ['a label key', `name: a, labels: {${'a'.repeat(100)}.org/b: c}`],
  ])('accepts %s as Kubernetes does', (_name, metadata) => {
    expect(problems(`${head}metadata: {${metadata}}\nspec: {size: 1}\n`)).toEqual([]);
  });

  it('keeps the valid ones beside the faulty ones, and says which object was meant', () => {
    const text = [size('a', { size: 1 }), size('b', { size: -1 }), size('c', { size: 1 })]
      .map((o) => `---\n${stringify(o)}`)
      .join('');
    const { documents, faultyIds } = read(text);
    expect(documents.map(({ metadata }) => metadata.name)).toEqual(['a', 'c']);
    expect([...faultyIds]).toEqual(['Size.demo.aiops.org/default/b']);
  });

  it('counts the first of two, or the file that had the object before', () => {
    const files: ManifestFile[] = ['a.yaml', 'b.yaml'].map((path, index) => ({
      path,
      text: stringify(size('x', { size: index })),
    }));
    const options = { kinds: [SizeKind], parse: parseSpec };
    const of = (owners: [string, string][]): (string | undefined)[] => {
      const { documents, problems } = readManifests(files, { ...options, owners: new Map(owners) });
      return [documents.length === 1 ? documents[0]?.file : undefined, problems[0]?.file];
    };
    expect(of([])).toEqual(['a.yaml', 'b.yaml']);
    expect(of([['Size.demo.aiops.org/default/x', 'b.yaml']])).toEqual(['b.yaml', 'a.yaml']);
    expect(of([['Size.demo.aiops.org/default/x', 'c.yaml']])).toEqual(['a.yaml', 'b.yaml']);
  });

  it('hashes what a document says, not how it is written', () => {
    const hash = (text: string): string | undefined => read(text).documents[0]?.hash;
    const plain = hash(`${head}metadata: {name: a}\nspec: {size: 1, replicas: 2}\n`);
    expect(plain).toBeDefined();
    expect(hash(`# x\n${head}spec:\n  replicas: 2\n  "size": 1\nmetadata: {namespace: default, name: a}\n`)).toBe(
      plain,
    );
    expect(hash(`${head}metadata: {name: a, labels: {x: y}}\nspec: {size: 1, replicas: 2}\n`)).not.toBe(plain);
    expect(hash(`${head}metadata: {name: a}\nspec: {size: 2, replicas: 2}\n`)).not.toBe(plain);
  });

  it('reads the bytes of a Secret', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.string(), (bytes, text) => {
        const data = { a: Buffer.from(bytes).toString('base64'), b: 'eA==' };
        const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, data, stringData: { b: text } };
        const found = read(JSON.stringify(secret)).documents[0]?.data as Record<string, Uint8Array>;
        expect(Buffer.from(found['a'] ?? []).equals(Buffer.from(bytes))).toBe(true);
        expect(Buffer.from(found['b'] ?? []).equals(Buffer.from(text))).toBe(true);
      }),
    );
  });

  it('never throws, whatever the text, and gives every problem a place inside it', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'{}[]:-&*!|>"\'#\n ab?,%@`') })),
        (text) => {
          for (const { line, column, message } of read(text).problems) {
            expect(message).not.toBe('');
            expect(line).toBeGreaterThanOrEqual(1);
            expect(line).toBeLessThanOrEqual(text.split('\n').length + 1);
            expect(column).toBeGreaterThanOrEqual(1);
          }
        },
      ),
    );
  });
});
