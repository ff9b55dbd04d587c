import { isDeepStrictEqual } from 'node:util';
import type { ObjectKey } from '../../api/meta.ts';
import type { ObjectCache } from './object-cache.ts';
import type { RawObject } from './raw-object.ts';
import { isNewer, newest } from './versions.ts';

/** Holds a list against what a watch has brought, while the watch goes on. */
export interface Comparison {
  page(objects: readonly RawObject[], version: string): void;
  /**
   * What differs as of this moment, once all pages were there. Something may still be on its way to us: whoever asks again
   * later hears of what has not come until then.
   */
  differences(): Differences;
}

export interface Differences {
  /** Objects that the watch should have told of. */
  readonly missed: number;
  /** The same version with another content: the kind itself was changed, which no watch tells of. */
  readonly isReshaped: boolean;
}

/**
 * A comparison of a list asked for from now on. An object that has changed after the version of the list is no difference;
 * a list older than what was heard before it was asked for means that the server's storage was put back.
 */
export function createComparison(cache: ObjectCache): Comparison {
  const heardBefore = cache.newest;
  const seen = new Set<string>();
  // Only what differed when its page came: all other objects are not kept a second time.
  const suspects: RawObject[] = [];
  let listed = '';
  let isReshaped = false;

  /** Whether it has changed since, so that the list cannot tell anything of it. */
  const isUpToDate = ({ metadata }: RawObject): boolean =>
    isNewer(metadata.resourceVersion, newest(listed, heardBefore));
  const isMissed = (object: RawObject): boolean => {
    const held = cache.get(keyOf(object));
    if (!held) return !cache.isGone(object);
    return !isUpToDate(held) && !isSameVersion(held, object);
  };
  const isGoneUnseen = (held: RawObject): boolean => !seen.has(held.metadata.uid) && !isUpToDate(held);

  return {
    page(objects, version) {
      listed = version;
      for (const object of objects) {
        seen.add(object.metadata.uid);
        const held = cache.get(keyOf(object));
        if (held && isSameVersion(held, object)) isReshaped ||= !isDeepStrictEqual(held, object);
        else if (isMissed(object)) suspects.push(object);
      }
    },
    differences() {
      const missed = suspects.filter(isMissed).length + cache.list().filter(isGoneUnseen).length;
      return { missed: isNewer(heardBefore, listed) ? Math.max(1, missed) : missed, isReshaped };
    },
  };
}

function isSameVersion(a: RawObject, b: RawObject): boolean {
  return a.metadata.uid === b.metadata.uid && a.metadata.resourceVersion === b.metadata.resourceVersion;
}

function keyOf({ metadata }: RawObject): ObjectKey {
  return { namespace: metadata.namespace ?? '', name: metadata.name };
}
