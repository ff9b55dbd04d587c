import { keyText } from '../api/meta.ts';
import type { SpotPool, SpotPoolStatus } from '../api/spotpool.ts';
import type { Micros } from '../lib/money.ts';
import { fromMicros, toMicros } from '../lib/money.ts';
import type { Brake } from './brakes.ts';

/** Brakes over all pools of one operator; absent: none. */
export interface OperatorLimits {
  readonly maxMachines?: number;
  /** In the currency of the account; pools that pay in another one are counted by themselves. */
  readonly maxCostPerHour?: Micros;
}

/** What a pool has and has ordered. */
export interface Holding {
  readonly machines: number;
  readonly costPerHour: Micros;
  /** Machines whose price is not known: each counts as the dearest that is. */
  readonly unpriced: number;
  readonly currency: string | undefined;
  /** The pool whose record is lost, so that it may have as many as it is allowed. */
  readonly lostPool?: string;
}

/** What a machine of the offering that is to be bought costs an hour; `undefined`: not known. */
export interface OfferPrice {
  readonly perHour: Micros;
  readonly currency: string;
}

/** What all pools have together. Held in memory; the status of each pool, intents included, is what it is made of. */
export interface OperatorBudget {
  /** True until `load` was called: nothing may be bought before, when there are limits. */
  readonly mustLoad: boolean;
  /** Takes the pools as they were left. @param isLost whether a pool may have machines that its status does not tell */
  load(pools: readonly SpotPool[], isLost: (pool: SpotPool) => boolean): void;
  /** How many machines the pool `key` (namespace/name) may have beyond `holding`, what it has now. */
  brakes(key: string, holding: Holding, price: OfferPrice | undefined): readonly Brake[];
  /** Notes what a pool has, what it is about to order included: in the same turn in which that was decided. */
  hold(key: string, holding: Holding): void;
  forget(key: string): void;
}

export function createOperatorBudget(limits: OperatorLimits): OperatorBudget {
  const pools = new Map<string, Holding>();
  let isLoaded = false;
  const others = (key: string): readonly Holding[] =>
    [...pools].filter(([other]) => other !== key).map(([, each]) => each);
  return {
    get mustLoad() {
      return !isLoaded && (limits.maxMachines !== undefined || limits.maxCostPerHour !== undefined);
    },
    load(loaded, isLost) {
      isLoaded = true;
      for (const pool of loaded) {
        const key = keyText(pool.metadata);
        if (!pools.has(key)) pools.set(key, holdingOfStatus(pool, isLost(pool)));
      }
    },
    brakes(key, holding, price) {
      if (limits.maxMachines === undefined && limits.maxCostPerHour === undefined) return [];
      const all = [...others(key), holding];
      return [
        ...(limits.maxMachines === undefined ? [] : [machinesBrake(all, limits.maxMachines)]),
        ...(limits.maxCostPerHour === undefined ? [] : [costBrake(all, limits.maxCostPerHour, price)]),
      ];
    },
    hold: (key, holding) => void pools.set(key, holding),
    forget: (key) => void pools.delete(key),
  };
}

function machinesBrake(all: readonly Holding[], max: number): Brake {
  const machines = all.reduce((sum, each) => sum + each.machines, 0);
  return {
    room: max - machines,
    reason: 'MaxMachines',
    message: `All pools together have ${machines} machines, and --max-machines is ${max}.${lostText(all)}`,
  };
}

function costBrake(all: readonly Holding[], max: Micros, price: OfferPrice | undefined): Brake {
  const limit = `--max-cost-per-hour is ${fromMicros(max)}`;
  if (!price) {
    return {
      room: 0,
      reason: 'PriceUnknown',
      message: `It is not known what a machine costs by the hour, and ${limit}.`,
    };
  }
  const { perHour, currency } = price;
  const same = all.filter((each) => each.currency === undefined || each.currency === currency);
  const dearest = Math.max(
    perHour,
    ...same.map(({ costPerHour, machines, unpriced }) =>
      machines > unpriced ? Math.ceil(costPerHour / (machines - unpriced)) : 0,
    ),
  );
  const cost = same.reduce((sum, each) => sum + each.costPerHour + each.unpriced * dearest, 0);
  return {
    room: perHour === 0 ? Number.MAX_SAFE_INTEGER : Math.floor((max - cost) / perHour),
    reason: 'MaxCostPerHour',
    message: `All pools together cost ${fromMicros(cost)} ${currency} by the hour, one machine more ${fromMicros(perHour)}, and ${limit}.${lostText(all)}`,
  };
}

function lostText(all: readonly Holding[]): string {
  const lost = all.flatMap(({ lostPool }) => lostPool ?? []);
  return lost.length === 0
    ? ''
    : ` What these have is not known yet, and they count with their maximum: ${lost.join(', ')}.`;
}

/** What a pool has by its status: the machines that are alive, and all that is ordered. */
export function holdingOf(status: SpotPoolStatus): Holding {
  const alive = (status.instances ?? []).filter(
    ({ phase, reason }) => phase !== 'Terminating' && reason !== 'LaunchFailed',
  );
  const priceOf = new Map((status.offerings ?? []).map(({ offering, hourlyCost }) => [offering, hourlyCost]));
  const ordered = (status.intents ?? []).flatMap(({ offering, count }) =>
    Array.from({ length: count }, () => priceOf.get(offering)),
  );
  const costs = [...alive.map(({ hourlyCost, offering }) => hourlyCost ?? priceOf.get(offering)), ...ordered];
  const known = costs.filter((cost) => cost !== undefined);
  return {
    machines: costs.length,
    costPerHour: known.reduce((sum, cost) => sum + toMicros(Number(cost)), 0),
    unpriced: costs.length - known.length,
    currency: status.currency,
  };
}

/** Where the record of a pool is lost, it may have as many machines as it is allowed. */
function holdingOfStatus({ status, spec, metadata }: SpotPool, isLost: boolean): Holding {
  if (!isLost) return holdingOf(status ?? {});
  const { maximum } = spec;
  return { machines: maximum, costPerHour: 0, unpriced: maximum, currency: undefined, lostPool: keyText(metadata) };
}
