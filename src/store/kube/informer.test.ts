import { describe, expect, it, onTestFinished } from 'vitest';
import { createInformerBench, type InformerBench } from '../../../test/builders/informer.ts';
import type { Fault } from '../../../test/builders/scripted-transport.ts';
import type { InformerChange, InformerOptions } from './informer.ts';
import { KubeError, type KubeReason } from './kube-error.ts';

const failure = (reason: KubeReason, code = 0, retryAfterSeconds?: number): KubeError =>
  new KubeError(reason, `GET widgets: ${reason}`, {
    code,
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  });
const error = (reason: KubeReason, code?: number): Fault => ({ is: 'error', error: failure(reason, code) });

const setUp = (options: Partial<InformerOptions> = {}): InformerBench => {
  const bench = createInformerBench(options);
  onTestFinished(async () => {
    bench.stop.abort();
    await bench.running();
    expect(bench.clock.waiting).toBe(0);
    expect(bench.server.openWatches).toBe(0);
  });
  return bench;
};
const started = async (
  names: readonly string[] = [],
  options: Partial<InformerOptions> = {},
): Promise<InformerBench> => {
  const bench = setUp(options);
  for (const name of names) bench.server.put(name);
  await bench.start();
  bench.asked();
  return bench;
};
const minutes = (count: number): number => count * 60_000;

describe('list and watch', () => {
  it('lists, then tells of each change', async () => {
    const { server, informer, told, start, asked } = setUp();
    server.put('a');
    server.put('b');
    await start();
    expect(asked()).toEqual(['list', 'watch 102']);
    expect(informer.isSynced).toBe(true);
    server.put('c');
    server.put('a');
    server.remove('b');
    expect(told).toEqual(['added a@101!', 'added b@102!', 'added c@103', 'modified a@104', 'deleted b@105']);
    expect(informer.get({ namespace: 'default', name: 'a' })?.metadata.resourceVersion).toBe('104');
    expect(informer.get({ namespace: 'default', name: 'b' })).toBeUndefined();
  });

  it('asks for a watch of 180 to 240 s with bookmarks, and gives up 15 s after its end', async () => {
    for (const [random, seconds] of [
      [0, 180],
      [0.9999, 240],
    ] as const) {
      const { server } = await started(['a'], { random: () => random, labelSelector: 'x=y', namespace: 'default' });
      expect(server.asked[1]).toMatchObject({
        verb: 'watch',
        path: '/apis/test.aiops.org/v1/namespaces/default/widgets',
        deadlineMs: (seconds + 15) * 1000,
        query: {
          watch: '1',
          allowWatchBookmarks: 'true',
          resourceVersion: '101',
          timeoutSeconds: String(seconds),
          labelSelector: 'x=y',
        },
      });
    }
  });

  it('goes on from the last event after a clean end', async () => {
    const { clock, server, asked } = await started(['a']);
    server.put('a');
    await clock.advance(minutes(4));
    expect(asked()).toEqual(['watch 102']);
  });

  it('goes on from a bookmark', async () => {
    const { clock, server, asked, told } = await started(['a']);
    server.pass(50);
    server.bookmark();
    server.compact();
    await clock.advance(minutes(4));
    expect(asked()).toEqual(['watch 151']);
    expect(told).toEqual(['added a@101!']);
  });

  it('keeps objects frozen, in one shape whether listed or watched, and without managedFields', async () => {
    const { server, informer, start } = setUp();
    server.put('listed', { spec: { size: 1 } }, { managedFields: [{ manager: 'x' }] });
    await start();
    server.put('watched', { spec: { size: 1 } }, { managedFields: [{ manager: 'x' }] });
    for (const [name, version] of [
      ['listed', '101'],
      ['watched', '102'],
    ] as const) {
      const object = informer.get({ namespace: 'default', name });
      expect(object).toEqual({
        apiVersion: 'test.aiops.org/v1',
        kind: 'Widget',
        spec: { size: 1 },
        metadata: { name, namespace: 'default', uid: expect.any(String), resourceVersion: version },
      });
      expect(Object.isFrozen(object)).toBe(true);
      expect(Object.isFrozen(object?.['spec'])).toBe(true);
    }
  });

  it('keeps nothing but metadata when told so, and asks for no more', async () => {
    const { server, informer, start } = setUp({ metadataOnly: true });
    const content = { data: { token: 'c2VjcmV0' } };
    const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{"data":"c2VjcmV0"}', note: 'kept' };
    server.put('listed', content, { annotations });
    await start();
    server.put('watched', content, { annotations });
    server.mute(true);
    informer.wrote(server.put('written', content, { annotations }));
    expect(informer.list()).toHaveLength(3);
    expect(JSON.stringify(informer.list())).not.toContain('c2VjcmV0');
    expect(informer.list()[0]?.metadata['annotations']).toEqual({ note: 'kept' });
    expect(server.asked.map(({ accept }) => accept)).toEqual([
      'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
      'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
    ]);
  });

  it('takes the first list from the cache of the server when that will do, and no other', async () => {
    const { clock, server, start } = setUp({ mayBeStale: true });
    server.put('a');
    await start();
    server.pass();
    server.compact();
    server.cut();
    await clock.advance(minutes(1));
    expect(server.asked.filter(({ verb }) => verb === 'list').map(({ query }) => query['resourceVersion'])).toEqual([
      '0',
      undefined,
    ]);
  });

  it('runs once', async () => {
    const { informer } = await started();
    await expect(informer.run(new AbortController().signal)).rejects.toThrow('runs once');
  });
});

describe('failures', () => {
  it('tries the watch again after 0.8 to 1.6 s, and goes on where it was', async () => {
    const { clock, server, asked, told } = await started(['a']);
    server.put('b');
    await clock.advance(2000);
    server.cut(failure('Unreachable'));
    server.put('c');
    await clock.advance(1199);
    expect(asked()).toEqual([]);
    await clock.advance(1);
    expect(asked()).toEqual(['watch 102']);
    expect(told).toEqual(['added a@101!', 'added b@102', 'added c@103']);
  });

  it('lists after three failures in a row', async () => {
    const { clock, server, asked } = await started(['a']);
    server.faults.watch.push(error('Unreachable'), error('Timeout'));
    server.cut(failure('Unreachable'));
    await clock.advance(1200 + 2400 + 4800);
    expect(asked()).toEqual(['watch 101', 'watch 101', 'list', 'watch 101']);
  });

  it('does not count failures as in a row when a watch lived for a second in between', async () => {
    const { clock, server, asked } = await started(['a']);
    for (let nth = 0; nth < 5; nth++) {
      await clock.advance(1000);
      server.cut(failure('Unreachable'));
      await clock.advance(1200);
    }
    expect(asked()).toEqual(Array(5).fill('watch 101'));
  });

  it('does not when one brought an event', async () => {
    const { clock, server, asked } = await started(['a']);
    for (let nth = 0; nth < 5; nth++) {
      server.put('a');
      server.cut(failure('Unreachable'));
      await clock.advance(1200);
    }
    expect(asked()).toEqual(['watch 102', 'watch 103', 'watch 104', 'watch 105', 'watch 106']);
  });

  it('does not take waiting for the answer for a life of the watch', async () => {
    const { clock, server, asked } = await started(['a']);
    // Half-open: accepted, never answered, given up after 15 s.
    const slow: Fault = { is: 'error', error: failure('Timeout'), afterMs: 15_000 };
    server.faults.watch.push(slow, slow);
    server.cut(failure('Unreachable'));
    await clock.advance(1200 + 15_000 + 2400 + 15_000 + 4800);
    expect(asked()).toEqual(['watch 101', 'watch 101', 'list', 'watch 101']);
  });

  it('nor when the server then ends the watch at once', async () => {
    const { clock, server, asked } = await started(['a']);
    const ended: Fault = { is: 'lines', lines: [], beforeMs: 5000 };
    server.faults.watch.push(ended, ended);
    server.cut(failure('Unreachable'));
    await clock.advance(1200 + 5000 + 2400 + 5000 + 4800);
    expect(asked()).toEqual(['watch 101', 'watch 101', 'list', 'watch 101']);
  });

  it.each([
    { name: 'brings nothing', lines: [] },
    {
      name: 'brings only what is known',
      lines: [{ type: 'BOOKMARK', object: { metadata: { resourceVersion: '101' } } }],
    },
  ])('does not ask without a pause a server that ends each watch at once and $name', async ({ lines }) => {
    const { clock, server } = await started(['a']);
    const storm: Fault = { is: 'lines', lines: lines.map((line) => JSON.stringify(line)) };
    server.faults.watch.push(...Array<Fault>(1000).fill(storm));
    server.cut();
    await clock.advance(minutes(5));
    expect(server.asked.length).toBeLessThan(30);
  });

  it.each([
    { name: 'as an event', expire: ({ server }: InformerBench) => server.cut() },
    {
      name: 'as an answer',
      expire({ server }: InformerBench) {
        server.faults.watch.push(error('Gone', 410));
        server.cut();
      },
    },
  ])('lists at once when the version has expired, told $name', async ({ expire }) => {
    const bench = await started(['a', 'b']);
    bench.server.mute(true);
    bench.server.put('a');
    bench.server.remove('b');
    bench.server.compact();
    bench.server.mute(false);
    await bench.clock.advance(1000);
    expire(bench);
    await bench.clock.settle();
    expect(bench.asked()).toEqual(['watch 102', 'list', 'watch 104']);
    expect(bench.told.slice(2)).toEqual(['modified a@103', 'deleted b@102?']);
  });

  it('pauses when the version expires again and again', async () => {
    const { clock, server, asked } = await started(['a']);
    server.faults.watch.push(...Array<Fault>(3).fill(error('Expired', 410)));
    await clock.advance(1000);
    server.cut();
    await clock.settle();
    expect(asked()).toEqual(['watch 101', 'list', 'watch 101']);
    await clock.advance(1199);
    expect(asked()).toEqual([]);
    await clock.advance(1);
    expect(asked()).toEqual(['list', 'watch 101']);
  });

  it('waits as long as the server asks for', async () => {
    const { clock, server, asked, start } = setUp();
    server.faults.list.push({ is: 'error', error: failure('TooManyRequests', 429, 20) });
    await start();
    await clock.advance(19_999);
    expect(asked()).toEqual(['list']);
    await clock.advance(1);
    expect(asked()).toEqual(['list', 'watch 100']);
  });

  it('ends the watch at a line that it cannot read, and gets what it missed', async () => {
    const { clock, server, held, truth, log } = await started(['a']);
    server.mute(true);
    server.put('b');
    server.mute(false);
    server.say('{"type":"ADDED","object":{"metadata":{"na');
    await clock.advance(1200);
    expect(held()).toEqual(truth());
    expect(log.of('list and watch interrupted')).toMatchObject([{ reason: 'Failed' }]);
  });

  it('ends it at an object without a version', async () => {
    const { clock, server, asked } = await started(['a']);
    server.say(JSON.stringify({ type: 'MODIFIED', object: { metadata: { name: 'a', uid: 'uid-1' } } }));
    await clock.advance(1200);
    expect(asked()).toEqual(['watch 101']);
  });

  it('survives an error that nobody foresaw, and says so', async () => {
    const { clock, server, log, asked } = await started(['a']);
    server.faults.watch.push({ is: 'error', error: new TypeError('a bug') as unknown as KubeError });
    server.cut();
    await clock.advance(5000);
    expect(log.of('informer failed unexpectedly')).toHaveLength(1);
    expect(asked()).toEqual(['watch 101', 'watch 101']);
  });

  it('does not call a server that is down more than a few times a minute', async () => {
    const { clock, server } = await started(['a']);
    server.faults.watch.push(...Array<Fault>(100).fill(error('Unreachable')));
    server.faults.list.push(...Array<Fault>(100).fill(error('Unreachable')));
    server.cut(failure('Unreachable'));
    await clock.advance(minutes(10));
    expect(server.asked.length).toBeLessThan(25);
    server.faults.watch.length = 0;
    server.faults.list.length = 0;
    server.put('b');
    await clock.advance(60_000);
    expect(server.openWatches).toBe(1);
  });
});

describe('what a person is told', () => {
  it('once, that the kind is not installed, and what to do; it starts when the kind comes', async () => {
    const { clock, server, informer, log, held, start } = setUp();
    server.faults.list.push(...Array<Fault>(6).fill(error('NotInstalled', 404)));
    await start();
    await clock.advance(20_000);
    expect(log.of('kind not installed: run make install')).toMatchObject([{ level: 'warn', kind: 'Widget' }]);
    expect(informer.problem()).toBe('Widget: kind not installed: run make install. GET widgets: NotInstalled');
    server.put('a');
    await clock.advance(minutes(2));
    expect(informer.problem()).toBeUndefined();
    expect(held()).toEqual(['a@101']);
    expect(log.of('watching again')).toHaveLength(1);
  });

  it('what is forbidden, in the words of the server, and again when the reason changes', async () => {
    const { clock, server, log, start } = setUp();
    const forbidden = error('Forbidden', 403);
    server.faults.list.push(forbidden, forbidden, error('Unreachable'), forbidden);
    await start();
    await clock.advance(minutes(1));
    expect(log.lines.filter(({ level }) => level === 'warn').map(({ reason }) => reason)).toEqual([
      'Forbidden',
      'Unreachable',
      'Forbidden',
    ]);
    expect(log.of('not allowed: give the role the rule that the server names')[0]).toMatchObject({
      error: 'GET widgets: Forbidden',
    });
  });

  it('why it waits before anything was answered', async () => {
    const { informer, server, start } = setUp();
    server.faults.list.push({ is: 'silence' });
    await start();
    expect(informer.problem()).toBe('Widget: the first list has not been answered yet');
  });
});

describe('a kind that goes and comes back', () => {
  it('takes its objects away by its events, and brings new ones', async () => {
    const { clock, server, told, held } = await started(['a']);
    server.remove('a');
    server.faults.watch.push(...Array<Fault>(2).fill(error('NotInstalled', 404)));
    server.faults.list.push(...Array<Fault>(4).fill(error('NotInstalled', 404)));
    server.cut();
    await clock.advance(30_000);
    expect(told).toEqual(['added a@101!', 'deleted a@102']);
    server.compact();
    server.put('a');
    await clock.advance(minutes(3));
    expect(told.slice(2)).toEqual(['added a@103']);
    expect(held()).toEqual(['a@103']);
  });

  it('deletes nothing on a 404 alone', async () => {
    const { clock, server, held } = await started(['a']);
    server.faults.watch.push(...Array<Fault>(9).fill(error('NotInstalled', 404)));
    server.faults.list.push(...Array<Fault>(9).fill(error('NotInstalled', 404)));
    server.cut();
    await clock.advance(minutes(1));
    expect(held()).toEqual(['a@101']);
  });
});

describe('a list in pages', () => {
  it('syncs only when all pages were there', async () => {
    const { clock, server, informer, asked, start, held, truth } = setUp();
    for (const name of ['a', 'b', 'c']) server.put(name);
    server.pages.size = 1;
    await start();
    expect(asked()).toEqual(['list', 'list+', 'list+', 'watch 103']);
    server.cut(failure('Unreachable'));
    server.faults.watch.push(error('Expired', 410));
    server.mute(true);
    server.remove('c');
    server.mute(false);
    await clock.advance(1200);
    expect(informer.isSynced).toBe(true);
    expect(held()).toEqual(truth());
  });

  it('counts only what came after the server had forgotten the list half-way', async () => {
    const { server, told, held, start } = setUp();
    server.put('a');
    const ghost = { metadata: { name: 'ghost', namespace: 'default', uid: 'gone', resourceVersion: '90' } };
    const page = { metadata: { resourceVersion: '100', continue: 'x' }, items: [ghost] };
    server.faults.list.push({ is: 'answer', body: page }, error('Expired', 410));
    await start();
    expect(told).toEqual(['added ghost@90!', 'added a@101!', 'deleted ghost@90?']);
    expect(held()).toEqual(['a@101']);
  });

  it('deletes nothing before the last page was there', async () => {
    const { clock, server, told } = await started(['a', 'b', 'c']);
    server.pages.size = 1;
    const page = { metadata: { resourceVersion: '103', continue: 'x' }, items: [] };
    server.faults.watch.push(error('Expired', 410));
    server.faults.list.push({ is: 'answer', body: page }, error('Unreachable'));
    server.cut();
    await clock.advance(minutes(1));
    expect(told).toHaveLength(3);
  });
});

describe('reading after writing', () => {
  it('shows our own write at once, and tells of it once', async () => {
    const { server, informer, told, held } = await started(['a']);
    server.mute(true);
    informer.wrote(server.put('a'));
    expect(held()).toEqual(['a@102']);
    server.mute(false);
    server.repeat(1);
    expect(told).toEqual(['added a@101!', 'modified a@102']);
  });

  it('never goes back behind it', async () => {
    const { server, informer, held } = await started(['a']);
    server.mute(true);
    const first = server.put('a');
    informer.wrote(server.put('a'));
    informer.wrote(first);
    server.mute(false);
    server.repeat(2);
    expect(held()).toEqual(['a@103']);
  });

  it('does not go on watching from there: what others did before would be missed', async () => {
    const { clock, server, informer, asked, held, truth } = await started(['a', 'b']);
    server.mute(true);
    server.put('b');
    informer.wrote(server.put('a'));
    server.mute(false);
    server.cut(failure('Unreachable'));
    await clock.advance(1200);
    expect(asked()).toEqual(['watch 102']);
    expect(held()).toEqual(truth());
  });

  it('does not bring back what was deleted', async () => {
    const { server, informer, held } = await started(['a', 'b']);
    server.mute(true);
    const a = server.put('a');
    const b = server.put('b');
    server.remove('a');
    server.mute(false);
    informer.gone(a);
    server.repeat(3);
    informer.wrote(a);
    server.remove('b');
    informer.wrote(b);
    expect(held()).toEqual([]);
  });

  it('counts before the first list, too', async () => {
    const { server, informer, start, told, held } = setUp();
    const a = server.put('a');
    const b = server.put('b');
    informer.wrote(a);
    informer.gone(b);
    expect(held()).toEqual(['a@101']);
    expect(informer.isSynced).toBe(false);
    await start();
    server.remove('b');
    expect(told[0]).toBe('added a@101');
    expect(held()).toEqual(['a@101']);
  });
});

describe('listeners', () => {
  it('that come later hear of everything that exists, then of changes', async () => {
    const { informer, server } = await started(['b', 'a']);
    const told: unknown[] = [];
    informer.listen(({ type, object, old, isInitial }) => {
      told.push([type, object.metadata.name, old?.metadata.resourceVersion, isInitial]);
    }, new AbortController().signal);
    server.put('a');
    expect(told).toEqual([
      ['added', 'a', undefined, true],
      ['added', 'b', undefined, true],
      ['modified', 'a', '102', false],
    ]);
  });

  it('that throw harm nobody', async () => {
    const { clock, informer, server, told, log, asked } = await started(['a']);
    informer.listen(() => {
      throw new Error('no good');
    }, new AbortController().signal);
    server.put('b');
    server.put('c');
    await clock.advance(1000);
    expect(told).toEqual(['added a@101!', 'added b@102', 'added c@103']);
    expect(log.of('listener of an informer failed')).toHaveLength(3);
    expect(asked()).toEqual([]);
    expect(server.openWatches).toBe(1);
  });

  it('hear nothing after they have left, nor after the informer was stopped', async () => {
    const { informer, server, stop, told } = await started(['a']);
    const leaving = new AbortController();
    const heard: InformerChange[] = [];
    informer.listen((change) => heard.push(change), leaving.signal);
    leaving.abort();
    server.put('b');
    expect(heard).toHaveLength(1);
    stop.abort();
    server.put('c');
    expect(told).toEqual(['added a@101!', 'added b@102']);
  });

  it('may stop the informer while it tells', async () => {
    const { informer, server, stop, running, held } = await started(['a']);
    informer.listen(({ isInitial }) => {
      if (!isInitial) stop.abort();
    }, new AbortController().signal);
    server.put('b');
    server.put('c');
    await running();
    expect(held()).toEqual(['a@101', 'b@102']);
  });
});

describe('stopping', () => {
  it.each<{ name: string; begin: (bench: InformerBench) => Promise<void> }>([
    { name: 'before it was started', begin: async () => {} },
    {
      name: 'while the list waits for an answer',
      async begin({ server, start }) {
        server.faults.list.push({ is: 'silence' });
        await start();
      },
    },
    {
      name: 'between two pages',
      async begin({ server, start }) {
        server.faults.list.push(
          { is: 'answer', body: { metadata: { resourceVersion: '9', continue: 'x' } } },
          { is: 'silence' },
        );
        await start();
      },
    },
    {
      name: 'while the watch waits for an answer',
      async begin({ server, start }) {
        server.faults.watch.push({ is: 'silence' });
        await start();
      },
    },
    { name: 'during a watch', begin: ({ start }) => start() },
    {
      name: 'during a pause',
      async begin({ server, start }) {
        server.faults.list.push(error('Unreachable'));
        await start();
      },
    },
    {
      name: 'during a comparison',
      async begin({ clock, server, start }) {
        await start();
        server.faults.list.push({ is: 'silence' });
        await clock.advance(minutes(30) + 1);
      },
    },
    {
      name: 'while a comparison waits for late events',
      async begin({ clock, server, start }) {
        await start();
        server.mute(true);
        server.put('b');
        await clock.advance(minutes(30) + 1);
      },
    },
  ])('ends $name, twice over, without a trace', async ({ begin }) => {
    const bench = setUp();
    bench.server.put('a');
    await begin(bench);
    const before = bench.server.asked.length;
    bench.stop.abort(new Error('enough'));
    bench.stop.abort(new Error('really'));
    if (before === 0) await bench.start();
    await bench.running();
    expect(bench.clock.waiting).toBe(0);
    await bench.clock.advance(minutes(60));
    expect(bench.server.asked).toHaveLength(before);
    expect(bench.server.openWatches).toBe(0);
    expect(bench.log.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });
});

describe('waiting for the first list', () => {
  it('ends with it', async () => {
    const { informer, server, start, clock } = setUp();
    const order: string[] = [];
    server.faults.list.push(error('Unreachable'));
    server.put('a');
    informer.listen(() => order.push('told'), new AbortController().signal);
    void informer.waitForSync(new AbortController().signal).then(() => order.push('synced'));
    await start();
    expect(order).toEqual([]);
    await clock.advance(2000);
    expect(order).toEqual(['told', 'synced']);
    await informer.waitForSync(new AbortController().signal);
  });

  it('ends with the reason of its own signal, or of that of the informer', async () => {
    const { informer, stop, start, server } = setUp();
    server.faults.list.push({ is: 'silence' });
    await start();
    const own = new AbortController();
    const mine = informer.waitForSync(own.signal);
    const other = informer.waitForSync(new AbortController().signal);
    own.abort(new Error('too late'));
    await expect(mine).rejects.toThrow('too late');
    stop.abort(new Error('stopped'));
    await expect(other).rejects.toThrow('stopped');
  });
});
