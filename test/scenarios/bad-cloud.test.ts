import { describe, expect, it } from 'vitest';
import { alive, calls, everBought } from '../builders/cloud-judge.ts';
import { type OperatorOptions, type OperatorUnderTest, startOperator } from '../builders/operator.ts';
import { poolManifest, secretManifest } from '../builders/pool-manifest.ts';

const MINUTE = 60_000;
const OFFER = ['ap-singapore-2', 'GN7.2XLARGE32', 'SPOTPAID'] as const;
/** All that the documentation asks permission for: the operator must get along with these. */
const NEEDED = [
  'DescribeInstances',
  'RunInstances',
  'TerminateInstances',
  'InquiryPriceRunInstances',
  'DescribeZoneInstanceConfigInfos',
];
const LIMITED = { secretId: 'AKIDlimitedlimited', secretKey: 'secret-of-the-limited' } as const;

/** A healthy pool on one account, and a pool named `bad` on another one. */
async function beside(bad: object | undefined, options: OperatorOptions = {}): Promise<OperatorUnderTest> {
  const op = await startOperator({
    ...options,
    simulator: {
      accounts: [{ keys: [{ secretId: 'xxx', secretKey: 'xxx' }] }, { name: 'limited', keys: [LIMITED] }],
    },
    manifests: { 'healthy.yaml': [poolManifest('healthy')], ...(bad ? { 'bad.yaml': [bad] } : {}) },
  });
  await op.until('the healthy pool is ready', () => op.condition('healthy', 'Ready')?.status === 'True');
  return op;
}

/** Takes the healthy pool's machine away and sees it replaced. */
async function expectWorking(op: OperatorUnderTest): Promise<void> {
  const [lost = ''] = alive(op.simulator, 'healthy');
  op.simulator.reclaim(lost, { noticeMs: 0 });
  await op.until('the loss is noticed', () => op.condition('healthy', 'Ready')?.status === 'False', MINUTE);
  await op.until('it is replaced', () => op.condition('healthy', 'Ready')?.status === 'True', 3 * MINUTE);
  expect(alive(op.simulator, 'healthy')).toHaveLength(1);
}

const isReady = (op: OperatorUnderTest): boolean => op.condition('bad', 'Ready')?.status === 'True';

describe('keys that cannot be had', () => {
  const withSecret = (ref: object = { name: 'tencent' }): object =>
    poolManifest('bad', { secretId: undefined, secretKey: undefined, credentialsSecretRef: ref });
  const says = (text: RegExp) => ({
    status: 'False',
    reason: 'InvalidCredentials',
    message: expect.stringMatching(text),
  });

  it('a missing Secret: named with the fields it needs; it counts as soon as it is there', async () => {
    const op = await beside(withSecret());
    const text = /Secret default\/tencent does not exist\. Create it with the fields secretId and secretKey/;
    expect(op.condition('bad', 'CredentialsValid')).toMatchObject(says(text));
    expect(op.condition('bad', 'Stalled')).toMatchObject({ status: 'True', reason: 'InvalidCredentials' });
    await expectWorking(op);
    op.write('secret.yaml', [secretManifest('tencent', LIMITED)]);
    await op.until('its keys are used', () => op.condition('bad', 'CredentialsValid')?.status === 'True', 15_000);
    await op.until('the pool is ready', () => isReady(op), 3 * MINUTE);
  });

  it.each([
    ['without the key', { secretId: 'AKIDx' }, /Secret default\/tencent has no secretKey, or it is empty\. Set it/],
    ['with an empty id', { secretId: '', secretKey: 'k' }, /has no secretId, or it is empty/],
    ['with other names', { id: 'a', key: 'b' }, /has no secretId and no secretKey/],
  ])('a Secret %s: the missing fields are named', async (_name, data, text) => {
    const op = await beside(withSecret());
    op.write('secret.yaml', [secretManifest('tencent', data)]);
    await op.until('it is told', () => text.test(op.condition('bad', 'CredentialsValid')?.message ?? ''), 15_000);
    await expectWorking(op);
    expect(everBought(op.simulator, 'bad')).toEqual([]);
  });

  it('a Secret that is taken away stops the pool, not its machines', async () => {
    const op = await beside(withSecret());
    op.write('secret.yaml', [secretManifest('tencent', LIMITED)]);
    await op.until('the pool is ready', () => isReady(op), 3 * MINUTE);
    op.remove('secret.yaml');
    await op.until('it is told', () => op.condition('bad', 'CredentialsValid')?.status === 'False', 15_000);
    await expectWorking(op);
    expect(alive(op.simulator, 'bad')).toHaveLength(1);
  });

  const refused = [
    [
      'an id that is not known',
      { secretId: 'AKIDnobodynobody', secretKey: 'whatever' },
      'AuthFailure.SecretIdNotFound',
    ],
    ['a wrong key', { ...LIMITED, secretKey: 'not-the-right-one' }, 'AuthFailure.SignatureFailure'],
  ] as const;
  it.each(refused)(
    '%s: refused by the cloud, asked again rarely, and mended by a new manifest',
    async (_n, keys, code) => {
      const op = await beside(poolManifest('bad', keys));
      const message = op.condition('bad', 'CredentialsValid')?.message ?? '';
      expect(message).toContain('Check that they are right, active and not expired');
      expect(message).toContain(code);
      expect(op.condition('bad', 'Stalled')?.reason).toBe('InvalidCredentials');
      const since = op.clock.now();
      await expectWorking(op);
      await op.advance(20 * MINUTE);
      const attempts = calls(op.simulator, 'DescribeInstances', since).filter(
        ({ secretId }) => secretId === keys.secretId,
      );
      expect(attempts.length).toBeLessThanOrEqual(6);
      op.write('bad.yaml', [poolManifest('bad', LIMITED)]);
      await op.until('the pool is ready', () => isReady(op), 3 * MINUTE);
      expect(op.rawLog.join('')).not.toContain(keys.secretKey);
    },
  );

  it('keys in the environment that are empty: named', async () => {
    const pool = poolManifest('bad', { secretId: undefined, secretKey: undefined });
    const op = await beside(pool, { env: { TENCENTCLOUD_SECRET_ID: 'AKIDx' } });
    const text = /the environment has no TENCENTCLOUD_SECRET_KEY, or it is empty/;
    expect(op.condition('bad', 'CredentialsValid')).toMatchObject(says(text));
    await expectWorking(op);
  });
});

describe('what the cloud does not know', () => {
  const cases = [
    ['an image', { imageId: 'img-nobody00' }, { imageId: 'img-5gn3j31i' }, 'img-nobody00'],
    ['a subnet', { subnetId: 'subnet-nobody00' }, {}, 'subnet-nobody00'],
    ['a network', { vpcId: 'vpc-nobody00' }, {}, 'vpc-nobody00'],
    ['a security group', { securityGroupIds: ['sg-nobody00'] }, {}, 'sg-nobody00'],
    ['a type', { instanceType: 'GN9.NOBODY' }, {}, 'GN9.NOBODY'],
    ['a zone', { availabilityZone: 'ap-singapore-9' }, {}, 'ap-singapore-9'],
    ['a key pair', { instance: { keyIds: ['skey-nobody00'] } }, {}, 'skey-nobody00'],
  ] as const;
  it.each(cases)('%s: told with its id, asked again rarely, and mended by the spec', async (_what, bad, good, id) => {
    const op = await beside(poolManifest('bad', { ...LIMITED, ...bad }));
    const stalled = op.condition('bad', 'Stalled');
    expect(stalled).toMatchObject({ status: 'True', message: expect.stringContaining(id) });
    expect(['InvalidReference', 'InvalidRequest']).toContain(stalled?.reason);
    expect(stalled?.message).toContain('Correct the spec');
    expect(op.condition('bad', 'CredentialsValid')?.status).toBe('True');
    await expectWorking(op);
    await op.advance(30 * MINUTE);
    expect(calls(op.simulator, 'RunInstances').filter(({ secretId }) => secretId !== 'xxx').length).toBeLessThanOrEqual(
      7,
    );
    op.write('bad.yaml', [poolManifest('bad', { ...LIMITED, ...good })]);
    await op.until('the pool is ready', () => isReady(op), 3 * MINUTE);
    expect(everBought(op.simulator, 'bad')).toHaveLength(1);
  });
});

describe('an account that lacks one permission', () => {
  /** The limited key may do the rest of what is needed. */
  const forbid = (op: OperatorUnderTest, action: string): void =>
    op.simulator.setPermissions(
      LIMITED.secretId,
      NEEDED.filter((name) => name !== action),
    );
  const addBad = async (op: OperatorUnderTest, changes: object = {}): Promise<void> => {
    op.write('bad.yaml', [poolManifest('bad', { ...LIMITED, ...changes })]);
    await op.advance(2 * MINUTE);
  };
  const denied = (action: string) => ({
    reason: 'PermissionDenied',
    message: expect.stringContaining(`Allow cvm:${action} in their CAM policy`),
  });

  it('DescribeInstances: nothing can be known, nothing is bought, and the action is named', async () => {
    const op = await beside(undefined);
    forbid(op, 'DescribeInstances');
    await addBad(op);
    for (const type of ['Ready', 'Stalled'])
      expect(op.condition('bad', type)).toMatchObject(denied('DescribeInstances'));
    expect(op.condition('bad', 'Stalled')?.status).toBe('True');
    await expectWorking(op);
    expect(everBought(op.simulator, 'bad')).toEqual([]);
    op.simulator.setPermissions(LIMITED.secretId, undefined);
    await op.until('it is noticed', () => isReady(op), 7 * MINUTE);
  });

  it('RunInstances: nothing is bought, and the action is named', async () => {
    const op = await beside(undefined);
    forbid(op, 'RunInstances');
    await addBad(op);
    expect(op.condition('bad', 'Stalled')).toMatchObject({ status: 'True', ...denied('RunInstances') });
    await expectWorking(op);
    op.simulator.setPermissions(LIMITED.secretId, undefined);
    await op.until('it is noticed', () => isReady(op), 17 * MINUTE);
    expect(everBought(op.simulator, 'bad')).toHaveLength(1);
  });

  it('TerminateInstances: the machine stays, is still counted, and the action is named', async () => {
    const op = await beside(undefined);
    forbid(op, 'TerminateInstances');
    await addBad(op, { minimum: 2, maximum: 2 });
    await op.until('the pool is ready', () => isReady(op), 3 * MINUTE);
    op.write('bad.yaml', [poolManifest('bad', { ...LIMITED, minimum: 1, maximum: 1 })]);
    await op.advance(3 * MINUTE);
    expect(op.condition('bad', 'Stalled')).toMatchObject({ status: 'True', ...denied('TerminateInstances') });
    expect(op.condition('bad', 'PermissionsSufficient')).toMatchObject(denied('TerminateInstances'));
    expect(alive(op.simulator, 'bad')).toHaveLength(2);
    expect(op.pool('bad')?.status?.size).toBe(2);
    await expectWorking(op);
    op.simulator.setPermissions(LIMITED.secretId, undefined);
    await op.until('it is released', () => alive(op.simulator, 'bad').length === 1, 7 * MINUTE);
    expect(everBought(op.simulator, 'bad')).toHaveLength(2);
  });

  it('InquiryPriceRunInstances: the pool works without prices, and the action is named', async () => {
    const op = await beside(undefined);
    forbid(op, 'InquiryPriceRunInstances');
    await addBad(op);
    await op.until('the pool is ready', () => isReady(op), 3 * MINUTE);
    expect(op.condition('bad', 'PermissionsSufficient')).toMatchObject({
      status: 'False',
      ...denied('InquiryPriceRunInstances'),
    });
    expect(op.pool('bad')?.status).not.toHaveProperty('hourlyCost');
    await expectWorking(op);
  });

  it('DescribeZoneInstanceConfigInfos: sold-out zones are asked by time alone, and the action is named', async () => {
    const op = await beside(undefined);
    forbid(op, 'DescribeZoneInstanceConfigInfos');
    op.simulator.setStock(...OFFER, 0);
    await addBad(op);
    expect(op.condition('bad', 'PermissionsSufficient')).toMatchObject({
      status: 'False',
      ...denied('DescribeZoneInstanceConfigInfos'),
    });
    op.simulator.setStock(...OFFER, 10);
    await op.until('the pool is ready', () => isReady(op), 5 * MINUTE);
    expect(op.condition('bad', 'PermissionsSufficient')?.status).not.toBe('False');
    await expectWorking(op);
  });
});
