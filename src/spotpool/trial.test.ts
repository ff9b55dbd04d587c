import { describe, expect, it } from 'vitest';
import { machine, pool, record } from '../../test/builders/spotpool.ts';
import type { ImageTrial, InstanceStatus } from '../api/spotpool.ts';
import type { Machine } from './machine.ts';
import { trialOf } from './trial.ts';

const image = pool().spec.imageId;
const key = trialOf(pool(), []).record.key;
const having = (...outcomes: ImageTrial['outcomes']) => pool({ status: { trial: { key, outcomes } } });

/** A machine of the image of the spec, as it was and as it is. */
function seen(before: Partial<InstanceStatus>, now: Partial<InstanceStatus>): Machine {
  const { readyAt: _ready, ...young } = record({ imageId: image, isOutdated: false });
  return machine('ins-1', {
    before: { ...young, ...before },
    with: { readyAt: undefined, imageId: image, ...now } as never,
  });
}
const becameReady = seen({ phase: 'Warming' }, { phase: 'Ready', readyAt: '2026-11-01T00:00:00Z' });
const neverReady = seen({ phase: 'Warming' }, { phase: 'Failed', reason: 'NeverReady' });

describe('what becomes of machines', () => {
  it.each<[string, readonly ImageTrial['outcomes'][number][], readonly Machine[], readonly string[]]>([
    ['one that becomes ready is noted', [], [becameReady], ['Ready']],
    ['one that never does is noted', [], [neverReady], ['NeverReady']],
    ['each once', [], [seen({ reason: 'NeverReady' }, { phase: 'Failed', reason: 'NeverReady' })], []],
    ['one that has been ready before says nothing new', [], [seen({ readyAt: 'x' }, { readyAt: 'x' })], []],
    ['one that only warms says nothing', [], [seen({}, { phase: 'Warming', reason: 'NotAnsweringYet' })], []],
    [
      'one of an older spec says nothing',
      [],
      [machine('b', { ...neverReady, record: { ...neverReady.record, isOutdated: true } })],
      [],
    ],
    [
      'of another image neither',
      [],
      [machine('b', { ...neverReady, record: { ...neverReady.record, imageId: 'img-2' } })],
      [],
    ],
    [
      'four are remembered',
      ['Ready', 'Ready', 'Ready', 'Ready'],
      [neverReady],
      ['Ready', 'Ready', 'Ready', 'NeverReady'],
    ],
    ['a ready one clears a suspicion', ['Ready', 'NeverReady', 'NeverReady'], [becameReady], ['Ready']],
    ['without a suspicion it only joins', ['NeverReady'], [becameReady], ['NeverReady', 'Ready']],
  ])('%s', (_name, before, machines, outcomes) => {
    expect(trialOf(having(...before), machines).record.outcomes).toEqual(outcomes);
  });

  it.each<[readonly ImageTrial['outcomes'][number][], boolean]>([
    [[], false],
    [['NeverReady'], false],
    [['NeverReady', 'NeverReady'], true],
    [['NeverReady', 'Ready', 'Ready', 'NeverReady'], true],
    [['Ready', 'Ready', 'Ready', 'NeverReady'], false],
  ])('%j: suspect %s', (outcomes, isSuspect) => {
    expect(trialOf(having(...outcomes), []).isSuspect).toBe(isSuspect);
  });
});

describe('the record', () => {
  it.each([
    ['image', { imageId: 'img-other' }, true],
    ['security groups', { securityGroupIds: ['sg-other'] }, true],
    ['readiness', { readiness: { ...pool().spec.readiness, port: 1 } }, true],
    ['size', { minimum: 0, maximum: 9, replicas: 3 }, false],
    ['brakes', { launchesPerHour: 1 }, false],
  ])('begins anew with another %s', (_what, change, isNew) => {
    const { spec, ...rest } = having('NeverReady', 'NeverReady');
    expect(trialOf({ ...rest, spec: { ...spec, ...change } }, []).isSuspect).toBe(!isNew);
  });
});

describe('an image', () => {
  it('is proven by a machine that has answered, whenever that was', () => {
    const answered = machine('a', { with: { imageId: image } });
    expect(trialOf(pool(), [answered])).toMatchObject({ isProven: true, provenImages: [image] });
    expect(trialOf(pool({ status: { provenImages: [image] } }), []).isProven).toBe(true);
    expect(trialOf(pool({ status: { provenImages: ['img-other'] } }), [neverReady]).isProven).toBe(false);
  });

  it('that is proven is remembered, sixteen at most', () => {
    const many = Array.from({ length: 16 }, (_, index) => `img-${index}`);
    const { provenImages } = trialOf(pool({ status: { provenImages: many } }), [becameReady]);
    expect(provenImages).toEqual([...many.slice(1), image]);
  });
});
