import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createInformerBench, type InformerBench } from '../../../test/builders/informer.ts';
import type { InformerChange } from './informer.ts';
import { KubeError, type KubeReason } from './kube-error.ts';
import type { RawObject } from './raw-object.ts';
import { isNewer } from './versions.ts';

const name = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const reason = fc.constantFrom(
  'Unreachable',
  'Timeout',
  'Failed',
  'TooManyRequests',
  'Forbidden',
  'NotInstalled',
  'Expired',
);
const errorOf = (why: KubeReason): KubeError => new KubeError(why, why, { code: why === 'Expired' ? 410 : 0 });

/** What happens in a life: to the objects, on the way to us, and by our own hand. */
const happening = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('put'), name }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('remove'), name }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('write'), name }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete'), name }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('lateAnswer'), name }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('wait'), ms: fc.constantFrom(0, 500, 3000, 60_000, 400_000, 1_900_000) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cut'), why: fc.option(reason, { nil: undefined }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('compact') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('bookmark') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('repeat'), count: fc.nat(8) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('garble') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('mute'), isMute: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('failList'), why: reason }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('failWatch'), why: reason }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('pages'),
      size: fc.integer({ min: 1, max: 6 }),
      reversed: fc.boolean(),
      doubled: fc.boolean(),
    }),
  },
);
type Happening = { readonly do: string } & Readonly<Record<string, unknown>>;

const carryOut = async (bench: InformerBench, late: Map<string, RawObject>, step: Happening): Promise<void> => {
  const { server, informer, clock } = bench;
  const target = step['name'] as string;
  const fault = (): { is: 'error'; error: KubeError } => ({ is: 'error', error: errorOf(step['why'] as KubeReason) });
  const known = server.objects.find(({ metadata }) => metadata.name === target);
  switch (step.do) {
    case 'put':
      late.set(target, server.put(target));
      return;
    case 'remove':
      return server.remove(target);
    case 'write':
      return informer.wrote(server.put(target));
    case 'delete':
      server.remove(target);
      if (known) informer.gone(known);
      return;
    case 'lateAnswer':
      // The answer to a write of ours that others have overtaken, or deleted.
      if (late.has(target)) informer.wrote(late.get(target) as RawObject);
      return;
    case 'wait':
      return clock.advance(step['ms'] as number);
    case 'cut':
      return server.cut(step['why'] === undefined ? undefined : fault().error);
    case 'compact':
      return server.compact();
    case 'bookmark':
      return server.bookmark();
    case 'repeat':
      return server.repeat(step['count'] as number);
    case 'garble':
      return server.say('{"type":"MODIFIED","obj');
    case 'mute':
      return server.mute(step['isMute'] as boolean);
    case 'failList':
      server.faults.list.push(fault());
      return;
    case 'failWatch':
      server.faults.watch.push(fault());
      return;
    case 'pages':
      Object.assign(server.pages, { size: step['size'], reversed: step['reversed'], doubled: step['doubled'] });
      return;
    default:
      throw new Error(`nobody knows "${step.do}"`);
  }
};

/** A listener that checks what it is told: nothing out of order for any uid, and never two objects of one name. */
const createWitness = () => {
  const alive = new Map<string, RawObject>();
  const dead = new Set<string>();
  const faults: string[] = [];
  return {
    faults,
    names: () => [...alive.values()].map(({ metadata }) => `${metadata.name}@${metadata.resourceVersion}`).sort(),
    hear({ type, object, old }: InformerChange): void {
      const { uid, resourceVersion, name: key } = object.metadata;
      const before = alive.get(key);
      const complain = (what: string): number => faults.push(`${type} ${key} ${uid}@${resourceVersion}: ${what}`);
      if (dead.has(uid)) complain('after its deletion');
      if (type === 'added' && before) complain(`while ${before.metadata.uid} is there`);
      if (type !== 'added' && before?.metadata.uid !== uid) complain('was never added');
      if (type === 'modified' && old !== before) complain('does not follow the state before');
      if (type === 'modified' && before && !isNewer(resourceVersion, before.metadata.resourceVersion))
        complain('is no newer');
      if (type === 'deleted') {
        alive.delete(key);
        dead.add(uid);
      } else {
        alive.set(key, object);
      }
    },
  };
};

it('ends with what the server has, whatever happened, and has told each listener a consistent story', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(happening, { minLength: 1, maxLength: 40 }),
      fc.nat(40),
      fc.boolean(),
      async (steps: readonly Happening[], joinAt, mayBeStale) => {
        const bench = createInformerBench({ mayBeStale });
        const early = createWitness();
        const later = createWitness();
        const never = new AbortController().signal;
        const late = new Map<string, RawObject>();
        bench.informer.listen(early.hear, never);
        await bench.start();
        for (const [nth, step] of steps.entries()) {
          if (nth === Math.min(joinAt, steps.length - 1)) bench.informer.listen(later.hear, never);
          await carryOut(bench, late, step);
        }
        bench.server.faults.list.length = 0;
        bench.server.faults.watch.length = 0;
        bench.server.mute(false);
        // Long enough for a list, in case the watch was mute.
        await bench.clock.advance(40 * 60_000);

        expect(bench.held()).toEqual(bench.truth());
        for (const witness of [early, later]) {
          expect(witness.faults).toEqual([]);
          expect(witness.names()).toEqual(bench.truth());
        }
        bench.stop.abort();
        await bench.running();
        expect(bench.clock.waiting).toBe(0);
      },
    ),
    { numRuns: 150 },
  );
}, 60_000);

it('counts no drift as long as the watch loses nothing', async () => {
  const lossless = happening.filter(({ do: what }) => what !== 'mute');
  await fc.assert(
    fc.asyncProperty(fc.array(lossless, { minLength: 1, maxLength: 40 }), async (steps: readonly Happening[]) => {
      const bench = createInformerBench();
      const late = new Map<string, RawObject>();
      await bench.start();
      for (const step of steps) await carryOut(bench, late, step);
      await bench.clock.advance(40 * 60_000);
      bench.stop.abort();
      await bench.running();
      expect(await bench.metrics.text()).toContain('informer_drift_total{kind="Widget"} 0\n');
    }),
    { numRuns: 60 },
  );
}, 60_000);
