import { beforeEach, describe, expect, it } from 'vitest';
import { launchOrder, offering } from '../../test/builders/launch-order.ts';
import type { SpotPoolWorld } from '../../test/builders/spotpool-world.ts';
import { anyKeys, createSpotPoolWorld, KEY } from '../../test/builders/spotpool-world.ts';
import { CloudError } from '../cloud/errors.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const KIND = { apiVersion: 'demo.aiops.org/v1', kind: 'SpotPool' };

let world: SpotPoolWorld;
beforeEach(() => {
  world = createSpotPoolWorld();
});

/** A pool that has come to rest. */
async function settled(changes: Record<string, unknown> = {}): Promise<readonly string[]> {
  world.apply(changes);
  await world.live(2 * MINUTE);
  expect(await world.condition('Ready')).toBe('True EnoughMachines');
  return ids();
}

const ids = (): readonly string[] => world.alive().map(({ id }) => id);
const launches = (): number => world.calls.filter(({ method }) => method === 'launch').length;
const phases = async (): Promise<readonly string[]> =>
  ((await world.pool())?.status?.instances ?? []).map(({ phase, reason }) => `${phase} ${reason}`);
const offeringsNow = async (): Promise<readonly string[]> =>
  ((await world.pool())?.status?.offerings ?? []).map(({ state, reason }) => `${state} ${reason}`);

describe('a life', () => {
  it('begins with the purchase of the minimum, and comes to rest', async () => {
    await settled();
    expect(world.alive()).toHaveLength(2);
    expect(launches()).toBe(1);
    const { status } = (await world.pool()) ?? {};
    expect(status).toMatchObject({ size: 2, ready: 2, minimum: 2, maximum: 3, currency: 'USD', hourlyCost: '0.54' });
    expect(status?.intents).toBeUndefined();
    expect(world.events).toEqual(['PurchasePlanned', 'Launched', 'MachineReady', 'MachineReady']);
    expect(await world.condition('Reconciling')).toBe('False Settled');
    expect(await world.condition('Stalled')).toBe('False Progressing');
    expect(await world.condition('CapacityAvailable')).toBe('True Available');
  });

  it('writes the intent before it buys, and buys in the next run', async () => {
    world.apply();
    expect(await world.look()).toBe(1);
    expect(launches()).toBe(0);
    expect((await world.pool())?.status?.intents).toMatchObject([{ count: 2 }]);
    await world.look();
    expect(launches()).toBe(1);
    expect((await world.pool())?.status?.intents).toBeUndefined();
    expect(await phases()).toEqual(['Requested Bought', 'Requested Bought']);
  });

  it('says nothing while nothing changes, and writes only what it has cost so far', async () => {
    await settled({ kongGatewayIP: '10.0.0.9', secretId: 'x', secretKey: 'x' });
    const [writes, events, looks] = [world.statusWrites, world.events.length, world.looks];
    await world.live(HOUR);
    expect(world.looks - looks).toBeGreaterThan(150);
    expect(world.looks - looks).toBeLessThan(250);
    expect(world.events).toHaveLength(events);
    // Every five minutes at most.
    expect(world.statusWrites - writes).toBeLessThanOrEqual(12);
  });

  it('a machine that is lost is replaced in the run that notices it', async () => {
    const [first = ''] = await settled();
    world.weather.endMachine(first);
    await world.clock.advance(10 * SECOND);
    await world.look();
    expect(world.events).toContain('MachineLost');
    await world.look();
    expect(world.alive()).toHaveLength(2);
    await world.live(2 * MINUTE);
    expect(await world.condition('Ready')).toBe('True EnoughMachines');
    expect(launches()).toBe(2);
  });

  it('machines whose tags never come are known by their recorded ids', async () => {
    world.weather.delayTags(24 * HOUR);
    const before = await settled();
    await world.live(HOUR);
    expect(ids()).toEqual(before);
    expect(launches()).toBe(1);
    world.delete();
    await world.live(5 * MINUTE);
    expect(ids()).toEqual([]);
  });

  it('a large pool is bought ten at a time, without waiting in between', async () => {
    await settled({ minimum: 2, maximum: 25 });
    world.apply({ minimum: 25, maximum: 25 });
    await world.live(2 * SECOND);
    expect(world.alive()).toHaveLength(25);
    expect(launches()).toBe(4);
  });

  it('a machine that never comes up is replaced, and speaks against its offering', async () => {
    world.weather.failLaunches(true);
    world.apply({ minimum: 1 });
    await world.live(30 * SECOND);
    expect(await offeringsNow()).toEqual(['Blocked LaunchFailed']);
    world.weather.failLaunches(false);
    await world.live(5 * MINUTE);
    expect(await world.condition('Ready')).toBe('True EnoughMachines');
    expect(launches()).toBe(2);
  });

  it('several that fail together speak against it once', async () => {
    world.weather.failLaunches(true);
    world.apply();
    await world.live(30 * SECOND);
    expect((await world.pool())?.status?.offerings).toMatchObject([{ reason: 'LaunchFailed', backoffSeconds: 180 }]);
  });

  it('a machine that never runs is replaced after five minutes', async () => {
    world.weather.setBootTime(HOUR);
    world.apply({ minimum: 1, maximum: 1 });
    await world.live(5 * MINUTE);
    expect(await phases()).toEqual(['Pending BeingMade']);
    await world.live(MINUTE);
    expect(world.events).toContain('NeverRan');
  });

  it('a machine that never answers is replaced ten minutes after it ran', async () => {
    world.mute.add('198.18.0.1');
    world.apply({ minimum: 1, maximum: 1 });
    await world.live(10 * MINUTE);
    expect(await phases()).toEqual(['Warming NotAnsweringYet']);
    await world.live(3 * MINUTE);
    expect(world.events).toContain('NeverReady');
    expect(await phases()).toEqual(['Ready Answering']);
    expect(world.alive()).toHaveLength(1);
  });

  it('a machine that has stopped answering is replaced after three questions', async () => {
    await settled({ maximum: 2 });
    world.mute.add('198.18.0.1');
    await world.live(30 * SECOND);
    expect(launches()).toBe(1);
    await world.live(90 * SECOND);
    expect(world.events).toContain('NotAnswering');
    expect(launches()).toBe(2);
    expect(await world.condition('Ready')).toBe('True EnoughMachines');
  });

  it('when all fall silent at once nothing is released or bought, and it is told once', async () => {
    const before = await settled({ minimum: 3, maximum: 9 });
    for (const { publicIp = '' } of world.alive()) world.mute.add(publicIp);
    await world.live(5 * MINUTE);
    expect(await world.condition('ReplacementHeld')).toBe('True MostNotAnswering');
    const writes = world.statusWrites;
    await world.live(4 * MINUTE);
    expect(ids()).toEqual(before);
    expect(world.statusWrites).toBe(writes);
    expect(world.events.filter((reason) => reason === 'MostNotAnswering')).toHaveLength(1);
    world.mute.clear();
    await world.live(MINUTE);
    expect(await world.condition('ReplacementHeld')).toBeUndefined();
    expect(ids()).toEqual(before);
  });
});

describe('scaling', () => {
  it('up and down, within the bounds, draining who leaves', async () => {
    await settled({ replicas: 2 });
    world.apply({ replicas: 9 });
    await world.live(2 * MINUTE);
    expect(world.alive()).toHaveLength(3);
    expect(await world.condition('ScalingLimited')).toBe('True TooManyReplicas');
    world.apply({ replicas: 2 });
    await world.look();
    expect(await phases()).toEqual(['Ready Answering', 'Ready Answering', 'Draining Surplus']);
    expect(world.alive()).toHaveLength(3);
    await world.live(2 * MINUTE);
    expect(world.alive()).toHaveLength(2);
    expect(await world.condition('ScalingLimited')).toBeUndefined();
    expect(launches()).toBe(2);
  });

  it('a size in between is left alone', async () => {
    await settled({ replicas: 3 });
    world.apply({});
    await world.live(5 * MINUTE);
    expect(world.alive()).toHaveLength(3);
  });

  it('a new image leaves machines alone, counts them, and lets them leave first', async () => {
    const before = await settled();
    world.apply({ imageId: 'img-new', minimum: 3 });
    await world.live(2 * MINUTE);
    expect((await world.pool())?.status).toMatchObject({ size: 3, outdated: 2 });
    world.apply({ imageId: 'img-new', minimum: 1, maximum: 1 });
    await world.live(5 * MINUTE);
    expect(ids()).toHaveLength(1);
    expect(before).not.toContain(ids()[0]);
  });

  it('a paused pool is only watched', async () => {
    const [first = ''] = await settled();
    world.apply({ paused: true });
    world.weather.endMachine(first);
    await world.live(5 * MINUTE);
    expect(world.alive()).toHaveLength(1);
    expect(await world.condition('Ready')).toBe('False Paused');
    expect(await world.condition('Reconciling')).toBe('False Paused');
  });

  it('machines of an offering that has left the spec keep their price', async () => {
    await settled();
    world.apply({ instanceType: 'GN10X.2XLARGE40' });
    world.restart();
    await world.live(MINUTE);
    expect((await world.pool())?.status).toMatchObject({ hourlyCost: '0.54', outdated: 2 });
  });
});

describe('sold out', () => {
  const two = { offerings: [{}, { availabilityZone: 'ap-singapore-3' }] };

  it('the walk goes on to the next offering at once, and back when the first has its time', async () => {
    world.weather.setStock(offering(), 0);
    world.apply({ ...two, minimum: 1 });
    await world.live(SECOND);
    expect(world.alive()).toMatchObject([{ zone: 'ap-singapore-3' }]);
    expect(await offeringsNow()).toEqual(['Blocked SoldOut', 'Available Bought']);
    expect(await world.condition('CapacityAvailable')).toBe('True Available');
    await world.live(4 * MINUTE);
    expect(await offeringsNow()).toEqual(['Available SoldOut', 'Available Bought']);
    world.weather.setStock(offering(), 5);
    world.weather.endMachine(ids()[0] ?? '');
    await world.live(MINUTE);
    expect(world.alive()).toMatchObject([{ zone: 'ap-singapore-2' }]);
  });

  it('an offering that stays empty is tried after 3, 6, 12, 24 and 30 minutes, with one call each', async () => {
    world.weather.setStock(offering(), 0);
    world.apply({ minimum: 1, maximum: 1 });
    await world.live(2 * HOUR);
    const times = world.calls.filter(({ method }) => method === 'launch').map(({ at }) => at);
    const waits = times.slice(1).map((at, index) => Math.round((at - (times[index] ?? 0)) / MINUTE));
    expect(waits).toEqual([3, 6, 12, 24, 30, 30]);
    expect(await world.condition('CapacityAvailable')).toBe('False SoldOut');
  });

  it('is asked early when the cloud sells again, and nothing is written while it waits', async () => {
    world.weather.setStock(offering(), 0);
    world.apply({ minimum: 1, maximum: 1 });
    await world.live(40 * MINUTE);
    const writes = world.statusWrites;
    await world.live(4 * MINUTE);
    expect(world.statusWrites).toBe(writes);
    world.weather.setStock(offering(), 1);
    await world.live(3 * MINUTE);
    expect(world.alive()).toHaveLength(1);
  });

  it('what is left is bought at once, and tells that there is no more', async () => {
    world.weather.setStock(offering(), 3);
    world.apply({ minimum: 10, maximum: 10 });
    await world.live(MINUTE);
    expect(world.alive()).toHaveLength(3);
    // 4 asked for (more are not risked with an image that was never ready), 3 had; nothing was refused.
    expect(launches()).toBe(1);
    expect(await world.condition('CapacityAvailable')).toBe('False SoldOut');
  });

  it('its memory survives a restart', async () => {
    world.weather.setStock(offering(), 0);
    world.apply({ minimum: 1 });
    await world.live(MINUTE);
    const before = launches();
    world.restart();
    await world.live(MINUTE);
    expect(launches()).toBe(before);
  });

  it('two bids for one kind of machine are two offerings', async () => {
    world.weather.setPrice('GN7.2XLARGE32', 400_000);
    world.apply({ minimum: 1, offerings: [{ maxPrice: '0.3' }, { maxPrice: '0.5' }] });
    await world.live(MINUTE);
    expect(await offeringsNow()).toEqual(['Blocked PriceTooLow', 'Available Bought']);
    expect(world.alive()).toHaveLength(1);
  });

  it('a used-up quota blocks its zone', async () => {
    world.weather.setQuota('ap-singapore-2', 0);
    world.apply({ ...two, minimum: 1 });
    await world.live(SECOND);
    expect(await offeringsNow()).toEqual(['Blocked QuotaExceeded', 'Available Bought']);
  });
});

describe('a purchase of unknown outcome', () => {
  it.each(['honoured', 'ignored'])('that was made is found after the longest lag; client tokens %s', async (tokens) => {
    world.weather.honourTokens(tokens === 'honoured');
    world.weather.loseAnswers('launch');
    world.weather.delayTags(10 * MINUTE);
    world.weather.delayListing(3 * SECOND);
    world.apply();
    await world.live(29 * SECOND);
    expect((await world.pool())?.status?.intents).toMatchObject([{ count: 2 }]);
    await world.live(2 * MINUTE);
    expect(world.alive()).toHaveLength(2);
    expect(launches()).toBe(1);
    expect(world.events).toContain('PurchaseFound');
    expect(await world.condition('Ready')).toBe('True EnoughMachines');
  });

  it('that was not made is sent again, once, under the same token', async () => {
    world.weather.refuse('launch', 'Unreachable');
    world.apply();
    await world.live(29 * SECOND);
    expect(launches()).toBe(1);
    const [intent] = (await world.pool())?.status?.intents ?? [];
    await world.live(2 * MINUTE);
    expect(launches()).toBe(2);
    expect(world.alive()).toHaveLength(2);
    expect(world.alive().every(({ name }) => name.startsWith(intent?.name ?? '-'))).toBe(true);
  });

  it('that was sent again is looked for as long once more when the process dies before it can note that', async () => {
    world.weather.honourTokens(false);
    world.weather.delayListing(20 * SECOND);
    world.weather.delayTags(10 * MINUTE);
    world.weather.refuse('launch', 'Unreachable');
    let isCut = false;
    // The first purchase was not made; the second is, and nobody hears of it.
    world.crashAt(({ method, side }) => {
      const isThen = !isCut && method === 'writeStatus' && side === 'before' && world.alive().length > 0;
      isCut ||= isThen;
      return isThen;
    });
    world.apply();
    await world.live(5 * MINUTE);
    expect([isCut, launches(), world.alive().length]).toEqual([true, 2, 2]);
  });

  it('is not sent again when the spec has changed meanwhile', async () => {
    world.weather.refuse('launch', 'ServerError');
    world.apply();
    await world.live(SECOND);
    world.apply({ imageId: 'img-new' });
    await world.live(3 * MINUTE);
    expect(world.alive().map(({ imageId }) => imageId)).toEqual(['img-new', 'img-new']);
  });

  it('is settled before the pool goes', async () => {
    world.weather.loseAnswers('launch');
    world.weather.delayTags(HOUR);
    world.apply();
    await world.live(SECOND);
    world.delete();
    await world.live(20 * SECOND);
    expect(await world.pool()).toBeDefined();
    await world.live(5 * MINUTE);
    expect(await world.pool()).toBeUndefined();
    expect(world.alive()).toEqual([]);
  });

  it('that another process may have sent since is not taken for unsent', async () => {
    world.apply({ minimum: 1, maximum: 1 });
    await world.look();
    const pool = await world.pool();
    if (!pool?.status) throw new Error('no status');
    const intents = pool.status.intents?.map((each) => ({ ...each, unknownSince: '2026-11-01T00:00:00Z' })) ?? [];
    await world.store.writeStatus(pool, { ...pool.status, intents });
    await world.look();
    expect(launches()).toBe(0);
  });
});

describe('a crash', () => {
  it('between the intent and the purchase: the next process looks, then buys once', async () => {
    world.apply();
    await world.look();
    world.restart();
    await world.live(29 * SECOND);
    expect(launches()).toBe(0);
    expect(world.events).toContain('OutcomeUnknown');
    await world.live(2 * MINUTE);
    expect(world.alive()).toHaveLength(2);
    expect(launches()).toBe(1);
  });

  it('between the purchase and its record: its machines are found', async () => {
    world.weather.delayTags(10 * MINUTE);
    world.apply();
    world.crashAt(({ method, side }) => method === 'launch' && side === 'after');
    await world.look();
    await world.look();
    world.crashAt(() => false);
    await world.live(3 * MINUTE);
    expect(world.alive()).toHaveLength(2);
    expect(launches()).toBe(1);
  });

  it('that only broke the write: another hand at the object does not lose a purchase', async () => {
    world.apply();
    await world.look();
    world.crashAt(({ method, side }) => {
      if (method === 'launch' && side === 'after') world.apply({ maximum: 4 });
      return false;
    });
    await world.look();
    expect((await world.pool())?.status?.instances).toHaveLength(2);
    expect((await world.pool())?.status?.intents).toBeUndefined();
  });

  it('the status of another process is not written over', async () => {
    world.apply();
    await world.look();
    const pool = await world.pool();
    if (!pool?.status) throw new Error('no status');
    const theirs = { ...pool.status, size: 7 };
    world.crashAt(({ method, side }) => {
      if (method === 'launch' && side === 'after') void world.store.writeStatus(pool, theirs);
      return false;
    });
    await expect(world.look()).rejects.toMatchObject({ reason: 'Conflict' });
    expect((await world.pool())?.status).toEqual(theirs);
  });

  it('of the run alone, in the middle of a purchase: the same process looks before it buys again', async () => {
    world.apply();
    await world.look();
    world.weather.honourTokens(false);
    world.crashAt(({ method, side }) => {
      if (method === 'launch' && side === 'after') throw new DOMException('took too long', 'TimeoutError');
      return false;
    });
    await expect(world.look()).rejects.toThrow('took too long');
    await world.live(2 * MINUTE);
    expect(launches()).toBe(1);
    expect(world.alive()).toHaveLength(2);
  });

  it('no write: nothing is bought', async () => {
    world.apply();
    await world.look();
    world.store.refuseWrites('Unavailable');
    world.restart();
    await expect(world.look()).rejects.toThrow('refused');
    expect(launches()).toBe(0);
  });

  it('the right to act lost: nothing is bought or released', async () => {
    world.apply();
    await world.look();
    world.process.mayAct = false;
    await expect(world.look()).rejects.toThrow('lost the right to act');
    expect(launches()).toBe(0);
  });
});

describe('a record that is lost', () => {
  async function wipe(status: object = {}): Promise<void> {
    const pool = await world.pool();
    if (pool) await world.store.writeStatus(pool, status);
  }

  it('is restored from the cloud, without a purchase', async () => {
    const before = await settled();
    await wipe();
    await world.live(2 * MINUTE);
    expect(ids()).toEqual(before);
    expect(launches()).toBe(1);
    expect(world.events.filter((reason) => reason === 'Adopted')).toHaveLength(2);
    expect(await world.condition('Ready')).toBe('True EnoughMachines');
    expect((await world.pool())?.status?.buyingStopped).toBeUndefined();
  });

  it.each([
    { name: 'while its machines are not listed yet', listing: 5 * SECOND, tags: 0 },
    { name: 'while their tags are on the way', listing: 0, tags: 8 * SECOND },
    { name: 'while their tags take minutes', listing: 5 * SECOND, tags: 4 * MINUTE },
  ])('$name', async ({ listing, tags }) => {
    world.weather.delayListing(listing);
    world.weather.delayTags(tags);
    world.apply();
    await world.look();
    await world.look();
    expect(launches()).toBe(1);
    await wipe();
    await world.live(10 * MINUTE);
    expect(launches()).toBe(1);
    expect(await world.condition('Ready')).toBe('True EnoughMachines');
  });

  /** The pool as a store shows it that knows nothing of its past. */
  async function loseState(): Promise<void> {
    await wipe();
    const pool = await world.pool();
    if (pool) await world.store.removeFinalizer(pool, 'demo.aiops.org/cleanup');
    world.process.stateLostAt = world.clock.now();
    world.restart();
  }

  it.each([
    { name: 'known by their tags', listing: 0, tags: 0 },
    { name: 'waited for by their names', listing: 0, tags: 2 * MINUTE },
    { name: 'waited for until they are listed', listing: 20 * SECOND, tags: MINUTE },
  ])('together with the whole state: machines are $name', async ({ listing, tags }) => {
    world.weather.delayListing(listing);
    world.weather.delayTags(tags);
    world.apply();
    await world.look();
    await world.look();
    const before = ids();
    await loseState();
    await world.live(5 * MINUTE);
    expect(ids()).toEqual(before);
    expect(launches()).toBe(1);
    expect(await world.condition('Ready')).toBe('True EnoughMachines');
  });

  it('concerns only pools that were there when the state was begun anew', async () => {
    world.process.stateLostAt = world.clock.now();
    world.restart();
    await world.clock.advance(SECOND);
    world.apply();
    await world.live(SECOND);
    expect(launches()).toBe(1);
  });

  it('does not let a deletion finish too early', async () => {
    world.weather.delayListing(5 * SECOND);
    world.apply();
    await world.look();
    await world.look();
    await wipe();
    world.delete();
    await world.live(10 * MINUTE);
    expect(world.alive()).toEqual([]);
    expect(await world.pool()).toBeUndefined();
  });

  it('a strange id written into it is not touched', async () => {
    await settled();
    const signal = new AbortController().signal;
    const pool = await world.pool();
    const stranger = launchOrder({ clientToken: 'other' });
    world.weather.delayTags(HOUR);
    const [id = ''] = await world.cloud.launch(stranger, signal);
    await world.clock.advance(MINUTE);
    if (!pool?.status?.instances?.[0]) throw new Error('no machines');
    const instances = [...pool.status.instances, { ...pool.status.instances[0], instanceId: id }];
    await world.store.writeStatus(pool, { ...pool.status, instances });
    world.apply({ minimum: 0, maximum: 0 });
    await world.live(5 * MINUTE);
    expect(ids()).toEqual([id]);
  });
});

describe('deletion', () => {
  it('releases every machine, and lets the pool go only after', async () => {
    await settled();
    world.delete();
    await world.live(20 * SECOND);
    expect(await phases()).toEqual(['Draining PoolDeleted', 'Draining PoolDeleted']);
    expect(await world.condition('Reconciling')).toBe('True MachinesMoving');
    while (world.alive().length > 0) {
      expect(await world.pool()).toBeDefined();
      await world.live(SECOND);
    }
    await world.live(MINUTE);
    expect(await world.pool()).toBeUndefined();
    expect(launches()).toBe(1);
  });

  it('waits for a machine that is being made and cannot be released yet', async () => {
    world.weather.setBootTime(2 * MINUTE);
    world.apply();
    await world.live(30 * SECOND);
    world.delete();
    await world.live(MINUTE);
    expect(world.alive()).toHaveLength(2);
    expect(world.events.filter((reason) => reason === 'ReleaseFailed')).toHaveLength(2);
    await world.live(3 * MINUTE);
    expect(world.alive()).toEqual([]);
    expect(await world.pool()).toBeUndefined();
  });

  it('of a machine bought a moment ago, which no list shows yet, does not leak it', async () => {
    world.weather.delayListing(5 * SECOND);
    world.weather.setBootTime(0);
    world.apply();
    await world.look();
    await world.look();
    world.delete();
    await world.live(5 * MINUTE);
    expect(world.alive()).toEqual([]);
    expect(await world.pool()).toBeUndefined();
  });

  it.each([
    { name: 'with Retain', changes: { deletionPolicy: 'Retain' }, annotations: {} },
    { name: 'by the annotation that gives machines up', changes: {}, annotations: { 'demo.aiops.org/orphan': 'true' } },
  ])('$name leaves the machines running', async ({ changes, annotations }) => {
    const before = await settled(changes);
    world.apply(changes, annotations);
    world.delete();
    await world.look();
    expect(await world.pool()).toBeUndefined();
    expect(ids()).toEqual(before);
    expect(world.events).toContain('MachinesRetained');
  });

  it('of a paused pool waits', async () => {
    await settled();
    world.apply({ paused: true });
    world.delete();
    await world.live(5 * MINUTE);
    expect(world.alive()).toHaveLength(2);
    expect(await world.pool()).toBeDefined();
  });

  it('of a protected machine waits, says so once, and asks no person twice a poll', async () => {
    const [first = ''] = await settled();
    world.weather.protect(first);
    world.delete();
    await world.live(10 * MINUTE);
    expect(ids()).toEqual([first]);
    expect(await world.condition('Stalled')).toBe('True ReleaseRefused');
    expect(world.events.filter((reason) => reason === 'ReleaseFailed')).toHaveLength(1);
  });
});

describe('a refusal', () => {
  it('for want of money stops buying, says so, and the pool resumes by itself', async () => {
    world.weather.emptyAccount();
    world.apply();
    await world.live(4 * MINUTE);
    expect(launches()).toBe(1);
    expect(await world.condition('Stalled')).toBe('True InsufficientBalance');
    expect(await world.condition('Reconciling')).toBe('False InsufficientBalance');
    const writes = world.statusWrites;
    await world.live(MINUTE);
    expect(world.statusWrites).toBe(writes);
    world.weather.topUp();
    await world.live(15 * MINUTE);
    expect(await world.condition('Ready')).toBe('True EnoughMachines');
    expect(await world.condition('Stalled')).toBe('False Progressing');
    expect(launches()).toBe(2);
  });

  it('of something that the spec names is tried again as soon as the spec changes', async () => {
    world.weather.forget('img-5gn3j31i');
    world.apply();
    await world.live(MINUTE);
    expect(await world.condition('Stalled')).toBe('True InvalidReference');
    world.apply({ imageId: 'img-new' });
    await world.live(MINUTE);
    expect(await world.condition('Ready')).toBe('True EnoughMachines');
  });

  it('of the keys touches nothing, asks rarely, and passes when they are right', async () => {
    await settled();
    const refuse = new CloudError('InvalidCredentials', 'the keys are wrong', { action: 'getCredentials' });
    world.process.credentials = { source: 'the test', getCredentials: () => Promise.reject(refuse) };
    const looks = world.looks;
    await world.live(30 * MINUTE);
    expect(world.looks - looks).toBeLessThanOrEqual(7);
    expect(await world.condition('Ready')).toBe('Unknown InvalidCredentials');
    expect(await world.condition('CredentialsValid')).toBe('False InvalidCredentials');
    expect(await world.condition('Stalled')).toBe('True InvalidCredentials');
    expect((await world.pool())?.status?.instances).toHaveLength(2);
    expect(world.events.filter((reason) => reason === 'InvalidCredentials')).toHaveLength(1);
    world.process.credentials = anyKeys;
    await world.look();
    expect(await world.condition('Ready')).toBe('True EnoughMachines');
    expect(launches()).toBe(1);
  });

  it.each([
    { method: 'sweep', type: 'Stalled', condition: 'True PermissionDenied' },
    { method: 'launch', type: 'Stalled', condition: 'True PermissionDenied' },
    { method: 'price', type: 'PermissionsSufficient', condition: 'False PermissionDenied' },
    { method: 'release', type: 'PermissionsSufficient', condition: 'False PermissionDenied' },
  ] as const)('of $method for want of a permission names the action', async ({ method, type, condition }) => {
    world.weather.refuse(method, 'PermissionDenied', 1000);
    world.apply();
    await world.live(2 * MINUTE);
    if (method === 'release') {
      world.delete();
      await world.live(MINUTE);
    }
    expect(await world.condition(type)).toBe(condition);
    const found = (await world.pool())?.status?.conditions?.find((each) => each.type === type);
    expect(found?.message).toContain(method);
    if (method === 'price') expect(await world.condition('Ready')).toBe('True EnoughMachines');
  });

  it('of a call that only informs stands in nobody’s way', async () => {
    world.weather.refuse('price', 'Unreachable', 1000);
    await settled();
    expect((await world.pool())?.status?.hourlyCost).toBeUndefined();
    expect(await world.condition('PermissionsSufficient')).toBeUndefined();
  });

  it('of one look changes nothing but what is told', async () => {
    const before = await settled();
    world.weather.refuse('sweep', 'Unreachable', 3);
    await world.live(40 * SECOND);
    expect(await world.condition('Ready')).toBe('Unknown Unreachable');
    await world.live(MINUTE);
    expect(ids()).toEqual(before);
    expect(await world.condition('Ready')).toBe('True EnoughMachines');
  });
});

describe('identity', () => {
  const stranger = { installation: 'another', poolUid: 'another', pool: 'default/first' };

  it('machines of another installation under this name stop it, told once, and stay untouched', async () => {
    await world.cloud.launch(launchOrder({ owner: stranger }), new AbortController().signal);
    world.apply();
    await world.live(5 * MINUTE);
    expect(world.alive()).toHaveLength(1);
    expect(launches()).toBe(1);
    expect(await world.condition('IdentityConflict')).toBe('True IdentityConflict');
    expect(await world.condition('Stalled')).toBe('True IdentityConflict');
    expect(world.events.filter((reason) => reason === 'IdentityConflict')).toHaveLength(1);
    const writes = world.statusWrites;
    world.apply({ minimum: 0, maximum: 0 });
    await world.live(MINUTE);
    expect(world.statusWrites).toBe(writes + 1);
    world.delete();
    await world.live(MINUTE);
    expect(await world.pool()).toBeUndefined();
    expect(world.alive()).toHaveLength(1);
  });

  it('machines of other pools are none of its business', async () => {
    const owner = { ...stranger, pool: 'default/second' };
    await world.cloud.launch(launchOrder({ owner, name: 'first-look-alike' }), new AbortController().signal);
    await settled();
    world.delete();
    await world.live(5 * MINUTE);
    expect(world.alive().map(({ name }) => name)).toEqual(['first-look-alike']);
  });

  it('another region is not moved to: the machines would be out of sight', async () => {
    const before = await settled();
    world.apply({ region: 'ap-tokyo', availabilityZone: 'ap-tokyo-1' });
    await world.live(10 * MINUTE);
    expect(ids()).toEqual(before);
    expect(await world.condition('Stalled')).toBe('True RegionChanged');
    world.apply({});
    await world.live(MINUTE);
    expect(await world.condition('Ready')).toBe('True EnoughMachines');
  });
});

it('a pool that does not exist needs nothing', async () => {
  expect(await world.look()).toBeUndefined();
  expect(await world.store.get(KIND, KEY)).toBeUndefined();
});
