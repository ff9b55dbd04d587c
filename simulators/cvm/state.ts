import type { EpochMs } from '../../src/lib/clock.ts';
import { fromMicros } from '../../src/lib/money.ts';
import { balanceOf, burnOf, costOf, frozenOf } from './billing.ts';
import { CHARGE_TYPES, type ChargeType, type InstanceRecord, type Tag } from './model.ts';
import { stockOf, type World } from './world.ts';

/** An instance as the judge of a demo or a test sees it. Money is text in units of the currency. */
export interface InstanceView {
  readonly id: string;
  readonly account: string;
  readonly name: string;
  /** As DescribeInstances would say; `ABSENT` once it is gone. */
  readonly state: string;
  readonly zone: string;
  readonly instanceType: string;
  readonly chargeType: ChargeType;
  readonly imageId: string;
  readonly subnetId: string;
  readonly publicIp?: string;
  readonly privateIp?: string;
  readonly tags: readonly Tag[];
  readonly createdAt: EpochMs;
  readonly terminationTime?: EpochMs;
  readonly endedAt?: EpochMs;
  readonly endCause?: string;
  readonly perHour: string;
  readonly cost: string;
}

/** Everything there is to see, as plain data. */
export interface WorldState {
  readonly now: EpochMs;
  readonly accounts: readonly {
    readonly name: string;
    readonly secretIds: readonly string[];
    readonly balance: string;
    readonly frozen: string;
    readonly perHour: string;
  }[];
  /** Alive, failed and leaving ones. */
  readonly instances: readonly InstanceView[];
  /** Those that are gone: together with `instances` the ledger of all that was ever bought. */
  readonly gone: readonly InstanceView[];
  readonly stock: readonly {
    readonly zone: string;
    readonly instanceType: string;
    readonly chargeType: ChargeType;
    readonly count: number;
  }[];
  readonly images: readonly { readonly id: string; readonly name: string; readonly state: string }[];
  readonly assumptions: World['assumptions'];
  readonly journalLength: number;
}

export function stateOf(world: World): WorldState {
  const now = world.clock.now();
  return {
    now,
    accounts: world.accounts.map((account) => {
      const own = [...world.instances.values()].filter((instance) => instance.account === account.name);
      return {
        name: account.name,
        secretIds: account.keys.map((key) => key.secretId),
        balance: fromMicros(balanceOf(world, account)),
        frozen: fromMicros(frozenOf(world, account)),
        perHour: fromMicros(own.reduce((sum, instance) => sum + burnOf(instance), 0)),
      };
    }),
    instances: [...world.instances.values()].map((instance) => toView(instance, now, instance.state)),
    gone: world.gone.map((instance) => toView(instance, now, 'ABSENT')),
    stock: [...world.offers.values()].flatMap((offer) =>
      CHARGE_TYPES.map((chargeType) => ({
        zone: offer.zone,
        instanceType: offer.instanceType,
        chargeType,
        count: stockOf(offer, chargeType),
      })),
    ),
    images: [...world.images.values()].map(({ id, name, state }) => ({ id, name, state })),
    assumptions: world.assumptions,
    journalLength: world.journal.entries.length,
  };
}

function toView(instance: InstanceRecord, now: EpochMs, state: string): InstanceView {
  const { address, privateIp = address } = instance;
  return {
    id: instance.id,
    account: instance.account,
    name: instance.name,
    state,
    zone: instance.zone,
    instanceType: instance.type.instanceType,
    chargeType: instance.chargeType,
    imageId: instance.imageId,
    subnetId: instance.subnetId,
    ...(instance.hasPublicIp && address ? { publicIp: address } : {}),
    ...(privateIp ? { privateIp } : {}),
    tags: instance.tags,
    createdAt: instance.createdAt,
    ...(instance.terminationTime === undefined ? {} : { terminationTime: instance.terminationTime }),
    ...(instance.endedAt === undefined ? {} : { endedAt: instance.endedAt }),
    ...(instance.endCause === undefined ? {} : { endCause: instance.endCause }),
    perHour: fromMicros(burnOf(instance)),
    cost: fromMicros(costOf(instance, now)),
  };
}
