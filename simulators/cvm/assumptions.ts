import type { Random } from './random.ts';

/**
 * What the vendor's documents leave open, each with the readings that the simulator can take. The first reading is the
 * default: the documented one, or the plainest.
 */
export const ASSUMPTIONS = {
  /** Whether ClientToken keeps its word. `forgotten-after-failure`: a call whose answer was lost is not remembered. */
  clientToken: ['honoured', 'forgotten-after-failure', 'failures-remembered', 'ignored'],
  /** The same token with another body. */
  tokenReuse: ['refuse', 'replay'],
  /** How long a token is remembered. */
  tokenWindowHours: [24, 1],
  /** A `tag:KEY` filter on a key that no instance has. */
  unknownTagFilter: ['empty', 'error'],
  /** What the list shows of a machine after its reclaim. */
  reclaimed: ['lingers', 'vanishes'],
  /** LatestOperation of a reclaimed machine that lingers. */
  reclaimOperation: ['unchanged', 'TerminateInstances'],
  /** How late DescribeZoneInstanceConfigInfos is. */
  stockLagSeconds: [0, 60, 300],
  /** The code of a spot purchase that finds no stock. */
  soldOutCode: [
    'LimitExceeded.SpotQuota',
    'InvalidParameterValue.InsufficientOffering',
    'ResourcesSoldOut.SpecifiedInstanceType',
  ],
  /** A TerminateInstances batch with one bad id. */
  terminateBatch: ['all-or-nothing', 'partial'],
  /** Which price field is filled for SPOTPAID rows. */
  spotPriceField: ['both', 'UnitPrice', 'UnitPriceDiscount'],
  /** InstanceIds and Filters in one DescribeInstances. */
  idsWithFilters: ['InvalidParameter', 'InvalidParameterCombination'],
  /** Whether this account and region have MinCount. */
  minCount: ['supported', 'unsupported'],
  /** ActionTimer on spot instances. */
  spotActionTimer: ['accepted', 'refused'],
  /** The documented values of the filter `instance-charge-type` lack SPOTPAID. */
  spotChargeTypeFilter: ['filters', 'ignored'],
  /** Order of the rows of DescribeInstances. */
  listOrder: ['newest-first', 'oldest-first', 'shuffled'],
  /** TerminateInstances of an instance in LAUNCH_FAILED. */
  terminateLaunchFailed: ['refused', 'accepted'],
  /** What a DryRun that passes answers: only a RequestId, or the published common code. */
  dryRunPass: ['plain', 'DryRunOperation'],
  /** When a released machine stops counting against the vCPU quota. */
  quotaFreed: ['at-once', 'when-gone'],
  /** Where a terminated hourly instance goes. */
  hourlyTerminate: ['at-once', 'recycle-bin'],
  /** How many launches in a hundred end in LAUNCH_FAILED. */
  launchFailedPercent: [0, 5, 20],
} as const;

export type Assumptions = { [K in keyof typeof ASSUMPTIONS]: (typeof ASSUMPTIONS)[K][number] };

const NAMES = Object.keys(ASSUMPTIONS) as readonly (keyof Assumptions)[];

/** The documented reading of every point. */
export function defaultAssumptions(): Assumptions {
  return Object.fromEntries(NAMES.map((name) => [name, ASSUMPTIONS[name][0]])) as Assumptions;
}

/** One reading of every point, drawn by chance: what a seed stands for. */
export function drawAssumptions(random: Random): Assumptions {
  const draw = (name: keyof Assumptions): unknown => {
    const readings = ASSUMPTIONS[name];
    return readings[Math.floor(random() * readings.length)];
  };
  return Object.fromEntries(NAMES.map((name) => [name, draw(name)])) as Assumptions;
}

/** Reads `NAME=VALUE`. @throws {RangeError} naming the assumptions, or the values that this one can take */
export function parseAssumption(text: string): Partial<Assumptions> {
  const [name = '', value = ''] = text.split(/=(.*)/s);
  const known = NAMES.find((candidate) => candidate === name);
  if (!known) throw new RangeError(`"${name}" is not an assumption; known are ${NAMES.join(', ')}`);
  const reading = ASSUMPTIONS[known].find((candidate) => String(candidate) === value);
  if (reading === undefined) {
    throw new RangeError(`assumption ${name} cannot be "${value}"; it can be ${ASSUMPTIONS[known].join(', ')}`);
  }
  return { [known]: reading };
}
