import { expect, it } from 'vitest';
import type { KubeObject, ObjectMeta } from '../api/meta.ts';
import type { WatchEvent } from '../store/store.ts';
import { type Predicate, predicates } from './predicates.ts';

const { generationChanged, resourceVersionChanged, labelsChanged, annotationChanged, anyOf, allOf, not } = predicates;

const object = (meta: Partial<ObjectMeta> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Thing',
  metadata: {
    name: 'a',
    namespace: 'default',
    uid: 'u',
    generation: 1,
    resourceVersion: '1',
    creationTimestamp: '2026-11-01T00:00:00Z',
    finalizers: [],
    labels: {},
    annotations: {},
    ...meta,
  },
  spec: {},
});
const event = (type: WatchEvent['type'], isInitial = false): WatchEvent => ({ type, object: object(), isInitial });
const update = (old: Partial<ObjectMeta>, now: Partial<ObjectMeta>): WatchEvent => ({
  type: 'modified',
  old: object(old),
  object: object(now),
  isInitial: false,
});

const all: [string, Predicate][] = [
  ['generationChanged', generationChanged],
  ['resourceVersionChanged', resourceVersionChanged],
  ['labelsChanged', labelsChanged],
  ['annotationChanged', annotationChanged('t')],
];

it.each(all)('%s lets everything but updates pass, and updates whose old state is unknown', (_, predicate) => {
  const passing = [event('added', true), event('added'), event('deleted'), event('modified')];
  expect(passing.map(predicate)).toEqual([true, true, true, true]);
  expect(predicate(update({}, {}))).toBe(false);
});

it.each<[string, Predicate, Partial<ObjectMeta>, Partial<ObjectMeta>, boolean]>([
  ['a new spec', generationChanged, {}, { generation: 2 }, true],
  ['a status write', generationChanged, {}, { resourceVersion: '2' }, false],
  ['deletion, which raises the generation', generationChanged, {}, { generation: 2, deletionTimestamp: 'x' }, true],
  ['any write', resourceVersionChanged, {}, { resourceVersion: '2' }, true],
  ['a label more', labelsChanged, {}, { labels: { a: '1' } }, true],
  ['a label less', labelsChanged, { labels: { a: '1' } }, {}, true],
  ['another label', labelsChanged, { labels: { a: '1' } }, { labels: { b: '1' } }, true],
  ['another value', labelsChanged, { labels: { a: '1' } }, { labels: { a: '2' } }, true],
  [
    'the same labels in another order',
    labelsChanged,
    { labels: { a: '1', b: '2' } },
    { labels: { b: '2', a: '1' } },
    false,
  ],
  ['its annotation', annotationChanged('t'), {}, { annotations: { t: '1' } }, true],
  ['its annotation away', annotationChanged('t'), { annotations: { t: '1' } }, {}, true],
  ['another annotation', annotationChanged('t'), {}, { annotations: { u: '1' } }, false],
  ['an annotation named like a method', annotationChanged('toString'), {}, {}, false],
])('on an update: %s', (_name, predicate, old, now, passes) => {
  expect(predicate(update(old, now))).toBe(passes);
});

it('combines', () => {
  const yes: Predicate = () => true;
  const no: Predicate = () => false;
  const same = update({}, {});
  expect([anyOf(no, yes), anyOf(no, no), anyOf()].map((predicate) => predicate(same))).toEqual([true, false, false]);
  expect([allOf(no, yes), allOf(yes, yes), allOf()].map((predicate) => predicate(same))).toEqual([false, true, true]);
  expect([not(no), not(yes)].map((predicate) => predicate(same))).toEqual([true, false]);
});
