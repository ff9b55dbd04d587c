import type { Clock, EpochMs } from '../lib/clock.ts';
import type { Micros } from '../lib/money.ts';
import {
  type Cloud,
  type CloudProvider,
  type HourlyPrice,
  type Instance,
  type InstanceState,
  type LaunchOrder,
  type Offering,
  type Ownership,
  offeringId,
  type ReleaseResult,
} from './cloud.ts';
import { CloudError, type CloudReason } from './errors.ts';
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
  /** The market price of an hour; 0.25 without a call. */
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

interface Machine {
  readonly order: LaunchOrder;
  readonly id: string;
  readonly name: string;
  readonly address: number;
  readonly createdAt: EpochMs;
  readonly runsAt: EpochMs;
  readonly listedAt: EpochMs;
  readonly tagsAt: EpochMs;
  goneAt: EpochMs;
  forced?: InstanceState;
  isProtected: boolean;
  isHidden: boolean;
}

const TERMINATING_MS = 10_000;
const DISK_PRICE_PER_GIB: Micros = 200;
const TRAFFIC_PRICE_PER_GIB: Micros = 120_000;
const CPU_OF_EVERY_TYPE = 8;
const DEFAULT_PRICE: Micros = 250_000;

/** A cloud in memory that keeps the contract, for tests of what stands on it. Time passes with `clock` and nothing else. */
export function createMemoryCloud(edges: { clock: Clock; random: () => number }): MemoryCloud {
  const { clock, random } = edges;
  const machines = new Map<string, Machine>();
  const tokens = new Map<string, readonly string[]>();
  const stock = new Map<string, { offering: Offering; left: number }>();
  const quotas = new Map<string, number>();
  const prices = new Map<string, Micros>();
  const missing = new Set<string>();
  const faults: { method: Method; reason: CloudReason; isAfter: boolean }[] = [];
  const calls: MemoryCloud['calls'][number][] = [];
  const sharedSweep = createSharedCall<Awaited<ReturnType<Cloud['sweep']>>>(clock);
  const sharedStock = createSharedCall<Awaited<ReturnType<Cloud['stock']>>>(clock);
  const settings = { bootMs: 20_000, tagsMs: 0, listMs: 0, isBroke: false, isFailing: false, honoursTokens: true };

  const exists = (machine: Machine): boolean => clock.now() < machine.goneAt;
  const stateOf = (machine: Machine): InstanceState => {
    if (machine.goneAt !== Number.POSITIVE_INFINITY) return 'Terminating';
    return machine.forced ?? (clock.now() < machine.runsAt ? 'Pending' : 'Running');
  };
  const costs = (machine: Machine): boolean => exists(machine) && !isOver(stateOf(machine));
  const isListed = (machine: Machine): boolean =>
    exists(machine) && !machine.isHidden && clock.now() >= machine.listedAt;
  const view = (machine: Machine): Instance => toInstance(machine, stateOf(machine), clock.now());
  const listed = (): Instance[] => [...machines.values()].filter(isListed).map(view);

  /** One call: noted, perhaps refused, carried out, and perhaps its answer lost. */
  const perform = async <T>(method: Method, detail: string, signal: AbortSignal, work: () => T): Promise<T> => {
    signal.throwIfAborted();
    calls.push({ at: clock.now(), method, detail });
    const index = faults.findIndex((fault) => fault.method === method);
    const [fault] = index < 0 ? [] : faults.splice(index, 1);
    await Promise.resolve();
    if (fault && !fault.isAfter) throw refusal(fault.reason, method, `told to refuse ${method}`);
    const answer = work();
    if (fault) throw refusal('Unreachable', method, `told to lose the answer to ${method}`);
    return answer;
  };

  const buy = (order: LaunchOrder): readonly string[] => {
    const known = settings.honoursTokens ? tokens.get(order.clientToken) : undefined;
    if (known) return known;
    const { offering, count } = order;
    const references = [order.imageId, order.vpcId, offering.subnetId, ...order.securityGroupIds, ...order.keyIds];
    const gone = references.find((reference) => missing.has(reference));
    if (gone !== undefined) throw refusal('InvalidReference', 'launch', `${gone} does not exist`);
    if (settings.isBroke) throw refusal('InsufficientBalance', 'launch', 'the account is empty');
    if (Number(offering.maxPrice ?? Number.POSITIVE_INFINITY) * 1_000_000 < priceOf(offering.instanceType)) {
      throw refusal('PriceTooLow', 'launch', `${offering.maxPrice} is below the market price`);
    }
    if (usedIn(offering.zone) + count * CPU_OF_EVERY_TYPE > totalIn(offering.zone)) {
      throw refusal('QuotaExceeded', 'launch', `the quota of ${offering.zone} is used up`);
    }
    const shelf = stock.get(offeringId(offering));
    if (shelf && shelf.left < count) throw refusal('SoldOut', 'launch', `${offeringId(offering)} is sold out`);
    if (shelf) shelf.left -= count;
    const ids = Array.from({ length: count }, (_, index) =>
      make(order, count === 1 ? order.name : order.name + (index + 1)),
    );
    tokens.set(order.clientToken, ids);
    return ids;
  };
  const make = (order: LaunchOrder, name: string): string => {
    const now = clock.now();
    const id = `ins-${Math.floor(random() * 36 ** 4)
      .toString(36)
      .padStart(4, '0')}${machines.size.toString(36).padStart(4, '0')}`;
    const listedAt = now + settings.listMs;
    const times = { createdAt: now, runsAt: now + settings.bootMs, listedAt, tagsAt: listedAt + settings.tagsMs };
    const rest = { goneAt: Number.POSITIVE_INFINITY, isProtected: false, isHidden: false };
    const failed = settings.isFailing ? ({ forced: 'LaunchFailed' } as const) : {};
    machines.set(id, { order, id, name, address: machines.size + 1, ...times, ...rest, ...failed });
    return id;
  };
  const releaseOne = (id: string): ReleaseResult => {
    const machine = machines.get(id);
    if (!machine || !exists(machine) || stateOf(machine) === 'Terminating') return { id };
    if (machine.isProtected) return { id, error: refusal('ReleaseRefused', 'release', `${id} is protected`) };
    if (stateOf(machine) === 'Pending') return { id, error: refusal('Busy', 'release', `${id} is being made`) };
    machine.goneAt = clock.now() + TERMINATING_MS;
    const shelf = stock.get(offeringId(machine.order.offering));
    if (shelf) shelf.left += 1;
    return { id };
  };
  const priceOf = (instanceType: string): Micros => prices.get(instanceType) ?? DEFAULT_PRICE;
  const totalIn = (zone: string): number => quotas.get(zone) ?? Number.POSITIVE_INFINITY;
  const usedIn = (zone: string): number =>
    [...machines.values()].filter((machine) => costs(machine) && machine.order.offering.zone === zone).length *
    CPU_OF_EVERY_TYPE;
  const machineOf = (id: string): Machine => {
    const machine = machines.get(id);
    if (!machine) throw new RangeError(`there is no machine ${id}`);
    return machine;
  };

  const cloud: Cloud = {
    sweep: (maxAgeMs, signal) =>
      sharedSweep(maxAgeMs, signal, (shared) =>
        perform('sweep', '', shared, () => ({ at: clock.now(), instances: listed().filter(({ owner }) => owner) })),
      ),
    find: (ids, signal) =>
      perform('find', ids.join(), signal, () => listed().filter((instance) => ids.includes(instance.id))),
    findByName: (name, { zone, subnetId }, signal) =>
      perform('findByName', name, signal, () =>
        listed().filter((each) => each.name.startsWith(name) && each.zone === zone && each.subnetId === subnetId),
      ),
    launch: (order, signal) =>
      perform('launch', `${order.count} ${offeringId(order.offering)} ${order.name}`, signal, () => buy(order)),
    // A failure of the call as a whole is each machine's failure, as with the other clouds.
    release: async (ids, signal) => {
      const unique = [...new Set(ids)];
      try {
        return await perform('release', ids.join(), signal, () => unique.map(releaseOne));
      } catch (error) {
        if (error instanceof CloudError) return unique.map((id) => ({ id, error }));
        throw error;
      }
    },
    price: (order, signal) => perform('price', offeringId(order.offering), signal, () => toPrice(order, priceOf)),
    stock: (maxAgeMs, signal) =>
      sharedStock(maxAgeMs, signal, (shared) =>
        perform('stock', '', shared, () =>
          [...stock.values()].map(({ offering: { zone, instanceType, chargeType }, left }) => {
            return { zone, instanceType, chargeType, isSelling: left > 0, cpu: CPU_OF_EVERY_TYPE };
          }),
        ),
      ),
    spotQuota: (signal) =>
      perform('spotQuota', '', signal, () => [...quotas].map(([zone, total]) => ({ zone, used: usedIn(zone), total }))),
  };

  return {
    cloud,
    provider: {
      async open(credentials, region, signal) {
        await credentials.getCredentials(signal);
        return { accountKey: `${credentials.source}/${region}`, cloud };
      },
    },
    alive: () => [...machines.values()].filter(costs).map(view),
    calls,
    weather: {
      setStock: (offering, left) => stock.set(offeringId(offering), { offering, left }),
      emptyAccount: () => {
        settings.isBroke = true;
      },
      topUp: () => {
        settings.isBroke = false;
      },
      forget: (reference) => missing.add(reference),
      setQuota: (zone, total) => quotas.set(zone, total),
      setPrice: (instanceType, price) => prices.set(instanceType, price),
      delayTags: (ms) => {
        settings.tagsMs = ms;
      },
      delayListing: (ms) => {
        settings.listMs = ms;
      },
      setBootTime: (ms) => {
        settings.bootMs = ms;
      },
      endMachine: (id) => {
        machineOf(id).goneAt = clock.now();
      },
      setState: (id, state) => {
        machineOf(id).forced = state;
      },
      failLaunches: (isFailing) => {
        settings.isFailing = isFailing;
      },
      protect: (id) => {
        machineOf(id).isProtected = true;
      },
      hide: (id) => {
        machineOf(id).isHidden = true;
      },
      show: (id) => {
        machineOf(id).isHidden = false;
      },
      refuse: (method, reason, times = 1) => {
        for (let time = 0; time < times; time += 1) faults.push({ method, reason, isAfter: false });
      },
      loseAnswers: (method, times = 1) => {
        for (let time = 0; time < times; time += 1) faults.push({ method, reason: 'Unreachable', isAfter: true });
      },
      honourTokens: (isHonoured) => {
        settings.honoursTokens = isHonoured;
      },
    },
  };
}

function isOver(state: InstanceState): boolean {
  return state === 'LaunchFailed' || state === 'Terminating';
}

function refusal(reason: CloudReason, action: string, message: string): CloudError {
  return new CloudError(reason, message, { action, code: `Memory.${reason}` });
}

function toInstance(machine: Machine, state: InstanceState, now: EpochMs): Instance {
  const { order, id, name, createdAt } = machine;
  const { zone, instanceType, subnetId, chargeType } = order.offering;
  const { vpcId, imageId } = order;
  const hasAddress = state !== 'Pending' && state !== 'LaunchFailed';
  // Blocks set aside for tests and private use: no machine of anybody answers there.
  const suffix = `${machine.address >> 8}.${machine.address & 255}`;
  const owner: Ownership | undefined = now >= machine.tagsAt ? order.owner : undefined;
  return {
    ...{
      id,
      name,
      state,
      vendorState: state,
      isNormal: true,
      zone,
      instanceType,
      subnetId,
      vpcId,
      imageId,
      chargeType,
      createdAt,
    },
    ...(hasAddress ? { privateIp: `10.0.${suffix}` } : {}),
    ...(hasAddress && order.publicBandwidthMbps > 0 ? { publicIp: `198.18.${suffix}` } : {}),
    ...(owner ? { owner } : {}),
    ...(state === 'LaunchFailed' ? { lastError: 'told to fail' } : {}),
  };
}

function toPrice(order: Parameters<Cloud['price']>[0], priceOf: (instanceType: string) => Micros): HourlyPrice {
  const trafficPerGiB = order.publicBandwidthMbps > 0 ? TRAFFIC_PRICE_PER_GIB : 0;
  const disk = order.systemDisk.sizeGiB * DISK_PRICE_PER_GIB;
  return { currency: 'USD', machine: priceOf(order.offering.instanceType), disk, bandwidth: 0, trafficPerGiB };
}
