import type { SpotPool } from '../api/spotpool.ts';
import { SpotPoolKind } from '../api/spotpool.ts';
import type { LocalView } from '../store/local/local-view.ts';
import { usageError } from './cli-error.ts';
import { notFound, select } from './select.ts';
import { kindRefOf, type Target, targetOf } from './target.ts';

/**
 * The pool that a user names, as `my-pool` or `sp/my-pool`; its spec as the state keeps it, not parsed.
 * @throws {CliError} when there is none, or the word names another kind
 */
export function poolNamed(view: LocalView, word: string, namespace: string): SpotPool {
  const target = targetFor(word);
  const { found, missing } = select(view, target, namespace);
  const [pool] = found;
  if (!pool) throw notFound(target, missing);
  return pool as SpotPool;
}

function targetFor(word: string): Target {
  const target = word.includes('/')
    ? targetOf([word])
    : { definition: SpotPoolKind, kind: kindRefOf(SpotPoolKind), names: [word] };
  if (target.definition.kind === SpotPoolKind.kind) return target;
  throw usageError(`"${word}" is no pool; write its name, or sp/NAME`);
}
