import type { EpochMs } from '../../src/lib/clock.ts';
import { toMicros } from '../../src/lib/money.ts';
import { type Bill, balanceOf, billOf, watchBalance } from './billing.ts';
import { Fault, type FaultOrder, type Faults } from './faults.ts';
import { isAlive, type ReclaimOptions, reclaim, setReclaimRate } from './lifecycle.ts';
import { type AccessKey, type AccountRecord, CHARGE_TYPES, type InstanceRecord, type OfferRecord } from './model.ts';
import { changeStock, type World } from './world.ts';

/** What a control was asked to do cannot be done: names the field, the value and what is allowed. */
export class ControlError extends Error {
  override readonly name = 'ControlError';
  readonly field: string;
  constructor(field: string, message: string) {
    super(message);
    this.field = field;
  }
}

/** A list that lacks machines, as an eventually consistent one does. */
export interface ShortListOrder {
  /** Ids that are missing; without them the last `count` rows are. */
  readonly ids?: readonly string[];
  /** Default 1. */
  readonly count?: number;
  /** Lists that are short; default 1. */
  readonly times?: number | 'always';
  /** Whether a question by InstanceIds lacks them too; default false. */
  readonly byIdToo?: boolean;
}

/** Hands on the weather of the simulated cloud. All throw {@link ControlError}. */
export interface Controls {
  /** Takes a spot machine back; the notice is two minutes unless `noticeMs` says otherwise. */
  reclaim(instanceId: string, options?: ReclaimOptions): void;
  /** A spot machine that can be reclaimed: that id, one of the pool of that name (by tag or name), or any. */
  pickSpot(choice: { instanceId?: string | undefined; poolName?: string | undefined }): string;
  /** Random reclaims, so many an hour for each running spot machine. */
  setReclaimRate(perHour: number): void;
  /** Machines left; while it is 0 released machines do not come back into stock. Without a type or zone: everywhere. */
  setStock(zone: string, instanceType: string, chargeType: string, count: number): void;
  /** Prices in units of the currency; machines that run keep theirs. */
  setPrice(zone: string, instanceType: string, price: { listPrice?: number; spotPercent?: number }): void;
  /** Sets what the account has, in units of the currency. `account`: its name or one of its secret ids; default the first. */
  setBalance(account: string | undefined, amount: number): void;
  /** How machines of the image made from now on behave. */
  setImage(imageId: string, change: { isBroken?: boolean; readyAfterMs?: number }): void;
  /** The next `times` machines end in LAUNCH_FAILED. */
  failLaunches(times: number, message?: string): void;
  /** The returned function takes the fault away. */
  addFault(fault: FaultOrder): () => void;
  clearFaults(): void;
  /** Actions that a key may call, with or without the service (`cvm:`); `undefined`: all. */
  setPermissions(secretId: string, actions: readonly string[] | undefined): void;
  addKey(account: string, key: { secretId: string; secretKey: string; token?: string }): void;
  rotateKey(secretId: string, secretKey: string): void;
  /** The key answers `AuthFailure.SecretIdNotFound` from now on, or works again. */
  disableKey(secretId: string, isDisabled?: boolean): void;
  /** The returned function ends it. */
  shortenLists(order: ShortListOrder): () => void;
  /** How far the service's own clock is ahead when it checks signatures. */
  setSkew(ms: number): void;
  /** What the machines of a pool (by tag or name), or all, have cost between two instants, until now at most. */
  bill(span: { from: EpochMs; to: EpochMs }, poolName?: string): Bill;
}

const DEFAULT_FAILURE = 'The instance could not be created: the host reported an error.';

export function createControls(world: World, faults: Faults, setSkew: (ms: number) => void): Controls {
  return {
    reclaim(instanceId, options) {
      const instance = requireInstance(world, instanceId);
      try {
        reclaim(world, instance, options);
      } catch (error) {
        throw new ControlError('instanceId', error instanceof Error ? error.message : String(error));
      }
    },
    pickSpot: ({ instanceId, poolName }) => instanceId ?? pick(world, poolName),
    setReclaimRate: (perHour) => setReclaimRate(world, perHour),
    setStock(zone, instanceType, chargeType, count) {
      const type = CHARGE_TYPES.find((known) => known === chargeType);
      if (!type)
        throw new ControlError('chargeType', `chargeType "${chargeType}" must be one of ${CHARGE_TYPES.join(', ')}`);
      changeStock(world, requireOffer(world, zone, instanceType), type, count);
      world.journal.add({
        kind: 'event',
        event: 'stock',
        id: `${zone}/${instanceType}/${type}`,
        detail: String(count),
      });
    },
    setPrice(zone, instanceType, price) {
      const offer = requireOffer(world, zone, instanceType);
      if (price.listPrice !== undefined) offer.listPrice = toMicros(price.listPrice);
      if (price.spotPercent !== undefined) offer.spotPercent = price.spotPercent;
      const detail = `${offer.listPrice / 1e6} at ${offer.spotPercent} %`;
      world.journal.add({ kind: 'event', event: 'price', id: `${zone}/${instanceType}`, detail });
    },
    setBalance(name, amount) {
      const account = requireAccount(world, name);
      account.credit += toMicros(amount) - balanceOf(world, account);
      world.journal.add({ kind: 'event', event: 'balance', id: account.name, detail: String(amount) });
      watchBalance(world, account);
    },
    setImage(imageId, change) {
      const image = world.images.get(imageId);
      if (!image)
        throw new ControlError('imageId', `image "${imageId}" is not one of ${[...world.images.keys()].join(', ')}`);
      Object.assign(image, change);
    },
    failLaunches(times, message = DEFAULT_FAILURE) {
      world.failLaunches = { left: times, message };
    },
    addFault(order) {
      const read = Fault.safeParse(order);
      if (read.success) return faults.add(read.data);
      const issue = read.error.issues[0];
      throw new ControlError(issue?.path.join('.') ?? '', issue?.message ?? 'not a fault');
    },
    clearFaults: () => faults.clear(),
    setPermissions(secretId, actions) {
      const names = actions?.map((action) => action.replace(/^[a-z]+:/, ''));
      requireKey(world, secretId).allowed = names ? new Set(names) : undefined;
    },
    addKey(account, key) {
      requireAccount(world, account).keys.push({ ...key, isDisabled: false, allowed: undefined });
    },
    rotateKey(secretId, secretKey) {
      requireKey(world, secretId).secretKey = secretKey;
    },
    disableKey(secretId, isDisabled = true) {
      requireKey(world, secretId).isDisabled = isDisabled;
    },
    shortenLists({ ids, count = 1, times = 1, byIdToo = false }) {
      const order = { ids, count, byIdToo, left: times === 'always' ? Number.POSITIVE_INFINITY : times };
      world.shortLists.push(order);
      return () => {
        world.shortLists = world.shortLists.filter((other) => other !== order);
      };
    },
    setSkew,
    bill: (span, poolName) => billOf(world, span, isOfPool(poolName)),
  };
}

function requireInstance(world: World, id: string): InstanceRecord {
  const instance = world.instances.get(id);
  if (instance) return instance;
  throw new ControlError('instanceId', `instance "${id}" does not exist`);
}

function requireOffer(world: World, zone: string, instanceType: string): OfferRecord {
  const offer = world.offers.get(`${zone}/${instanceType}`);
  if (offer) return offer;
  if (!world.zones.has(zone)) {
    throw new ControlError('zone', `zone "${zone}" is not one of ${[...world.zones.keys()].join(', ')}`);
  }
  const types = [...world.types.keys()].join(', ');
  throw new ControlError('instanceType', `instance type "${instanceType}" is not one of ${types}`);
}

function requireAccount(world: World, name: string | undefined): AccountRecord {
  const account = world.accounts.find(
    (candidate) => name === undefined || candidate.name === name || candidate.keys.some((key) => key.secretId === name),
  );
  if (account) return account;
  const known = world.accounts.map((candidate) => candidate.name).join(', ');
  throw new ControlError('account', `account "${name}" is not one of ${known}`);
}

function requireKey(world: World, secretId: string): AccessKey {
  const key = world.accounts.flatMap((account) => account.keys).find((candidate) => candidate.secretId === secretId);
  if (key) return key;
  throw new ControlError('secretId', `there is no key "${secretId}"`);
}

function isOfPool(poolName: string | undefined): (instance: InstanceRecord) => boolean {
  return ({ name, tags }) =>
    poolName === undefined ||
    name.startsWith(poolName) ||
    tags.some((tag) => tag.Value === poolName || tag.Value.endsWith(`/${poolName}`));
}

function pick(world: World, poolName: string | undefined): string {
  const isMeant = isOfPool(poolName);
  const candidates = [...world.instances.values()].filter(
    (instance) =>
      instance.chargeType === 'SPOTPAID' &&
      isAlive(instance) &&
      instance.terminationTime === undefined &&
      isMeant(instance),
  );
  const running = candidates.filter((instance) => instance.state === 'RUNNING');
  const from = running.length > 0 ? running : candidates;
  const chosen = from[Math.floor(world.random() * from.length)];
  if (chosen) return chosen.id;
  const whose = poolName === undefined ? '' : ` of pool "${poolName}"`;
  throw new ControlError(
    poolName === undefined ? 'instanceId' : 'poolName',
    `there is no spot machine${whose} to reclaim`,
  );
}
