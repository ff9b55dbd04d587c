import { defaultWorld } from '../../simulators/cvm/default-world.ts';
import type { WorldSpec } from '../../simulators/cvm/model.ts';
import type { CvmSimulator, CvmSimulatorOptions } from '../../simulators/cvm/simulator.ts';

export const POOLS = 27;
export const POOL_SIZE = 100;
export const MINUTES = 90;
export const REOPENS_AT_MINUTE = 40;
export const REOPENED = 300;

const REGION = 'ap-singapore';
const TYPE = 'GN7.2XLARGE32';
/** Uneven, as stock is. The last zone is closed at first. */
const STOCK = [62, 18, 55, 23, 47, 36, 51, 30, 2, 0] as const;
const CLOSED = STOCK.length;

/** One way to buy: a zone, its subnet and the only type there. */
export interface StormOffer {
  readonly zone: string;
  readonly subnetId: string;
  readonly instanceType: string;
}

export const OFFERS: readonly StormOffer[] = STOCK.map((_, index) => ({
  zone: zoneName(index + 1),
  subnetId: `subnet-storm${String(index + 1).padStart(3, '0')}`,
  instanceType: TYPE,
}));

/** The cloud of the storm, for the operator and for the client that it is compared with. */
export function stormCloud(): Pick<CvmSimulatorOptions, 'world' | 'accounts'> {
  return { world: stormWorld(), accounts: [{ ...KEYS, balance: 1_000_000, spotQuotaCores: 1_000_000 }] };
}

const KEYS = { keys: [{ secretId: 'xxx', secretKey: 'xxx' }] };

function stormWorld(): WorldSpec {
  const world = defaultWorld();
  return {
    ...world,
    zones: OFFERS.map(({ zone }, index) => ({
      zone,
      region: REGION,
      id: String(900_001 + index),
      english: `Singapore Zone ${index + 1}`,
      chinese: `新加坡${index + 1}区`,
    })),
    offers: OFFERS.map(({ zone, instanceType }) => ({
      zone,
      instanceType,
      listPrice: 1.26,
      spotPercent: 20,
      stock: { SPOTPAID: 0, POSTPAID_BY_HOUR: 0 },
    })),
    subnets: OFFERS.map(({ zone, subnetId }, index) => ({
      subnetId,
      vpcId: 'vpc-86f66zht',
      region: REGION,
      zone,
      prefix: `10.0.${index + 1}.`,
      free: 1000,
    })),
  };
}

/** Fills the zones that are open; told in the journal, so that a judge knows what there was to be had. */
export function fillStock(cloud: CvmSimulator): void {
  STOCK.forEach((count, index) => {
    cloud.setStock(zoneName(index + 1), TYPE, 'SPOTPAID', count);
  });
}

export function reopenZone(cloud: CvmSimulator): void {
  cloud.setStock(zoneName(CLOSED), TYPE, 'SPOTPAID', REOPENED);
}

function zoneName(number: number): string {
  return `${REGION}-${number}`;
}
