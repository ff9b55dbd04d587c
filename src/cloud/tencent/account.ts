import type { Cloud, CloudCredentials, HourlyPrice, Instance, Stock, Sweep } from '../cloud.ts';
import { createSharedCall, type SharedCall } from '../shared-call.ts';
import { claimInstances } from './claim.ts';
import { type Client, createClient, type Transport } from './client.ts';
import { findInstances, findInstancesByName, sweepInstances } from './instances.ts';
import { launchInstances } from './launch.ts';
import { createLimiter, type Limiter } from './limiter.ts';
import { inquirePrice } from './price.ts';
import { releaseInstances } from './release.ts';
import { AccountQuotaAnswer, ZoneConfigsAnswer } from './schema.ts';

/** What all pools of one account and region share. */
export interface AccountCore {
  readonly limiter: Limiter;
  readonly sweep: SharedCall<Sweep>;
  readonly stock: SharedCall<readonly Stock[]>;
  /** How machines seen lately are paid for: a batch to release may hold only one kind. */
  readonly chargeTypes: Map<string, string>;
  /** Charge types of which no part of an order can be had here, as the vendor has told. */
  readonly wholeOrdersOnly: Set<string>;
}

const MAX_CHARGE_TYPES = 10_000;

export function createAccountCore(transport: Transport): AccountCore {
  const { clock } = transport;
  return {
    limiter: createLimiter(transport),
    sweep: createSharedCall(clock),
    stock: createSharedCall(clock),
    chargeTypes: new Map(),
    wholeOrdersOnly: new Set(),
  };
}

/** One pool's door to its account: its own keys, everything else shared. */
export function openAccount(options: {
  transport: Transport;
  core: AccountCore;
  credentials: CloudCredentials;
  region: string;
  currency: HourlyPrice['currency'];
}): Cloud {
  const { transport, core, credentials, region, currency } = options;
  const { clock } = transport;
  const client = createClient({ transport, limiter: core.limiter, credentials, region });
  const seen = <T extends readonly Instance[]>(instances: T): T => {
    remember(core.chargeTypes, instances);
    return instances;
  };

  return {
    sweep: (maxAgeMs, signal) =>
      core.sweep(maxAgeMs, signal, async (shared) => {
        const sweep = await sweepInstances(client, clock, shared);
        // Once for each list, not for each pool that shares it.
        seen(sweep.instances);
        return sweep;
      }),
    find: async (ids, signal) => seen(await findInstances(client, clock, ids, signal)),
    findByName: async (name, offering, signal) =>
      seen(await findInstancesByName(client, clock, { name, offering }, signal)),
    launch: (order, signal, mayGo) =>
      launchInstances({ client, wholeOrdersOnly: core.wholeOrdersOnly, mayGo }, order, signal),
    async release(ids, signal, mayGo) {
      const unknown = ids.filter((id) => !core.chargeTypes.has(id));
      // Not being able to look does not keep a machine from being released: it then goes by itself.
      if (unknown.length > 1)
        await findInstances(client, clock, unknown, signal).then(seen, () => signal.throwIfAborted());
      return await releaseInstances(client, ids, core.chargeTypes, signal, mayGo);
    },
    claim: (ids, owner, signal) => claimInstances(client, ids, owner, signal),
    price: (order, signal) => inquirePrice(client, order, currency, signal),
    stock: (maxAgeMs, signal) => core.stock(maxAgeMs, signal, (shared) => describeStock(client, shared)),
    async spotQuota(signal) {
      const body = { Filters: [{ Name: 'quota-type', Values: ['SpotPaidQuotaSet'] }] };
      const call = { action: 'DescribeAccountQuota', body, answer: AccountQuotaAnswer, kind: 'read' } as const;
      const { AccountQuota } = (await client.call(call, signal)).AccountQuotaOverview;
      return AccountQuota.SpotPaidQuotaSet.map((row) => ({
        zone: row.Zone,
        used: row.UsedQuota,
        total: row.TotalQuota,
      }));
    },
  };
}

async function describeStock(client: Client, signal: AbortSignal): Promise<readonly Stock[]> {
  const body = { Filters: [{ Name: 'instance-charge-type', Values: ['SPOTPAID', 'POSTPAID_BY_HOUR'] }] };
  const call = { action: 'DescribeZoneInstanceConfigInfos', body, answer: ZoneConfigsAnswer, kind: 'read' } as const;
  const { InstanceTypeQuotaSet } = await client.call(call, signal);
  return InstanceTypeQuotaSet.map((row) => ({
    zone: row.Zone,
    instanceType: row.InstanceType,
    chargeType: row.InstanceChargeType,
    isSelling: row.Status === 'SELL',
    cpu: row.Cpu ?? 0,
    ...(row.StatusCategory ? { category: row.StatusCategory } : {}),
    ...(row.SoldOutReason ? { soldOutReason: row.SoldOutReason } : {}),
  }));
}

function remember(chargeTypes: Map<string, string>, instances: readonly Instance[]): void {
  for (const { id, chargeType } of instances) {
    chargeTypes.delete(id);
    chargeTypes.set(id, chargeType);
  }
  for (const id of chargeTypes.keys()) {
    if (chargeTypes.size <= MAX_CHARGE_TYPES) return;
    chargeTypes.delete(id);
  }
}
