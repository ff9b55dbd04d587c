// Loaded beforehand: the operator loads it at its first call, and that takes real time which nobody counts.
import 'tencentcloud-sdk-nodejs-cvm/tencentcloud/services/cvm/v20170312/cvm_client.js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { poolManifest } from '../../builders/pool-manifest.ts';
import { createReaper, parsePlan } from './points.ts';
import { type CrashWorld, openCrashWorld } from './world.ts';

const MINUTE = 60_000;

/** A pool of two and an operator that dies at a point; time stops a moment later. */
async function dyingAt(plan: string): Promise<CrashWorld> {
  const world = await openCrashWorld({ seed: 1, reaper: createReaper(parsePlan(plan)), simulator: {} });
  onTestFinished(() => world.close());
  world.write(poolManifest('pool', { minimum: 2, maximum: 2 }));
  await world.start();
  for (let step = 0; !world.isDead && step < 60; step += 1) await world.advance(1000);
  expect(world.isDead).toBe(true);
  return world;
}

const bought = ({ simulator }: CrashWorld): number => simulator.state().instances.length;
const calls = ({ simulator }: CrashWorld, action: string): number =>
  simulator.journal.entries.filter((entry) => entry.kind === 'call' && entry.action === action).length;

describe('an operator that dies', () => {
  it('before a purchase has not made it; after one, it has', async () => {
    expect(bought(await dyingAt('launch/before:1'))).toBe(0);
    expect(bought(await dyingAt('launch/after:1'))).toBe(2);
  });

  it('before it reads has asked nothing; after, it has', async () => {
    expect(calls(await dyingAt('sweep/before:1'), 'DescribeInstances')).toBe(0);
    expect(calls(await dyingAt('sweep/after:1'), 'DescribeInstances')).toBe(1);
  });

  it('before a write of its state leaves the state as it was; after, with what was written', async () => {
    for (const [plan, finalizers, intents] of [
      ['addFinalizer/before:1', 0, 0],
      ['addFinalizer/after:1', 1, 0],
      ['writeStatus/before:1', 1, 0],
      ['writeStatus/after:1', 1, 1],
    ] as const) {
      const pool = (await dyingAt(plan)).pool();
      const left = { finalizers: pool?.metadata.finalizers.length, intents: pool?.status?.intents?.length ?? 0 };
      expect({ plan, ...left }).toEqual({ plan, finalizers, intents });
    }
    expect((await dyingAt('follow/before:1')).pool()).toBeUndefined();
    expect((await dyingAt('follow/after:1')).pool()).toBeDefined();
  });

  it.each(['sweep/before:1', 'launch/after:1', 'writeStatus/after:1', 'probe/before:1', 'claim/after:1'])(
    'at %s does nothing any more, and the next one goes on with what it left',
    async (plan) => {
      const world = await dyingAt(plan);
      const quiet = {
        calls: world.simulator.journal.entries.filter(({ kind }) => kind === 'call').length,
        lines: world.log.length,
      };
      await world.advance(10 * MINUTE);
      const later = {
        calls: world.simulator.journal.entries.filter(({ kind }) => kind === 'call').length,
        lines: world.log.length,
      };
      expect(later).toEqual(quiet);
      await world.start();
      await world.advance(5 * MINUTE);
      expect({ bought: bought(world), ready: world.pool()?.status?.ready }).toEqual({ bought: 2, ready: 2 });
    },
  );
});
