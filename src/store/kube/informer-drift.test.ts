import { describe, expect, it, onTestFinished } from 'vitest';
import { createInformerBench, type InformerBench } from '../../../test/builders/informer.ts';
import { KubeError } from './kube-error.ts';

const minutes = (count: number): number => count * 60_000;
const series = async ({ metrics }: InformerBench, name: string): Promise<Readonly<Record<string, number>>> => {
  const lines = (await metrics.text()).split('\n').filter((line) => line.startsWith(name));
  return Object.fromEntries(
    lines.map((line) => [
      line.slice(name.length, line.lastIndexOf(' ')),
      Number(line.slice(line.lastIndexOf(' ') + 1)),
    ]),
  );
};
const drift = async (bench: InformerBench): Promise<number | undefined> =>
  (await series(bench, 'informer_drift_total'))['{kind="Widget"}'];
const relists = async (bench: InformerBench): Promise<Readonly<Record<string, number>>> => {
  const all = Object.entries(await series(bench, 'informer_relists_total'));
  return Object.fromEntries(
    all.filter(([, count]) => count > 0).map(([labels, count]) => [/reason="(\w+)"/.exec(labels)?.[1], count]),
  );
};
const started = async (): Promise<InformerBench> => {
  const bench = createInformerBench();
  onTestFinished(async () => {
    bench.stop.abort();
    await bench.running();
  });
  bench.server.put('a');
  bench.server.put('b');
  await bench.start();
  return bench;
};
const unreachable = new KubeError('Unreachable', 'cut', { code: 0 });

describe('every half hour the watch is held against a list', () => {
  it('which finds nothing when nothing was missed', async () => {
    const bench = await started();
    for (let nth = 0; nth < 30; nth++) {
      bench.server.put('a');
      await bench.clock.advance(minutes(2));
    }
    expect(await drift(bench)).toBe(0);
    expect(await relists(bench)).toEqual({ Compare: 2 });
  });

  it('at 27 to 33 minutes', async () => {
    for (const [random, at] of [
      [0, 27],
      [0.9999, 33],
    ] as const) {
      const bench = createInformerBench({ random: () => random });
      await bench.start();
      const lists = (): number => bench.server.asked.filter(({ verb }) => verb === 'list').length;
      await bench.clock.advance(minutes(at) - 2000);
      expect(lists()).toBe(1);
      await bench.clock.advance(4000);
      expect(lists()).toBe(2);
      bench.stop.abort();
      await bench.running();
    }
  });

  it.each<{ name: string; miss: (bench: InformerBench) => void; objects: number; told: readonly string[] }>([
    { name: 'a change', miss: ({ server }) => server.put('a'), objects: 1, told: ['modified a@103'] },
    { name: 'a new object', miss: ({ server }) => server.put('c'), objects: 1, told: ['added c@103'] },
    { name: 'a deletion', miss: ({ server }) => server.remove('a'), objects: 1, told: ['deleted a@101?'] },
    {
      name: 'all of that',
      miss({ server }) {
        server.put('a');
        server.put('c');
        server.remove('b');
      },
      objects: 3,
      told: ['modified a@103', 'added c@104', 'deleted b@102?'],
    },
  ])('which finds $name that was missed, counts it and mends it', async ({ miss, objects, told }) => {
    const bench = await started();
    bench.server.mute(true);
    miss(bench);
    await bench.clock.advance(minutes(26));
    expect(bench.told).toHaveLength(2);
    await bench.clock.advance(minutes(5));
    expect(await drift(bench)).toBe(objects);
    expect(await relists(bench)).toEqual({ Compare: 1, Drift: 1 });
    expect(bench.told.slice(2)).toEqual(told);
    expect(bench.held()).toEqual(bench.truth());
    expect(bench.log.of('watch had missed changes; listing again')).toMatchObject([{ objects }]);
  });

  it('which does not take for missed what comes a few seconds later', async () => {
    const bench = await started();
    await bench.clock.advance(minutes(29.9));
    bench.server.mute(true);
    bench.server.put('a');
    bench.server.put('c');
    bench.server.remove('b');
    await bench.clock.advance(minutes(0.1) + 8000);
    expect(bench.server.asked.filter(({ verb }) => verb === 'list')).toHaveLength(2);
    bench.server.mute(false);
    bench.server.repeat(3);
    await bench.clock.advance(minutes(5));
    expect(await drift(bench)).toBe(0);
    expect(await relists(bench)).toEqual({ Compare: 1 });
    expect(bench.held()).toEqual(bench.truth());
  });

  it('which judges nothing when the watch ends meanwhile, but lists', async () => {
    const bench = await started();
    bench.server.mute(true);
    bench.server.put('a');
    await bench.clock.advance(minutes(30) + 1000);
    bench.server.cut(unreachable);
    bench.server.mute(false);
    await bench.clock.advance(minutes(1));
    expect(await drift(bench)).toBe(0);
    expect(await relists(bench)).toEqual({ Compare: 2 });
    expect(bench.held()).toEqual(bench.truth());
  });

  it('which begins anew when the server has forgotten the list half-way', async () => {
    const bench = await started();
    const ghost = { metadata: { name: 'ghost', namespace: 'default', uid: 'gone', resourceVersion: '90' } };
    const page = { metadata: { resourceVersion: '102', continue: 'x' }, items: [ghost] };
    const error = new KubeError('Expired', 'too old', { code: 410 });
    bench.server.faults.list.push({ is: 'answer', body: page }, { is: 'error', error });
    await bench.clock.advance(minutes(31));
    expect(await drift(bench)).toBe(0);
    expect(await relists(bench)).toEqual({ Compare: 1 });
  });

  it('which comes again soon when it fails, and harms nobody', async () => {
    const bench = await started();
    bench.server.faults.list.push({ is: 'error', error: new KubeError('Forbidden', 'no list for you', { code: 403 }) });
    await bench.clock.advance(minutes(31));
    expect(bench.log.of('comparison of the watch with a list failed')).toMatchObject([{ error: 'no list for you' }]);
    expect(bench.server.openWatches).toBe(1);
    await bench.clock.advance(minutes(9));
    expect(await relists(bench)).toEqual({ Compare: 1 });
  });

  it('which finds a kind that was given another shape, although no version has changed', async () => {
    const bench = await started();
    const reshaped = bench.server.objects.map((object) => ({ ...object, spec: { size: 1 } }));
    const page = { metadata: { resourceVersion: bench.server.version }, items: reshaped };
    bench.server.faults.list.push({ is: 'answer', body: page }, { is: 'answer', body: page });
    await bench.clock.advance(minutes(34));
    expect(await drift(bench)).toBe(0);
    expect(bench.told.slice(2)).toEqual(['modified a@101', 'modified b@102']);
  });
});

describe('storage that was put back', () => {
  it.each([
    { name: 'and stands below what was heard', passed: 0 },
    { name: 'and has overtaken it since', passed: 500 },
  ])('$name is noticed soon after the connection broke, although the watch stays silent', async ({ passed }) => {
    const bench = await started();
    const restore = bench.server.backUp();
    bench.server.put('a');
    bench.server.remove('b');
    bench.server.put('c');
    await bench.clock.advance(minutes(6));
    bench.server.cut(unreachable);
    restore();
    bench.server.pass(passed);
    await bench.clock.advance(minutes(2));
    expect(bench.held()).toEqual(bench.truth());
    expect(bench.told.slice(-3)).toEqual(['modified a@101', 'added b@102', 'deleted c@105?']);
    bench.server.put('a');
    await bench.clock.advance(2000);
    expect(bench.held()).toEqual(bench.truth());
    expect(await drift(bench)).toBe(2);
  });

  it('is noticed although no object has changed: the next change would come unheard', async () => {
    const bench = await started();
    const restore = bench.server.backUp();
    bench.server.pass(50);
    bench.server.bookmark();
    restore();
    await bench.clock.advance(minutes(34));
    bench.server.put('c');
    expect(bench.held()).toEqual(bench.truth());
  });

  it('is noticed at the latest after half an hour when no connection broke', async () => {
    const bench = await started();
    const restore = bench.server.backUp();
    bench.server.put('a');
    restore();
    await bench.clock.advance(minutes(31));
    expect(bench.held()).toEqual(bench.truth());
  });

  it('is noticed at once by a server that says that it does not know the version', async () => {
    const bench = await started();
    const restore = bench.server.backUp();
    bench.server.put('a');
    await bench.clock.advance(1000);
    restore();
    const error = new KubeError('ResourceVersionTooLarge', 'too large', { code: 504 });
    bench.server.faults.watch.push({ is: 'error', error });
    bench.server.cut();
    await bench.clock.settle();
    expect(bench.held()).toEqual(bench.truth());
    expect(await relists(bench)).toEqual({ ResourceVersionTooLarge: 1 });
  });
});

describe('metrics', () => {
  it('count objects and tell how long the server has been silent', async () => {
    const bench = await started();
    const labels = '{kind="Widget",namespace=""}';
    expect((await series(bench, 'informer_objects'))[labels]).toBe(2);
    bench.server.remove('a');
    expect((await series(bench, 'informer_objects'))[labels]).toBe(1);
    await bench.clock.advance(minutes(2));
    expect((await series(bench, 'informer_watch_age_seconds'))[labels]).toBe(120);
    bench.server.bookmark();
    await bench.clock.advance(30_000);
    expect((await series(bench, 'informer_watch_age_seconds'))[labels]).toBe(30);
  });

  it('have every series from the start, and drop gauges at the end', async () => {
    const bench = createInformerBench();
    expect(Object.keys(await series(bench, 'informer_relists_total'))).toHaveLength(5);
    expect(await drift(bench)).toBe(0);
    await bench.start();
    bench.stop.abort();
    await bench.running();
    expect(await series(bench, 'informer_objects')).toEqual({});
    expect(await series(bench, 'informer_watch_age_seconds')).toEqual({});
  });
});
