import { fromMicros, type Micros } from '../../src/lib/money.ts';
import type { AccountRecord, ChargeType, HourPrice, InstanceRecord, OfferRecord } from './model.ts';
import type { World } from './world.ts';

const HOUR_MS = 3_600_000;
/** An account below zero goes on for this long before its machines are shut down. */
const ARREARS_GRACE_MS = 2 * HOUR_MS;

/** Price of a GiB of disk for an hour, the same for every kind of cloud disk. */
const DISK_GIB_HOUR: Micros = 81;
const BANDWIDTH_MBPS_HOUR: Micros = 20_000;
/** Price of a GB of outgoing traffic. Traffic itself is not simulated. */
export const TRAFFIC_GB: Micros = 120_000;

export function priceOf(
  offer: OfferRecord,
  chargeType: ChargeType,
  diskGiB: number,
  bandwidth: { readonly mbps: number; readonly chargeType: string },
): HourPrice {
  const isSpot = chargeType === 'SPOTPAID';
  return {
    machineList: offer.listPrice,
    machine: isSpot ? Math.round((offer.listPrice * offer.spotPercent) / 100) : offer.listPrice,
    disks: diskGiB * DISK_GIB_HOUR,
    bandwidth: bandwidth.chargeType === 'BANDWIDTH_POSTPAID_BY_HOUR' ? bandwidth.mbps * BANDWIDTH_MBPS_HOUR : 0,
  };
}

export function totalOf(price: HourPrice): Micros {
  return price.machine + price.disks + price.bandwidth;
}

/** What an instance has cost until `now`. */
export function costOf(instance: InstanceRecord, now: number): Micros {
  let cost = 0;
  for (const charge of instance.charges) cost += (charge.perHour * ((charge.to ?? now) - charge.from)) / HOUR_MS;
  return Math.round(cost);
}

/** What instances have cost in a span of time, and what the same would have cost at the list price. */
export interface Bill {
  readonly paid: Micros;
  readonly list: Micros;
}

/** The bill from `from` until `to` of the instances that are asked about, those that are gone included. */
export function billOf(
  world: World,
  { from, to }: { readonly from: number; readonly to: number },
  isMeant: (instance: InstanceRecord) => boolean,
): Bill {
  const now = world.clock.now();
  let [paid, list] = [0, 0];
  for (const instance of [...world.gone, ...world.instances.values()].filter(isMeant)) {
    const { machine, machineList } = instance.price;
    for (const { perHour, ...charge } of instance.charges) {
      const hours = Math.max(0, Math.min(charge.to ?? now, to) - Math.max(charge.from, from)) / HOUR_MS;
      paid += perHour * hours;
      // A machine that is stopped free of charge costs its disks, and those have no discount.
      list += (perHour < machine ? perHour : perHour - machine + machineList) * hours;
    }
  }
  return { paid: Math.round(paid), list: Math.round(list) };
}

/** What an instance costs an hour right now. */
export function burnOf(instance: InstanceRecord): Micros {
  return instance.charges.reduce((sum, charge) => (charge.to === undefined ? sum + charge.perHour : sum), 0);
}

/** Changes what an instance costs from now on; 0 stops the meter. */
export function charge(world: World, instance: InstanceRecord, perHour: Micros): void {
  const now = world.clock.now();
  for (const open of instance.charges) open.to ??= now;
  if (perHour > 0) instance.charges.push({ from: now, perHour });
  watchBalance(world, accountOf(world, instance));
}

export function accountOf(world: World, instance: InstanceRecord): AccountRecord {
  const account = world.accounts.find((candidate) => candidate.name === instance.account);
  if (!account) throw new Error(`instance ${instance.id} belongs to no account`);
  return account;
}

function present(world: World, account: AccountRecord): readonly InstanceRecord[] {
  return [...world.instances.values()].filter((instance) => instance.account === account.name);
}

export function balanceOf(world: World, account: AccountRecord): Micros {
  const now = world.clock.now();
  return present(world, account).reduce((left, instance) => left - costOf(instance, now), account.credit);
}

/** What is held back for the hour to come of every machine that is alive. */
export function frozenOf(world: World, account: AccountRecord): Micros {
  return present(world, account).reduce(
    (sum, instance) => (isFrozenFor(instance) ? sum + totalOf(instance.price) : sum),
    0,
  );
}

const isFrozenFor = (instance: InstanceRecord): boolean =>
  instance.endedAt === undefined && instance.state !== 'LAUNCH_FAILED';

/** What to do when an account has been below zero for too long, and when it is above again. */
export interface ArrearsHandlers {
  isolate(instance: InstanceRecord): void;
  restore(instance: InstanceRecord): void;
}

const handlers = new WeakMap<World, ArrearsHandlers>();

/** Tells the billing how machines are shut down for arrears. Once a world. */
export function onArrears(world: World, handle: ArrearsHandlers): void {
  handlers.set(world, handle);
}

/** Looks at the balance and sets the timer for the next instant at which something follows from it. */
export function watchBalance(world: World, account: AccountRecord): void {
  world.arrearsTimers.get(account.name)?.();
  world.arrearsTimers.delete(account.name);
  const now = world.clock.now();
  const balance = balanceOf(world, account);
  if (balance >= 0) {
    account.negativeSince = undefined;
    for (const instance of present(world, account)) {
      if (instance.isolatedSource === 'ARREAR') handlers.get(world)?.restore(instance);
    }
    const burn = present(world, account).reduce((sum, instance) => sum + burnOf(instance), 0);
    if (burn > 0) arm(world, account, Math.ceil((balance / burn) * HOUR_MS) + 1);
    return;
  }
  if (account.negativeSince === undefined) {
    account.negativeSince = now;
    world.journal.add({ kind: 'event', event: 'arrears', id: account.name, detail: fromMicros(balance) });
  }
  const left = account.negativeSince + ARREARS_GRACE_MS - now;
  if (left > 0) {
    arm(world, account, left);
    return;
  }
  for (const instance of present(world, account)) {
    if (instance.endedAt === undefined && instance.isolatedSource !== 'ARREAR') handlers.get(world)?.isolate(instance);
  }
}

function arm(world: World, account: AccountRecord, ms: number): void {
  world.arrearsTimers.set(
    account.name,
    world.clock.after(ms, () => watchBalance(world, account)),
  );
}
