import { beforeEach, describe, expect, it } from 'vitest';
import { launchOrder } from '../../test/builders/launch-order.ts';
import type { SpotPoolWorld } from '../../test/builders/spotpool-world.ts';
import { createSpotPoolWorld } from '../../test/builders/spotpool-world.ts';
import { CloudError } from '../cloud/errors.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

let world: SpotPoolWorld;
beforeEach(() => {
  world = createSpotPoolWorld();
});

/** Lets time pass while these machines do not answer. */
async function muted(ids: readonly string[], ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 5 * SECOND) {
    for (const { id, publicIp } of world.alive()) if (ids.includes(id) && publicIp) world.mute.add(publicIp);
    await world.live(5 * SECOND);
  }
}
const ids = (): readonly string[] => world.alive().map(({ id }) => id);

describe('brakes give way where nothing is wrong', () => {
  it('a new image is bought although the old one was bought often within the hour', async () => {
    world.apply({ minimum: 4, maximum: 8 });
    await world.live(5 * MINUTE);
    for (let round = 0; round < 6; round += 1) {
      world.weather.endMachine(ids()[0] ?? '');
      await world.live(3 * MINUTE);
    }
    world.apply({ minimum: 4, maximum: 8, imageId: 'img-new00000' });
    world.weather.endMachine(ids()[0] ?? '');
    await world.live(15 * MINUTE);
    expect(ids()).toHaveLength(4);
  });

  it('two duds of forty do not make the image suspect', async () => {
    world.apply({ minimum: 40, maximum: 40 });
    await world.live(2 * MINUTE);
    while (ids().length < 40) await world.live(SECOND);
    const duds = ids().slice(-2);
    for (let passed = 0; passed < HOUR; passed += MINUTE) {
      await muted(duds, MINUTE);
      expect(await world.condition('Stalled')).toBe('False Progressing');
    }
  });

  it('offerings whose machines never start do not use up the hour of one that works', async () => {
    const { launch } = world.cloud;
    const offerings = ['GN7.BAD1', 'GN7.BAD2', 'GN7.BAD3', 'GN7.OK'].map((instanceType) => ({ instanceType }));
    Object.assign(world.cloud, {
      launch: async (...args: Parameters<typeof launch>) => {
        world.weather.failLaunches(args[0].offering.instanceType !== 'GN7.OK');
        return launch(...args);
      },
    });
    world.apply({ minimum: 2, maximum: 2, offerings });
    await world.live(20 * MINUTE);
    expect(ids()).toHaveLength(2);
  });

  it('purchases that were recorded under a wrong clock do not hold for a year', async () => {
    world.apply({ minimum: 2, maximum: 2 });
    await world.live(5 * MINUTE);
    const pool = await world.pool();
    if (!pool?.status) throw new Error('the pool has a status');
    const launches = [{ at: '2027-11-01T00:05:00Z', count: 6, imageId: pool.spec.imageId }];
    await world.store.writeStatus(pool, { ...pool.status, launches });
    for (const id of ids()) world.weather.endMachine(id);
    await world.live(5 * MINUTE);
    expect(ids()).toHaveLength(2);
  });

  it('adopted machines that never answer do not make the image suspect', async () => {
    world.apply({ minimum: 2, maximum: 6 });
    await world.live(5 * MINUTE);
    const own = ids();
    const { metadata, spec } = (await world.pool()) ?? {};
    const owner = { installation: world.store.installationId, poolUid: metadata?.uid ?? '', pool: 'default/first' };
    const order = launchOrder({ name: 'by-hand', clientToken: 't', count: 2, owner, imageId: spec?.imageId ?? '' });
    const adopted = await world.cloud.launch(order, AbortSignal.any([]));
    await muted(adopted, 15 * MINUTE);
    world.weather.endMachine(own[0] ?? '');
    await world.live(5 * MINUTE);
    expect(ids()).toHaveLength(2);
  });

  it('with a limit on cost, a price that cannot be asked for a while does not keep the pool small', async () => {
    world.process.limits = { maxCostPerHour: 50_000_000 };
    world.restart();
    world.apply({ minimum: 2, maximum: 2 });
    await world.live(2 * MINUTE);
    Object.assign(world.cloud, {
      price: async () => {
        throw new CloudError('ServerError', 'price is down', { action: 'InquiryPriceRunInstances' });
      },
    });
    await world.live(12 * MINUTE);
    for (const id of ids()) world.weather.endMachine(id);
    await world.live(5 * MINUTE);
    expect(ids()).toHaveLength(2);
  });

  it('a pool whose finalizer was removed by hand takes no room any more', async () => {
    world.process.limits = { maxMachines: 3 };
    world.restart();
    world.apply();
    await world.live(3 * MINUTE);
    for (const id of ids()) world.weather.endMachine(id);
    world.delete();
    const pool = await world.pool();
    if (pool) await world.store.removeFinalizer(pool, 'demo.aiops.org/cleanup');
    await world.live(MINUTE);
    world.apply();
    await world.live(5 * MINUTE);
    expect(ids()).toHaveLength(2);
  });
});

describe('one machine that cannot go', () => {
  it('because its release is refused does not keep the next silent one', async () => {
    world.apply({ minimum: 3, maximum: 3 });
    await world.live(5 * MINUTE);
    const [first = '', second = ''] = ids();
    world.weather.protect(first);
    await muted([first], 10 * MINUTE);
    // Two of three that fall silent are suspected to be a fault of the network first.
    await muted([first, second], 15 * MINUTE);
    expect(ids()).toContain(first);
    expect(ids()).not.toContain(second);
    const stalled = (await world.pool())?.status?.conditions?.find(({ type }) => type === 'Stalled');
    expect(stalled).toMatchObject({ status: 'True', reason: 'ReleaseRefused' });
    expect(stalled?.message).toContain('Its release failed');
  });

  it('because it lingers in lists does not either', async () => {
    world.apply({ minimum: 3, maximum: 4 });
    await world.live(5 * MINUTE);
    const [first = '', second = ''] = ids();
    const { release } = world.cloud;
    Object.assign(world.cloud, {
      release: async (...args: Parameters<typeof release>) => {
        if (!args[0].includes(first)) return release(...args);
        world.weather.setState(first, 'Terminating');
        return args[0].map((id) => ({ id }));
      },
    });
    await muted([first], 5 * MINUTE);
    await muted([first, second], 15 * MINUTE);
    expect(ids()).not.toContain(second);
  });
});

it('sixty drains that are withheld are told once, together', async () => {
  world.apply({ minimum: 60, maximum: 60 });
  await world.live(10 * MINUTE);
  world.process.restraint = 'Stopped';
  world.delete();
  await world.live(2 * MINUTE);
  const spoken = (): readonly number[] => [world.decisions.length, world.events.length];
  const before = spoken();
  await world.live(10 * MINUTE);
  expect(spoken()).toEqual(before);
  const last = (await world.pool())?.status?.history?.at(-1);
  expect(last).toMatchObject({ reason: 'WouldDrain', trigger: 'Stopped', message: '60: PoolDeleted' });
  expect(last?.machines).toHaveLength(60);
});
