import { accountOf } from './billing.ts';
import type { MetadataInstance } from './machine/metadata.ts';
import type { AccessKey, InstanceRecord } from './model.ts';
import { letters } from './random.ts';
import type { World } from './world.ts';

const ROLE_KEY_MS = 2 * 3_600_000;
/** A role's key is replaced when less than this is left of it. */
const ROLE_KEY_RENEW_MS = 10 * 60_000;

/** What an instance's metadata server knows; nothing answers on a machine that does not run. */
export function metadataOf(world: World, id: string): MetadataInstance | undefined {
  const instance = world.instances.get(id);
  if (instance?.state !== 'RUNNING' || !instance.address) return undefined;
  const { terminationTime, camRole, userData } = instance;
  return {
    id,
    localIpv4: instance.privateIp ?? instance.address,
    ...(instance.hasPublicIp ? { publicIpv4: instance.address } : {}),
    zone: instance.zone,
    region: instance.region,
    chargeType: instance.chargeType,
    instanceType: instance.type.instanceType,
    imageId: instance.imageId,
    ...(userData === undefined ? {} : { userData: Buffer.from(userData, 'base64').toString('utf8') }),
    isSpot: instance.chargeType === 'SPOTPAID',
    ...(terminationTime === undefined ? {} : { terminationTime }),
    ...(camRole === undefined ? {} : { camRole, roleCredentials: roleKey(world, instance) }),
  };
}

const roleKeys = new WeakMap<InstanceRecord, AccessKey & { token: string; expiresAt: number }>();

/** The temporary key of an instance's role, made on first use and renewed before it ends. The API accepts it. */
function roleKey(world: World, instance: InstanceRecord): NonNullable<MetadataInstance['roleCredentials']> {
  const now = world.clock.now();
  let key = roleKeys.get(instance);
  if (!key || key.expiresAt - now < ROLE_KEY_RENEW_MS) {
    key = {
      secretId: `AKID${letters(world.random, 32)}`,
      secretKey: letters(world.random, 32),
      token: letters(world.random, 64),
      expiresAt: now + ROLE_KEY_MS,
      isDisabled: false,
      allowed: undefined,
    };
    roleKeys.set(instance, key);
    accountOf(world, instance).keys.push(key);
  }
  const { secretId, secretKey, token, expiresAt } = key;
  return { secretId, secretKey, token, expiresAt };
}
