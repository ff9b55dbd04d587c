import type { Clock } from '../../src/lib/clock.ts';
import { toMicros } from '../../src/lib/money.ts';
import type { Assumptions } from './assumptions.ts';
import type { Journal } from './journal.ts';
import type {
  AccountRecord,
  ChargeType,
  ImageRecord,
  InstanceRecord,
  OfferRecord,
  SubnetRecord,
  TypeSpec,
  WorldSpec,
  ZoneSpec,
} from './model.ts';
import type { Random } from './random.ts';

/** A span from which a delay is drawn, in milliseconds, both ends included. */
export type Span = readonly [number, number];

/** How long things take in world time. */
export interface Timing {
  /** From RunInstances until DescribeInstances knows the instance. */
  readonly appear: Span;
  /** From then until its tags are attached. */
  readonly tags: Span;
  readonly pending: Span;
  readonly terminating: Span;
  /** How long a reclaimed machine lingers in the list, if it does. */
  readonly reclaimed: Span;
  readonly starting: Span;
  readonly stopping: Span;
  readonly rebooting: Span;
  readonly image: Span;
  /** How long an instance that failed to launch stays in the list. */
  readonly launchFailed: Span;
}

export const DEFAULT_TIMING: Timing = {
  appear: [0, 3000],
  tags: [1000, 10_000],
  pending: [5000, 40_000],
  terminating: [5000, 60_000],
  reclaimed: [1000, 5000],
  starting: [5000, 20_000],
  stopping: [5000, 20_000],
  rebooting: [10_000, 30_000],
  image: [60_000, 180_000],
  launchFailed: [300_000, 300_000],
};

/** Where the machines' servers run. */
export interface MachineHost {
  /** Starts the server of an instance. @returns the loopback address it listens on */
  up(instance: InstanceRecord, image: ImageRecord | undefined): Promise<string>;
  /** Stops it at once, in mid-answer. */
  down(instance: InstanceRecord): void;
}

/** Answers of RunInstances that a token stands for. */
export interface RememberedToken {
  readonly body: string;
  readonly at: number;
  readonly outcome: { readonly ids: readonly string[] } | { readonly error: Error };
}

/** A list that lacks machines: what `shortenLists` orders. */
export interface ShortList {
  /** These are missing; without it the last `count` rows are. */
  readonly ids: readonly string[] | undefined;
  readonly count: number;
  /** Whether a question by InstanceIds lacks them too. */
  readonly byIdToo: boolean;
  left: number;
}

/** Everything that the simulated cloud knows. Mutable; all of it runs in one thread and every change is synchronous. */
export interface World {
  readonly clock: Clock;
  readonly random: Random;
  readonly assumptions: Assumptions;
  readonly timing: Timing;
  readonly journal: Journal;
  readonly machines: MachineHost;
  readonly spec: WorldSpec;
  readonly zones: ReadonlyMap<string, ZoneSpec>;
  readonly types: ReadonlyMap<string, TypeSpec>;
  /** By `zone/type`. */
  readonly offers: ReadonlyMap<string, OfferRecord>;
  readonly subnets: ReadonlyMap<string, SubnetRecord>;
  readonly images: Map<string, ImageRecord>;
  readonly accounts: AccountRecord[];
  /** Those that are there, in order of their making. */
  readonly instances: Map<string, InstanceRecord>;
  /** Those that were there. */
  readonly gone: InstanceRecord[];
  readonly tokens: Map<string, RememberedToken>;
  readonly arrearsTimers: Map<string, () => void>;
  shortLists: ShortList[];
  /** The next launches that end in LAUNCH_FAILED whatever chance says. */
  failLaunches: { left: number; message: string };
  /** Chance of a reclaim for a running spot instance, in reclaims an hour. */
  reclaimsPerHour: number;
  /** Counts changes of that rate: a reclaim drawn before the last change is void. */
  reclaimTurn: number;
  /** As `Clock.after`, but cancelled by `close`. */
  after(ms: number, run: () => void): void;
  close(): void;
}

export interface AccountOptions {
  /** Default: the first secret id. */
  readonly name?: string;
  readonly keys: readonly { readonly secretId: string; readonly secretKey: string; readonly token?: string }[];
  /** In units of the currency; default 100. */
  readonly balance?: number;
  /** vCPU cores of spot machines a zone; default 50, as the vendor's. */
  readonly spotQuotaCores?: number;
}

export interface WorldOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly assumptions: Assumptions;
  readonly timing: Timing;
  readonly journal: Journal;
  readonly machines: MachineHost;
  readonly spec: WorldSpec;
  readonly accounts: readonly AccountOptions[];
}

const DEFAULT_BALANCE = 100;
const DEFAULT_SPOT_QUOTA_CORES = 50;

export function createWorld(options: WorldOptions): World {
  const { clock, spec } = options;
  const now = clock.now();
  const timers = new Set<() => void>();
  return {
    clock,
    random: options.random,
    assumptions: options.assumptions,
    timing: options.timing,
    journal: options.journal,
    machines: options.machines,
    spec,
    zones: new Map(spec.zones.map((zone) => [zone.zone, zone])),
    types: new Map(spec.types.map((type) => [type.instanceType, type])),
    offers: new Map(spec.offers.map((offer) => [`${offer.zone}/${offer.instanceType}`, toOffer(offer, now)])),
    subnets: new Map(spec.subnets.map((subnet) => [subnet.subnetId, { ...subnet }])),
    images: new Map(spec.images.map((image) => [image.id, { ...image, createdAt: now }])),
    accounts: options.accounts.map(toAccount),
    instances: new Map(),
    gone: [],
    tokens: new Map(),
    arrearsTimers: new Map(),
    shortLists: [],
    failLaunches: { left: 0, message: '' },
    reclaimsPerHour: 0,
    reclaimTurn: 0,
    after(ms, run) {
      const cancel = clock.after(ms, () => {
        timers.delete(cancel);
        run();
      });
      timers.add(cancel);
    },
    close() {
      for (const cancel of timers) cancel();
      for (const cancel of this.arrearsTimers.values()) cancel();
      timers.clear();
    },
  };
}

function toOffer(offer: WorldSpec['offers'][number], at: number): OfferRecord {
  return {
    zone: offer.zone,
    instanceType: offer.instanceType,
    listPrice: toMicros(offer.listPrice),
    spotPercent: offer.spotPercent,
    stock: {
      SPOTPAID: [{ at, count: offer.stock.SPOTPAID }],
      POSTPAID_BY_HOUR: [{ at, count: offer.stock.POSTPAID_BY_HOUR }],
    },
  };
}

function toAccount(options: AccountOptions, index: number): AccountRecord {
  return {
    name: options.name ?? options.keys[0]?.secretId ?? `account-${index}`,
    appId: 1_250_000_000 + index,
    keys: options.keys.map((key) => ({ ...key, isDisabled: false, allowed: undefined })),
    credit: toMicros(options.balance ?? DEFAULT_BALANCE),
    spotQuotaCores: options.spotQuotaCores ?? DEFAULT_SPOT_QUOTA_CORES,
    negativeSince: undefined,
  };
}

/** The instances of an account in a region that DescribeInstances may show. */
export function instancesOf(world: World, account: AccountRecord, region: string): readonly InstanceRecord[] {
  return [...world.instances.values()].filter(
    (instance) => instance.account === account.name && instance.region === region,
  );
}

/** Machines of an offer that are left. */
export function stockOf(offer: OfferRecord, chargeType: ChargeType): number {
  return offer.stock[chargeType].at(-1)?.count ?? 0;
}

/** What the stock list said of it `lagMs` ago. */
export function stockShown(offer: OfferRecord, chargeType: ChargeType, asOf: number): number {
  const history = offer.stock[chargeType];
  return (history.findLast((entry) => entry.at <= asOf) ?? history[0])?.count ?? 0;
}

/** No reading of the stock list is later than this, so that older figures can be dropped. */
const STOCK_HISTORY_MS = 600_000;

export function changeStock(world: World, offer: OfferRecord, chargeType: ChargeType, count: number): void {
  const now = world.clock.now();
  const history = offer.stock[chargeType];
  history.push({ at: now, count });
  while ((history[1]?.at ?? now) < now - STOCK_HISTORY_MS) history.shift();
}

/** vCPU cores of spot machines that an account uses in a zone. */
export function spotCoresUsed(world: World, account: AccountRecord, zone: string): number {
  let cores = 0;
  for (const instance of world.instances.values()) {
    if (instance.account !== account.name || instance.zone !== zone || instance.chargeType !== 'SPOTPAID') continue;
    if (instance.state === 'LAUNCH_FAILED') continue;
    if (instance.endedAt !== undefined && world.assumptions.quotaFreed === 'at-once') continue;
    cores += instance.type.cpu;
  }
  return cores;
}
