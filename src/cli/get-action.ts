import type { KubeObject } from '../api/meta.ts';
import { type EpochMs, sleep } from '../lib/clock.ts';
import type { LocalView } from '../store/local/local-view.ts';
import { usageError } from './cli-error.ts';
import type { CliIo } from './io.ts';
import { documentText, notedTable, type OutputFormat, tableText } from './objects-text.ts';
import { notFound, nothingFound, select } from './select.ts';
import { nowOf, warnAboutState, withState } from './state.ts';
import { type Target, targetOf } from './target.ts';
import { createWatchPrinter } from './watch-printer.ts';

export interface GetOptions {
  readonly namespace: string;
  readonly allNamespaces?: boolean;
  readonly output?: OutputFormat;
  readonly watch?: boolean;
  readonly state: string;
}

/** Often enough to look immediate, and nearly free: SQLite says in microseconds whether anything has changed. */
const WATCH_INTERVAL_MS = 500;

/** @throws {CliError} when an object that was named is not there; {StoreError} when the state cannot be read */
export async function get(words: readonly string[], options: GetOptions, io: CliIo): Promise<void> {
  const target = targetOf(words);
  if (options.allNamespaces === true && target.names.length > 0) {
    throw usageError('an object cannot be named across all namespaces; use -n NAMESPACE instead of -A');
  }
  await withState(options.state, async (view) => {
    const { found, missing } = select(view, target, namespaceOf(options));
    if (options.watch !== true || missing.length > 0) {
      if (found.length > 0 || missing.length === 0) show(found, target, options, io, nowOf(view, io));
      await warnAboutState(view, options.state, io);
      if (missing.length > 0) throw notFound(target, missing);
      return;
    }
    await warnAboutState(view, options.state, io);
    await follow(view, target, options, io);
  });
}

function namespaceOf({ namespace, allNamespaces }: GetOptions): string | undefined {
  return allNamespaces === true ? undefined : namespace;
}

function show(objects: readonly KubeObject[], target: Target, options: GetOptions, io: CliIo, now: EpochMs): void {
  const { output = 'table' } = options;
  if (output !== 'table' && output !== 'wide') io.stdout(documentText(output, target, objects));
  else if (objects.length === 0) io.stderr(nothingFound(namespaceOf(options)));
  else io.stdout(tableText(notedTable(target, objects, { now, ...tableOptions(options) })));
}

function tableOptions({ output, allNamespaces }: GetOptions): { isWide: boolean; withNamespace: boolean } {
  return { isWide: output === 'wide', withNamespace: allNamespaces === true };
}

/** Prints what there is, and then whatever changes, until the signal: that is how it is meant to end. */
async function follow(view: LocalView, target: Target, options: GetOptions, io: CliIo): Promise<void> {
  const printer = createWatchPrinter(target, { ...tableOptions(options), output: options.output ?? 'table' });
  const { signal, clock } = io;
  let version: number | undefined;
  while (!signal.aborted) {
    const current = view.version();
    const text =
      current === version ? '' : printer.print(select(view, target, namespaceOf(options)).found, nowOf(view, io));
    if (text !== '') io.stdout(text);
    version = current;
    await sleep(clock, WATCH_INTERVAL_MS, signal).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }
}
