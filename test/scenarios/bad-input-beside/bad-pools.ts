import type { OperatorUnderTest } from '../../builders/operator.ts';
import { poolManifest, secretManifest } from '../../builders/pool-manifest.ts';
import { BAD_KEY } from './town.ts';

// Pools that cannot work, each with what its status must say.

export interface BadPool {
  readonly name: string;
  /** Changes to the manifest, its key aside. */
  readonly spec: Readonly<Record<string, unknown>>;
  readonly condition: string;
  readonly says: RegExp;
}

const noKeys = { secretId: undefined, secretKey: undefined };
const fromSecret = (name: string): Readonly<Record<string, unknown>> => ({ ...noKeys, credentialsSecretRef: { name } });

/** Keys that cannot be had, or that the cloud refuses. */
export const POOLS_WITHOUT_KEYS: readonly BadPool[] = [
  {
    name: 'secret-missing',
    spec: fromSecret('missing'),
    condition: 'CredentialsValid',
    says: /Secret default\/missing does not exist/,
  },
  { name: 'secret-half', spec: fromSecret('half'), condition: 'CredentialsValid', says: /has no secretKey/ },
  { name: 'secret-empty', spec: fromSecret('empty'), condition: 'CredentialsValid', says: /has no secretId/ },
  {
    name: 'secret-other',
    spec: fromSecret('other'),
    condition: 'CredentialsValid',
    says: /no secretId and no secretKey/,
  },
  { name: 'secret-taken', spec: fromSecret('taken'), condition: 'CredentialsValid', says: /does not exist/ },
  {
    name: 'key-unknown',
    spec: { secretId: 'AKIDnobodynobody', secretKey: 'whatever' },
    condition: 'CredentialsValid',
    says: /AuthFailure\.SecretIdNotFound/,
  },
  {
    name: 'key-wrong',
    spec: { secretId: BAD_KEY.secretId, secretKey: 'not-the-right-one' },
    condition: 'CredentialsValid',
    says: /AuthFailure\.SignatureFailure/,
  },
  { name: 'key-none', spec: noKeys, condition: 'CredentialsValid', says: /has no TENCENTCLOUD_SECRET_KEY/ },
];
/** What the operator itself has been given: half of a key. */
export const HALF_ENV = { TENCENTCLOUD_SECRET_ID: 'AKIDx' };
export const HALF_SECRETS: readonly object[] = [
  secretManifest('half', { secretId: 'AKIDx' }),
  secretManifest('empty', { secretId: '', secretKey: 'k' }),
  secretManifest('other', { id: 'a', key: 'b' }),
];
/** In a file of its own, to be taken away: the key of `secret-taken`. */
export const SECRET_TO_TAKE: readonly object[] = [secretManifest('taken', BAD_KEY)];

/** What the cloud does not know. */
export const POOLS_OF_UNKNOWN: readonly BadPool[] = (
  [
    ['image', { imageId: 'img-nobody00' }],
    ['subnet', { subnetId: 'subnet-nobody00' }],
    ['network', { vpcId: 'vpc-nobody00' }],
    ['group', { securityGroupIds: ['sg-nobody00'] }],
    ['type', { instanceType: 'GN9.NOBODY' }],
    ['zone', { availabilityZone: 'ap-singapore-9' }],
    ['key-pair', { instance: { keyIds: ['skey-nobody00'] } }],
  ] as const
).map(([name, spec]) => ({ name: `no-${name}`, spec, condition: 'Stalled', says: /Correct the spec/ }));

/** All that the documentation asks permission for. */
const NEEDED = [
  'DescribeInstances',
  'RunInstances',
  'TerminateInstances',
  'InquiryPriceRunInstances',
  'DescribeZoneInstanceConfigInfos',
];

/** Keys that may do all but one thing, each with a pool that needs it. */
export const LIMITED_KEYS = NEEDED.map((action) => ({
  action,
  secretId: `AKIDno${action}`.slice(0, 36),
  secretKey: `secret-without-${action}`,
}));

export function limitKeys(op: OperatorUnderTest): void {
  for (const { action, secretId } of LIMITED_KEYS)
    op.simulator.setPermissions(
      secretId,
      NEEDED.filter((name) => name !== action),
    );
}

const limited = (action: string): { secretId: string; secretKey: string } => {
  const { secretId = '', secretKey = '' } = LIMITED_KEYS.find((key) => key.action === action) ?? {};
  return { secretId, secretKey };
};
const denied = (name: string, action: string, condition: string, spec: object = {}): BadPool => ({
  name,
  spec: { ...limited(action), ...spec },
  condition,
  says: new RegExp(`cvm:${action}`),
});

/** A zone where nothing is for sale, so that the stock is asked for. */
const SOLD_OUT = { availabilityZone: 'ap-singapore-1', subnetId: 'subnet-k3m8q0a1' };

export function sellOut(op: OperatorUnderTest): void {
  op.simulator.setStock('ap-singapore-1', 'GN7.2XLARGE32', 'SPOTPAID', 0);
}

export const POOLS_WITHOUT_PERMISSION: readonly BadPool[] = [
  denied('may-not-list', 'DescribeInstances', 'Stalled'),
  denied('may-not-buy', 'RunInstances', 'Stalled'),
  denied('may-not-release', 'TerminateInstances', 'PermissionsSufficient', { minimum: 2, maximum: 2 }),
  denied('may-not-price', 'InquiryPriceRunInstances', 'PermissionsSufficient'),
  denied('may-not-see-stock', 'DescribeZoneInstanceConfigInfos', 'PermissionsSufficient', SOLD_OUT),
];
/** The size that `may-not-release` is to shrink to, so that it has to release something. */
export const SHRUNK = { ...limited('TerminateInstances'), minimum: 1, maximum: 1 };

export function manifestsOf(
  pools: readonly BadPool[],
  key: { readonly secretId: string; readonly secretKey: string } = BAD_KEY,
): readonly object[] {
  return pools.map(({ name, spec }) => poolManifest(name, { ...key, ...spec }));
}
