import type { KindDefinition } from '../api/kind.ts';
import { apiVersionOf, kindFor, kinds } from '../api/kinds.ts';
import type { KindRef } from '../store/store.ts';
import { usageError } from './cli-error.ts';

/** What a command is about: a kind, and the names of objects of it; none means all of them. */
export interface Target {
  readonly definition: KindDefinition;
  readonly kind: KindRef;
  readonly names: readonly string[];
}

/**
 * Reads `sp`, `sp NAME…` or `sp/NAME…`, as kubectl does.
 * @throws {CliError} when there is no such kind, or the forms are mixed
 */
export function targetOf(words: readonly string[]): Target {
  const [first = '', ...rest] = words;
  if (!words.some((word) => word.includes('/'))) return target(kindNamed(first), rest);
  const pairs = words.map((word) => {
    const [kind = '', name = '', ...more] = word.split('/');
    if (kind === '' || name === '' || more.length > 0) {
      throw usageError(`"${words.join(' ')}": write KIND NAME or KIND/NAME, for instance sp my-pool or sp/my-pool`);
    }
    return { definition: kindNamed(kind), name };
  });
  const { definition } = pairs[0] ?? { definition: kindNamed('') };
  if (pairs.some((pair) => pair.definition !== definition)) {
    throw usageError(`"${words.join(' ')}" names several kinds; one command is about one kind`);
  }
  return target(
    definition,
    pairs.map(({ name }) => name),
  );
}

function target(definition: KindDefinition, names: readonly string[]): Target {
  return { definition, kind: kindRefOf(definition), names };
}

export function kindRefOf(definition: KindDefinition): KindRef {
  return { apiVersion: apiVersionOf(definition), kind: definition.kind };
}

/** The kind that a user names, in any of its spellings. @throws {CliError} naming those that there are */
export function kindNamed(word: string): KindDefinition {
  const found = kindFor(word);
  if (found) return found;
  const known = kinds.map(({ plural, singular, shortNames }) => [plural, singular, ...shortNames].join(', '));
  throw usageError(`there is no kind "${word}"; there is: ${known.join('; ')}`);
}

/** `spotpool.demo.aiops.org`, as kubectl names an object before `/NAME`. */
export function resourceOf({ singular, group }: KindDefinition): string {
  return `${singular}.${group}`;
}
