import type { KindDefinition } from './kind.ts';
import { LogPilotKind } from './logpilot.ts';
import { SpotPoolKind } from './spotpool.ts';

/** Every kind of ours. */
export const kinds: readonly KindDefinition[] = [SpotPoolKind, LogPilotKind];

/** `demo.aiops.org/v1`. */
export function apiVersionOf(kind: KindDefinition): string {
  return `${kind.group}/${kind.version}`;
}

/**
 * The kind that a user names, as with kubectl: by kind, plural, singular or short name, in any case, and with the group
 * behind it (`spotpools.demo.aiops.org`). `undefined` when there is no such kind.
 */
export function kindFor(word: string): KindDefinition | undefined {
  const wanted = word.toLowerCase();
  return kinds.find(({ group, version, kind, plural, singular, shortNames }) =>
    [kind.toLowerCase(), plural, singular, ...shortNames].some(
      (name) => wanted === name || wanted === `${name}.${group}` || wanted === `${name}.${version}.${group}`,
    ),
  );
}
