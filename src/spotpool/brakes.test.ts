import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { machine, NOW, pool } from '../../test/builders/spotpool.ts';
import { toTime } from '../api/meta.ts';
import type { ImageTrial, LaunchCount } from '../api/spotpool.ts';
import type { Brake } from './brakes.ts';
import { brakesOf, launchesOf } from './brakes.ts';
import type { Machine } from './machine.ts';
import { trialOf } from './trial.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const base = pool();
const { imageId } = base.spec;
const { key } = trialOf(base, []).record;

interface Situation {
  readonly launches?: readonly LaunchCount[];
  readonly trial?: Omit<ImageTrial, 'key'>;
  readonly isProven?: boolean;
  readonly machines?: readonly Machine[];
  readonly launchesPerHour?: number;
}

function brakes({ launches = [], trial, isProven, machines = [], launchesPerHour = 6 }: Situation): readonly Brake[] {
  const status = {
    launches: [...launches],
    ...(trial ? { trial: { key, ...trial } } : {}),
    ...(isProven ? { provenImages: [imageId] } : {}),
  };
  const of = { ...base, spec: { ...base.spec, launchesPerHour }, status };
  return brakesOf(of, machines, trialOf(of, machines), NOW);
}

/** `LaunchesPerHour 4`, the tightest brake first. */
const inShort = (situation: Situation): readonly string[] =>
  brakes(situation)
    .toSorted((a, b) => a.room - b.room)
    .map(({ reason, room }) => `${reason} ${room}`);

const ago = (ms: number, count: number, image = imageId): LaunchCount => ({
  at: toTime(NOW - ms),
  count,
  imageId: image,
});
const old = (id: string, changes: Parameters<typeof machine>[1] = {}): Machine =>
  machine(id, { ...changes, with: { imageId, createdAt: toTime(NOW - 5 * HOUR), ...changes.with } });
const unready = (id: string, ms = 5 * HOUR): Machine =>
  machine(id, { with: { imageId, createdAt: toTime(NOW - ms), readyAt: undefined, phase: 'Warming' } as never });

describe('launches per hour', () => {
  it.each<[string, Situation, string]>([
    ['none yet', { isProven: true }, 'LaunchesPerHour 6'],
    [
      'those of the last hour count',
      { isProven: true, launches: [ago(30 * MINUTE, 2), ago(MINUTE, 3)] },
      'LaunchesPerHour 1',
    ],
    ['to the last second', { isProven: true, launches: [ago(HOUR, 2)] }, 'LaunchesPerHour 4'],
    ['older ones do not', { isProven: true, launches: [ago(HOUR + 1000, 5)] }, 'LaunchesPerHour 6'],
    [
      'a lost record is made good by the machines',
      { machines: [old('a'), machine('b', { with: { createdAt: toTime(NOW - MINUTE) } })], isProven: true },
      'LaunchesPerHour 5',
    ],
    [
      'no machine counts twice',
      {
        machines: [machine('b', { with: { createdAt: toTime(NOW - MINUTE) } })],
        launches: [ago(MINUTE, 1)],
        isProven: true,
      },
      'LaunchesPerHour 5',
    ],
  ])('%s', (_name, situation, shown) => {
    expect(inShort(situation)).toEqual([shown]);
  });

  it('tells when the next may be bought', () => {
    const [brake] = brakes({ isProven: true, launches: [ago(30 * MINUTE, 3), ago(MINUTE, 3)] });
    expect(brake).toMatchObject({ room: 0, until: NOW + 30 * MINUTE + 1000 });
    expect(brake?.message).toBe('6 machines were bought within the last hour, and limits.launchesPerHour is 6.');
  });

  it('never lets more through in any hour, whatever the purchases', () => {
    const purchases = fc.array(
      fc.record({ after: fc.integer({ min: 0, max: 20 * MINUTE }), wanted: fc.integer({ min: 1, max: 10 }) }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(purchases, fc.integer({ min: 1, max: 20 }), (all, most) => {
        let now = NOW;
        let launches: readonly LaunchCount[] = [];
        const bought: { at: number; count: number }[] = [];
        for (const { after, wanted } of all) {
          now += after;
          const of = {
            ...base,
            spec: { ...base.spec, launchesPerHour: most },
            status: { launches: [...launches], provenImages: [imageId] },
          };
          const room = brakesOf(of, [], trialOf(of, []), now)[0]?.room ?? 0;
          const count = Math.max(0, Math.min(wanted, room));
          launches = launchesOf(launches, { imageId, bought: count, failed: 0 }, now);
          if (count > 0) bought.push({ at: now, count });
          expect(launches.length).toBeLessThanOrEqual(62);
          const within = bought.filter(({ at }) => now - at < HOUR).reduce((sum, each) => sum + each.count, 0);
          expect(within).toBeLessThanOrEqual(most);
        }
      }),
    );
  });
});

describe('the record of purchases', () => {
  it.each<[string, readonly LaunchCount[], readonly LaunchCount[]]>([
    [
      'grows by what is bought',
      launchesOf([ago(5 * MINUTE, 2)], { imageId, bought: 1, failed: 0 }, NOW),
      [ago(5 * MINUTE, 2), ago(0, 1)],
    ],
    ['is one entry a minute', launchesOf([ago(0, 2)], { imageId, bought: 1, failed: 0 }, NOW), [ago(0, 3)]],
    [
      'and image',
      launchesOf([ago(0, 2)], { imageId: 'img-2', bought: 1, failed: 0 }, NOW),
      [ago(0, 2), ago(0, 1, 'img-2')],
    ],
    [
      'forgets what is an hour old when it grows',
      launchesOf([ago(2 * HOUR, 2)], { imageId, bought: 1, failed: 0 }, NOW),
      [ago(0, 1)],
    ],
    [
      'stays as it is otherwise',
      launchesOf([ago(2 * HOUR, 2)], { imageId, bought: 0, failed: 0 }, NOW),
      [ago(2 * HOUR, 2)],
    ],
    [
      'gives back what never started',
      launchesOf([ago(9 * MINUTE, 2), ago(5 * MINUTE, 1)], { imageId, bought: 0, failed: 2 }, NOW),
      [ago(9 * MINUTE, 1)],
    ],
    [
      'but not of another image',
      launchesOf([ago(9 * MINUTE, 2, 'img-2')], { imageId, bought: 0, failed: 2 }, NOW),
      [ago(9 * MINUTE, 2, 'img-2')],
    ],
    [
      'forgets what was written under a wrong clock',
      launchesOf([ago(-9999 * HOUR, 2)], { imageId, bought: 1, failed: 0 }, NOW),
      [ago(0, 1)],
    ],
  ])('%s', (_name, launches, expected) => {
    expect(launches).toEqual(expected);
  });

  it('is bounded, and counts all the same', () => {
    const images = Array.from({ length: 200 }, (_, index) => `img-${index}`);
    const all = images.reduce<readonly LaunchCount[]>(
      (sum, image) => launchesOf(sum, { imageId: image, bought: 1, failed: 0 }, NOW),
      [],
    );
    expect(all.length).toBeLessThanOrEqual(64);
    expect(all.reduce((sum, { count }) => sum + count, 0)).toBe(200);
  });
});

describe('an image that was never ready', () => {
  it.each<[string, Situation, readonly string[]]>([
    [
      'at most four at once',
      { machines: [unready('a'), unready('b'), unready('c')], launchesPerHour: 99 },
      ['UnprovenImage 1', 'UnprovenImage 6', 'LaunchesPerHour 99'],
    ],
    [
      'at most six in an hour',
      { launches: [ago(MINUTE, 5)], launchesPerHour: 99 },
      ['UnprovenImage 1', 'UnprovenImage 4', 'LaunchesPerHour 94'],
    ],
    [
      'the machines of another image do not count',
      {
        machines: [
          machine('a', { with: { imageId: 'img-2', createdAt: toTime(NOW - 5 * HOUR), readyAt: undefined } as never }),
        ],
        launchesPerHour: 99,
      },
      ['UnprovenImage 4', 'UnprovenImage 6', 'LaunchesPerHour 99'],
    ],
    [
      'purchases of another image are not its own',
      { launches: [ago(MINUTE, 6, 'img-2')], launchesPerHour: 99 },
      ['UnprovenImage 4', 'UnprovenImage 6', 'LaunchesPerHour 93'],
    ],
    ['one that answers proves it', { machines: [old('a')], launchesPerHour: 99 }, ['LaunchesPerHour 99']],
  ])('%s', (_name, situation, shown) => {
    expect(inShort(situation)).toEqual(shown);
  });
});

describe('a suspect image', () => {
  const failed: ImageTrial['outcomes'] = ['a', 'b'].map((id) => ({
    machine: id,
    madeAt: toTime(NOW - HOUR),
    outcome: 'NeverReady',
  }));
  it.each<[string, string | undefined, number]>([
    ['is not bought', toTime(NOW - 29 * MINUTE), 0],
    ['is tried once in 30 minutes', toTime(NOW - 30 * MINUTE - 1000), 1],
    ['whose last purchase is not known is tried', undefined, 1],
  ])('%s', (_name, lastLaunchAt, room) => {
    const trial = { outcomes: failed, ...(lastLaunchAt ? { lastLaunchAt } : {}) };
    expect(brakes({ trial, isProven: true }).find(({ reason }) => reason === 'SuspectImage')?.room).toBe(room);
  });

  it('says what to do', () => {
    const brake = brakes({ trial: { outcomes: failed }, isProven: true }).find(
      ({ reason }) => reason === 'SuspectImage',
    );
    expect(brake?.message).toContain(`2 of the last 2 machines of ${imageId} never became ready`);
  });
});
