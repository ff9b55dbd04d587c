import { describe, expect, it } from 'vitest';
import { offering } from '../../test/builders/launch-order.ts';
import type { CallPoint, SpotPoolWorld } from '../../test/builders/spotpool-world.ts';
import { createSpotPoolWorld } from '../../test/builders/spotpool-world.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
/** Longer than a crash, the lag of the mark, and a purchase after it take together. */
const TO_REST = 4 * MINUTE;
const MOST_CRASHES = 12;

/** The calls that change something: each of them is a crash point in every test. Of the others, a sample. */
const CHANGING = ['launch', 'release', 'writeStatus', 'addFinalizer', 'removeFinalizer'];

/** How a cloud may behave that gives no promises, drawn by the number of the life. */
function makeWorld(seed: number): SpotPoolWorld {
  const world = createSpotPoolWorld();
  world.weather.honourTokens(seed % 2 === 0);
  world.weather.delayListing([0, 3 * SECOND][seed % 3 === 0 ? 0 : 1] ?? 0);
  world.weather.delayTags([0, 8 * SECOND, MINUTE][seed % 3] ?? 0);
  return world;
}

/** The minimum is the maximum, so that a machine too many shows at once. */
async function live(world: SpotPoolWorld, limit: (machines: number) => void): Promise<void> {
  const size = (count: number) => {
    limit(Math.max(count, world.alive().length));
    world.apply({ minimum: count, maximum: count, instance: { tags: { size: `${count}` } } });
  };
  const rest = async (count: number) => {
    await world.live(TO_REST);
    // One that is cut off again and again needs as many times longer.
    for (let again = 0; again < MOST_CRASHES && world.alive().length !== count; again += 1) await world.live(TO_REST);
    expect(world.alive()).toHaveLength(count);
    expect(await world.condition('Ready')).toBe('True EnoughMachines');
  };
  size(2);
  await rest(2);
  world.weather.endMachine(world.alive()[0]?.id ?? '');
  world.weather.loseAnswers('launch');
  await rest(2);
  world.weather.setStock(offering(), 1);
  size(3);
  await rest(3);
  size(1);
  await rest(1);
  world.delete();
  await world.live(8 * MINUTE);
  expect(world.alive()).toEqual([]);
  expect(await world.pool()).toBeUndefined();
}

/** Lives once, crashed where `decide` says. At every call there must be no machine too many. */
async function liveOnce(
  seed: number,
  decide: (point: CallPoint, index: number) => boolean,
): Promise<{ readonly calls: readonly CallPoint[]; readonly crashes: number }> {
  const world = makeWorld(seed);
  const calls: CallPoint[] = [];
  let crashes = 0;
  let limit = 0;
  world.crashAt((point) => {
    calls.push(point);
    expect(world.alive().length).toBeLessThanOrEqual(limit);
    const isCrash = decide(point, calls.length - 1);
    if (isCrash) crashes += 1;
    return isCrash;
  });
  await live(world, (machines) => {
    limit = machines;
  });
  return { calls, crashes };
}

describe('an operator that is cut off', { timeout: 60_000 }, () => {
  it('lives undisturbed in every kind of cloud', async () => {
    for (let seed = 0; seed < 6; seed++) await liveOnce(seed, () => false);
  });

  it('neither leaks nor buys twice, wherever a changing call is cut off, before or after its effect', async () => {
    for (let seed = 0; seed < 6; seed++) {
      const { calls } = await liveOnce(seed, () => false);
      const points = calls.flatMap(({ method }, index) => (CHANGING.includes(method) ? [index] : []));
      for (const point of points.filter((_, nth) => nth % 12 === seed)) {
        const { crashes } = await liveOnce(seed, (_call, index) => index === point);
        expect(crashes).toBe(1);
      }
    }
  });

  it('nor where it only looked', async () => {
    const { calls } = await liveOnce(1, () => false);
    for (let point = 0; point < calls.length; point += 29) await liveOnce(1, (_call, index) => index === point);
  });

  it('nor when it is cut off again and again', async () => {
    for (let seed = 0; seed < 12; seed++) {
      const every = 17 + seed * 7;
      const { crashes } = await liveOnce(seed, (_call, index) => index % every === every - 1 && index < 400);
      expect(crashes).toBeGreaterThan(2);
    }
  });
});
