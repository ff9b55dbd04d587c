import type { LaunchOrder } from '../cloud.ts';
import { INSTALLATION_TAG, POOL_TAG, POOL_UID_TAG } from './schema.ts';

/** What decides the price of an order. */
export type PricedOrder = Omit<LaunchOrder, 'owner' | 'clientToken' | 'name' | 'count'>;

/** Our order as the body of RunInstances. Source: CVM API 2017-03-12, RunInstances. */
export function toRunInstances(order: LaunchOrder): Record<string, unknown> {
  const own = {
    [INSTALLATION_TAG]: order.owner.installation,
    [POOL_UID_TAG]: order.owner.poolUid,
    [POOL_TAG]: order.owner.pool,
  };
  const tags = Object.entries({ ...order.tags, ...own }).map(([Key, Value]) => ({ Key, Value }));
  return {
    ...toMachine(order),
    InstanceCount: order.count,
    InstanceName: order.name,
    ClientToken: order.clientToken,
    TagSpecification: [{ ResourceType: 'instance', Tags: tags }],
  };
}

/** The same as a question for its price, for one machine. Source: InquiryPriceRunInstances. */
export function toPriceInquiry(order: PricedOrder): Record<string, unknown> {
  return { ...toMachine(order), InstanceCount: 1 };
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
