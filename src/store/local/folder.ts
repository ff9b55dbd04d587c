import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { ManifestFile } from './manifests.ts';
import type { ManifestProblem } from './problem.ts';

/** A manifest of a thousand pools is far smaller; anything larger is not a manifest. */
const MAX_FILE_BYTES = 1024 * 1024;
const MAX_FILES = 1000;
const MANIFEST = /\.(ya?ml|json)$/;

/** What a folder of manifests holds. */
export interface FolderReading {
  /** False when the folder itself could not be read: nothing is known about what it holds. */
  readonly isThere: boolean;
  /** In the order of their paths, which are relative to the folder. */
  readonly files: readonly ManifestFile[];
  readonly problems: readonly ManifestProblem[];
}

/**
 * Reads a folder, with its direct subfolders, or a single file. Names that begin with a dot are left aside, as are
 * files that do not end in .yaml, .yml or .json. Never throws: what cannot be read is a problem.
 */
export async function readManifestFiles(path: string): Promise<FolderReading> {
  let names: readonly string[];
  try {
    if ((await stat(path)).isFile()) return await readAll(path, ['']);
    names = await namesIn(path);
  } catch (error) {
    const message = `The manifests ${path} cannot be read (${codeOf(error)}).`;
    return { isThere: false, files: [], problems: [{ file: '', message }] };
  }
  return readAll(path, names);
}

async function namesIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const visible = entries.map((entry) => entry.name).filter((name) => !name.startsWith('.'));
  const nested = await Promise.all(
    visible
      .filter((name) => !MANIFEST.test(name))
      .map(async (name) => {
        const inside = await namesInside(join(folder, name));
        return inside.map((other) => join(name, other));
      }),
  );
  return [...visible.filter((name) => MANIFEST.test(name)), ...nested.flat()].sort();
}

/** Follows links, as a mounted ConfigMap is made of them. A plain file answers nothing. */
async function namesInside(folder: string): Promise<readonly string[]> {
  try {
    if (!(await stat(folder)).isDirectory()) return [];
  } catch {
    // A link that leads nowhere holds no manifests.
    return [];
  }
  return (await readdir(folder)).filter((name) => MANIFEST.test(name) && !name.startsWith('.'));
}

async function readAll(root: string, names: readonly string[]): Promise<FolderReading> {
  const files: ManifestFile[] = [];
  const problems: ManifestProblem[] = [];
  for (const name of names.slice(0, MAX_FILES)) {
    const shown = name === '' ? basename(root) : name;
    try {
      files.push({ path: shown, text: await readText(join(root, name)) });
    } catch (error) {
      problems.push({ file: shown, message: error instanceof RangeError ? error.message : unreadable(error) });
    }
  }
  if (names.length > MAX_FILES) {
    const message = `There are ${names.length} files; the first ${MAX_FILES} are read. Put several documents in one file.`;
    problems.push(...names.slice(MAX_FILES).map((file) => ({ file, message })));
  }
  return { isThere: true, files, problems };
}

async function readText(path: string): Promise<string> {
  const entry = await stat(path);
  // Reading a pipe waits for a writer that may never come, and a device has no end.
  if (!entry.isFile()) throw new RangeError('is not a file');
  const { size } = entry;
  if (size > MAX_FILE_BYTES) throw new RangeError(`has ${size} bytes; at most ${MAX_FILE_BYTES} are read`);
  const bytes = await readFile(path);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new RangeError('is not text in UTF-8');
  }
}

function unreadable(error: unknown): string {
  return `cannot be read (${codeOf(error)})`;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
