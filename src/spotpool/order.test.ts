import { describe, expect, it } from 'vitest';
import { offering } from '../../test/builders/launch-order.ts';
import { intent, OWNER, pool, spec } from '../../test/builders/spotpool.ts';
import {
  isNameOf,
  launchOrderOf,
  namePrefixOf,
  offeringOf,
  orderHashOf,
  orderOf,
  ownershipOf,
  specHashOf,
} from './order.ts';

describe('names', () => {
  const { metadata } = pool();

  it("begin with the pool's name, or what the user chose, and hold the pool's own mark", () => {
    const mark = namePrefixOf(metadata, spec()).slice('first-'.length);
    expect(mark).toMatch(/^[0-9a-f]{8}-$/);
    expect(namePrefixOf(metadata, spec({ instance: { namePrefix: 'gpu' } }))).toBe(`gpu-${mark}`);
  });

  it('fit the cloud even when the name is long', () => {
    const prefix = namePrefixOf({ ...metadata, name: 'n'.repeat(253) }, spec());
    expect(prefix.length + 10 + 4).toBeLessThanOrEqual(64);
  });

  it('are told from look-alikes by the uid, under whatever prefix they were given', () => {
    const name = `${namePrefixOf(metadata, spec({ instance: { namePrefix: 'gpu' } }))}a1b2c3d4e5`;
    expect(isNameOf(metadata, name)).toBe(true);
    expect(isNameOf({ ...metadata, uid: 'another' }, name)).toBe(false);
    expect(isNameOf(metadata, 'first-00000000-a1b2c3d4e5')).toBe(false);
  });
});

describe('fingerprints', () => {
  it.each([
    { name: 'the image', changes: { imageId: 'img-other' }, isOutdated: true, isOtherOrder: true },
    { name: 'a security group', changes: { securityGroupIds: ['sg-a'] }, isOutdated: true, isOtherOrder: true },
    { name: 'the disk', changes: { instance: { systemDisk: { sizeGiB: 200 } } }, isOutdated: true, isOtherOrder: true },
    { name: 'a tag', changes: { instance: { tags: { team: 'a' } } }, isOutdated: true, isOtherOrder: true },
    {
      name: 'the prefix of names',
      changes: { instance: { namePrefix: 'gpu' } },
      isOutdated: false,
      isOtherOrder: false,
    },
    { name: 'the bid', changes: { offerings: [{ maxPrice: '0.5' }] }, isOutdated: false, isOtherOrder: true },
    { name: 'the sizes', changes: { minimum: 0, maximum: 9 }, isOutdated: false, isOtherOrder: false },
    { name: 'readiness', changes: { readiness: { port: 80 } }, isOutdated: false, isOtherOrder: false },
  ])('$name: machines outdated $isOutdated, another order $isOtherOrder', ({ changes, isOutdated, isOtherOrder }) => {
    const [before, after] = [spec(), spec(changes)];
    const orderOfFirst = (each: typeof before): string => orderHashOf(each, each.offerings[0] ?? offering());
    expect(specHashOf(after) !== specHashOf(before)).toBe(isOutdated);
    expect(orderOfFirst(after) !== orderOfFirst(before)).toBe(isOtherOrder);
  });
});

describe('orders', () => {
  it('say who owns the machines', () => {
    expect(ownershipOf(pool().metadata, 'installation-1')).toEqual(OWNER);
  });

  it('are the same to the last byte when an intent is sent twice', () => {
    const make = (): string => JSON.stringify(launchOrderOf(spec(), offering(), intent(), OWNER));
    expect(make()).toBe(make());
  });

  it('carry every field of the spec', () => {
    const full = spec({
      instance: {
        systemDisk: { type: 'CLOUD_SSD', sizeGiB: 200 },
        publicBandwidthMbps: 0,
        userData: 'echo hello',
        keyIds: ['skey-1'],
        tags: { team: 'a' },
        camRole: 'role',
      },
    });
    expect(launchOrderOf(full, offering(), intent({ count: 3 }), OWNER)).toEqual({
      offering: offering(),
      owner: OWNER,
      clientToken: 'token-1',
      name: intent().name,
      count: 3,
      atLeast: 1,
      imageId: 'img-5gn3j31i',
      vpcId: 'vpc-86f66zht',
      securityGroupIds: ['sg-aglabemo'],
      systemDisk: { type: 'CLOUD_SSD', sizeGiB: 200 },
      publicBandwidthMbps: 0,
      userData: 'echo hello',
      keyIds: ['skey-1'],
      tags: { team: 'a' },
      camRole: 'role',
    });
  });

  it('leave out what is not given', () => {
    const order = orderOf(spec(), offering());
    expect(order).not.toHaveProperty('userData');
    expect(order).not.toHaveProperty('camRole');
  });
});

it('an offering is found by its id, or is gone', () => {
  expect(offeringOf(spec(), 'ap-singapore-2/GN7.2XLARGE32/subnet-gfrv79s2/SPOTPAID')).toEqual(offering());
  expect(offeringOf(spec(), 'ap-singapore-3/GN7.2XLARGE32/subnet-gfrv79s2/SPOTPAID')).toBeUndefined();
});
