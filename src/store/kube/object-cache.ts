import { isDeepStrictEqual } from 'node:util';
import { keyText, type ObjectKey } from '../../api/meta.ts';
import { byKey } from '../by-key.ts';
import type { RawObject } from './raw-object.ts';
import { isNewer, newest } from './versions.ts';

/**
 * How many deleted objects are remembered, so that late news of them does not bring them back. Late means seconds; the
 * number bounds memory (about 100 bytes each) when thousands are deleted at once.
 */
const REMEMBERED_DELETIONS = 4096;

export interface InformerChange {
  readonly type: 'added' | 'modified' | 'deleted';
  /** For `deleted`, the last state that is known. */
  readonly object: RawObject;
  /** The state before, for `modified`. */
  readonly old?: RawObject;
  /** True for what existed when listening, or the first list, began. */
  readonly isInitial: boolean;
  /** For `deleted`: nobody told of the deletion, so the object may have changed before it. */
  readonly finalStateUnknown?: boolean;
}

/** A list that is being taken over, page by page. */
export interface Replacement {
  /** Takes over some of the objects listed, in any order. */
  page(objects: readonly RawObject[], version: string): readonly InformerChange[];
  /** All were there: what was not among them is gone. */
  finish(): readonly InformerChange[];
}

/**
 * What is known of the objects of a kind. For each uid a newer version never gives way to an older one, and what was
 * deleted never comes back, in whatever order news arrive. Only a consistent list that began later than something was
 * learnt overrules it: there a step back means that the server's storage was put back.
 */
export interface ObjectCache {
  get(key: ObjectKey): RawObject | undefined;
  /** Ordered by namespace and name. */
  list(namespace?: string): readonly RawObject[];
  readonly size: number;
  /** The newest version heard of, by whatever way; '' for none. */
  readonly newest: string;
  /** News of one object: from a watch, or the answer to a write. */
  put(object: RawObject): readonly InformerChange[];
  /** News of a deletion, from a watch. */
  remove(object: RawObject): readonly InformerChange[];
  /** Takes away an object of which it is known otherwise that it does not exist any more. */
  bury(object: RawObject): readonly InformerChange[];
  /** Whether the object, as it was in this version, is known to be gone since. */
  isGone(object: RawObject): boolean;
  /** A bookmark: nothing has changed up to `version`. */
  heardOf(version: string): void;
  /** Begins to take over a list. `isStale`: it may be older than what is known. */
  replace(options: { readonly isStale: boolean; readonly isInitial: boolean }): Replacement;
}

interface Entry {
  readonly object: RawObject;
  /** The moment it was learnt, as a count of news. */
  readonly learnt: number;
}

/** `version`: gone in that one, and back when a newer one is told of (labels left the selector and match again). */
interface Grave {
  readonly version: string | undefined;
  readonly learnt: number;
}

export function createObjectCache(): ObjectCache {
  const entries = new Map<string, Entry>();
  const graves = new Map<string, Grave>();
  let learnt = 0;
  let highest = '';

  const keep = (object: RawObject): void => {
    highest = newest(highest, object.metadata.resourceVersion);
    entries.set(idOf(object), { object, learnt: ++learnt });
  };
  const dig = (uid: string, version?: string): void => {
    graves.delete(uid);
    graves.set(uid, { version, learnt: ++learnt });
    for (const oldest of graves.keys()) {
      if (graves.size <= REMEMBERED_DELETIONS) break;
      graves.delete(oldest);
    }
  };
  const isBuried = ({ metadata }: RawObject, since = Number.NEGATIVE_INFINITY): boolean => {
    const grave = graves.get(metadata.uid);
    if (!grave || grave.learnt <= since) return false;
    return grave.version === undefined || !isNewer(metadata.resourceVersion, grave.version);
  };
  const take = (object: RawObject, isFinal = false): InformerChange => {
    entries.delete(idOf(object));
    return { type: 'deleted', object, isInitial: false, ...(isFinal ? {} : { finalStateUnknown: true }) };
  };
  const heldOf = (object: RawObject): RawObject | undefined => {
    const held = entries.get(idOf(object))?.object;
    return held?.metadata.uid === object.metadata.uid ? held : undefined;
  };
  /** Puts `object` where `old` was: another uid means that the old one was deleted unseen. */
  const supersede = (old: RawObject | undefined, object: RawObject, isInitial = false): readonly InformerChange[] => {
    graves.delete(object.metadata.uid);
    if (old && old.metadata.uid === object.metadata.uid) {
      keep(object);
      return [{ type: 'modified', object, old, isInitial: false }];
    }
    const taken = old ? [take(old)] : [];
    if (old) dig(old.metadata.uid);
    keep(object);
    return [...taken, { type: 'added', object, isInitial }];
  };

  return {
    get: (key) => entries.get(keyText(key))?.object,
    list(namespace) {
      const all = [...entries.values()].map(({ object }) => object);
      return all.filter(({ metadata }) => (namespace ?? namespaceOf(metadata)) === namespaceOf(metadata)).sort(byKey);
    },
    get size() {
      return entries.size;
    },
    get newest() {
      return highest;
    },
    put(object) {
      if (isBuried(object)) return [];
      const { uid, resourceVersion } = object.metadata;
      const old = entries.get(idOf(object))?.object;
      if (!old || isNewer(resourceVersion, old.metadata.resourceVersion)) return supersede(old, object);
      // Two objects never share a name: the one that was there before the other is gone.
      if (old.metadata.uid !== uid) dig(uid);
      return [];
    },
    remove(object) {
      const { uid, resourceVersion } = object.metadata;
      highest = newest(highest, resourceVersion);
      const held = heldOf(object);
      // It has come back in the meantime: this is old news.
      if (isBuried(object) || (held && isNewer(held.metadata.resourceVersion, resourceVersion))) return [];
      dig(uid, resourceVersion);
      return held ? [take(object, true)] : [];
    },
    bury(object) {
      const held = heldOf(object);
      dig(object.metadata.uid);
      return held
        ? [take(isNewer(object.metadata.resourceVersion, held.metadata.resourceVersion) ? object : held, true)]
        : [];
    },
    isGone: (object) => isBuried(object),
    heardOf(version) {
      highest = newest(highest, version);
    },
    replace({ isStale, isInitial }) {
      const mark = isStale ? -1 : learnt;
      const before = highest;
      const seen = new Set<string>();
      let listed = '';

      const takeOver = (object: RawObject): readonly InformerChange[] => {
        seen.add(idOf(object));
        if (isBuried(object, mark)) return [];
        const old = entries.get(idOf(object));
        const isOlder = old && !isNewer(object.metadata.resourceVersion, old.object.metadata.resourceVersion);
        if (old && isOlder && old.learnt > mark) return [];
        return isDeepStrictEqual(old?.object, object) ? [] : supersede(old?.object, object, isInitial);
      };
      return {
        page(objects, version) {
          listed = version;
          return objects.flatMap(takeOver);
        },
        finish() {
          const missing = new Map(
            [...entries].filter(([id, entry]) => {
              const isLater = entry.learnt > mark && isNewer(entry.object.metadata.resourceVersion, listed);
              return !seen.has(id) && !isLater;
            }),
          );
          // Versions began anew below what was heard of: what the old storage counted is void.
          if (!isStale && isNewer(before, listed)) highest = '';
          for (const [id, { object }] of entries) {
            if (!missing.has(id)) highest = newest(highest, object.metadata.resourceVersion);
          }
          highest = newest(highest, listed);
          return [...missing.values()].map(({ object }) => {
            dig(object.metadata.uid, listed);
            return take(object);
          });
        },
      };
    },
  };
}

function namespaceOf(metadata: RawObject['metadata']): string {
  return metadata.namespace ?? '';
}

function idOf({ metadata }: RawObject): string {
  return keyText({ namespace: namespaceOf(metadata), name: metadata.name });
}
