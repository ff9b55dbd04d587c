import type { Clock, EpochMs } from '../lib/clock.ts';
import type { Micros } from '../lib/money.ts';
import {
  type Cloud,
  type CloudProvider,
  type Instance,
  type InstanceState,
  type Offering,
  offeringId,
  type ReleaseResult,
} from './cloud.ts';
import { CloudError, type CloudReason } from './errors.ts';
import {
  alive,
  buy,
  claimOne,
  createMemoryWorld,
  listed,
  type MemoryMachine,
  type MemoryWorld,
  priceOf,
  quotaOf,
  refusal,
  releaseOne,
  stockOf,
} from './memory-world.ts';
import { createSharedCall } from './shared-call.ts';

type Method = keyof Cloud;

/** What a test can do to the in-memory cloud. Everything holds until it is changed again. */
export interface MemoryWeather {
  /** How many machines of an offering there are; without a call there is no end to them. */
  setStock(offering: Offering, machines: number): void;
  emptyAccount(): void;
  topUp(): void;
  /** An image, VPC, subnet, security group or key pair of this id does not exist. */
  forget(reference: string): void;
  setQuota(zone: string, total: number): void;
  /** The market price of an hour; 0.25 without a call. On demand it is five times as much. */
  setPrice(instanceType: string, price: Micros): void;
  /** Lists and tags show a new machine this much later. */
  delayTags(ms: number): void;
  delayListing(ms: number): void;
  /** How long a machine takes from Pending to Running; 20 s without a call. */
  setBootTime(ms: number): void;
  /** The machine is gone at once, as after a reclaim. */
  endMachine(id: string): void;
  setState(id: string, state: InstanceState): void;
  /** Machines bought from now on never come up. */
  failLaunches(isFailing: boolean): void;
  protect(id: string): void;
  /** Lists and searches by id lack this machine, although it lives. */
  hide(id: string): void;
  show(id: string): void;
  /** The next `times` calls of `method` are refused, before any effect. */
  refuse(method: Method, reason: CloudReason, times?: number): void;
  /** The next `times` calls of `method` have their effect, and the answer is lost. */
  loseAnswers(method: Method, times?: number): void;
  /** Whether a repeated client token gives the same machines; true without a call. */
  honourTokens(isHonoured: boolean): void;
}

export interface MemoryCloud {
  readonly cloud: Cloud;
  /** Opens the same cloud for every account and region; `accountKey` is the source of the credentials and the region. */
  readonly provider: CloudProvider;
  readonly weather: MemoryWeather;
  /** Every machine that costs money now, whatever lists show. */
  alive(): readonly Instance[];
  /** Calls so far, in order. */
  readonly calls: readonly { readonly at: EpochMs; readonly method: Method; readonly detail: string }[];
}

interface Fault {
  readonly method: Method;
  readonly reason: CloudReason;
  readonly isAfter: boolean;
}

/** A cloud in memory that keeps the contract, for tests of what stands on it. Time passes with `clock` and nothing else. */
export function createMemoryCloud(edges: { clock: Clock; random: () => number }): MemoryCloud {
  const world = createMemoryWorld(edges);
  const faults: Fault[] = [];
  const calls: MemoryCloud['calls'][number][] = [];

  /** One call: noted, perhaps refused, carried out, and perhaps its answer lost. */
  const perform: Perform = async (method, detail, signal, work) => {
    signal.throwIfAborted();
    calls.push({ at: world.clock.now(), method, detail });
    const index = faults.findIndex((fault) => fault.method === method);
    const [fault] = index < 0 ? [] : faults.splice(index, 1);
    await Promise.resolve();
    if (fault && !fault.isAfter) throw refusal(fault.reason, method, `told to refuse ${method}`);
    const answer = work();
    if (fault) throw refusal('Unreachable', method, `told to lose the answer to ${method}`);
    return answer;
  };

  const cloud = createCloud(world, perform);
  return {
    cloud,
    provider: {
      async open(credentials, region, signal) {
        await credentials.getCredentials(signal);
        return { accountKey: `${credentials.source}/${region}`, cloud };
      },
    },
    alive: () => alive(world),
    calls,
    weather: createWeather(world, faults),
  };
}

type Perform = <T>(method: Method, detail: string, signal: AbortSignal, work: () => T) => Promise<T>;

function createCloud(world: MemoryWorld, perform: Perform): Cloud {
  const { clock } = world;
  const sharedSweep = createSharedCall<Awaited<ReturnType<Cloud['sweep']>>>(clock);
  const sharedStock = createSharedCall<Awaited<ReturnType<Cloud['stock']>>>(clock);
  /** One call about several machines. A failure of the call as a whole is each machine's failure. */
  const forEach = async (
    method: 'release' | 'claim',
    ids: readonly string[],
    signal: AbortSignal,
    work: (id: string) => ReleaseResult,
  ): Promise<readonly ReleaseResult[]> => {
    const unique = [...new Set(ids)];
    try {
      return await perform(method, ids.join(), signal, () => unique.map(work));
    } catch (error) {
      if (error instanceof CloudError) return unique.map((id) => ({ id, error }));
      throw error;
    }
  };
  const sweepNow = () => ({ at: clock.now(), instances: listed(world).filter(({ owner }) => owner) });
  return {
    sweep: (maxAgeMs, signal) => sharedSweep(maxAgeMs, signal, (shared) => perform('sweep', '', shared, sweepNow)),
    find: (ids, signal) =>
      perform('find', ids.join(), signal, () => listed(world).filter((instance) => ids.includes(instance.id))),
    findByName: (name, { zone, subnetId }, signal) =>
      perform('findByName', name, signal, () =>
        listed(world).filter((each) => each.name.startsWith(name) && each.zone === zone && each.subnetId === subnetId),
      ),
    launch: async (order, signal, mayGo) =>
      mayGo?.() === false
        ? []
        : perform('launch', `${order.count} ${offeringId(order.offering)} ${order.name}`, signal, () =>
            buy(world, order),
          ),
    release: async (ids, signal, mayGo) =>
      mayGo?.() === false ? [] : forEach('release', ids, signal, (id) => releaseOne(world, id)),
    claim: (ids, owner, signal) => forEach('claim', ids, signal, (id) => claimOne(world, id, owner)),
    price: (order, signal) => perform('price', offeringId(order.offering), signal, () => priceOf(world, order)),
    stock: (maxAgeMs, signal) =>
      sharedStock(maxAgeMs, signal, (shared) => perform('stock', '', shared, () => stockOf(world))),
    spotQuota: (signal) => perform('spotQuota', '', signal, () => quotaOf(world)),
  };
}

function createWeather(world: MemoryWorld, faults: Fault[]): MemoryWeather {
  const { settings } = world;
  const set = (changes: Partial<MemoryWorld['settings']>): void => void Object.assign(settings, changes);
  const change = (
    id: string,
    changes: Partial<Pick<MemoryMachine, 'goneAt' | 'forced' | 'isProtected' | 'isHidden'>>,
  ): void => {
    const machine = world.machines.get(id);
    if (!machine) throw new RangeError(`there is no machine ${id}`);
    Object.assign(machine, changes);
  };
  const addFault = (fault: Fault, times: number): void => {
    faults.push(...Array.from({ length: times }, () => fault));
  };
  return {
    setStock: (offering, left) => void world.stock.set(offeringId(offering), { offering, left }),
    emptyAccount: () => set({ isBroke: true }),
    topUp: () => set({ isBroke: false }),
    forget: (reference) => void world.missing.add(reference),
    setQuota: (zone, total) => void world.quotas.set(zone, total),
    setPrice: (instanceType, price) => void world.prices.set(instanceType, price),
    delayTags: (tagsMs) => set({ tagsMs }),
    delayListing: (listMs) => set({ listMs }),
    setBootTime: (bootMs) => set({ bootMs }),
    endMachine: (id) => change(id, { goneAt: world.clock.now() }),
    setState: (id, forced) => change(id, { forced }),
    failLaunches: (isFailing) => set({ isFailing }),
    protect: (id) => change(id, { isProtected: true }),
    hide: (id) => change(id, { isHidden: true }),
    show: (id) => change(id, { isHidden: false }),
    refuse: (method, reason, times = 1) => addFault({ method, reason, isAfter: false }, times),
    loseAnswers: (method, times = 1) => addFault({ method, reason: 'Unreachable', isAfter: true }, times),
    honourTokens: (honoursTokens) => set({ honoursTokens }),
  };
}
