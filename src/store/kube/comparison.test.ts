import { expect, it } from 'vitest';
import { createComparison } from './comparison.ts';
import { createObjectCache, type ObjectCache } from './object-cache.ts';
import type { RawObject } from './raw-object.ts';

const object = (uid: string, version: number, spec = 'same', name = uid): RawObject => ({
  spec,
  metadata: { name, namespace: 'default', uid, resourceVersion: String(version) },
});

interface Case {
  readonly name: string;
  readonly held: readonly RawObject[];
  readonly listed: readonly RawObject[];
  /** What the watch brings after the list. */
  readonly late?: (cache: ObjectCache) => void;
  readonly missed: number;
  readonly isReshaped?: boolean;
}

// The list has version 20 and was asked for when nothing newer than the objects held was known.
it.each<Case>([
  { name: 'nothing differs', held: [object('a', 10)], listed: [object('a', 10)], missed: 0 },
  { name: 'a change was missed', held: [object('a', 10)], listed: [object('a', 12)], missed: 1 },
  {
    name: 'a change is only late',
    held: [object('a', 10)],
    listed: [object('a', 12)],
    late: (cache) => cache.put(object('a', 12)),
    missed: 0,
  },
  {
    name: 'a change is late and there is one more after the list',
    held: [object('a', 10)],
    listed: [object('a', 12)],
    late: (cache) => cache.put(object('a', 25)),
    missed: 0,
  },
  { name: 'an object was missed', held: [], listed: [object('a', 12)], missed: 1 },
  {
    name: 'an object is only late',
    held: [],
    listed: [object('a', 12)],
    late: (cache) => cache.put(object('a', 12)),
    missed: 0,
  },
  {
    name: 'an object was deleted after the list',
    held: [object('a', 10)],
    listed: [object('a', 12)],
    late: (cache) => cache.remove(object('a', 25)),
    missed: 0,
  },
  { name: 'a deletion was missed', held: [object('a', 10)], listed: [], missed: 1 },
  {
    name: 'a deletion is only late',
    held: [object('a', 10)],
    listed: [],
    late: (cache) => cache.remove(object('a', 15)),
    missed: 0,
  },
  {
    name: 'an object was made after the list',
    held: [],
    listed: [],
    late: (cache) => cache.put(object('a', 25)),
    missed: 0,
  },
  {
    name: 'a new object under the name of an old one was missed',
    held: [object('a', 10)],
    listed: [object('b', 12, 'same', 'a')],
    missed: 2,
  },
  {
    name: 'the object was renewed after the list',
    held: [object('a', 10)],
    listed: [object('a', 10)],
    late: (cache) => cache.put(object('b', 25, 'same', 'a')),
    missed: 0,
  },
  { name: 'the list shows an older one than is known', held: [object('a', 15)], listed: [object('a', 12)], missed: 1 },
  {
    name: 'the same version has another content',
    held: [object('a', 10, 'one')],
    listed: [object('a', 10, 'other')],
    missed: 0,
    isReshaped: true,
  },
])('$name', ({ held, listed, late, missed, isReshaped = false }) => {
  const cache = createObjectCache();
  for (const one of held) cache.put(one);
  const comparison = createComparison(cache);
  comparison.page(listed, '20');
  late?.(cache);
  expect(comparison.differences()).toEqual({ missed, isReshaped });
});

it('takes a list older than what was heard before for a storage put back', () => {
  const cache = createObjectCache();
  cache.put(object('a', 10));
  cache.heardOf('21');
  const comparison = createComparison(cache);
  comparison.page([object('a', 10)], '20');
  expect(comparison.differences().missed).toBe(1);
});
