import type { KubeObject } from '../api/meta.ts';
import type { LocalView } from '../store/local/local-view.ts';
import { CliError } from './cli-error.ts';
import type { Target } from './target.ts';

/** Objects that a command is about, and the names of those that are not there. */
export interface Selection {
  readonly found: readonly KubeObject[];
  readonly missing: readonly string[];
}

/** The objects of a target, in the order of its names, or all of them. `undefined` as namespace: in every one. */
export function select(view: LocalView, { kind, names }: Target, namespace: string | undefined): Selection {
  const all = view.list(kind, namespace);
  if (names.length === 0) return { found: all, missing: [] };
  const byName = new Map(all.map((object) => [object.metadata.name, object]));
  const wanted = [...new Set(names)];
  return {
    found: wanted.flatMap((name) => byName.get(name) ?? []),
    missing: wanted.filter((name) => !byName.has(name)),
  };
}

/** What to fail with when some were not there, as kubectl words it. */
export function notFound({ definition }: Target, names: readonly string[]): CliError {
  const resource = `${definition.plural}.${definition.group}`;
  return new CliError(names.map((name) => `${resource} "${name}" not found`).join('; '));
}

/** What is said instead of an empty table. */
export function nothingFound(namespace: string | undefined): string {
  return namespace === undefined ? 'No resources found.\n' : `No resources found in ${namespace} namespace.\n`;
}
