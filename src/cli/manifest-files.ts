import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { kinds } from '../api/kinds.ts';
import { parseSpec } from '../api/parse.ts';
import { readManifestFiles } from '../store/local/folder.ts';
import { type ManifestFile, type Manifests, readManifests } from '../store/local/manifests.ts';
import type { ManifestProblem } from '../store/local/problem.ts';
import type { CliIo } from './io.ts';

/** What messages call standard input. */
const STDIN = 'stdin';

/**
 * Reads what `-f` names: files, folders with their direct subfolders, and `-` for standard input, all of them together.
 * Messages name each file as the user did. What cannot be read is a problem; nothing is thrown.
 */
export async function readNamedManifests(paths: readonly string[], io: CliIo): Promise<Manifests> {
  const readings = await Promise.all([...new Set(paths)].map((path) => readOne(path, io)));
  const read = readManifests(
    readings.flatMap(({ files }) => files),
    { kinds, parse: parseSpec },
  );
  return { ...read, problems: [...readings.flatMap(({ problems }) => problems), ...read.problems] };
}

interface Reading {
  readonly files: readonly ManifestFile[];
  readonly problems: readonly ManifestProblem[];
}

async function readOne(path: string, io: CliIo): Promise<Reading> {
  if (path === '-') return { files: [{ path: STDIN, text: await io.readStdin() }], problems: [] };
  const entry = await stat(path).catch(() => undefined);
  // What a shell makes of `-f <(helm template my-chart)`; a folder of the operator never holds one.
  if (entry?.isFIFO()) return { files: [{ path, text: await readFile(path, 'utf8') }], problems: [] };
  const { files, problems } = await readManifestFiles(path);
  const isFolder = entry?.isDirectory() ?? false;
  const named = (file: string): string => (isFolder && file !== '' ? join(path, file) : path);
  if (isFolder && files.length === 0 && problems.length === 0) {
    return { files, problems: [{ file: path, message: 'holds no manifest: no file ends in .yaml, .yml or .json' }] };
  }
  return {
    files: files.map((file) => ({ ...file, path: named(file.path) })),
    problems: problems.map((problem) => (problem.file === '' ? problem : { ...problem, file: named(problem.file) })),
  };
}
