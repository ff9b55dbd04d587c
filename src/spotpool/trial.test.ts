import { describe, expect, it } from 'vitest';
import { machine, NOW, pool, record } from '../../test/builders/spotpool.ts';
import { toTime } from '../api/meta.ts';
import type { ImageTrial, InstanceStatus } from '../api/spotpool.ts';
import type { Machine } from './machine.ts';
import { trialOf } from './trial.ts';

const image = pool().spec.imageId;
const key = trialOf(pool(), []).record.key;
const having = (word: string) => pool({ status: { trial: { key, outcomes: outcomes(word) } } });

/** A machine of the image of the spec, as it was and as it is. */
function seen(before: Partial<InstanceStatus>, now: Partial<InstanceStatus>): Machine {
  const { readyAt: _ready, ...young } = record({ imageId: image, isOutdated: false });
  return machine('ins-1', {
    before: { ...young, ...before },
    with: { readyAt: undefined, specHash: 'x', isOutdated: false, imageId: image, ...now } as never,
  });
}
const becameReady = seen({ phase: 'Warming' }, { phase: 'Ready', readyAt: '2026-11-01T00:00:00Z' });
const neverReady = seen({ phase: 'Warming' }, { phase: 'Failed', reason: 'NeverReady' });

/** `R` and `N`, each machine made a minute after the one before. */
const outcomes = (word: string): ImageTrial['outcomes'] =>
  [...word].map((letter, index) => ({
    machine: `ins-${letter}${index}`,
    madeAt: toTime(NOW - (10 - index) * 60_000),
    outcome: letter === 'R' ? 'Ready' : 'NeverReady',
  }));
const word = (trial: ImageTrial): string => trial.outcomes.map(({ outcome }) => outcome[0]).join('');
const made = (of: Machine, minutesAgo: number, id = 'ins-x'): Machine => ({
  ...of,
  id,
  record: { ...of.record, createdAt: toTime(NOW - minutesAgo * 60_000) },
});

describe('what becomes of machines', () => {
  it.each<[string, string, readonly Machine[], string]>([
    ['one that becomes ready is noted', '', [becameReady], 'R'],
    ['one that never does is noted', '', [neverReady], 'N'],
    ['each once', '', [seen({ reason: 'NeverReady' }, { phase: 'Failed', reason: 'NeverReady' })], ''],
    ['one that has been ready before says nothing new', '', [seen({ readyAt: 'x' }, { readyAt: 'x' })], ''],
    ['one that only warms says nothing', '', [seen({}, { phase: 'Warming', reason: 'NotAnsweringYet' })], ''],
    [
      'one of an older spec says nothing',
      '',
      [{ ...neverReady, record: { ...neverReady.record, isOutdated: true } }],
      '',
    ],
    ['of another image neither', '', [{ ...neverReady, record: { ...neverReady.record, imageId: 'img-2' } }], ''],
    [
      'nor one that was bought by somebody else',
      '',
      [{ ...neverReady, record: { ...neverReady.record, specHash: undefined } as never }],
      '',
    ],
    ['four are remembered', 'RRRR', [made(neverReady, 1)], 'RRRN'],
    ['in the order in which they were made', 'RRRR', [made(neverReady, 20)], 'RRRR'],
    [
      'of those made together the failed come first',
      '',
      [made(becameReady, 1, 'a'), made(neverReady, 1, 'b'), made(becameReady, 1, 'c')],
      'NRR',
    ],
    ['a ready one clears a suspicion', 'RNN', [becameReady], 'R'],
    ['without a suspicion it only joins', 'N', [made(becameReady, 1)], 'NR'],
    ['none counts twice', 'N', [made(neverReady, 1, 'ins-N0')], 'N'],
  ])('%s', (_name, before, machines, after) => {
    expect(word(trialOf(having(before), machines).record)).toBe(after);
  });

  it.each([
    ['', false],
    ['N', false],
    ['NN', true],
    ['NRRN', true],
    ['RRRN', false],
  ])('%s: suspect %s', (before, isSuspect) => {
    expect(trialOf(having(before), []).isSuspect).toBe(isSuspect);
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
    const { spec, ...rest } = having('NN');
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
