// Writes everything that follows from the schemas of our kinds; with --check only says what is stale, and fails.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { crdYaml } from '../src/api/crd.ts';
import { jsonSchemaOf } from '../src/api/json-schema.ts';
import { kinds } from '../src/api/kinds.ts';
import { referencePage } from '../src/api/reference.ts';

interface GeneratedFile {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: string;
}

const NOTE = 'Generated from src/api by `make manifests`; do not edit.';

/** Of the formatter, see biome.json. */
const LINE_WIDTH = 120;

/** Every generated file as it should be. */
export function generatedFiles(): GeneratedFile[] {
  const bases = kinds.map((kind) => `bases/${kind.group}_${kind.plural}.yaml`);
  return [
    ...kinds.flatMap((kind, index) => [
      { path: `config/crd/${bases[index]}`, text: `# ${NOTE}\n${crdYaml(kind)}` },
      { path: `schemas/${kind.singular}.json`, text: `${jsonText(jsonSchemaOf(kind), '', 0)}\n` },
      { path: `docs/reference/${kind.singular}.md`, text: `<!-- ${NOTE} -->\n\n${referencePage(kind)}` },
    ]),
    {
      path: 'config/crd/kustomization.yaml',
      text: `# ${NOTE}\nresources:\n${bases.map((base) => `  - ${base}\n`).join('')}`,
    },
  ];
}

/** The paths of the files under `root` that are missing or differ. */
export function staleFiles(root: string): string[] {
  return generatedFiles()
    .filter(({ path, text }) => readIfThere(join(root, path)) !== text)
    .map(({ path }) => path);
}

/** Writes those that differ and leaves the rest untouched. Answers the paths of those that were written. */
export function writeFiles(root: string): string[] {
  const stale = new Set(staleFiles(root));
  for (const { path, text } of generatedFiles().filter((file) => stale.has(file.path))) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return [...stale];
}

/** JSON as the formatter writes it: lists of plain values on one line where they fit. `column` is where the value begins. */
function jsonText(value: unknown, indent: string, column: number): string {
  const flat = JSON.stringify(value);
  if (typeof value !== 'object' || value === null || flat === '{}' || flat === '[]') return flat;
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    const line = `[${value.map((item) => JSON.stringify(item)).join(', ')}]`;
    const isPlain = value.every((item) => typeof item !== 'object');
    if (isPlain && column + line.length < LINE_WIDTH) return line;
    return `[\n${value.map((item) => inner + jsonText(item, inner, inner.length)).join(',\n')}\n${indent}]`;
  }
  const fields = Object.entries(value).map(([name, item]) => {
    const head = `${inner}${JSON.stringify(name)}: `;
    return head + jsonText(item, inner, head.length);
  });
  return `{\n${fields.join(',\n')}\n${indent}}`;
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

if (import.meta.main) {
  const root = dirname(import.meta.dirname);
  if (process.argv.includes('--check')) {
    const stale = staleFiles(root);
    for (const path of stale) console.error(`stale: ${path}`);
    if (stale.length > 0) {
      console.error('These files no longer fit src/api. Run make manifests and commit what it writes.');
      process.exitCode = 1;
    }
  } else {
    const written = writeFiles(root);
    console.log(written.length === 0 ? 'everything is up to date' : written.map((path) => `wrote ${path}`).join('\n'));
  }
}
