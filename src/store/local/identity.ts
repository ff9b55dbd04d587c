import { randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { isUuid } from '../../lib/uuid.ts';
import { StoreError } from '../store.ts';

/** Lies beside the manifests, so that a lost state file still finds its machines. */
const MARKER = '.aiops-installation';

const EXPLANATION = `# The identity of this aiops installation. Its machines carry it in their tags: keep this file with the manifests.\n`;

/** What is known about who we are. */
export interface IdentityClues {
  /** `--installation-id`. */
  readonly option?: string;
  /** In the folder of manifests. */
  readonly folder?: string;
  /** In the state file. */
  readonly state?: string;
  readonly manifestsDir: string;
  readonly statePath: string;
}

/**
 * Decides who we are: what the user says, else what folder and state agree on, else what one of them knows, else a new one.
 * @throws {StoreError} `Invalid` when folder and state contradict each other, or an id is no UUID
 */
export function resolveIdentity(clues: IdentityClues, create: () => string = randomUUID): string {
  const { option, folder, state, manifestsDir, statePath } = clues;
  if (option !== undefined) return checked(option, '--installation-id');
  const marker = join(manifestsDir, MARKER);
  if (folder !== undefined) checked(folder, marker);
  if (folder !== undefined && state !== undefined && folder !== state) {
    throw new StoreError(
      'Invalid',
      `${marker} says that the manifests belong to installation ${folder}, but the state file ${statePath} belongs to ` +
        `installation ${state}. Name the right folder with --manifests or the right state with --state. If they do ` +
        `belong together, start once with --installation-id and the one whose machines shall be kept.`,
    );
  }
  return folder ?? (state === undefined ? create() : checked(state, statePath));
}

function checked(id: string, where: string): string {
  if (isUuid(id)) return id;
  throw new StoreError(
    'Invalid',
    `The installation id in ${where} is "${id.slice(0, 80)}"; it must be a UUID in lower case.`,
  );
}

/** The id in a folder of manifests; `undefined` when there is none. @throws {Error} of the file system */
export function readMarker(manifestsDir: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(join(manifestsDir, MARKER), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      return undefined;
    throw error;
  }
  const lines = text.split('\n').map((line) => line.trim());
  return lines.find((line) => line !== '' && !line.startsWith('#')) ?? '';
}

/** Writes the id beside the manifests, whole or not at all. @throws {Error} of the file system */
export function writeMarker(manifestsDir: string, id: string): void {
  const path = join(manifestsDir, MARKER);
  const draft = `${path}.${process.pid}`;
  const file = openSync(draft, 'w', 0o644);
  try {
    writeSync(file, `${EXPLANATION}${id}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(draft, path);
}
