import { z } from 'zod';
import type { EpochMs } from '../../lib/clock.ts';
import type { Instance, InstanceState, Ownership } from '../cloud.ts';

/** Tags that say whose a machine is. Permanent: changing one loses every machine in the field. */
export const INSTALLATION_TAG = 'aiops.org/installation';
export const POOL_UID_TAG = 'aiops.org/pool-uid';
export const POOL_TAG = 'aiops.org/pool';

// The parts of the answers that we read; the rest may change without breaking us. Fields that the vendor calls optional, or
// that were seen as null, may be absent. Source: CVM API 2017-03-12, "Data Types", and the SDK's cvm_models.d.ts.

const Texts = z.array(z.string()).nullish();

const InstanceRow = z.object({
  InstanceId: z.string().min(1),
  InstanceName: z.string().nullish(),
  InstanceState: z.string().nullish(),
  RestrictState: z.string().nullish(),
  InstanceType: z.string().nullish(),
  InstanceChargeType: z.string().nullish(),
  ImageId: z.string().nullish(),
  CreatedTime: z.string().nullish(),
  Placement: z.object({ Zone: z.string().nullish() }).nullish(),
  VirtualPrivateCloud: z.object({ VpcId: z.string().nullish(), SubnetId: z.string().nullish() }).nullish(),
  PublicIpAddresses: Texts,
  PrivateIpAddresses: Texts,
  Tags: z.array(z.object({ Key: z.string().nullish(), Value: z.string().nullish() })).nullish(),
  LatestOperationState: z.string().nullish(),
  LatestOperationErrorMsg: z.string().nullish(),
});
type InstanceRow = z.infer<typeof InstanceRow>;

export const DescribeInstancesAnswer = z.object({
  TotalCount: z.int().min(0),
  InstanceSet: z
    .array(InstanceRow)
    .nullish()
    .transform((rows) => rows ?? []),
});

export const RunInstancesAnswer = z.object({ InstanceIdSet: z.array(z.string().min(1)).min(1) });

export const EmptyAnswer = z.object({});

/** Of the Tag API. Those that are not listed have got their tags. */
export const TagResourcesAnswer = z.object({
  FailedResources: z
    .array(z.object({ Resource: z.string(), Code: z.string().nullish() }))
    .nullish()
    .transform((rows) => rows ?? []),
});

/** Hourly modes fill the unit prices; which of the two for spot is not documented: the discounted one when it is above 0. */
const ItemPrice = z.object({
  UnitPrice: z.number().nullish(),
  UnitPriceDiscount: z.number().nullish(),
  ChargeUnit: z.string().nullish(),
});
export type ItemPrice = z.infer<typeof ItemPrice>;

export const InquiryPriceAnswer = z.object({
  Price: z.object({ InstancePrice: ItemPrice, BandwidthPrice: ItemPrice.nullish() }),
});

export const ZoneConfigsAnswer = z.object({
  InstanceTypeQuotaSet: z
    .array(
      z.object({
        Zone: z.string(),
        InstanceType: z.string(),
        InstanceChargeType: z.string(),
        Cpu: z.number().nullish(),
        Status: z.string(),
        StatusCategory: z.string().nullish(),
        SoldOutReason: z.string().nullish(),
      }),
    )
    .nullish()
    .transform((rows) => rows ?? []),
});

export const AccountQuotaAnswer = z.object({
  AccountQuotaOverview: z.object({
    AccountQuota: z.object({
      SpotPaidQuotaSet: z
        .array(z.object({ Zone: z.string(), UsedQuota: z.number(), TotalQuota: z.number() }))
        .nullish()
        .transform((rows) => rows ?? []),
    }),
  }),
});

/**
 * The vendor's states in our words. Rescue mode and live migration are alive but not serving; an unknown word is taken so
 * too, because a machine that is not counted would be bought a second time.
 */
const states: ReadonlyMap<string, InstanceState> = new Map<string, InstanceState>([
  ['PENDING', 'Pending'],
  ['RUNNING', 'Running'],
  ['STOPPED', 'Stopped'],
  ['STOPPING', 'Transitional'],
  ['STARTING', 'Transitional'],
  ['REBOOTING', 'Transitional'],
  ['LAUNCH_FAILED', 'LaunchFailed'],
  ['SHUTDOWN', 'Terminating'],
  ['TERMINATING', 'Terminating'],
]);

/**
 * @param now stands in for a creation time that cannot be read, so that the machine gets its full time to come up
 * @param share gives one and the same string for equal ones: lists name the same few places and pools thousands of times
 */
export function toInstance(row: InstanceRow, now: EpochMs, share = (text: string): string => text): Instance {
  const vendorState = share(row.InstanceState ?? '');
  const created = Date.parse(row.CreatedTime ?? '');
  const publicIp = row.PublicIpAddresses?.[0];
  const privateIp = row.PrivateIpAddresses?.[0];
  const owner = toOwner(row, share);
  const failed = row.LatestOperationState === 'FAILED' && row.LatestOperationErrorMsg;
  return {
    id: row.InstanceId,
    name: row.InstanceName ?? '',
    state: states.get(vendorState) ?? 'Transitional',
    vendorState,
    isNormal: (row.RestrictState ?? 'NORMAL') === 'NORMAL',
    zone: share(row.Placement?.Zone ?? ''),
    instanceType: share(row.InstanceType ?? ''),
    subnetId: share(row.VirtualPrivateCloud?.SubnetId ?? ''),
    vpcId: share(row.VirtualPrivateCloud?.VpcId ?? ''),
    imageId: share(row.ImageId ?? ''),
    chargeType: share(row.InstanceChargeType ?? ''),
    createdAt: Number.isNaN(created) ? now : created,
    ...(publicIp ? { publicIp } : {}),
    ...(privateIp ? { privateIp } : {}),
    ...(owner ? { owner } : {}),
    ...(failed ? { lastError: failed } : {}),
  };
}

/** The pool's name is for people: a machine without that tag is still its pool's. */
function toOwner(row: InstanceRow, share: (text: string) => string): Ownership | undefined {
  const tags = new Map(row.Tags?.map((tag) => [tag.Key, tag.Value ?? '']));
  const installation = tags.get(INSTALLATION_TAG);
  const poolUid = tags.get(POOL_UID_TAG);
  if (!installation || !poolUid) return undefined;
  return { installation: share(installation), poolUid: share(poolUid), pool: share(tags.get(POOL_TAG) ?? '') };
}
