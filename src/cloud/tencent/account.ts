import type { Cloud, CloudCredentials, HourlyPrice, Instance, LaunchOrder, Stock, Sweep } from '../cloud.ts';
import { CloudError } from '../errors.ts';
import { createSharedCall, type SharedCall } from '../shared-call.ts';
import { type Client, createClient, type Transport } from './client.ts';
import { findInstances, findInstancesByName, sweepInstances } from './instances.ts';
import { createLimiter, type Limiter } from './limiter.ts';
import { inquirePrice } from './price.ts';
import { releaseInstances } from './release.ts';
import { toRunInstances } from './requests.ts';
import { AccountQuotaAnswer, RunInstancesAnswer, ZoneConfigsAnswer } from './schema.ts';

/** What all pools of one account and region share. */
export interface AccountCore {
  readonly limiter: Limiter;
  readonly sweep: SharedCall<Sweep>;
  readonly stock: SharedCall<readonly Stock[]>;
  /** How machines seen lately are paid for: a batch to release may hold only one kind. */
  readonly chargeTypes: Map<string, string>;
}

const MAX_CHARGE_TYPES = 10_000;
/** Before base64. Source: RunInstances, UserData. */
const MAX_USER_DATA_BYTES = 16 * 1024;

export function createAccountCore(transport: Transport): AccountCore {
  const { clock } = transport;
  return {
    limiter: createLimiter(transport),
    sweep: createSharedCall(clock),
    stock: createSharedCall(clock),
    chargeTypes: new Map(),
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
    async sweep(maxAgeMs, signal) {
      const sweep = await core.sweep(maxAgeMs, signal, (shared) => sweepInstances(client, clock, shared));
      seen(sweep.instances);
      return sweep;
    },
    find: async (ids, signal) => seen(await findInstances(client, clock, ids, signal)),
    findByName: async (name, offering, signal) =>
      seen(await findInstancesByName(client, clock, { name, offering }, signal)),
    launch: (order, signal) => launch(client, order, signal),
    async release(ids, signal) {
      const unknown = ids.filter((id) => !core.chargeTypes.has(id));
      // Not being able to look does not keep a machine from being released: it then goes by itself.
      if (unknown.length > 1)
        await findInstances(client, clock, unknown, signal).then(seen, () => signal.throwIfAborted());
      return await releaseInstances(client, ids, core.chargeTypes, signal);
    },
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

async function launch(client: Client, order: LaunchOrder, signal: AbortSignal): Promise<readonly string[]> {
  const userDataBytes = Buffer.byteLength(order.userData ?? '');
  if (userDataBytes > MAX_USER_DATA_BYTES) {
    const message = `instance.userData has ${userDataBytes} bytes; Tencent takes at most ${MAX_USER_DATA_BYTES}.`;
    throw new CloudError('InvalidRequest', message, { action: 'RunInstances' });
  }
  const call = {
    action: 'RunInstances',
    body: toRunInstances(order),
    answer: RunInstancesAnswer,
    kind: 'buy',
  } as const;
  return (await client.call(call, signal)).InstanceIdSet;
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
