import type { KindDefinition } from '../api/kind.ts';
import { keyText, type ObjectKey } from '../api/meta.ts';
import { sleep } from '../lib/clock.ts';
import { formatDuration } from '../lib/duration.ts';
import { callControl } from '../store/local/control-client.ts';
import type { LocalView } from '../store/local/local-view.ts';
import { problemText } from '../store/local/problem.ts';
import { StoreError } from '../store/store.ts';
import { CliError, usageError } from './cli-error.ts';
import { type CliIo, complaint } from './io.ts';
import { readNamedManifests } from './manifest-files.ts';
import { isOperatorRunning, withState } from './state.ts';
import { kindRefOf, resourceOf, targetOf } from './target.ts';
import { counted } from './text.ts';

export interface DeleteOptions {
  readonly namespace: string;
  readonly filename?: readonly string[];
  readonly wait: boolean;
  /** Milliseconds; 0: for ever. */
  readonly timeout: number;
  readonly ignoreNotFound?: boolean;
  readonly state: string;
}

interface Doomed {
  readonly definition: KindDefinition;
  readonly key: ObjectKey;
}

const WAIT_INTERVAL_MS = 500;

/**
 * Deletes what is named, or what manifests describe, and waits until it is gone.
 * @throws {StoreError} what the operator answers, or that none is running
 * @throws {CliError} when a manifest is faulty, an object is not there, or waiting took too long
 */
export async function deleteObjects(words: readonly string[], options: DeleteOptions, io: CliIo): Promise<void> {
  const all = await doomedOf(words, options, io);
  const accepted: Doomed[] = [];
  const missing: string[] = [];
  for (const one of all) {
    const label = `${resourceOf(one.definition)} "${one.key.name}"`;
    if (await requestDeletion(one, options, io)) {
      accepted.push(one);
      io.stdout(`${label} deleted\n`);
    } else if (options.ignoreNotFound !== true) missing.push(`${label} not found in namespace ${one.key.namespace}`);
  }
  if (options.wait) await withState(options.state, (view) => waitUntilGone(view, accepted, options, io));
  if (missing.length > 0) throw new CliError(missing.join('; '));
}

async function doomedOf(words: readonly string[], options: DeleteOptions, io: CliIo): Promise<readonly Doomed[]> {
  const { filename, namespace } = options;
  if (filename === undefined) {
    if (words.length === 0) throw usageError('name what to delete, for instance: aiops delete sp my-pool');
    const { definition, names } = targetOf(words);
    if (names.length === 0) throw usageError(`name the ${definition.plural} to delete; all at once is not possible`);
    return names.map((name) => ({ definition, key: { namespace, name } }));
  }
  if (words.length > 0) throw usageError('give either -f or names, not both');
  const { documents, problems } = await readNamedManifests(filename, io);
  for (const problem of problems) io.stderr(complaint(io, 'error', problemText(problem)));
  if (problems.length > 0) throw new CliError(`${counted(problems.length, 'problem')}; nothing was deleted`);
  const doomed = documents.flatMap(({ definition, metadata }) => (definition ? [{ definition, key: metadata }] : []));
  if (doomed.length === 0) throw new CliError('these manifests describe nothing that can be deleted');
  return doomed;
}

/** @returns false when there is no such object */
async function requestDeletion({ definition, key }: Doomed, { state }: DeleteOptions, io: CliIo): Promise<boolean> {
  const { namespace, name } = key;
  try {
    await callControl(
      { statePath: state, clock: io.clock },
      { op: 'delete', ...kindRefOf(definition), namespace, name },
    );
    return true;
  } catch (error) {
    if (error instanceof StoreError && error.reason === 'NotFound') return false;
    throw error;
  }
}

async function waitUntilGone(
  view: LocalView,
  all: readonly Doomed[],
  options: DeleteOptions,
  io: CliIo,
): Promise<void> {
  const { clock, signal } = io;
  const end = options.timeout === 0 ? Number.POSITIVE_INFINITY : clock.monotonic() + options.timeout;
  const left = (): readonly Doomed[] =>
    // One that is not being deleted has been made anew since.
    all.filter(({ definition, key }) => view.get(kindRefOf(definition), key)?.metadata.deletionTimestamp !== undefined);
  let waiting = left();
  if (waiting.length > 0 && io.isTerminal) io.stderr(`waiting for ${namesOf(waiting)}; Ctrl-C stops the waiting\n`);
  while (waiting.length > 0) {
    // Asked twice: a busy one may be late with one answer.
    const isRunning = (await isOperatorRunning(options.state, io)) || (await isOperatorRunning(options.state, io));
    if (!isRunning) {
      throw new CliError(`the operator has stopped; it goes on deleting ${namesOf(waiting)} when it runs again`);
    }
    const leftMs = end - clock.monotonic();
    if (leftMs <= 0) {
      throw new CliError(
        `${namesOf(waiting)} still there after ${formatDuration(options.timeout)}; the deletion goes on`,
      );
    }
    await sleep(clock, Math.min(WAIT_INTERVAL_MS, leftMs), signal);
    waiting = left();
  }
}

function namesOf(all: readonly Doomed[]): string {
  return all.map(({ key }) => keyText(key)).join(', ');
}
