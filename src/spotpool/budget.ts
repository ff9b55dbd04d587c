import type { SpotPool, SpotPoolStatus } from '../api/spotpool.ts';
import type { HourlyPrice } from '../cloud/cloud.ts';
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
}

/** What a machine of the offering that is to be bought costs an hour; `undefined`: not known. */
export interface OfferPrice {
  readonly perHour: Micros;
  readonly currency: HourlyPrice['currency'];
}

/** What all pools have together. Held in memory; the status of each pool, intents included, is what it is made of. */
export interface OperatorBudget {
  /** True until `load` was called: nothing may be bought before, when there are limits. */
  readonly mustLoad: boolean;
  /** Takes the pools as they were left. @param isLost whether a pool may have machines that its status does not tell */
  load(pools: readonly SpotPool[], isLost: (pool: SpotPool) => boolean): void;
  /** How many machines pool `uid` may have beyond `holding`, what it has now. */
  brakes(uid: string, holding: Holding, price: OfferPrice | undefined): readonly Brake[];
  /** Notes what a pool has, what it is about to order included: in the same turn in which that was decided. */
  hold(uid: string, holding: Holding): void;
  forget(uid: string): void;
}

export function createOperatorBudget(limits: OperatorLimits): OperatorBudget {
  const pools = new Map<string, Holding>();
  let isLoaded = false;
  const others = (uid: string): readonly Holding[] => [...pools].filter(([key]) => key !== uid).map(([, each]) => each);
  return {
    get mustLoad() {
      return !isLoaded && (limits.maxMachines !== undefined || limits.maxCostPerHour !== undefined);
    },
    load(loaded, isLost) {
      isLoaded = true;
      for (const pool of loaded) {
        if (!pools.has(pool.metadata.uid)) pools.set(pool.metadata.uid, holdingOfStatus(pool, isLost(pool)));
      }
    },
    brakes(uid, holding, price) {
      const all = [...others(uid), holding];
      return [
        ...(limits.maxMachines === undefined ? [] : [machinesBrake(all, limits.maxMachines)]),
        ...(limits.maxCostPerHour === undefined ? [] : [costBrake(all, limits.maxCostPerHour, price)]),
      ];
    },
    hold: (uid, holding) => void pools.set(uid, holding),
    forget: (uid) => void pools.delete(uid),
  };
}

function machinesBrake(all: readonly Holding[], max: number): Brake {
  const machines = all.reduce((sum, each) => sum + each.machines, 0);
  return {
    room: max - machines,
    reason: 'MaxMachines',
    message: `All pools together have ${machines} machines, and --max-machines is ${max}.`,
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
    message: `All pools together cost ${fromMicros(cost)} ${currency} by the hour, one machine more ${fromMicros(perHour)}, and ${limit}.`,
  };
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
function holdingOfStatus({ status, spec }: SpotPool, isLost: boolean): Holding {
  if (!isLost) return holdingOf(status ?? {});
  return { machines: spec.maximum, costPerHour: 0, unpriced: spec.maximum, currency: undefined };
}
