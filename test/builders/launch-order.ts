import type { LaunchOrder, Offering } from '../../src/cloud/cloud.ts';

/** The offering of the manifests in the field. */
export function offering(changes: Partial<Offering> = {}): Offering {
  return {
    zone: 'ap-singapore-2',
    subnetId: 'subnet-gfrv79s2',
    instanceType: 'GN7.2XLARGE32',
    chargeType: 'SPOTPAID',
    ...changes,
  };
}

/** An order that the simulator's default world can fill. */
export function launchOrder(changes: Partial<LaunchOrder> = {}): LaunchOrder {
  return {
    offering: offering(),
    count: 1,
    owner: { installation: 'installation-1', poolUid: 'pool-uid-1', pool: 'default/first' },
    clientToken: 'token-1',
    name: 'first-k3f9',
    imageId: 'img-5gn3j31i',
    vpcId: 'vpc-86f66zht',
    securityGroupIds: ['sg-aglabemo'],
    systemDisk: { type: 'CLOUD_BSSD', sizeGiB: 100 },
    publicBandwidthMbps: 10,
    keyIds: [],
    tags: {},
    ...changes,
  };
}
