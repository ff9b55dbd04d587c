import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KubeObject, ObjectKey } from '../api/meta.ts';
import type { KindRef, Store, WatchEvent } from './store.ts';

/** What a person does to objects, whatever the store is made of. */
export interface StoreHands {
  readonly store: Store;
  /** A kind that the store was opened with; its spec is `{ size: number }`. */
  readonly kind: KindRef;
  /** Creates the object, or changes the one that is there. */
  apply(key: ObjectKey, spec: { size: number }, labels?: Readonly<Record<string, string>>): Promise<void>;
  /** Asks for deletion, as `kubectl delete --wait=false` does. */
  remove(key: ObjectKey): Promise<void>;
  /** Lets time pass. */
  wait(ms: number): Promise<void>;
  close(): Promise<void>;
}

type Thing = KubeObject<{ size: number }, { seen?: number; note?: string | undefined; list?: number[] }>;

const a: ObjectKey = { namespace: 'default', name: 'a' };
const FINALIZER = 'demo.aiops.org/cleanup';
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** What every store promises; the sentences are the contract. */
export function describeStore(name: string, open: () => Promise<StoreHands>): void {
  describe(`${name} keeps the Store contract`, () => {
    let hands: StoreHands;
    let store: Store;
    let stop: AbortController;
    beforeEach(async () => {
      hands = await open();
      store = hands.store;
      stop = new AbortController();
    });
    afterEach(async () => {
      stop.abort();
      await hands.close();
    });
    const get = async (key = a): Promise<Thing> => {
      const object = await store.get<Thing>(hands.kind, key);
      if (!object) throw new Error(`${key.name} is not there`);
      return object;
    };
    const find = (key = a): Promise<Thing | undefined> => store.get<Thing>(hands.kind, key);
    const watch = async (): Promise<WatchEvent<Thing>[]> => {
      const seen: WatchEvent<Thing>[] = [];
      await store.watch<Thing>(hands.kind, (event) => seen.push(event), stop.signal);
      return seen;
    };

    describe('objects', () => {
      it('has an installation id that is a UUID', () => expect(store.installationId).toMatch(UUID));

      it('answers undefined for what does not exist, and an empty list', async () => {
        expect(await find()).toBeUndefined();
        expect(await store.list(hands.kind)).toEqual([]);
      });

      it('gives a new object uid, generation 1, a version and a time in whole seconds', async () => {
        await hands.apply(a, { size: 1 }, { app: 'x' });
        const { metadata, spec, status } = await get();
        expect(metadata).toMatchObject({ ...a, generation: 1, finalizers: [], labels: { app: 'x' } });
        expect(metadata.uid).toMatch(UUID);
        expect(metadata.resourceVersion).not.toBe('');
        expect(metadata.creationTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
        expect(spec).toEqual({ size: 1 });
        expect(status).toBeUndefined();
      });

      it('lists by namespace and name, in all namespaces or in one', async () => {
        for (const key of ['b/a', 'a/b', 'a-b/c', 'a/a-1', 'a/a', 'b/Z'.toLowerCase()]) {
          const [namespace = '', name = ''] = key.split('/');
          await hands.apply({ namespace, name }, { size: 1 });
        }
        const keys = async (namespace?: string): Promise<string[]> =>
          (await store.list(hands.kind, namespace)).map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
        expect(await keys()).toEqual(['a/a', 'a/a-1', 'a/b', 'a-b/c', 'b/a', 'b/z']);
        expect(await keys('a')).toEqual(['a/a', 'a/a-1', 'a/b']);
        expect(await keys('c')).toEqual([]);
      });

      it('keeps the kinds apart', async () => {
        await hands.apply(a, { size: 1 });
        expect(await store.list({ apiVersion: 'v1', kind: 'Secret' })).toEqual([]);
        expect(await store.get({ apiVersion: 'other.aiops.org/v1', kind: hands.kind.kind }, a)).toBeUndefined();
      });

      it('raises the generation with the spec, and not with labels, status or finalizers', async () => {
        await hands.apply(a, { size: 1 });
        await hands.apply(a, { size: 1 }, { app: 'y' });
        expect((await get()).metadata).toMatchObject({ generation: 1, labels: { app: 'y' } });
        await store.writeStatus(await get(), { seen: 1 });
        await store.addFinalizer(await get(), FINALIZER);
        expect((await get()).metadata.generation).toBe(1);
        await hands.apply(a, { size: 2 }, { app: 'y' });
        const changed = await get();
        expect(changed.metadata).toMatchObject({ generation: 2, finalizers: [FINALIZER] });
        expect(changed).toMatchObject({ spec: { size: 2 }, status: { seen: 1 } });
      });

      it('changes nothing when the same is applied again', async () => {
        await hands.apply(a, { size: 1 });
        const before = await get();
        await hands.apply(a, { size: 1 });
        expect((await get()).metadata.resourceVersion).toBe(before.metadata.resourceVersion);
      });

      it('hands out objects that nobody can change', async () => {
        await hands.apply(a, { size: 1 }, { app: 'x' });
        const status = { list: [1] };
        const object = await store.writeStatus(await get(), status);
        status.list.push(2);
        expect(() => Object.assign(object.spec, { size: 9 })).toThrow(TypeError);
        expect(() => Object.assign(object.metadata.labels, { app: 'z' })).toThrow(TypeError);
        expect(() => object.status?.list?.push(2)).toThrow(TypeError);
        expect((await get()).status).toEqual({ list: [1] });
      });
    });

    describe('status', () => {
      beforeEach(() => hands.apply(a, { size: 1 }));

      it('is replaced, with a new version', async () => {
        const before = await get();
        await store.writeStatus(before, { seen: 1, note: 'x' });
        const second = await store.writeStatus(await get(), { seen: 2 });
        expect(second).toEqual(await get());
        expect(second.status).toEqual({ seen: 2 });
        expect(second.metadata.resourceVersion).not.toBe(before.metadata.resourceVersion);
      });

      it('is not written when it is deeply equal', async () => {
        const written = await store.writeStatus(await get(), { seen: 1, list: [1] });
        const seen = await watch();
        expect(await store.writeStatus(written, { list: [1], seen: 1, note: undefined })).toBe(written);
        expect(seen).toHaveLength(1);
      });

      it('is refused with Conflict when somebody wrote in between', async () => {
        const stale = await get();
        await store.writeStatus(stale, { seen: 1 });
        await expect(store.writeStatus(stale, { seen: 2 })).rejects.toMatchObject({ reason: 'Conflict' });
        await hands.apply(a, { size: 2 });
        const afterStatus = { ...stale, metadata: { ...stale.metadata } };
        await expect(store.addFinalizer(afterStatus, FINALIZER)).rejects.toMatchObject({ reason: 'Conflict' });
        expect((await get()).status).toEqual({ seen: 1 });
      });

      it('lets one of two writers win', async () => {
        const object = await get();
        const results = await Promise.allSettled([1, 2].map((seen) => store.writeStatus(object, { seen })));
        expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      });

      it('is confirmed while the object is exactly as it was read, and no longer', async () => {
        const first = await get();
        await store.confirm(first);
        const second = await store.writeStatus(first, { seen: 1 });
        await expect(store.confirm(first)).rejects.toMatchObject({ reason: 'Conflict' });
        await store.confirm(second);
        await hands.remove(a);
        await expect(store.confirm(second)).rejects.toMatchObject({ reason: 'NotFound' });
      });

      it('is refused with NotFound when the object is gone', async () => {
        const object = await get();
        await hands.remove(a);
        await expect(store.writeStatus(object, { seen: 1 })).rejects.toMatchObject({ reason: 'NotFound' });
        await expect(store.addFinalizer(object, FINALIZER)).rejects.toMatchObject({ reason: 'NotFound' });
      });
    });

    describe('deletion', () => {
      beforeEach(() => hands.apply(a, { size: 1 }));

      it('is immediate without finalizers', async () => {
        await hands.remove(a);
        expect(await find()).toBeUndefined();
      });

      it('waits for the finalizers, and raises the generation once', async () => {
        await store.addFinalizer(await get(), FINALIZER);
        await store.addFinalizer(await get(), 'demo.aiops.org/other');
        await hands.remove(a);
        const dying = await get();
        expect(dying.metadata).toMatchObject({ generation: 2, finalizers: [FINALIZER, 'demo.aiops.org/other'] });
        expect(dying.metadata.deletionTimestamp).toMatch(/^\d{4}-.*Z$/);
        await hands.remove(a);
        expect(await get()).toBe(dying);
        await store.writeStatus(dying, { seen: 1 });
        await store.removeFinalizer(await get(), FINALIZER);
        expect((await get()).metadata.finalizers).toEqual(['demo.aiops.org/other']);
        await store.removeFinalizer(await get(), 'demo.aiops.org/other');
        expect(await find()).toBeUndefined();
      });

      it('adds a finalizer once, and none to an object that is being deleted', async () => {
        const first = await store.addFinalizer(await get(), FINALIZER);
        expect(await store.addFinalizer(first, FINALIZER)).toBe(first);
        await hands.remove(a);
        const dying = await get();
        expect(await store.addFinalizer(dying, FINALIZER)).toBe(dying);
        await expect(store.addFinalizer(dying, 'demo.aiops.org/other')).rejects.toMatchObject({ reason: 'Invalid' });
      });

      it('removes a finalizer of an object that lives on, and shrugs at one that is not there', async () => {
        await store.addFinalizer(await get(), FINALIZER);
        await store.removeFinalizer(await get(), FINALIZER);
        const left = await get();
        expect(left.metadata.finalizers).toEqual([]);
        await store.removeFinalizer(left, FINALIZER);
        expect(await get()).toBe(left);
      });

      it('takes a removed finalizer of a stale object for a Conflict, and of a gone one for done', async () => {
        const stale = await store.addFinalizer(await get(), FINALIZER);
        await store.writeStatus(stale, { seen: 1 });
        await expect(store.removeFinalizer(stale, FINALIZER)).rejects.toMatchObject({ reason: 'Conflict' });
        await hands.remove(a);
        const dying = await get();
        await store.removeFinalizer(dying, FINALIZER);
        await store.removeFinalizer(dying, FINALIZER);
        expect(await find()).toBeUndefined();
      });

      it('begins anew when the object is created again', async () => {
        await store.addFinalizer(await get(), FINALIZER);
        await store.writeStatus(await get(), { seen: 1 });
        const first = await get();
        store.recordEvent(first, { type: 'Normal', reason: 'Made', note: 'x' });
        await store.state(first, 'k').write(Buffer.from('x'), undefined);
        await hands.remove(a);
        await store.removeFinalizer(await get(), FINALIZER);
        await hands.apply(a, { size: 2 });
        const second = await get();
        expect(second.status).toBeUndefined();
        expect(second.metadata).toMatchObject({ generation: 1, finalizers: [] });
        expect(second.metadata.resourceVersion).not.toBe(first.metadata.resourceVersion);
        expect(await store.events(second)).toEqual([]);
        expect(await store.state(second, 'k').read()).toBeUndefined();
        await expect(store.writeStatus(first, { seen: 2 })).rejects.toMatchObject({ name: 'StoreError' });
      });
    });

    describe('watch', () => {
      it('tells of what exists and then of every change, in order', async () => {
        await hands.apply({ ...a, name: 'b' }, { size: 1 });
        await hands.apply(a, { size: 1 });
        const seen = await watch();
        expect(seen.map(({ type, isInitial, object }) => [type, isInitial, object.metadata.name])).toEqual([
          ['added', true, 'a'],
          ['added', true, 'b'],
        ]);
        await hands.apply({ ...a, name: 'c' }, { size: 1 });
        await hands.apply(a, { size: 2 });
        await store.writeStatus(await get(), { seen: 1 });
        await hands.remove(a);
        expect(seen.slice(2).map(({ type, isInitial, object }) => [type, isInitial, object.metadata.name])).toEqual([
          ['added', false, 'c'],
          ['modified', false, 'a'],
          ['modified', false, 'a'],
          ['deleted', false, 'a'],
        ]);
        expect(seen[3]).toMatchObject({ old: { spec: { size: 1 } }, object: { spec: { size: 2 } } });
        const { spec, status } = seen[4]?.object ?? {};
        expect(seen[5]?.object).toMatchObject({ spec, status });
      });

      it('tells of the wish to delete as a change, and of the end as a deletion', async () => {
        await hands.apply(a, { size: 1 });
        await store.addFinalizer(await get(), FINALIZER);
        const seen = await watch();
        await hands.remove(a);
        await store.removeFinalizer(await get(), FINALIZER);
        expect(seen.map(({ type }) => type)).toEqual(['added', 'modified', 'deleted']);
        expect(seen[1]?.object.metadata.deletionTimestamp).toBeDefined();
      });

      it('goes on when a listener throws, and tells the others', async () => {
        await hands.apply(a, { size: 1 });
        let calls = 0;
        const failing = (): void => {
          calls += 1;
          throw new Error('a listener');
        };
        await store.watch(hands.kind, failing, stop.signal);
        const seen = await watch();
        await store.writeStatus(await get(), { seen: 1 });
        expect([calls, seen.length]).toEqual([2, 2]);
      });

      it('never runs a listener inside itself', async () => {
        await hands.apply(a, { size: 1 });
        const steps: string[] = [];
        const waiting: Promise<unknown>[] = [];
        const listener = ({ object }: WatchEvent<Thing>): void => {
          const seen = object.status?.seen ?? 0;
          steps.push(`in ${seen}`);
          if (seen < 2) waiting.push(store.writeStatus(object, { seen: seen + 1 }));
          steps.push(`out ${seen}`);
        };
        await store.watch<Thing>(hands.kind, listener, stop.signal);
        await Promise.all(waiting);
        await Promise.all(waiting);
        await expect.poll(() => steps).toEqual(['in 0', 'out 0', 'in 1', 'out 1', 'in 2', 'out 2']);
      });

      it('ends with its signal, at once', async () => {
        await hands.apply(a, { size: 1 });
        const seen = await watch();
        stop.abort();
        await hands.apply(a, { size: 2 });
        expect(seen).toHaveLength(1);
        expect(await watch()).toEqual([]);
      });

      it('ends at once also in the middle of a delivery', async () => {
        await hands.apply(a, { size: 1 });
        await hands.apply({ ...a, name: 'b' }, { size: 1 });
        const seen: string[] = [];
        const listener = ({ object }: WatchEvent): void => {
          seen.push(object.metadata.name);
          stop.abort();
        };
        await store.watch(hands.kind, listener, stop.signal);
        expect(seen).toEqual(['a']);
      });
    });

    describe('events', () => {
      beforeEach(() => hands.apply(a, { size: 1 }));

      it('counts repeats, and lists the oldest first', async () => {
        const object = await get();
        store.recordEvent(object, { type: 'Normal', reason: 'Launched', note: 'one' });
        await hands.wait(2000);
        store.recordEvent(object, { type: 'Warning', reason: 'SoldOut', note: 'none left' });
        await hands.wait(2000);
        store.recordEvent(object, { type: 'Normal', reason: 'Launched', note: 'one' });
        const events = await store.events(object);
        expect(events.map(({ reason, count }) => [reason, count])).toEqual([
          ['SoldOut', 1],
          ['Launched', 2],
        ]);
        const launched = events[1];
        expect(Date.parse(launched?.lastSeen ?? '') - Date.parse(launched?.firstSeen ?? '')).toBe(4000);
      });

      it('are bounded in number and size', async () => {
        const object = await get();
        for (let index = 0; index < 500; index++) {
          store.recordEvent(object, { type: 'Normal', reason: 'R'.repeat(300), note: `${index} ${'語'.repeat(2000)}` });
        }
        const events = await store.events(object);
        expect(events.length).toBeLessThanOrEqual(100);
        expect(events.at(-1)?.note.startsWith('499 語')).toBe(true);
        for (const { reason, note } of events) {
          expect(reason.length).toBeLessThanOrEqual(128);
          expect(Buffer.byteLength(note)).toBeLessThanOrEqual(1024);
          expect(note).not.toContain('�');
        }
      });

      it('never fail, also for an object that is gone', async () => {
        const object = await get();
        await hands.remove(a);
        store.recordEvent(object, { type: 'Normal', reason: 'Late', note: 'x' });
        expect(await store.events(object)).toEqual([]);
      });
    });

    describe('state cells', () => {
      beforeEach(() => hands.apply(a, { size: 1 }));
      const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString();

      it('hold bytes under a version, and refuse a writer that does not know the last one', async () => {
        const cell = store.state(await get(), 'memory');
        expect(await cell.read()).toBeUndefined();
        const first = await cell.write(Buffer.from('one'), undefined);
        await expect(cell.write(Buffer.from('x'), undefined)).rejects.toMatchObject({ reason: 'Conflict' });
        const second = await cell.write(Buffer.from('two'), first);
        await expect(cell.write(Buffer.from('x'), first)).rejects.toMatchObject({ reason: 'Conflict' });
        const read = await cell.read();
        expect([text(read?.bytes), read?.version]).toEqual(['two', second]);
        expect(second).not.toBe(first);
      });

      it('are one for each object and key, and no part of the object', async () => {
        const object = await get();
        await hands.apply({ ...a, name: 'b' }, { size: 1 });
        await store.state(object, 'x').write(Buffer.from('ax'), undefined);
        expect(await store.state(object, 'y').read()).toBeUndefined();
        expect(await store.state(await get({ ...a, name: 'b' }), 'x').read()).toBeUndefined();
        expect(await get()).toBe(object);
      });

      it('hold bytes of every kind and do not change with the buffer', async () => {
        // A Buffer: its `slice` shares memory, other than that of a plain array.
        const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
        const cell = store.state(await get(), 'x');
        await cell.write(bytes, undefined);
        bytes.fill(0);
        expect([...((await cell.read())?.bytes ?? [])]).toEqual(Array.from({ length: 256 }, (_, index) => index));
      });

      it('go with the object', async () => {
        const object = await get();
        const cell = store.state(object, 'x');
        const version = await cell.write(Buffer.from('1'), undefined);
        await hands.remove(a);
        expect(await cell.read()).toBeUndefined();
        await expect(cell.write(Buffer.from('2'), version)).rejects.toMatchObject({ reason: 'NotFound' });
      });
    });
  });
}
