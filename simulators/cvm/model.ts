import type { EpochMs } from '../../src/lib/clock.ts';
import type { Micros } from '../../src/lib/money.ts';

export type ChargeType = 'SPOTPAID' | 'POSTPAID_BY_HOUR';

export const CHARGE_TYPES: readonly ChargeType[] = ['SPOTPAID', 'POSTPAID_BY_HOUR'];

export type InstanceState =
  | 'PENDING'
  | 'LAUNCH_FAILED'
  | 'RUNNING'
  | 'STOPPED'
  | 'STARTING'
  | 'STOPPING'
  | 'REBOOTING'
  | 'SHUTDOWN'
  | 'TERMINATING';

export interface Tag {
  readonly Key: string;
  readonly Value: string;
}

export interface Disk {
  readonly id: string;
  readonly type: string;
  readonly sizeGiB: number;
}

/** Money that an instance costs from `from` until `to` (still running when absent). */
export interface Charge {
  readonly from: EpochMs;
  to?: EpochMs;
  readonly perHour: Micros;
}

/** What an hour costs: the list price, what is really paid for the machine, and the parts that have no discount. */
export interface HourPrice {
  readonly machineList: Micros;
  readonly machine: Micros;
  readonly disks: Micros;
  readonly bandwidth: Micros;
}

/** One machine, from the request until it is absent. Mutable: the world's own record. */
export interface InstanceRecord {
  readonly id: string;
  readonly uuid: string;
  readonly account: string;
  name: string;
  readonly region: string;
  readonly zone: string;
  readonly type: TypeSpec;
  readonly chargeType: ChargeType;
  readonly imageId: string;
  readonly osName: string;
  readonly projectId: number;
  readonly vpcId: string;
  readonly subnetId: string;
  securityGroupIds: readonly string[];
  readonly privateIp: string | undefined;
  /** The loopback address its server listens on. */
  address: string | undefined;
  readonly bandwidthMbps: number;
  readonly internetChargeType: string;
  readonly hasPublicIp: boolean;
  readonly systemDisk: Disk;
  readonly dataDisks: readonly Disk[];
  readonly keyIds: readonly string[];
  readonly login: string;
  userData: string | undefined;
  hostName: string | undefined;
  camRole: string | undefined;
  isProtected: boolean;
  tags: readonly Tag[];
  readonly createdAt: EpochMs;
  /** From when DescribeInstances knows it. */
  readonly visibleAt: EpochMs;
  tagsAt: EpochMs;
  /** When the tags that TagResources set last will show. */
  retaggedAt?: EpochMs;
  state: InstanceState;
  restrictState: 'NORMAL' | 'PROTECTIVELY_ISOLATED';
  isolatedSource: 'NOTISOLATED' | 'ARREAR';
  operation: string;
  operationState: 'SUCCESS' | 'OPERATING' | 'FAILED';
  operationRequestId: string;
  operationError: string | undefined;
  stopChargingMode: 'NOT_APPLICABLE' | 'KEEP_CHARGING' | 'STOP_CHARGING';
  /** When its reclaim will happen, once the notice is out. */
  terminationTime: EpochMs | undefined;
  /** Counts changes of state: a timer set before the last change is stale. */
  turn: number;
  charges: Charge[];
  readonly price: HourPrice;
  endedAt: EpochMs | undefined;
  endCause: string | undefined;
  absentAt: EpochMs | undefined;
}

export interface ImageRecord {
  readonly id: string;
  /** Absent: everybody's. */
  readonly account?: string;
  readonly region: string;
  readonly name: string;
  readonly description: string;
  readonly type: 'PRIVATE_IMAGE' | 'PUBLIC_IMAGE' | 'SHARED_IMAGE';
  readonly osName: string;
  readonly platform: string;
  readonly sizeGiB: number;
  readonly isCloudInit: boolean;
  readonly createdAt: EpochMs;
  readonly family?: string;
  /** Types that the image does not suit. */
  readonly unsuitedTypes?: readonly string[];
  tags: readonly Tag[];
  state: 'CREATING' | 'NORMAL' | 'CREATEFAILED';
  snapshots: readonly { readonly id: string; readonly usage: 'SYSTEM_DISK' | 'DATA_DISK'; readonly sizeGiB: number }[];
  /** Its machines listen but answer 500. */
  isBroken: boolean;
  /** How long after the start of the machine its model server answers 200. */
  readyAfterMs: number;
  /** The model inside, when it is not the machine's default. */
  readonly model?: string;
}

/** A type of machine. */
export interface TypeSpec {
  readonly instanceType: string;
  readonly family: string;
  readonly typeName: string;
  readonly cpu: number;
  readonly memoryGiB: number;
  readonly gpuCount: number;
  readonly gpuType: string;
  readonly gpuMemoryGiB: number;
  readonly cpuType: string;
  readonly isSpot: boolean;
}

/** A type in a zone. */
export interface OfferRecord {
  readonly zone: string;
  readonly instanceType: string;
  listPrice: Micros;
  /** What spot costs of the list price, in percent. */
  spotPercent: number;
  /** Machines left, by charge type; with what it was before, oldest first. */
  readonly stock: Record<ChargeType, { readonly at: EpochMs; readonly count: number }[]>;
}

export interface AccessKey {
  readonly secretId: string;
  secretKey: string;
  /** Temporary keys carry one. */
  readonly token?: string;
  readonly expiresAt?: EpochMs;
  isDisabled: boolean;
  /** Actions that the key may call; all when absent. */
  allowed: ReadonlySet<string> | undefined;
}

export interface AccountRecord {
  readonly name: string;
  readonly appId: number;
  readonly keys: AccessKey[];
  /** All that was ever paid in, less what instances that are gone have cost. */
  credit: Micros;
  readonly spotQuotaCores: number;
  /** Since when the balance is below zero. */
  negativeSince: EpochMs | undefined;
}

export interface ZoneSpec {
  readonly zone: string;
  readonly region: string;
  readonly id: string;
  readonly english: string;
  readonly chinese: string;
}

export interface SubnetRecord {
  readonly subnetId: string;
  readonly vpcId: string;
  readonly region: string;
  readonly zone: string;
  /** First two or three numbers of its addresses, for instance `10.0.2.`. */
  readonly prefix: string;
  /** Addresses left. */
  free: number;
}

/** What the world is made of at its start. */
export interface WorldSpec {
  readonly regions: readonly { readonly region: string; readonly english: string; readonly chinese: string }[];
  readonly zones: readonly ZoneSpec[];
  readonly types: readonly TypeSpec[];
  readonly offers: readonly {
    readonly zone: string;
    readonly instanceType: string;
    readonly listPrice: number;
    readonly spotPercent: number;
    readonly stock: Readonly<Record<ChargeType, number>>;
  }[];
  readonly vpcs: readonly { readonly vpcId: string; readonly region: string }[];
  readonly subnets: readonly SubnetRecord[];
  readonly securityGroups: readonly { readonly groupId: string; readonly region: string }[];
  readonly keyPairs: readonly string[];
  readonly images: readonly Omit<ImageRecord, 'createdAt'>[];
}
