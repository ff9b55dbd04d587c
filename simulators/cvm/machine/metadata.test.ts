import { describe, expect, it } from 'vitest';
import { type MetadataInstance, metadataApp } from './metadata.ts';

const plain: MetadataInstance = {
  id: 'ins-plain001',
  localIpv4: '10.0.0.4',
  zone: 'ap-singapore-2',
  region: 'ap-singapore',
  chargeType: 'SPOTPAID',
  instanceType: 'GN7.2XLARGE32',
  imageId: 'img-5gn3j31i',
  isSpot: true,
};
const noticed: MetadataInstance = {
  ...plain,
  id: 'ins-noticed1',
  publicIpv4: '203.0.113.9',
  userData: '#!/bin/sh\necho hello\n',
  terminationTime: Date.UTC(2018, 7, 18, 4, 5, 33),
  camRole: 'ollama-role',
  roleCredentials: { secretId: 'id', secretKey: 'key', token: 'token', expiresAt: Date.UTC(2026, 10, 1, 2) },
};
const hourly: MetadataInstance = { ...noticed, id: 'ins-hourly01', isSpot: false, chargeType: 'POSTPAID_BY_HOUR' };
const instances = new Map([plain, noticed, hourly].map((instance) => [instance.id, instance]));
const app = metadataApp({ instance: (id) => instances.get(id) });

const ROOT = 'cam/\ninstance/\ninstance-id\nlocal-ipv4\npayment/\nplacement/\npublic-ipv4\nspot/';
const cases: [path: string, status: number, body?: string][] = [
  ['ins-plain001/latest/meta-data/instance-id', 200, 'ins-plain001'],
  ['ins-plain001/latest/meta-data/local-ipv4', 200, '10.0.0.4'],
  ['ins-plain001/latest/meta-data/public-ipv4', 404],
  ['ins-noticed1/latest/meta-data/public-ipv4', 200, '203.0.113.9'],
  ['ins-plain001/latest/meta-data/placement/zone', 200, 'ap-singapore-2'],
  ['ins-plain001/latest/meta-data/placement/region', 200, 'ap-singapore'],
  ['ins-plain001/latest/meta-data/payment/charge-type', 200, 'SPOTPAID'],
  ['ins-plain001/latest/meta-data/payment/termination-time', 404],
  ['ins-plain001/latest/meta-data/instance/instance-type', 200, 'GN7.2XLARGE32'],
  ['ins-plain001/latest/meta-data/instance/image-id', 200, 'img-5gn3j31i'],
  // The reclaim notice: not before it is given, never on other charge types, in UTC+8.
  ['ins-plain001/latest/meta-data/spot/termination-time', 404],
  ['ins-hourly01/latest/meta-data/spot/termination-time', 404],
  ['ins-noticed1/latest/meta-data/spot/termination-time', 200, '2018-08-18 12:05:33'],
  ['ins-noticed1/latest/meta-data/payment/termination-time', 200, '2018-08-18 12:05:33'],
  // Folders.
  ['ins-noticed1/latest', 200, 'meta-data/\nuser-data'],
  ['ins-noticed1/latest/', 200, 'meta-data/\nuser-data'],
  ['ins-noticed1/latest/meta-data', 200, ROOT],
  ['ins-noticed1/latest/meta-data/', 200, ROOT],
  ['ins-plain001/latest/meta-data/', 200, 'instance/\ninstance-id\nlocal-ipv4\npayment/\nplacement/'],
  ['ins-noticed1/latest/meta-data/placement/', 200, 'region\nzone'],
  ['ins-noticed1/latest/meta-data/cam/security-credentials/', 200, 'ollama-role'],
  ['ins-plain001/latest/meta-data/cam/security-credentials/', 404],
  ['ins-noticed1/latest/meta-data/cam/security-credentials/other', 404],
  // User data.
  ['ins-noticed1/latest/user-data', 200, '#!/bin/sh\necho hello\n'],
  ['ins-plain001/latest/user-data', 404],
  // What there is not.
  ['ins-unknown1/latest/meta-data/instance-id', 404],
  ['ins-plain001/latest/meta-data/nope', 404],
  ['ins-plain001/latest/meta-data/constructor', 404],
  ['ins-plain001/latest/meta-data/instance-id/', 404],
  ['ins-plain001/latest/meta-data/instance-id/more', 404],
  ['ins-plain001/latest/meta-data//', 404],
];

describe('the metadata of an instance', () => {
  it.each(cases)('%s: %d', async (path, status, body) => {
    const answer = await app.request(`/${path}`);
    expect(answer.status).toBe(status);
    if (body !== undefined) {
      expect(await answer.text()).toBe(body);
      expect(answer.headers.get('content-type')).toBe('text/plain');
    }
  });

  it('hands out the credentials of its role as the SDK reads them', async () => {
    const answer = await app.request('/ins-noticed1/latest/meta-data/cam/security-credentials/ollama-role');
    expect(await answer.json()).toEqual({
      TmpSecretId: 'id',
      TmpSecretKey: 'key',
      ExpiredTime: Date.UTC(2026, 10, 1, 2) / 1000,
      Expiration: '2026-11-01T02:00:00Z',
      Token: 'token',
      Code: 'Success',
    });
  });

  it('can be mounted below another path', async () => {
    const { Hono } = await import('hono');
    const outer = new Hono().route('/_metadata', app);
    expect(await (await outer.request('/_metadata/ins-plain001/latest/meta-data/instance-id')).text()).toBe(
      'ins-plain001',
    );
    expect((await outer.request('/_metadata/ins-plain001/latest/meta-data/nope')).status).toBe(404);
  });
});
