import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { apiVersionOf, kindFor } from './kinds.ts';
import { parseSpec } from './parse.ts';

const root = join(import.meta.dirname, '../..');
const files = globSync(['examples/**/*.yaml', 'config/samples/*.yaml'], { cwd: root });
const documents = files.flatMap((file) =>
  parseAllDocuments(readFileSync(join(root, file), 'utf8')).map((document) => ({
    file,
    content: document.toJS() as { apiVersion?: string; kind?: string; metadata: { name: string }; spec?: unknown },
  })),
);
const ours = documents.filter(({ content }) => kindFor(content.kind ?? '') !== undefined);

describe('every manifest that comes with the repository', () => {
  it('is there', () => {
    expect(ours.map(({ file, content }) => `${file} ${content.metadata.name}`)).toEqual(
      expect.arrayContaining([
        'examples/spotpool-sample.yaml spotpool-sample',
        'examples/spotpool-first.yaml spotpool-first',
        'config/samples/demo_v1_spotpool.yaml spotpool',
        'config/samples/log_v1_logpilot.yaml logpilot',
      ]),
    );
  });

  it.each(ours)('can be applied: $file', ({ content }) => {
    const kind = kindFor(content.kind ?? '')!;
    expect(content.apiVersion).toBe(apiVersionOf(kind));
    expect(parseSpec(kind, content.spec)).toMatchObject({ ok: true });
  });
});
