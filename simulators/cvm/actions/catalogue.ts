import { fromMicros, type Micros } from '../../../src/lib/money.ts';
import { ApiError } from '../api-error.ts';
import { priceOf, TRAFFIC_GB } from '../billing.ts';
import { type Call, defineAction } from '../call.ts';
import { CHARGE_TYPES, type ChargeType, type HourPrice, type OfferRecord } from '../model.ts';
import * as schemas from '../schemas.ts';
import { instancesOf, spotCoresUsed, stockShown } from '../world.ts';
import { passes, readFilters } from './filters.ts';
import { resolvePurchase } from './purchase.ts';

const amount = (micros: Micros): number => Number(fromMicros(micros));

/** An hourly ItemPrice. Which of its fields spot fills is an assumption. */
function itemPrice(call: Call, chargeType: ChargeType, list: Micros, paid: Micros): object {
  const field = chargeType === 'SPOTPAID' ? call.world.assumptions.spotPriceField : 'both';
  return {
    // Where only one field is filled it holds what is paid.
    UnitPrice: field === 'both' ? amount(list) : field === 'UnitPrice' ? amount(paid) : null,
    UnitPriceDiscount: field === 'UnitPrice' ? null : amount(paid),
    ChargeUnit: 'HOUR',
    OriginalPrice: null,
    DiscountPrice: null,
    Discount: list === 0 ? 100 : Math.round((paid / list) * 1000) / 10,
  };
}

export const inquiryPriceRunInstances = defineAction(schemas.InquiryPriceRunInstances, (call, request) => {
  const { price, chargeType, bandwidth } = resolvePurchase(call, request);
  const count = request.InstanceCount;
  const list = (price.machineList + price.disks) * count;
  const paid = (price.machine + price.disks) * count;
  return {
    Price: {
      InstancePrice: itemPrice(call, chargeType, list, paid),
      BandwidthPrice: bandwidthPrice(price, bandwidth, count),
    },
  };
});

function bandwidthPrice(price: HourPrice, bandwidth: { mbps: number; chargeType: string }, count: number): object {
  const isTraffic = bandwidth.chargeType === 'TRAFFIC_POSTPAID_BY_HOUR';
  const unit = bandwidth.mbps === 0 ? 0 : amount(isTraffic ? TRAFFIC_GB : price.bandwidth * count);
  return {
    UnitPrice: unit,
    UnitPriceDiscount: unit,
    ChargeUnit: isTraffic ? 'GB' : 'HOUR',
    OriginalPrice: null,
    DiscountPrice: null,
    Discount: 100,
  };
}

interface StockRow {
  readonly offer: OfferRecord;
  readonly chargeType: ChargeType;
}

export const describeZoneInstanceConfigInfos = defineAction(schemas.OnlyFilters, (call, request) => {
  const { world } = call;
  const filters = (request.Filters ?? []).filter((filter) => filter.Name !== 'sort-keys');
  const wanted = readFilters<StockRow>(
    filters,
    {
      zone: ({ offer }) => [offer.zone],
      'instance-family': ({ offer }) => [world.types.get(offer.instanceType)?.family ?? ''],
      'instance-type': ({ offer }) => [offer.instanceType],
      'instance-charge-type': ({ chargeType }) => [chargeType],
    },
    { filters: 10, values: 100 },
  );
  const rows = [...world.offers.values()]
    .filter((offer) => world.zones.get(offer.zone)?.region === call.region)
    .flatMap((offer) => CHARGE_TYPES.map((chargeType) => ({ offer, chargeType })))
    .filter((row) => passes(row, wanted));
  return { InstanceTypeQuotaSet: sorted(call, rows, request).map((row) => toStockRow(call, row)) };
});

function sorted(
  call: Call,
  rows: readonly StockRow[],
  request: { Filters?: { Name: string; Values: string[] }[] | undefined },
): readonly StockRow[] {
  const key = request.Filters?.find((filter) => filter.Name === 'sort-keys')?.Values[0];
  if (!key) return rows;
  const cpuOf = (row: StockRow): number => call.world.types.get(row.offer.instanceType)?.cpu ?? 0;
  const sign = key.endsWith(':desc') ? -1 : 1;
  return rows.toSorted((a, b) => sign * (cpuOf(a) - cpuOf(b)));
}

function toStockRow(call: Call, { offer, chargeType }: StockRow): object {
  const { world } = call;
  const type = world.types.get(offer.instanceType);
  const left = stockShown(offer, chargeType, world.clock.now() - world.assumptions.stockLagSeconds * 1000);
  const price = priceOf(offer, chargeType, 0, { mbps: 0, chargeType: '' });
  return {
    Zone: offer.zone,
    InstanceType: offer.instanceType,
    InstanceChargeType: chargeType,
    InstanceFamily: type?.family,
    TypeName: type?.typeName,
    Cpu: type?.cpu,
    Memory: type?.memoryGiB,
    Gpu: type?.gpuCount,
    GpuCount: type?.gpuCount,
    Fpga: 0,
    NetworkCard: 0,
    InstanceBandwidth: 5,
    InstancePps: 60,
    StorageBlockAmount: 0,
    CpuType: type?.cpuType,
    Frequency: '2.5GHz',
    LocalDiskTypeList: [],
    Externals: {},
    Price: itemPrice(call, chargeType, price.machineList, price.machine),
    Status: left > 0 ? 'SELL' : 'SOLD_OUT',
    SoldOutReason: left > 0 ? '' : 'ResourcesSoldOut.SpecifiedInstanceType',
    StatusCategory: categoryOf(left),
    Remark: '',
  };
}

function categoryOf(left: number): string {
  if (left === 0) return 'WithoutStock';
  if (left < 5) return 'UnderStock';
  return left < 10 ? 'NormalStock' : 'EnoughStock';
}

export const describeInstanceTypeConfigs = defineAction(schemas.OnlyFilters, (call, request) => {
  const { world } = call;
  const wanted = readFilters<OfferRecord>(
    request.Filters ?? [],
    {
      zone: (offer) => [offer.zone],
      'instance-family': (offer) => [world.types.get(offer.instanceType)?.family ?? ''],
      'instance-type': (offer) => [offer.instanceType],
    },
    { filters: 10, values: 1 },
  );
  const offers = [...world.offers.values()].filter(
    (offer) => world.zones.get(offer.zone)?.region === call.region && passes(offer, wanted),
  );
  return {
    InstanceTypeConfigSet: offers.map((offer) => {
      const type = world.types.get(offer.instanceType);
      return {
        Zone: offer.zone,
        InstanceType: offer.instanceType,
        InstanceFamily: type?.family,
        CPU: type?.cpu,
        Memory: type?.memoryGiB,
        GPU: type?.gpuCount,
        GpuCount: type?.gpuCount,
        GpuType: type?.gpuType,
        GpuMemory: type?.gpuMemoryGiB,
        FPGA: 0,
      };
    }),
  };
});

/** Hourly instances a zone; far above what anything here needs. */
const HOURLY_QUOTA = 500;
export const IMAGE_QUOTA = 10;

export const describeAccountQuota = defineAction(schemas.OnlyFilters, (call, request) => {
  const { world, account, region } = call;
  const filters = request.Filters ?? [];
  readFilters<never>(filters, { zone: () => [], 'quota-type': () => [] });
  const chosen = (name: string, value: string): boolean =>
    filters.filter((filter) => filter.Name === name).every((filter) => filter.Values.includes(value));
  const zones = [...world.zones.values()].filter((zone) => zone.region === region && chosen('zone', zone.zone));
  const sets = {
    SpotPaidQuotaSet: zones.map(({ zone }) => quota(zone, spotCoresUsed(world, account, zone), account.spotQuotaCores)),
    PostPaidQuotaSet: zones.map(({ zone }) => {
      const used = instancesOf(world, account, region).filter(
        (row) => row.zone === zone && row.chargeType === 'POSTPAID_BY_HOUR' && row.endedAt === undefined,
      );
      return quota(zone, used.length, HOURLY_QUOTA);
    }),
    PrePaidQuotaSet: [],
    ImageQuotaSet: [{ UsedQuota: imagesUsed(call), TotalQuota: IMAGE_QUOTA }],
    DisasterRecoverGroupQuotaSet: [],
  };
  return {
    AppId: account.appId,
    AccountQuotaOverview: {
      Region: region,
      AccountQuota: Object.fromEntries(Object.entries(sets).filter(([name]) => chosen('quota-type', name))),
    },
  };
});

function quota(zone: string, used: number, total: number): object {
  return { Zone: zone, UsedQuota: used, RemainingQuota: Math.max(0, total - used), TotalQuota: total };
}

/** Private images of the account in the region. */
export function imagesUsed(call: Call): number {
  return [...call.world.images.values()].filter(
    (image) => image.region === call.region && image.account === call.account.name,
  ).length;
}

export const describeZones = defineAction(schemas.Nothing, (call) => {
  const zones = [...call.world.zones.values()].filter((zone) => zone.region === call.region);
  return {
    TotalCount: zones.length,
    ZoneSet: zones.map((zone) => ({
      Zone: zone.zone,
      ZoneName: call.language === 'en-US' ? zone.english : zone.chinese,
      ZoneId: zone.id,
      ZoneState: 'AVAILABLE',
    })),
  };
});

export const describeRegions = defineAction(schemas.Nothing, (call) => ({
  TotalCount: call.world.spec.regions.length,
  RegionSet: call.world.spec.regions.map((region) => ({
    Region: region.region,
    RegionName: call.language === 'en-US' ? region.english : region.chinese,
    RegionState: 'AVAILABLE',
  })),
}));

export function unknownRegion(region: string): ApiError {
  return new ApiError('UnsupportedRegion', `The region \`${region}\` is not supported.`, `不支持的地域\`${region}\`。`);
}
