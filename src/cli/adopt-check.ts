import { keyText } from '../api/meta.ts';
import type { SpotPool } from '../api/spotpool.ts';
import type { Instance, Ownership } from '../cloud/cloud.ts';
import { offeringOfInstance } from '../spotpool/machine.ts';
import { offeringOf, ownershipOf } from '../spotpool/order.ts';
import { desiredOf } from '../spotpool/plan.ts';
import { counted } from './text.ts';

/** Who takes machines in, and who else there is. */
export interface Adopter {
  /** With its spec parsed. */
  readonly pool: SpotPool;
  readonly owner: Ownership;
  /** The pools of this installation, `namespace/name` by uid. */
  readonly pools: ReadonlyMap<string, string>;
}

/** @param pools every pool of the installation */
export function adopterOf(pool: SpotPool, installationId: string, pools: readonly SpotPool[]): Adopter {
  return {
    pool,
    owner: ownershipOf(pool.metadata, installationId),
    pools: new Map(pools.map(({ metadata }) => [metadata.uid, keyText(metadata)])),
  };
}

export function isOwn({ owner }: Instance, { owner: own }: Adopter): boolean {
  return owner?.installation === own.installation && owner.poolUid === own.poolUid;
}

/** Whether a machine is there for good, or nearly not any more. */
export function isLiving({ state }: Instance): boolean {
  return state !== 'Terminating' && state !== 'LaunchFailed';
}

/** Whose a machine is, for people; `undefined`: nobody's. */
export function ownerText(instance: Instance, adopter: Adopter): string | undefined {
  const { owner } = instance;
  if (!owner) return undefined;
  if (isOwn(instance, adopter)) return 'this pool';
  const name = owner.pool === '' ? 'a pool' : owner.pool;
  if (owner.installation !== adopter.owner.installation) return `${name} of installation ${owner.installation}`;
  const living = adopter.pools.get(owner.poolUid);
  return living === undefined ? `${name}, which is gone (uid ${owner.poolUid})` : `SpotPool ${living}`;
}

/** What of a machine is not as the pool would buy it; empty: it fits. A machine that does not fit serves, and leaves first. */
export function misfitsOf(instance: Instance, { pool: { spec } }: Adopter): readonly string[] {
  const { offerings } = spec;
  const misfits = [
    ...(offerings.some(({ zone }) => zone === instance.zone) ? [] : ['zone']),
    ...(offerings.some(({ subnetId }) => subnetId === instance.subnetId) ? [] : ['subnet']),
    ...(offerings.some(({ instanceType }) => instanceType === instance.instanceType) ? [] : ['type']),
    ...(offerings.some(({ chargeType }) => chargeType === instance.chargeType) ? [] : ['charge type']),
  ];
  const isOffered = misfits.length > 0 || offeringOf(spec, offeringOfInstance(instance)) !== undefined;
  return [
    ...misfits,
    ...(isOffered ? [] : ['combination of these']),
    ...(instance.imageId === spec.imageId ? [] : ['image']),
  ];
}

/** Why a machine cannot be taken in, to be read after its id; `undefined`: it can. The first of the reasons. */
export function objectionTo(instance: Instance | undefined, adopter: Adopter): string | undefined {
  const { spec } = adopter.pool;
  if (!instance) return `does not exist in ${spec.region}, as far as these keys can see`;
  const { vendorState, chargeType, vpcId, owner } = instance;
  if (!isLiving(instance)) return `is ${vendorState}`;
  const living = owner?.installation === adopter.owner.installation && adopter.pools.get(owner.poolUid);
  if (living && !isOwn(instance, adopter))
    return `belongs to SpotPool ${living}, which gives machines up when it is deleted with deletionPolicy Retain`;
  if (vpcId !== spec.vpcId) return `is in ${vpcId || 'no VPC'}, and the pool in ${spec.vpcId}`;
  if (chargeType !== 'SPOTPAID' && chargeType !== 'POSTPAID_BY_HOUR') {
    return `is paid as ${chargeType}; a pool can release only machines that are SPOTPAID or POSTPAID_BY_HOUR`;
  }
  if (!instance.isNormal) return 'is isolated (arrears or expiry): the pool would release it at once';
  if (instance.state === 'Stopped') return `is ${vendorState}: the pool would release it at once; start it first`;
  return undefined;
}

/**
 * Why the pool has no room for the machines `ids` of others; `undefined`: it has.
 * @param swept the machines of all pools as a sweep shows them now
 */
export function noRoomFor(ids: readonly string[], swept: readonly Instance[], adopter: Adopter): string | undefined {
  const { pool } = adopter;
  const { spec, metadata, status } = pool;
  const own = swept.filter((instance) => isOwn(instance, adopter));
  const counts = new Set([...own.map(({ id }) => id), ...ids]);
  // Tags of a purchase arrive late, and a list can lack machines: what the pool has recorded counts too.
  const unseen = (status?.instances ?? []).filter(
    ({ instanceId, phase }) => !counts.has(instanceId) && phase !== 'Terminating' && phase !== 'Failed',
  );
  const ordered = (status?.intents ?? []).reduce((sum, intent) => {
    return sum + Math.max(0, intent.count - own.filter(({ name }) => name.startsWith(intent.name)).length);
  }, 0);
  const has = own.filter(isLiving).length + unseen.length;
  const { high } = desiredOf(spec, metadata);
  if (has + ordered + ids.length <= high) return undefined;
  const under = ordered === 0 ? '' : ` and ${ordered} ordered`;
  const limit = high === spec.maximum ? `its maximum is ${high}` : `it wants ${high} (replicas)`;
  const way = high === spec.maximum ? 'Raise maximum' : 'Scale it up';
  return (
    `it has ${counted(has, 'machine')}${under}, ${limit}, and with ${ids.length} more it would release the surplus. ` +
    `${way}, or name fewer machines.`
  );
}
