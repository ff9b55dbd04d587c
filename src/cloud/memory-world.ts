import type { Clock, EpochMs } from '../lib/clock.ts';
import type { Micros } from '../lib/money.ts';
import {
  type ClaimResult,
  type Cloud,
  type HourlyPrice,
  type Instance,
  type InstanceState,
  type LaunchOrder,
  type Offering,
  type Ownership,
  offeringId,
  type ReleaseResult,
  type SpotQuota,
  type Stock,
} from './cloud.ts';
import { CloudError, type CloudReason } from './errors.ts';

/** A machine from its purchase on; it is kept after it is gone, so that ids and addresses are not given twice. */
export interface MemoryMachine {
  readonly order: LaunchOrder;
  readonly id: string;
  readonly name: string;
  readonly number: number;
  readonly createdAt: EpochMs;
  readonly runsAt: EpochMs;
  readonly listedAt: EpochMs;
  readonly tagsAt: EpochMs;
  goneAt: EpochMs;
  forced?: InstanceState;
  isProtected: boolean;
  isHidden: boolean;
  /** Whose it was said to be since, and from when lists show that; the latest last. */
  readonly claims: { readonly owner: Ownership; readonly from: EpochMs }[];
}

/** Everything that the in-memory cloud knows. Nothing runs by itself: what a machine is doing follows from the time. */
export interface MemoryWorld {
  readonly clock: Clock;
  readonly random: () => number;
  readonly machines: Map<string, MemoryMachine>;
  readonly tokens: Map<string, readonly string[]>;
  readonly stock: Map<string, { readonly offering: Offering; left: number }>;
  readonly quotas: Map<string, number>;
  readonly prices: Map<string, Micros>;
  readonly missing: Set<string>;
  readonly settings: {
    bootMs: number;
    tagsMs: number;
    listMs: number;
    isBroke: boolean;
    isFailing: boolean;
    honoursTokens: boolean;
  };
}

const NEVER = Number.POSITIVE_INFINITY;
const TERMINATING_MS = 10_000;
const DISK_PRICE_PER_GIB: Micros = 200;
const TRAFFIC_PRICE_PER_GIB: Micros = 120_000;
const MACHINE_PRICE: Micros = 250_000;
/** A spot machine costs a fifth, as with Tencent. */
const ON_DEMAND_FACTOR = 5;
const CPU_OF_EVERY_TYPE = 8;

export function createMemoryWorld(edges: { clock: Clock; random: () => number }): MemoryWorld {
  return {
    ...edges,
    machines: new Map(),
    tokens: new Map(),
    stock: new Map(),
    quotas: new Map(),
    prices: new Map(),
    missing: new Set(),
    settings: { bootMs: 20_000, tagsMs: 0, listMs: 0, isBroke: false, isFailing: false, honoursTokens: true },
  };
}

/** The error of a refusal; its code says that no vendor wrote it. */
export function refusal(reason: CloudReason, action: string, why: string, atLeast?: number): CloudError {
  const code = `Memory.${reason}`;
  return new CloudError(reason, `The in-memory cloud refuses: ${why}.`, { action, code, atLeast });
}

/** @throws {CloudError} what a cloud may refuse a purchase with; nothing is bought then and the token is not remembered */
export function buy(world: MemoryWorld, order: LaunchOrder): readonly string[] {
  const known = world.settings.honoursTokens ? world.tokens.get(order.clientToken) : undefined;
  if (known) return known;
  assertBuyable(world, order);
  const shelf = world.stock.get(offeringId(order.offering));
  const count = Math.min(order.count, shelf?.left ?? NEVER);
  if (shelf) shelf.left -= count;
  const names = Array.from({ length: count }, (_, n) => (order.count === 1 ? order.name : `${order.name}${n + 1}`));
  const ids = names.map((name) => make(world, order, name));
  world.tokens.set(order.clientToken, ids);
  return ids;
}

function assertBuyable(world: MemoryWorld, order: LaunchOrder): void {
  const { offering, count, atLeast = count } = order;
  const refuse = (reason: CloudReason, why: string): never => {
    throw refusal(reason, 'launch', why, atLeast);
  };
  const references = [order.imageId, order.vpcId, offering.subnetId, ...order.securityGroupIds, ...order.keyIds];
  const missing = references.find((reference) => world.missing.has(reference));
  if (missing !== undefined) refuse('InvalidReference', `${missing} does not exist`);
  if (world.settings.isBroke) refuse('InsufficientBalance', 'the account is empty');
  if (Number(offering.maxPrice ?? NEVER) * 1_000_000 < machinePrice(world, offering.instanceType)) {
    refuse('PriceTooLow', `${offering.maxPrice} is below the market price`);
  }
  if (usedCores(world, offering.zone) + count * CPU_OF_EVERY_TYPE > (world.quotas.get(offering.zone) ?? NEVER)) {
    refuse('QuotaExceeded', `the quota of ${offering.zone} is used up`);
  }
  if ((world.stock.get(offeringId(offering))?.left ?? NEVER) < atLeast) {
    refuse('SoldOut', `${offeringId(offering)} is sold out`);
  }
}

function make(world: MemoryWorld, order: LaunchOrder, name: string): string {
  const { clock, random, machines, settings } = world;
  const base36 = (value: number): string => value.toString(36).padStart(4, '0');
  const createdAt = clock.now();
  const listedAt = createdAt + settings.listMs;
  const number = machines.size + 1;
  const id = `ins-${base36(Math.floor(random() * 36 ** 4))}${base36(number)}`;
  machines.set(id, {
    ...{ order, id, name, number, createdAt, listedAt },
    runsAt: createdAt + settings.bootMs,
    tagsAt: listedAt + settings.tagsMs,
    goneAt: NEVER,
    isProtected: false,
    isHidden: false,
    claims: [],
    ...(settings.isFailing ? { forced: 'LaunchFailed' } : {}),
  });
  return id;
}

export function releaseOne(world: MemoryWorld, id: string): ReleaseResult {
  const machine = world.machines.get(id);
  if (!machine || machine.goneAt !== NEVER) return { id };
  const state = stateOf(world, machine);
  if (machine.isProtected) return { id, error: refusal('ReleaseRefused', 'release', `${id} is protected`) };
  if (state === 'Pending') return { id, error: refusal('Busy', 'release', `${id} is being made`) };
  machine.goneAt = world.clock.now() + TERMINATING_MS;
  const shelf = world.stock.get(offeringId(machine.order.offering));
  if (shelf) shelf.left += 1;
  return { id };
}

export function claimOne(world: MemoryWorld, id: string, owner: Ownership): ClaimResult {
  const machine = world.machines.get(id);
  const now = world.clock.now();
  if (!machine || now >= machine.goneAt) {
    return { id, error: refusal('InvalidReference', 'claim', `${id} does not exist`) };
  }
  machine.claims.push({ owner, from: now + world.settings.tagsMs });
  return { id };
}

function ownerOf(world: MemoryWorld, machine: MemoryMachine): Ownership | undefined {
  const now = world.clock.now();
  const claim = machine.claims.findLast(({ from }) => now >= from);
  return claim?.owner ?? (now >= machine.tagsAt ? machine.order.owner : undefined);
}

/** What lists show now. */
export function listed(world: MemoryWorld): readonly Instance[] {
  const now = world.clock.now();
  return [...world.machines.values()]
    .filter((machine) => now < machine.goneAt && now >= machine.listedAt && !machine.isHidden)
    .map((machine) => toInstance(world, machine));
}

/** What costs money now, whatever lists show. */
export function alive(world: MemoryWorld): readonly Instance[] {
  return [...world.machines.values()]
    .filter((machine) => isAlive(world, machine))
    .map((machine) => toInstance(world, machine));
}

export function stockOf(world: MemoryWorld): readonly Stock[] {
  return [...world.stock.values()].map(({ offering: { zone, instanceType, chargeType }, left }) => {
    return { zone, instanceType, chargeType, isSelling: left > 0, cpu: CPU_OF_EVERY_TYPE };
  });
}

export function quotaOf(world: MemoryWorld): readonly SpotQuota[] {
  return [...world.quotas].map(([zone, total]) => ({ zone, used: usedCores(world, zone), total }));
}

export function priceOf(world: MemoryWorld, order: Parameters<Cloud['price']>[0]): HourlyPrice {
  const { instanceType, chargeType } = order.offering;
  const spot = machinePrice(world, instanceType);
  const disk = order.systemDisk.sizeGiB * DISK_PRICE_PER_GIB;
  return {
    currency: 'USD',
    machine: chargeType === 'SPOTPAID' ? spot : ON_DEMAND_FACTOR * spot,
    disk,
    bandwidth: 0,
    trafficPerGiB: order.publicBandwidthMbps > 0 ? TRAFFIC_PRICE_PER_GIB : 0,
    onDemand: ON_DEMAND_FACTOR * spot + disk,
  };
}

function machinePrice(world: MemoryWorld, instanceType: string): Micros {
  return world.prices.get(instanceType) ?? MACHINE_PRICE;
}

function usedCores(world: MemoryWorld, zone: string): number {
  return alive(world).filter((instance) => instance.zone === zone).length * CPU_OF_EVERY_TYPE;
}

function isAlive(world: MemoryWorld, machine: MemoryMachine): boolean {
  return machine.goneAt === NEVER && !['LaunchFailed', 'Terminating'].includes(stateOf(world, machine));
}

function stateOf(world: MemoryWorld, machine: MemoryMachine): InstanceState {
  if (machine.goneAt !== NEVER) return 'Terminating';
  return machine.forced ?? (world.clock.now() < machine.runsAt ? 'Pending' : 'Running');
}

function toInstance(world: MemoryWorld, machine: MemoryMachine): Instance {
  const { order, id, name, number, createdAt } = machine;
  const { zone, instanceType, subnetId, chargeType } = order.offering;
  const state = stateOf(world, machine);
  const owner = ownerOf(world, machine);
  const hasAddress = state !== 'Pending' && state !== 'LaunchFailed';
  // A block set aside for tests: no machine of anybody answers there.
  const suffix = `${number >> 8}.${number & 255}`;
  return {
    ...{ id, name, state, vendorState: state, isNormal: true, zone, instanceType, subnetId, chargeType, createdAt },
    vpcId: order.vpcId,
    imageId: order.imageId,
    ...(hasAddress ? { privateIp: `10.0.${suffix}` } : {}),
    ...(hasAddress && order.publicBandwidthMbps > 0 ? { publicIp: `198.18.${suffix}` } : {}),
    ...(owner ? { owner } : {}),
    ...(state === 'LaunchFailed' ? { lastError: 'told to fail' } : {}),
  };
}
