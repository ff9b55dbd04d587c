import type { ObjectMeta } from '../api/meta.ts';
import { keyText } from '../api/meta.ts';
import type { LaunchIntent, SpotPoolSpec } from '../api/spotpool.ts';
import type { LaunchOrder, Offering, Ownership } from '../cloud/cloud.ts';
import { offeringId } from '../cloud/cloud.ts';
import { fingerprint } from '../lib/hash.ts';

/** The most machines that one purchase asks for: where it is all or nothing, a large one finds no stock. */
export const LARGEST_ORDER = 10;

/** How many characters of an order's name are its own mark. */
export const MARK_LENGTH = 10;

/** A pool's identity on its machines. */
export function ownershipOf(metadata: ObjectMeta, installation: string): Ownership {
  return { installation, poolUid: metadata.uid, pool: keyText(metadata) };
}

/**
 * How the names of a pool's machines begin: the user's prefix, then eight digits of the pool's uid, so that a machine
 * whose tags have not arrived is told from one that merely looks alike.
 */
export function namePrefixOf(metadata: ObjectMeta, spec: SpotPoolSpec): string {
  const prefix = (spec.instance.namePrefix ?? metadata.name).slice(0, 40);
  return `${prefix}${uidMark(metadata)}`;
}

/** Whether a machine's name is one that this pool gives, whatever prefix the user had chosen at the time. */
export function isNameOf(metadata: ObjectMeta, name: string): boolean {
  return name.includes(uidMark(metadata));
}

function uidMark({ uid }: ObjectMeta): string {
  return `-${fingerprint(uid, 8)}-`;
}

/** Fingerprint of what a new machine is made of, its offering aside. Machines bought with another one are outdated. */
export function specHashOf(spec: SpotPoolSpec): string {
  const { imageId, vpcId, securityGroupIds, instance } = spec;
  return fingerprint({ imageId, vpcId, securityGroupIds, instance: { ...instance, namePrefix: undefined } });
}

/** The offering with this id among those of the spec; `undefined` when the spec has changed since. */
export function offeringOf(spec: SpotPoolSpec, id: string): Offering | undefined {
  return spec.offerings.find((offering) => offeringId(offering) === id);
}

/** What is bought of an offering with this spec; the same for asking the price. */
export function orderOf(
  spec: SpotPoolSpec,
  offering: Offering,
): Omit<LaunchOrder, 'owner' | 'clientToken' | 'name' | 'count' | 'atLeast'> {
  const { instance } = spec;
  return {
    offering,
    imageId: spec.imageId,
    vpcId: spec.vpcId,
    securityGroupIds: spec.securityGroupIds,
    systemDisk: instance.systemDisk,
    publicBandwidthMbps: instance.publicBandwidthMbps,
    keyIds: instance.keyIds,
    tags: instance.tags,
    ...(instance.userData === undefined ? {} : { userData: instance.userData }),
    ...(instance.camRole === undefined ? {} : { camRole: instance.camRole }),
  };
}

/** Fingerprint of all that a purchase of this offering says, bid included: a token may be sent again only with the same one. */
export function orderHashOf(spec: SpotPoolSpec, offering: Offering): string {
  return fingerprint(orderOf(spec, offering));
}

/** The purchase that an intent stands for. Sent twice, it is the same to the last byte. */
export function launchOrderOf(
  spec: SpotPoolSpec,
  offering: Offering,
  intent: LaunchIntent,
  owner: Ownership,
): LaunchOrder {
  const { token: clientToken, name, count } = intent;
  return { ...orderOf(spec, offering), owner, clientToken, name, count, ...(count > 1 ? { atLeast: 1 } : {}) };
}
