import { describe, expect, it } from 'vitest';
import { createObjectCache, type InformerChange, type ObjectCache } from './object-cache.ts';
import type { RawObject } from './raw-object.ts';

const key = { namespace: 'default', name: 'a' };
const object = (uid: string, version: number, members: object = {}, name = 'a'): RawObject => ({
  ...members,
  metadata: { name, namespace: 'default', uid, resourceVersion: String(version) },
});
/** `added u1@10`, with `?` when the final state is not known. */
const brief = (changes: readonly InformerChange[]): readonly string[] =>
  changes.map(({ type, object: { metadata }, finalStateUnknown }) => {
    return `${type} ${metadata.uid}@${metadata.resourceVersion}${finalStateUnknown ? '?' : ''}`;
  });
const listed = (cache: ObjectCache, version: number, objects: readonly RawObject[], isStale = false) => {
  const replacement = cache.replace({ isStale, isInitial: false });
  return [...replacement.page(objects, String(version)), ...replacement.finish()];
};

type News = (cache: ObjectCache) => readonly InformerChange[];
const put =
  (uid: string, version: number): News =>
  (cache) =>
    cache.put(object(uid, version));
const removed =
  (uid: string, version: number): News =>
  (cache) =>
    cache.remove(object(uid, version));
const buried =
  (uid: string, version: number): News =>
  (cache) =>
    cache.bury(object(uid, version));

describe('news of one object', () => {
  it.each<{ name: string; before: readonly News[]; news: News; told: readonly string[]; held: string | undefined }>([
    { name: 'unknown: added', before: [], news: put('u1', 10), told: ['added u1@10'], held: 'u1@10' },
    { name: 'newer: modified', before: [put('u1', 9)], news: put('u1', 10), told: ['modified u1@10'], held: 'u1@10' },
    { name: 'the same version: nothing', before: [put('u1', 10)], news: put('u1', 10), told: [], held: 'u1@10' },
    { name: 'older: nothing', before: [put('u1', 10)], news: put('u1', 9), told: [], held: 'u1@10' },
    {
      name: 'another uid under the same name: the old one was deleted',
      before: [put('u1', 10)],
      news: put('u2', 20),
      told: ['deleted u1@10?', 'added u2@20'],
      held: 'u2@20',
    },
    {
      name: 'an older object under the same name: nothing',
      before: [put('u2', 20)],
      news: put('u1', 10),
      told: [],
      held: 'u2@20',
    },
    {
      name: 'nor does that one come once the newer one is deleted',
      before: [put('u2', 20), put('u1', 10), removed('u2', 30)],
      news: put('u1', 10),
      told: [],
      held: undefined,
    },
    {
      name: 'its deletion, with the last state',
      before: [put('u1', 10)],
      news: removed('u1', 12),
      told: ['deleted u1@12'],
      held: undefined,
    },
    {
      name: 'the deletion of an unknown object: nothing',
      before: [],
      news: removed('u1', 12),
      told: [],
      held: undefined,
    },
    {
      name: 'the deletion of the one before: nothing',
      before: [put('u1', 10), put('u2', 20)],
      news: removed('u1', 15),
      told: [],
      held: 'u2@20',
    },
    {
      name: 'a deletion told twice: nothing',
      before: [put('u1', 10), removed('u1', 12)],
      news: removed('u1', 12),
      told: [],
      held: undefined,
    },
    {
      name: 'late news of a deleted object: nothing',
      before: [put('u1', 10), removed('u1', 12)],
      news: put('u1', 11),
      told: [],
      held: undefined,
    },
    {
      name: 'an object that left the selector and matches again',
      before: [put('u1', 10), removed('u1', 12)],
      news: put('u1', 14),
      told: ['added u1@14'],
      held: 'u1@14',
    },
    {
      name: 'old news of such a departure: nothing',
      before: [put('u1', 10), removed('u1', 12), put('u1', 14)],
      news: removed('u1', 12),
      told: [],
      held: 'u1@14',
    },
    {
      name: 'our own deletion',
      before: [put('u1', 10)],
      news: buried('u1', 9),
      told: ['deleted u1@10'],
      held: undefined,
    },
    {
      name: 'the last update before our own deletion, which comes late: nothing',
      before: [put('u1', 10), buried('u1', 10)],
      news: put('u1', 11),
      told: [],
      held: undefined,
    },
    {
      name: 'an object that we deleted before we heard of it: nothing',
      before: [buried('u1', 10)],
      news: put('u1', 10),
      told: [],
      held: undefined,
    },
  ])('$name', ({ before, news, told, held }) => {
    const cache = createObjectCache();
    for (const earlier of before) earlier(cache);
    expect(brief(news(cache))).toEqual(told);
    const metadata = cache.get(key)?.metadata;
    expect(metadata && `${metadata.uid}@${metadata.resourceVersion}`).toBe(held);
  });

  it('remembers deletions, but not without end', () => {
    const cache = createObjectCache();
    for (let nth = 0; nth < 5000; nth++) cache.remove(object(`u${nth}`, 10));
    expect(cache.isGone(object('u4999', 10))).toBe(true);
    expect(cache.isGone(object('u0', 10))).toBe(false);
  });
});

describe('a list', () => {
  it('is taken over as a difference', () => {
    const cache = createObjectCache();
    cache.put(object('u1', 10, {}, 'kept'));
    cache.put(object('u2', 11, {}, 'changed'));
    cache.put(object('u3', 12, {}, 'missing'));
    cache.put(object('u4', 13, {}, 'renewed'));
    const told = listed(cache, 30, [
      object('u1', 10, {}, 'kept'),
      object('u2', 21, {}, 'changed'),
      object('u5', 22, {}, 'renewed'),
      object('u6', 23, {}, 'new'),
    ]);
    expect(brief(told)).toEqual(['modified u2@21', 'deleted u4@13?', 'added u5@22', 'added u6@23', 'deleted u3@12?']);
    expect(cache.list().map(({ metadata }) => metadata.name)).toEqual(['changed', 'kept', 'new', 'renewed']);
    expect(cache.newest).toBe('30');
  });

  it('keeps what was written while it was under way', () => {
    const cache = createObjectCache();
    cache.put(object('u1', 10));
    const replacement = cache.replace({ isStale: false, isInitial: false });
    cache.put(object('u1', 21));
    cache.put(object('u2', 22, {}, 'b'));
    const told = [...replacement.page([object('u1', 10)], '20'), ...replacement.finish()];
    expect(brief(told)).toEqual([]);
    expect(cache.list().map(({ metadata }) => metadata.resourceVersion)).toEqual(['21', '22']);
  });

  it('does not keep what was written before its version and is not in it', () => {
    const cache = createObjectCache();
    const replacement = cache.replace({ isStale: false, isInitial: false });
    cache.put(object('u1', 15));
    replacement.page([], '20');
    expect(brief(replacement.finish())).toEqual(['deleted u1@15?']);
  });

  it('does not bring back what was deleted while it was under way', () => {
    const cache = createObjectCache();
    cache.put(object('u1', 10));
    const replacement = cache.replace({ isStale: false, isInitial: false });
    cache.bury(object('u1', 10));
    expect(brief([...replacement.page([object('u1', 10)], '20'), ...replacement.finish()])).toEqual([]);
    expect(cache.size).toBe(0);
  });

  it('from a stale cache gives way to all that is known', () => {
    const cache = createObjectCache();
    cache.put(object('u1', 30));
    cache.bury(object('u2', 12));
    cache.put(object('u3', 31, {}, 'c'));
    expect(brief(listed(cache, 20, [object('u1', 10), object('u2', 12, {}, 'b')], true))).toEqual([]);
    expect(cache.list().map(({ metadata }) => metadata.uid)).toEqual(['u1', 'u3']);
    expect(cache.newest).toBe('31');
  });

  it('that is consistent shows that the storage was put back, and is believed', () => {
    const cache = createObjectCache();
    cache.put(object('u1', 900, { spec: 'new' }));
    cache.put(object('u2', 901, {}, 'b'));
    cache.put(object('u3', 902, {}, 'c'));
    cache.remove(object('u3', 903, {}, 'c'));
    const told = listed(cache, 500, [object('u1', 450, { spec: 'old' }), object('u3', 440, {}, 'c')]);
    expect(brief(told)).toEqual(['modified u1@450', 'added u3@440', 'deleted u2@901?']);
    expect(cache.newest).toBe('500');
    expect(brief(cache.put(object('u1', 501)))).toEqual(['modified u1@501']);
  });

  it('that shows the same version with another content is believed, too', () => {
    const cache = createObjectCache();
    cache.put(object('u1', 10, { spec: 'one' }));
    expect(brief(listed(cache, 20, [object('u1', 10, { spec: 'other' })]))).toEqual(['modified u1@10']);
  });
});

it('lists one namespace or all, by namespace and name', () => {
  const cache = createObjectCache();
  const at = (namespace: string, name: string): RawObject => ({
    metadata: { namespace, name, uid: `${namespace}/${name}`, resourceVersion: '1' },
  });
  for (const one of [at('b', 'x'), at('a', 'z'), at('a', 'y')]) cache.put(one);
  expect(cache.list().map(({ metadata }) => metadata.uid)).toEqual(['a/y', 'a/z', 'b/x']);
  expect(cache.list('a').map(({ metadata }) => metadata.uid)).toEqual(['a/y', 'a/z']);
});
