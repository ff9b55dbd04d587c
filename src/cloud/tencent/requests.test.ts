import { describe, expect, it } from 'vitest';
import { launchOrder, offering } from '../../../test/builders/launch-order.ts';
import { toPriceInquiry, toRunInstances } from './requests.ts';

const machine = {
  Placement: { Zone: 'ap-singapore-2' },
  InstanceType: 'GN7.2XLARGE32',
  InstanceChargeType: 'SPOTPAID',
  ImageId: 'img-5gn3j31i',
  VirtualPrivateCloud: { VpcId: 'vpc-86f66zht', SubnetId: 'subnet-gfrv79s2' },
  SystemDisk: { DiskType: 'CLOUD_BSSD', DiskSize: 100 },
  SecurityGroupIds: ['sg-aglabemo'],
  InternetAccessible: {
    InternetChargeType: 'TRAFFIC_POSTPAID_BY_HOUR',
    InternetMaxBandwidthOut: 10,
    PublicIpAssigned: true,
  },
  LoginSettings: { KeepImageLogin: 'TRUE' },
};

it('an order becomes the body of RunInstances, member by member', () => {
  expect(toRunInstances(launchOrder())).toEqual({
    ...machine,
    InstanceCount: 1,
    InstanceName: 'first-k3f9',
    ClientToken: 'token-1',
    TagSpecification: [
      {
        ResourceType: 'instance',
        Tags: [
          { Key: 'aiops.org/installation', Value: 'installation-1' },
          { Key: 'aiops.org/pool-uid', Value: 'pool-uid-1' },
          { Key: 'aiops.org/pool', Value: 'default/first' },
        ],
      },
    ],
  });
});

describe('members that depend on the order', () => {
  it.each([
    [
      'a bid',
      { offering: offering({ maxPrice: '0.50' }) },
      {
        InstanceMarketOptions: { MarketType: 'spot', SpotOptions: { MaxPrice: '0.50', SpotInstanceType: 'one-time' } },
      },
    ],
    [
      'no bid for an hourly machine',
      { offering: offering({ chargeType: 'POSTPAID_BY_HOUR', maxPrice: '0.50' }) },
      {
        InstanceChargeType: 'POSTPAID_BY_HOUR',
        InstanceMarketOptions: undefined,
      },
    ],
    ['no public address', { publicBandwidthMbps: 0 }, { InternetAccessible: undefined }],
    ['keys in place of the login of the image', { keyIds: ['skey-1'] }, { LoginSettings: { KeyIds: ['skey-1'] } }],
    ['user data in base64', { userData: '#!/bin/sh\necho 中' }, { UserData: 'IyEvYmluL3NoCmVjaG8g5Lit' }],
    ['a role', { camRole: 'reader' }, { CamRoleName: 'reader' }],
    ['several machines', { count: 3 }, { InstanceCount: 3 }],
    ['the default group', { securityGroupIds: [] }, { SecurityGroupIds: undefined }],
  ])('%s', (_name, changes, members) => {
    const body = toRunInstances(launchOrder(changes));
    expect({ ...body, ...members }).toEqual(body);
    expect(JSON.stringify(body)).not.toMatch(/password/i);
  });

  it('tags of the user stand beside ours and cannot replace them', () => {
    const [{ Tags } = { Tags: [] }] = toRunInstances(
      launchOrder({ tags: { team: 'ml', 'aiops.org/pool-uid': 'stolen' } }),
    )['TagSpecification'] as [{ Tags: { Key: string; Value: string }[] }];
    expect(Tags).toContainEqual({ Key: 'team', Value: 'ml' });
    expect(Tags.filter(({ Key }) => Key === 'aiops.org/pool-uid')).toEqual([
      { Key: 'aiops.org/pool-uid', Value: 'pool-uid-1' },
    ]);
  });
});

it('the question for a price names the machine and nobody', () => {
  expect(toPriceInquiry(launchOrder())).toEqual({ ...machine, InstanceCount: 1 });
});
