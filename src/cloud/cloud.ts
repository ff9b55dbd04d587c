import type { EpochMs } from '../lib/clock.ts';
import type { Micros } from '../lib/money.ts';

/** Keys of a cloud account. `getCredentials` is asked before each call, so that a rotated key works at once. */
export interface CloudCredentials {
  /** Says where the keys come from, for messages: `Secret default/tencent`, `spec.secretId`. Never the keys themselves. */
  readonly source: string;
  /** @throws {CloudError} `InvalidCredentials` when there is no usable key (missing Secret, missing field, empty value) */
  getCredentials(signal: AbortSignal): Promise<{ secretId: string; secretKey: string; token?: string }>;
}

/** How a machine is paid for. */
export type ChargeType = 'SPOTPAID' | 'POSTPAID_BY_HOUR';

/** One way to buy a machine. Two offerings are the same when their `offeringId` is the same. */
export interface Offering {
  readonly zone: string;
  readonly subnetId: string;
  readonly instanceType: string;
  readonly chargeType: ChargeType;
  /** The most to pay for an hour, in the account's currency, as text (`0.50`); only for spot. */
  readonly maxPrice?: string;
}

/** `ap-singapore-2/GN7.2XLARGE32/subnet-x/SPOTPAID`: the key of sold-out memories, metrics and messages. */
export function offeringId(offering: Offering): string {
  return `${offering.zone}/${offering.instanceType}/${offering.subnetId}/${offering.chargeType}`;
}

/** To whom a machine belongs, as its tags say. All three are kept on the machine. */
export interface Ownership {
  /** The installation's UUID. */
  readonly installation: string;
  readonly poolUid: string;
  /** `namespace/name` of the pool. */
  readonly pool: string;
}

/** What a machine is doing, in our words. Vendor states that mean the same are folded. */
export type InstanceState =
  /** Asked for and being made. */
  | 'Pending'
  | 'Running'
  /** Alive but not serving: starting, rebooting, live migration. */
  | 'Transitional'
  /** Switched off; still costs money. */
  | 'Stopped'
  /** Never came up and never will. */
  | 'LaunchFailed'
  /** On its way out, or in the recycle bin. */
  | 'Terminating';

export interface Instance {
  /** `ins-` and eight characters. */
  readonly id: string;
  readonly name: string;
  readonly state: InstanceState;
  /** The vendor's own word for the state, for messages. */
  readonly vendorState: string;
  /** False when the machine is isolated (arrears, expiry): it then serves nobody. */
  readonly isNormal: boolean;
  readonly zone: string;
  readonly instanceType: string;
  readonly subnetId: string;
  readonly vpcId: string;
  readonly imageId: string;
  readonly chargeType: string;
  readonly createdAt: EpochMs;
  readonly publicIp?: string;
  readonly privateIp?: string;
  /** Absent until the tags have arrived, and on machines that are nobody's. */
  readonly owner?: Ownership;
  /** The vendor's error text of the last operation, when that failed. */
  readonly lastError?: string;
}

/** Everything that carries any installation's tags in one account and region, seen in one pass. */
export interface Sweep {
  /** When the first page was asked for. */
  readonly at: EpochMs;
  readonly instances: readonly Instance[];
}

export interface LaunchOrder {
  readonly offering: Offering;
  /** 1 to 100; all or nothing, unless `atLeast` is given. */
  readonly count: number;
  /** The fewest that are worth having, where the cloud can sell a part of an order; otherwise it has no effect. */
  readonly atLeast?: number;
  readonly owner: Ownership;
  /** At most 64 ASCII characters; the same token with the same order buys once (where the cloud keeps its word). */
  readonly clientToken: string;
  /**
   * The machines' name. It ends in a mark that no other order has; a machine is found by it before its tags arrive.
   * Several machines get a numbered suffix each.
   */
  readonly name: string;
  readonly imageId: string;
  readonly vpcId: string;
  readonly securityGroupIds: readonly string[];
  readonly systemDisk: { readonly type: string; readonly sizeGiB: number };
  /** Mbit/s out, billed by traffic, with a public address; 0: private only. */
  readonly publicBandwidthMbps: number;
  /** Plain text, base64 is the adapter's business. */
  readonly userData?: string;
  /** Empty: the image's own login is kept. Never a password. */
  readonly keyIds: readonly string[];
  readonly camRole?: string;
  /** The user's own tags, beside those of `owner`. */
  readonly tags: Readonly<Record<string, string>>;
}

/** What an hour costs, in millionths of `currency`. */
export interface HourlyPrice {
  readonly currency: 'CNY' | 'USD';
  readonly machine: Micros;
  readonly disk: Micros;
  /** What the public address and its traffic cost by the hour; 0 where traffic is billed by volume. */
  readonly bandwidth: Micros;
  /** What a GiB of outgoing traffic costs; 0 where it is not billed by volume. */
  readonly trafficPerGiB: Micros;
  /** What the same machine costs on demand, disk and bandwidth included; absent where the cloud does not tell. */
  readonly onDemand?: Micros;
}

export interface Stock {
  readonly zone: string;
  readonly instanceType: string;
  readonly chargeType: string;
  readonly isSelling: boolean;
  /** The vendor's words for how much there is and why there is none; shown, never decided upon. */
  readonly category?: string;
  readonly soldOutReason?: string;
  /** vCPU cores of the type. */
  readonly cpu: number;
}

export interface SpotQuota {
  readonly zone: string;
  /** vCPU cores. */
  readonly used: number;
  readonly total: number;
}

/** What became of one machine that was to be released. */
export interface ReleaseResult {
  readonly id: string;
  /** `undefined`: gone or on its way out, also when it was so before. */
  readonly error?: Error;
}

/** What became of one machine that was to get another owner. */
export interface ClaimResult {
  readonly id: string;
  /** `undefined`: its tags say so, or will within seconds. */
  readonly error?: Error;
}

/**
 * What a pool needs of one account in one region, and no more. Every method may fail with a {@link CloudError} of reason
 * `Throttled`, `InvalidCredentials`, `PermissionDenied`, `ServerError`, `Unreachable` or `Unexpected`; others are named.
 * Definite server-side hiccups of reading calls are retried inside, a bounded number of times; buying calls never are.
 */
export interface Cloud {
  /**
   * Every machine of any installation of ours, found by tag. Calls made while one is under way, or within `maxAgeMs` of
   * the start of the last, share its answer: one pass serves all pools of the account and region.
   */
  sweep(maxAgeMs: number, signal: AbortSignal): Promise<Sweep>;
  /** The machines with these ids, tags or not; those that do not exist are left out. Never shared, never cached. */
  find(ids: readonly string[], signal: AbortSignal): Promise<readonly Instance[]>;
  /** The machines in `offering`'s zone and subnet whose name begins with `name`, tags or not. Settles an unknown purchase. */
  findByName(name: string, offering: Offering, signal: AbortSignal): Promise<readonly Instance[]>;
  /**
   * Buys. One call, never repeated inside.
   * @param mayGo asked after every wait, right before the call goes out
   * @returns the ids, `count` of them or, with `atLeast`, fewer; none when `mayGo` said no, and then nothing was bought
   * @throws {CloudError} `SoldOut`, `QuotaExceeded`, `PriceTooLow`, `InsufficientBalance`, `AccountRestricted`, `InvalidReference`,
   * `InvalidRequest`; with `isOutcomeUnknown` the machines may exist
   */
  launch(order: LaunchOrder, signal: AbortSignal, mayGo?: () => boolean): Promise<readonly string[]>;
  /**
   * Releases machines for good. A machine that is gone already counts as released. One bad id does not hold the others back.
   * @param mayGo asked after every wait, right before each call goes out
   * @returns what became of each; those that were not asked for because `mayGo` said no are left out
   */
  release(ids: readonly string[], signal: AbortSignal, mayGo?: () => boolean): Promise<readonly ReleaseResult[]>;
  /**
   * Puts `owner` on machines, whoever's they were; their other tags stay. Lists show it as late as they show the tags of a
   * purchase. Claiming twice has the effect of once, and one bad id does not hold the others back.
   */
  claim(ids: readonly string[], owner: Ownership, signal: AbortSignal): Promise<readonly ClaimResult[]>;
  /** What `order` costs by the hour. @throws {CloudError} `InvalidReference`, `InvalidRequest` too */
  price(
    order: Omit<LaunchOrder, 'owner' | 'clientToken' | 'name' | 'count'>,
    signal: AbortSignal,
  ): Promise<HourlyPrice>;
  /** What is in stock in the region, asked once for all pools within `maxAgeMs`. May lag the truth by minutes. */
  stock(maxAgeMs: number, signal: AbortSignal): Promise<readonly Stock[]>;
  /** The account's quota for spot machines, a row a zone. */
  spotQuota(signal: AbortSignal): Promise<readonly SpotQuota[]>;
}

/** Hands out one client per account and region, so that all pools share its rate limits and its sweep. */
export interface CloudProvider {
  /** @throws {CloudError} `InvalidCredentials` when the credentials name no account yet */
  open(credentials: CloudCredentials, region: string, signal: AbortSignal): Promise<OpenCloud>;
}

export interface OpenCloud {
  /** The same for all pools of one account and region; holds no key. Shared memories (sold out) are kept under it. */
  readonly accountKey: string;
  readonly cloud: Cloud;
}
