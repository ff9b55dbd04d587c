import { keyText, toTime } from '../api/meta.ts';
import { type SpotPool, SpotPoolKind, type SpotPoolSpec } from '../api/spotpool.ts';
import { type Cloud, type OpenCloud, offeringId } from '../cloud/cloud.ts';
import { CloudError } from '../cloud/errors.ts';
import { fromMicros } from '../lib/money.ts';
import { orderOf } from '../spotpool/order.ts';
import { desiredOf } from '../spotpool/plan.ts';
import { hourlyTotal } from '../spotpool/prices.ts';
import type { ManifestDocument } from '../store/local/manifests.ts';
import { problemText } from '../store/local/problem.ts';
import { CliError } from './cli-error.ts';
import { type Forecast, factsOf, forecastOf, type OfferingForecast } from './forecast.ts';
import { type CliIo, complaint } from './io.ts';
import { readNamedManifests } from './manifest-files.ts';
import type { OpenCloudContext } from './plan.ts';
import { columnsText, counted } from './text.ts';

/** What a command needs that asks the cloud of a pool. */
export interface PlanEdges {
  readonly io: CliIo;
  readonly open: (pool: SpotPool, readSecret: OpenCloudContext['readSecret']) => Promise<OpenCloud>;
}

/** Shows what each pool would buy. @throws {CliError} when a manifest is faulty, or the cloud refused to answer for a pool */
export async function plan(paths: readonly string[], { io, open }: PlanEdges): Promise<void> {
  const { documents, problems } = await readNamedManifests(paths, io);
  for (const problem of problems) io.stderr(complaint(io, 'error', problemText(problem)));
  if (problems.length > 0) throw new CliError(`${counted(problems.length, 'problem')}; the cloud was not asked`);
  const pools = documents.filter(({ definition }) => definition?.kind === SpotPoolKind.kind);
  if (pools.length === 0) throw new CliError('there is no SpotPool in these manifests');
  const readSecret = secretReader(documents);
  let failures = 0;
  for (const document of pools) {
    const pool = asPool(document, io);
    try {
      const { cloud } = await open(pool, readSecret);
      io.stdout(await planText(pool, cloud, io));
    } catch (error) {
      if (!(error instanceof CloudError)) throw error;
      failures += 1;
      io.stderr(complaint(io, 'error', `SpotPool ${keyText(pool.metadata)}: ${error.message}`));
    }
  }
  io.stdout('Nothing was bought.\n');
  if (failures > 0) throw new CliError(`${counted(failures, 'pool')} could not be planned`);
}

/** Looks for Secrets among manifests. */
export function secretReader(documents: readonly ManifestDocument[]): OpenCloudContext['readSecret'] {
  return async (namespace, name) => {
    const key = keyText({ namespace, name });
    const secret = documents.find(({ kind, metadata }) => kind === 'Secret' && keyText(metadata) === key);
    return secret?.data as Readonly<Record<string, Uint8Array>> | undefined;
  };
}

/** The pool as it would be if it were made now. */
function asPool({ apiVersion, kind, metadata, spec }: ManifestDocument, io: CliIo): SpotPool {
  return {
    apiVersion,
    kind,
    spec: spec as SpotPoolSpec,
    metadata: {
      ...metadata,
      uid: '',
      generation: 1,
      resourceVersion: '',
      creationTimestamp: toTime(io.clock.now()),
      finalizers: [],
    },
  };
}

async function planText(pool: SpotPool, cloud: Cloud, io: CliIo): Promise<string> {
  const { spec, metadata } = pool;
  const name = keyText(metadata);
  /** What one answer lacks does not spoil the rest; keys that are refused do. */
  const orElse = async <T>(answer: Promise<T>, fallback: T): Promise<T> =>
    answer.catch((error: unknown) => {
      if (!(error instanceof CloudError) || error.reason === 'InvalidCredentials') throw error;
      io.stderr(complaint(io, 'warning', `SpotPool ${name}: ${error.message}`));
      return fallback;
    });
  // Listing comes first and alone: without it, and with bad keys, nothing else is worth a call.
  const { instances } = await cloud.sweep(0, io.signal);
  const mine = instances.filter(
    ({ owner, state }) => owner?.pool === name && state !== 'LaunchFailed' && state !== 'Terminating',
  );
  const [stock, quotas, ...prices] = await Promise.all([
    orElse(cloud.stock(0, io.signal), []),
    orElse(cloud.spotQuota(io.signal), []),
    ...spec.offerings.map((offering) => orElse(cloud.price(orderOf(spec, offering), io.signal), undefined)),
  ]);
  const { low } = desiredOf(spec, metadata);
  const need = spec.paused ? 0 : Math.max(0, low - mine.length);
  const forecast = forecastOf(need, factsOf(spec, { stock, quotas, prices }));
  const lines = [
    `SpotPool ${name} in ${spec.region}: ${sizeText(pool)}, ${mine.length} alive${spec.paused ? ', paused' : ''}`,
    ...indented(columnsText([HEADS, ...forecast.offerings.map(offeringRow)])),
    ...verdict(forecast, need).map((line) => `  ${line}`),
  ];
  return `${lines.join('\n')}\n\n`;
}

function sizeText({ spec: { minimum, maximum, replicas } }: SpotPool): string {
  return `minimum ${minimum}, maximum ${maximum}${replicas === undefined ? '' : `, replicas ${replicas}`}`;
}

const HEADS = ['OFFERING', 'STOCK', 'COST/H', 'TRAFFIC/GIB', 'QUOTA (VCPU)', 'WOULD BUY'];
const UNKNOWN = '?';

function offeringRow({ offering, stock, quota, price, count, obstacle }: OfferingForecast): readonly string[] {
  const bid = offering.maxPrice === undefined ? '' : ` (at most ${offering.maxPrice})`;
  const soldOut = stock?.soldOutReason === undefined ? 'sold out' : `sold out (${stock.soldOutReason})`;
  return [
    `${offeringId(offering)}${bid}`,
    stock === undefined ? UNKNOWN : stock.isSelling ? 'selling' : soldOut,
    price === undefined ? UNKNOWN : `${fromMicros(hourlyTotal(price))} ${price.currency}`,
    price === undefined ? UNKNOWN : `${fromMicros(price.trafficPerGiB)} ${price.currency}`,
    quotaText(offering.chargeType, quota),
    obstacle === undefined ? String(count) : `0 (${obstacle})`,
  ];
}

function quotaText(chargeType: string, quota: OfferingForecast['quota']): string {
  if (chargeType !== 'SPOTPAID') return '-';
  return quota === undefined ? UNKNOWN : `${quota.used} of ${quota.total} used`;
}

function verdict({ offerings, missing }: Forecast, need: number): readonly string[] {
  if (need === 0) return ['Would buy nothing.'];
  const bought = offerings.filter(({ count }) => count > 0);
  const costs = bought.map(
    ({ count, price }) => price && { micros: count * hourlyTotal(price), currency: price.currency },
  );
  const sum = costs.reduce((total, cost) => total + (cost?.micros ?? 0), 0);
  const currency = costs.find((cost) => cost !== undefined)?.currency;
  const atLeast = costs.some((cost) => cost === undefined) ? 'at least ' : '';
  const cost = currency === undefined ? '' : `, for ${atLeast}${fromMicros(sum)} ${currency} an hour`;
  const orders = bought.map(({ offering, count }) => `${count} of ${offeringId(offering)}`).join(' and ');
  return [
    ...(bought.length === 0 ? [] : [`Would buy ${orders}${cost}.`]),
    ...(missing === 0
      ? []
      : [`${counted(missing, 'machine')} of ${need} cannot be had right now; the operator keeps trying.`]),
  ];
}

function indented(block: string): readonly string[] {
  return block
    .trimEnd()
    .split('\n')
    .map((line) => `  ${line}`);
}
