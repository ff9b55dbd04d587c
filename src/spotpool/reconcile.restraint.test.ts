import { beforeEach, describe, expect, it } from 'vitest';
import { offering } from '../../test/builders/launch-order.ts';
import type { SpotPoolWorld } from '../../test/builders/spotpool-world.ts';
import { createSpotPoolWorld } from '../../test/builders/spotpool-world.ts';
import type { HistoryEntry } from '../api/spotpool.ts';
import { offeringId } from '../cloud/cloud.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

let world: SpotPoolWorld;
beforeEach(() => {
  world = createSpotPoolWorld();
});

const changingCalls = (): readonly string[] =>
  world.calls.map(({ method }) => method).filter((method) => method === 'launch' || method === 'release');
const bought = (): number => changingCalls().filter((method) => method === 'launch').length;
const history = async (): Promise<readonly HistoryEntry[]> => (await world.pool())?.status?.history ?? [];
const words = async (): Promise<readonly string[]> =>
  (await history()).map(({ reason, trigger, times }) =>
    [reason, trigger, times && `${times} times`].filter(Boolean).join(' | '),
  );
/** Makes every address of a machine mute: nothing of the image ever answers. */
const muteAll = async (ms: number): Promise<void> => {
  for (let passed = 0; passed < ms; passed += 10 * SECOND) {
    for (const { publicIp } of world.alive()) if (publicIp) world.mute.add(publicIp);
    await world.live(10 * SECOND);
  }
};

describe('an image that never becomes ready', () => {
  it.each([2, 100])('costs at most six machines an hour with a minimum of %i', async (minimum) => {
    world.apply({ minimum, maximum: minimum });
    const perHour: number[] = [];
    for (let hour = 0; hour < 4; hour += 1) {
      const before = world.bought();
      await muteAll(HOUR);
      perHour.push(world.bought() - before);
    }
    expect(perHour[0]).toBeGreaterThanOrEqual(2);
    expect(Math.max(...perHour)).toBeLessThanOrEqual(6);
    // Trials go on: what is wrong may be over.
    expect(perHour.at(-1)).toBe(2);
    expect(await world.condition('SpendLimited')).toBe('True SuspectImage');
    expect(await world.condition('Stalled')).toBe('True SuspectImage');
  });

  it('is bought as wanted again after a trial that answers, and after a change of the spec', async () => {
    world.apply({ minimum: 3, maximum: 3 });
    await muteAll(HOUR);
    world.mute.clear();
    await world.live(35 * MINUTE);
    expect(await world.condition('Ready')).toBe('True EnoughMachines');
    expect(await world.condition('SpendLimited')).toBeUndefined();
  });
});

it('a restart does not forget how much was bought, nor does a lost status', async () => {
  world.apply({ minimum: 2, maximum: 2, limits: { launchesPerHour: 2 } });
  await world.live(2 * MINUTE);
  for (const { id } of world.alive()) world.weather.endMachine(id);
  world.restart();
  await world.live(5 * MINUTE);
  expect([world.bought(), await world.condition('SpendLimited')]).toEqual([2, 'True LaunchesPerHour']);
  await world.live(HOUR);
  expect(world.alive()).toHaveLength(2);
});

describe('with --max-machines', () => {
  it('nothing is bought beyond it', async () => {
    world.process.limits = { maxMachines: 1 };
    world.restart();
    world.apply();
    await world.live(5 * MINUTE);
    expect([world.alive().length, await world.condition('SpendLimited')]).toEqual([1, 'True MaxMachines']);
  });

  it('nothing is bought beyond --max-cost-per-hour either', async () => {
    world.process.limits = { maxCostPerHour: 539_999 };
    world.restart();
    world.apply();
    await world.live(5 * MINUTE);
    expect([world.alive().length, await world.condition('SpendLimited')]).toEqual([1, 'True MaxCostPerHour']);
  });
});

describe.each([
  ['Stopped', 'True StoppedByHand'],
  ['Observing', 'True ObserveOnly'],
] as const)('%s', (restraint, told) => {
  it('nothing is bought, and it is told once what would have been', async () => {
    world.process.restraint = restraint;
    world.apply();
    await world.live(30 * MINUTE);
    expect(changingCalls()).toEqual([]);
    expect(await world.condition(restraint)).toBe(told);
    expect(await words()).toEqual([`WouldBuy | ${restraint}`]);
    expect(world.events.filter((reason) => reason === 'WouldBuy')).toHaveLength(1);
    world.process.restraint = undefined;
    await world.live(2 * MINUTE);
    expect([world.alive().length, await world.condition(restraint)]).toEqual([2, undefined]);
  });

  it('nothing is released, not even for a deletion, until it is over', async () => {
    world.apply();
    await world.live(2 * MINUTE);
    world.process.restraint = restraint;
    world.delete();
    await world.live(10 * MINUTE);
    expect(world.alive()).toHaveLength(2);
    expect(changingCalls()).toEqual(['launch']);
    expect(await words()).toEqual(['Launched | NewPool; 0 of 2 alive', `WouldDrain | ${restraint}`]);
    world.process.restraint = undefined;
    await world.live(10 * MINUTE);
    expect([world.alive().length, await world.pool()]).toEqual([0, undefined]);
  });

  it('a purchase that is planned already is not made', async () => {
    world.apply();
    await world.look();
    world.process.restraint = restraint;
    await world.live(5 * MINUTE);
    expect(changingCalls()).toEqual([]);
    world.process.restraint = undefined;
    await world.live(2 * MINUTE);
    expect(world.alive()).toHaveLength(2);
  });
});

describe('the history', () => {
  it('tells why each machine came and went', async () => {
    world.apply();
    await world.live(2 * MINUTE);
    const [first = ''] = world.alive().map(({ id }) => id);
    world.weather.endMachine(first);
    await world.live(2 * MINUTE);
    world.apply({ minimum: 0, maximum: 1 });
    await world.live(2 * MINUTE);
    expect(await words()).toEqual([
      'Launched | NewPool; 0 of 2 alive',
      'MachineLost',
      `Launched | MachineLost ${first}; 1 of 2 alive`,
      'Draining | Surplus',
      'Released | Surplus',
    ]);
    const [bought] = await history();
    expect(bought).toMatchObject({
      offering: offeringId(offering()),
      price: '0.27',
      machines: [first, expect.any(String)],
    });
  });

  it('keeps a refusal that comes again as one entry', async () => {
    world.weather.setStock(offering(), 0);
    world.apply({ minimum: 1 });
    await world.live(HOUR);
    const [only, ...more] = await history();
    expect(more).toEqual([]);
    expect(only).toMatchObject({
      reason: 'SoldOut',
      offering: offeringId(offering()),
      trigger: 'NewPool; 0 of 1 alive',
    });
    expect(only?.times).toBeGreaterThan(2);
    expect(Date.parse(only?.time ?? '')).toBeGreaterThan(Date.parse(only?.firstTime ?? ''));
  });

  it('is bounded, and logged as it stands there', async () => {
    world.apply({ minimum: 1, maximum: 1, limits: { launchesPerHour: 1000 } });
    for (let round = 0; round < 40; round += 1) {
      await world.live(2 * MINUTE);
      for (const { id } of world.alive()) world.weather.endMachine(id);
    }
    const kept = await history();
    expect(kept).toHaveLength(50);
    expect(world.decisions.slice(-50)).toEqual(kept);
    expect(bought()).toBeGreaterThan(30);
  });
});
