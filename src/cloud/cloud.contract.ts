import { describe, expect, it } from 'vitest';
import { launchOrder, offering } from '../../test/builders/launch-order.ts';
import type { Cloud, Instance, LaunchOrder, Offering, Ownership } from './cloud.ts';

/** What a test does to a cloud, whichever it is. */
export interface CloudWeather {
  sellOut(offering: Offering): void;
  restock(offering: Offering): void;
  emptyAccount(): void;
  topUp(): void;
  /** The next machine never comes up. */
  failLaunch(): void;
  /** The next purchase has its effect, and its answer never arrives. */
  loseAnswerToLaunch(): void;
  /** The keys may not use this any more. */
  forbid(method: 'launch' | 'sweep' | 'release' | 'claim'): void;
  /** Lists and searches by id lack this machine, although it lives. */
  hide(id: string): void;
  /** Takes the machine away, as a reclaim does. */
  endMachine(id: string): void;
  /** Lets time pass. */
  pass(ms: number): Promise<void>;
  /** Lets as much time pass as `work` needs. */
  finish<T>(work: Promise<T>): Promise<T>;
  /** How many passes over the account have been made. */
  sweeps(): number;
  /** Machines that cost money now, whatever lists show. */
  alive(): number;
}

/** Delays of the cloud that is opened, in milliseconds; 0 where nothing is said. */
export interface CloudDelays {
  readonly tagsMs?: number;
  readonly listMs?: number;
}

/** A new cloud with stock and money, a quota of 50 cores a zone, 8 cores a machine, and 20 s from Pending to Running. */
export type OpenCloudForTest = (delays?: CloudDelays) => Promise<{ cloud: Cloud; weather: CloudWeather }>;

const never = new AbortController().signal;
const stranger = 'img-00000000';
const adopter: Ownership = { installation: 'installation-2', poolUid: 'pool-uid-2', pool: 'default/second' };

/** What every implementation of {@link Cloud} keeps, by looking at what happened and never at which call was made. */
export function describeCloud(name: string, open: OpenCloudForTest): void {
  const setUp = async (delays: CloudDelays = {}) => {
    const { cloud, weather } = await open(delays);
    const { finish } = weather;
    return {
      cloud,
      weather,
      launch: (changes: Partial<LaunchOrder> = {}) => finish(cloud.launch(launchOrder(changes), never)),
      find: (ids: readonly string[]) => finish(cloud.find(ids, never)),
      sweep: async (maxAgeMs = 0) => (await finish(cloud.sweep(maxAgeMs, never))).instances,
      release: (ids: readonly string[]) => finish(cloud.release(ids, never)),
      claim: (ids: readonly string[], owner = adopter) => finish(cloud.claim(ids, owner, never)),
    };
  };
  const byId = (instances: readonly Instance[]) => instances.map(({ id }) => id).toSorted();

  describe(`${name}: buying`, () => {
    it('gives as many machines as were ordered, as they were ordered', async () => {
      const { launch, find, weather } = await setUp();
      const ids = await launch({ count: 2 });
      expect(new Set(ids).size).toBe(2);
      expect(weather.alive()).toBe(2);
      const found = await find(ids);
      expect(byId(found)).toEqual([...ids].toSorted());
      for (const machine of found) {
        const { zone, subnetId, instanceType, chargeType } = offering();
        expect(machine).toMatchObject({ zone, subnetId, instanceType, chargeType, state: 'Pending', isNormal: true });
        expect(machine).toMatchObject({ imageId: 'img-5gn3j31i', vpcId: 'vpc-86f66zht' });
        expect(machine.name).toMatch(/^first-k3f9[12]$/);
        expect(machine).not.toHaveProperty('publicIp');
      }
      expect(new Set(found.map((machine) => machine.name)).size).toBe(2);
    });

    it('gives machines that come up with a public address where bandwidth was ordered', async () => {
      const { launch, find, weather } = await setUp();
      const ids = [...(await launch()), ...(await launch({ publicBandwidthMbps: 0, clientToken: 'token-2' }))];
      await weather.pass(21_000);
      const [open, closed] = ids.map((id) => id);
      const found = new Map((await find(ids)).map((machine) => [machine.id, machine]));
      expect(found.get(open ?? '')).toMatchObject({ state: 'Running', publicIp: expect.any(String) });
      expect(found.get(closed ?? '')).toMatchObject({ state: 'Running', privateIp: expect.any(String) });
      expect(found.get(closed ?? '')).not.toHaveProperty('publicIp');
    });

    it('buys once for one token, and again for another', async () => {
      const { launch, weather } = await setUp();
      const ids = await launch();
      expect(await launch()).toEqual(ids);
      expect(weather.alive()).toBe(1);
      expect(await launch({ clientToken: 'token-2' })).not.toEqual(ids);
      expect(weather.alive()).toBe(2);
    });

    it('refuses with SoldOut while there is none, and remembers no failure', async () => {
      const { launch, weather } = await setUp();
      weather.sellOut(offering());
      await expect(launch()).rejects.toMatchObject({ name: 'CloudError', reason: 'SoldOut', isOutcomeUnknown: false });
      expect(weather.alive()).toBe(0);
      const elsewhere = offering({ zone: 'ap-singapore-1', subnetId: 'subnet-k3m8q0a1' });
      await launch({ offering: elsewhere, clientToken: 'token-2' });
      weather.restock(offering());
      await launch({ clientToken: 'token-3' });
      expect(weather.alive()).toBe(2);
    });

    it('refuses with InsufficientBalance until the account is topped up', async () => {
      const { launch, weather } = await setUp();
      weather.emptyAccount();
      await expect(launch()).rejects.toMatchObject({ reason: 'InsufficientBalance', isOutcomeUnknown: false });
      weather.topUp();
      await launch({ clientToken: 'token-2' });
      expect(weather.alive()).toBe(1);
    });

    it.each([
      ['InvalidReference', { imageId: stranger }],
      ['PriceTooLow', { offering: offering({ maxPrice: '0.0001' }) }],
      ['QuotaExceeded', { count: 7 }],
    ])('refuses with %s, buying nothing', async (reason, changes) => {
      const { launch, weather } = await setUp();
      await expect(launch(changes)).rejects.toMatchObject({ name: 'CloudError', reason, isOutcomeUnknown: false });
      expect(weather.alive()).toBe(0);
    });

    it('refuses with PermissionDenied, naming an action', async () => {
      const { launch, weather } = await setUp();
      weather.forbid('launch');
      await expect(launch()).rejects.toMatchObject({ reason: 'PermissionDenied', action: expect.stringMatching(/./) });
    });

    it('calls an outcome unknown when the answer is lost; the name and the token find the machine', async () => {
      const { cloud, launch, weather } = await setUp();
      weather.loseAnswerToLaunch();
      await expect(launch()).rejects.toMatchObject({ name: 'CloudError', isOutcomeUnknown: true });
      expect(weather.alive()).toBe(1);
      const found = await weather.finish(cloud.findByName('first-k3f9', offering(), never));
      expect(found).toHaveLength(1);
      expect(await launch()).toEqual(byId(found));
      expect(weather.alive()).toBe(1);
    });

    it('shows a machine that never comes up, with the words of the vendor', async () => {
      const { launch, find, weather } = await setUp();
      weather.failLaunch();
      const ids = await launch();
      await weather.pass(21_000);
      expect(await find(ids)).toMatchObject([{ state: 'LaunchFailed', lastError: expect.stringMatching(/./) }]);
      expect(weather.alive()).toBe(0);
    });
  });

  describe(`${name}: seeing`, () => {
    it('sweeps up the machines of all pools with their owners', async () => {
      const { launch, sweep } = await setUp();
      const owners = ['pool-uid-1', 'pool-uid-2'].map((poolUid) => ({ installation: 'i', poolUid, pool: 'default/x' }));
      for (const owner of owners) await launch({ owner, clientToken: owner.poolUid });
      const seen = await sweep();
      expect(
        seen.map(({ owner }) => owner).toSorted((a, b) => (a?.poolUid ?? '').localeCompare(b?.poolUid ?? '')),
      ).toEqual(owners);
    });

    it('sees a machine by id and by name before its tags arrive, and nobody owns it', async () => {
      const { cloud, launch, find, sweep, weather } = await setUp({ tagsMs: 8000 });
      const ids = await launch();
      expect(await sweep()).toEqual([]);
      const found = [
        ...(await find(ids)),
        ...(await weather.finish(cloud.findByName('first-k3f9', offering(), never))),
      ];
      expect(found.map(({ id }) => id)).toEqual([...ids, ...ids]);
      for (const machine of found) expect(machine).not.toHaveProperty('owner');
      await weather.pass(9000);
      expect(byId(await sweep())).toEqual(ids);
    });

    it('may not see a new machine at first, and does later', async () => {
      const { launch, find, weather } = await setUp({ listMs: 3000 });
      const ids = await launch();
      expect(await find(ids)).toEqual([]);
      await weather.pass(4000);
      expect(byId(await find(ids))).toEqual(ids);
    });

    it('may not see a machine that lives', async () => {
      const { launch, find, sweep, weather } = await setUp();
      const [id = ''] = await launch();
      weather.hide(id);
      expect(await sweep()).toEqual([]);
      expect(await find([id])).toEqual([]);
      expect(weather.alive()).toBe(1);
    });

    it('leaves out ids that do not exist, and finds nothing for no ids', async () => {
      const { launch, find } = await setUp();
      const ids = await launch();
      expect(byId(await find([...ids, 'ins-0000zzzz', 'not an id']))).toEqual(ids);
      expect(await find([])).toEqual([]);
    });

    it('finds by name only what begins with it, in that zone and subnet', async () => {
      const { cloud, launch, weather } = await setUp();
      const ids = await launch({ name: 'first-k3f9' });
      await launch({ name: 'x-first-k3f9', clientToken: 'token-2' });
      const search = (wanted: Offering) => weather.finish(cloud.findByName('first-k3f9', wanted, never));
      expect(byId(await search(offering()))).toEqual(ids);
      expect(await search(offering({ zone: 'ap-singapore-1', subnetId: 'subnet-k3m8q0a1' }))).toEqual([]);
    });

    it('shares one pass among those who ask at the same time or soon after', async () => {
      const { cloud, launch, weather } = await setUp();
      await launch();
      const [one, other] = await weather.finish(Promise.all([cloud.sweep(0, never), cloud.sweep(0, never)]));
      expect(other).toEqual(one);
      expect(one?.instances).toHaveLength(1);
      expect(await weather.finish(cloud.sweep(60_000, never))).toEqual(one);
      expect(weather.sweeps()).toBe(1);
      await weather.finish(cloud.sweep(0, never));
      expect(weather.sweeps()).toBe(2);
    });

    it('one who gives up takes nothing away from those who share', async () => {
      const { cloud, launch, weather } = await setUp();
      await launch();
      const stop = new AbortController();
      const leaving = cloud.sweep(0, stop.signal);
      const staying = cloud.sweep(0, never);
      stop.abort(new Error('gone'));
      await expect(leaving).rejects.toThrow('gone');
      expect((await weather.finish(staying)).instances).toHaveLength(1);
    });

    it('refuses a sweep without permission', async () => {
      const { sweep, weather } = await setUp();
      weather.forbid('sweep');
      await expect(sweep()).rejects.toMatchObject({ reason: 'PermissionDenied' });
    });
  });

  describe(`${name}: releasing`, () => {
    it('ends machines for good, and succeeds for those that are gone', async () => {
      const { launch, find, release, weather } = await setUp();
      const ids = await launch({ count: 2 });
      await weather.pass(21_000);
      expect(await release([...ids, 'ins-0000zzzz'])).toEqual([...ids, 'ins-0000zzzz'].map((id) => ({ id })));
      expect(weather.alive()).toBe(0);
      for (const machine of await find(ids)) expect(machine.state).toBe('Terminating');
      expect(await release(ids)).toEqual(ids.map((id) => ({ id })));
      await weather.pass(61_000);
      expect(await find(ids)).toEqual([]);
      expect(await release(ids)).toEqual(ids.map((id) => ({ id })));
    });

    it('succeeds for a machine that was taken away', async () => {
      const { launch, find, release, weather } = await setUp();
      const [id = ''] = await launch();
      await weather.pass(21_000);
      weather.endMachine(id);
      await weather.pass(10_000);
      expect(await find([id])).toEqual([]);
      expect(weather.alive()).toBe(0);
      expect(await release([id])).toEqual([{ id }]);
    });

    it('calls a machine that is being made busy, and releases the others, however they are paid for', async () => {
      const { launch, release, weather } = await setUp();
      const spot = await launch();
      const hourly = await launch({ offering: offering({ chargeType: 'POSTPAID_BY_HOUR' }), clientToken: 'token-2' });
      await weather.pass(21_000);
      const young = await launch({ clientToken: 'token-3' });
      const results = await release([...spot, ...hourly, ...young]);
      const errorOf = new Map(results.map(({ id, error }) => [id, error]));
      expect([...spot, ...hourly].map((id) => errorOf.get(id))).toEqual([undefined, undefined]);
      expect(errorOf.get(young[0] ?? '')).toMatchObject({ name: 'CloudError', reason: 'Busy' });
      expect(weather.alive()).toBe(1);
    });

    it('tells of a missing permission for each machine', async () => {
      const { launch, release, weather } = await setUp();
      const ids = await launch({ count: 2 });
      await weather.pass(21_000);
      weather.forbid('release');
      const results = await release(ids);
      expect(results.map(({ id }) => id).toSorted()).toEqual([...ids].toSorted());
      for (const { error } of results) expect(error).toMatchObject({ reason: 'PermissionDenied' });
      expect(weather.alive()).toBe(2);
    });

    it('of nothing does nothing', async () => {
      const { release } = await setUp();
      expect(await release([])).toEqual([]);
    });
  });

  describe(`${name}: claiming`, () => {
    it('gives machines of anybody a new owner, as often as it is asked', async () => {
      const { launch, claim, find, sweep } = await setUp();
      const [id = '', other = ''] = await launch({ count: 2 });
      for (let times = 0; times < 2; times += 1) {
        expect(await claim([id])).toEqual([{ id }]);
        expect(await find([id])).toMatchObject([{ owner: adopter }]);
      }
      const owners = new Map((await sweep()).map((machine) => [machine.id, machine.owner]));
      expect(owners).toEqual(
        new Map([
          [id, adopter],
          [other, launchOrder().owner],
        ]),
      );
      expect(await claim([id], launchOrder().owner)).toEqual([{ id }]);
      expect(await find([id])).toMatchObject([{ owner: launchOrder().owner }]);
    });

    it('takes more machines than fit into one call', async () => {
      const { cloud, launch, claim, sweep, weather } = await setUp();
      const one = { ...offering(), zone: 'ap-singapore-1', subnetId: 'subnet-k3m8q0a1' };
      const ids = [
        ...(await launch({ count: 6 })),
        ...(await launch({ offering: one, count: 6, clientToken: 'token-2' })),
      ];
      const results = await claim(ids);
      expect(results.map(({ id }) => id).toSorted()).toEqual([...ids].toSorted());
      expect(results.filter(({ error }) => error)).toEqual([]);
      expect((await sweep()).map(({ owner }) => owner)).toEqual(ids.map(() => adopter));
      expect(await weather.finish(cloud.claim([], adopter, never))).toEqual([]);
    });

    it('names the ids that do not exist, and claims the others', async () => {
      const { launch, claim, sweep } = await setUp();
      const [id = ''] = await launch();
      const results = new Map(
        (await claim(['ins-0000zzzz', id, 'not an id'])).map((result) => [result.id, result.error]),
      );
      expect(results.get(id)).toBeUndefined();
      for (const bad of ['ins-0000zzzz', 'not an id']) {
        expect(results.get(bad)).toMatchObject({ name: 'CloudError', reason: 'InvalidReference' });
        expect(results.get(bad)?.message).toContain(bad);
      }
      expect(await sweep()).toMatchObject([{ id, owner: adopter }]);
    });

    it('shows as late as other tags, and the owner before until then', async () => {
      const { launch, claim, find, weather } = await setUp({ tagsMs: 8000 });
      const ids = await launch();
      await weather.pass(9000);
      await claim(ids);
      expect(await find(ids)).toMatchObject([{ owner: launchOrder().owner }]);
      await weather.pass(9000);
      expect(await find(ids)).toMatchObject([{ owner: adopter }]);
    });

    it('tells of a missing permission for each machine, naming the action', async () => {
      const { launch, claim, sweep, weather } = await setUp();
      const ids = await launch({ count: 2 });
      weather.forbid('claim');
      const results = await claim(ids);
      expect(results.map(({ id }) => id).toSorted()).toEqual([...ids].toSorted());
      for (const { error } of results) {
        expect(error).toMatchObject({ reason: 'PermissionDenied', action: expect.stringMatching(/./) });
      }
      expect((await sweep()).map(({ owner }) => owner)).toEqual(ids.map(() => launchOrder().owner));
    });
  });

  describe(`${name}: money and stock`, () => {
    it('knows what an hour costs, dearer with a larger disk, traffic only where there is some', async () => {
      const { cloud, weather } = await setUp();
      const ask = (changes: Partial<LaunchOrder> = {}) => weather.finish(cloud.price(launchOrder(changes), never));
      const small = await ask();
      expect(small.currency).toMatch(/^(CNY|USD)$/);
      expect(small.machine).toBeGreaterThan(0);
      expect(small.trafficPerGiB).toBeGreaterThan(0);
      const large = await ask({ systemDisk: { type: 'CLOUD_BSSD', sizeGiB: 200 }, publicBandwidthMbps: 0 });
      expect(large.machine).toBe(small.machine);
      expect(large.disk).toBeGreaterThan(small.disk);
      expect(large.trafficPerGiB + large.bandwidth).toBe(0);
    });

    it('knows what the same costs on demand, whatever is bid, disk and bandwidth included', async () => {
      const { cloud, weather } = await setUp();
      const ask = (changes: Partial<LaunchOrder> = {}) => weather.finish(cloud.price(launchOrder(changes), never));
      const spot = await ask({ offering: offering({ maxPrice: '5' }) });
      const hourly = await ask({ offering: offering({ chargeType: 'POSTPAID_BY_HOUR' }) });
      const total = hourly.machine + hourly.disk + hourly.bandwidth;
      expect(hourly.onDemand).toBe(total);
      expect(spot.onDemand).toBe(total);
      expect(spot.machine).toBeLessThan(hourly.machine);
      expect(spot.disk).toBe(hourly.disk);
    });

    it('knows what is selling', async () => {
      const { cloud, weather } = await setUp();
      const rowOf = async () => {
        const rows = await weather.finish(cloud.stock(0, never));
        const { zone, instanceType, chargeType } = offering();
        return rows.find(
          (each) => each.zone === zone && each.instanceType === instanceType && each.chargeType === chargeType,
        );
      };
      weather.restock(offering());
      expect(await rowOf()).toMatchObject({ isSelling: true, cpu: 8 });
      weather.sellOut(offering());
      expect(await rowOf()).toMatchObject({ isSelling: false });
    });

    it('counts its spot quota in cores', async () => {
      const { cloud, launch, weather } = await setUp();
      await launch({ count: 2 });
      const rows = await weather.finish(cloud.spotQuota(never));
      expect(rows).toContainEqual({ zone: 'ap-singapore-2', used: 16, total: 50 });
    });
  });

  describe(`${name}: stopping`, () => {
    const calls: [string, (cloud: Cloud, signal: AbortSignal) => Promise<unknown>][] = [
      ['sweep', (cloud, signal) => cloud.sweep(0, signal)],
      ['find', (cloud, signal) => cloud.find(['ins-0000zzzz'], signal)],
      ['findByName', (cloud, signal) => cloud.findByName('x', offering(), signal)],
      ['launch', (cloud, signal) => cloud.launch(launchOrder(), signal)],
      ['release', (cloud, signal) => cloud.release(['ins-0000zzzz'], signal)],
      ['claim', (cloud, signal) => cloud.claim(['ins-0000zzzz'], adopter, signal)],
      ['price', (cloud, signal) => cloud.price(launchOrder(), signal)],
      ['stock', (cloud, signal) => cloud.stock(0, signal)],
      ['spotQuota', (cloud, signal) => cloud.spotQuota(signal)],
    ];
    it.each(calls)('%s does nothing once its signal is aborted, and says its reason', async (_name, call) => {
      const { cloud, weather } = await setUp();
      const reason = new Error('shutting down');
      await expect(call(cloud, AbortSignal.abort(reason))).rejects.toBe(reason);
      expect(weather.alive()).toBe(0);
    });
  });
}
