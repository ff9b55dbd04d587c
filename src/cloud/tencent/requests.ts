import type { LaunchOrder, Ownership } from '../cloud.ts';
import { INSTALLATION_TAG, POOL_TAG, POOL_UID_TAG } from './schema.ts';

/** What decides the price of an order. */
export type PricedOrder = Omit<LaunchOrder, 'owner' | 'clientToken' | 'name' | 'count'>;

/** Our order as the body of RunInstances. Source: CVM API 2017-03-12, RunInstances. */
export function toRunInstances(order: LaunchOrder): Record<string, unknown> {
  const tags = Object.entries({ ...order.tags, ...toTags(order.owner) }).map(([Key, Value]) => ({ Key, Value }));
  return {
    ...toMachine(order),
    InstanceCount: order.count,
    InstanceName: order.name,
    ClientToken: order.clientToken,
    TagSpecification: [{ ResourceType: 'instance', Tags: tags }],
  };
}

/** The three tags that say whose a machine is. */
function toTags(owner: Ownership): Readonly<Record<string, string>> {
  return { [INSTALLATION_TAG]: owner.installation, [POOL_UID_TAG]: owner.poolUid, [POOL_TAG]: owner.pool };
}

/**
 * Ownership as the body of TagResources. The account's own number may be left out of a resource's name.
 * Source: Tag API 2018-08-13, TagResources; CAM, "Resource Description Method".
 */
export function toTagResources(region: string, ids: readonly string[], owner: Ownership): Record<string, unknown> {
  return {
    ResourceList: ids.map((id) => `qcs::cvm:${region}:uin/:instance/${id}`),
    Tags: Object.entries(toTags(owner)).map(([TagKey, TagValue]) => ({ TagKey, TagValue })),
  };
}

/** The same as a question for its price, for one machine. It has no place for a script or a role. Source: InquiryPriceRunInstances. */
export function toPriceInquiry(order: PricedOrder): Record<string, unknown> {
  const { UserData: _script, CamRoleName: _role, ...priced } = toMachine(order);
  return { ...priced, InstanceCount: 1 };
}

function toMachine(order: PricedOrder): Record<string, unknown> {
  const { offering, systemDisk, publicBandwidthMbps, securityGroupIds, userData, camRole } = order;
  return {
    Placement: { Zone: offering.zone },
    InstanceType: offering.instanceType,
    InstanceChargeType: offering.chargeType,
    ...toBid(offering.chargeType === 'SPOTPAID' ? offering.maxPrice : undefined),
    ImageId: order.imageId,
    VirtualPrivateCloud: { VpcId: order.vpcId, SubnetId: offering.subnetId },
    SystemDisk: { DiskType: systemDisk.type, DiskSize: systemDisk.sizeGiB },
    ...(securityGroupIds.length > 0 ? { SecurityGroupIds: securityGroupIds } : {}),
    // Without bandwidth there can be no public address, and that is the default.
    ...(publicBandwidthMbps > 0 ? { InternetAccessible: toInternet(publicBandwidthMbps) } : {}),
    // Without either, Tencent makes up a password and sends it around.
    LoginSettings: order.keyIds.length > 0 ? { KeyIds: order.keyIds } : { KeepImageLogin: 'TRUE' },
    ...(userData ? { UserData: Buffer.from(userData, 'utf8').toString('base64') } : {}),
    ...(camRole ? { CamRoleName: camRole } : {}),
  };
}

/** Without a bid the market price is paid, which is what most want. */
function toBid(maxPrice: string | undefined): Record<string, unknown> {
  if (maxPrice === undefined) return {};
  return {
    InstanceMarketOptions: { MarketType: 'spot', SpotOptions: { MaxPrice: maxPrice, SpotInstanceType: 'one-time' } },
  };
}

function toInternet(mbps: number): Record<string, unknown> {
  return { InternetChargeType: 'TRAFFIC_POSTPAID_BY_HOUR', InternetMaxBandwidthOut: mbps, PublicIpAssigned: true };
}
