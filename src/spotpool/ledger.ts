import { toTime } from '../api/meta.ts';
import type { InstanceStatus, Spend, SpotPool, SpotPoolStatus } from '../api/spotpool.ts';
import type { EpochMs } from '../lib/clock.ts';
import type { Micros } from '../lib/money.ts';
import { fromMicros, toMicros } from '../lib/money.ts';

const SECOND_MS = 1000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Sums that are older than this are brought up to date even when no machine has changed. */
const COUNTED_WITHIN_MS = 5 * 60_000;
/**
 * A machine that turns up without a record, made so long before the last count at most, was bought by us and its record is
 * late or lost: it is counted from its making. An older one was somebody else's until then, or has been counted before.
 */
const RECORDED_WITHIN_MS = HOUR_MS;
/** Sums that end so far in the future were written under a wrong clock, and are begun anew. */
const CLOCK_AHEAD_MS = HOUR_MS;

/** The records of a pool's machines at the last count and now, in whole seconds as in the status. */
export interface Look {
  /** The sums at the last count; absent: never counted. */
  readonly spend: Spend | undefined;
  /** The records as they were then, and have been until the look before this one. */
  readonly before: readonly InstanceStatus[];
  readonly after: readonly InstanceStatus[];
  readonly now: EpochMs;
  /** How often machines are looked at. */
  readonly checkIntervalMs: number;
}

/**
 * What a pool has cost so far. Pure; the same machines give the same sums whenever and however often they are counted, to the
 * millionth. Periods are those of UTC. Amounts are exact as far as the times are, and those are so:
 * - A machine costs from the request until its release (reference §4), by the second, at the price of its record. Its record
 *   is made when the answer to the purchase is there: a second or two late at most.
 * - A machine that is still being made is counted as soon as it runs, from its making: one that ends in LAUNCH_FAILED costs
 *   nothing, and a sum is never taken back.
 * - A machine that was lost between two looks is counted until the middle between them: half a check interval off at most,
 *   and none on average. Where nobody looked for longer (the operator was stopped, the cloud did not answer) it is the middle
 *   of that time.
 * - A machine whose price is not known is not in the sums. Once it is known, the machine is counted from its making.
 *   So it is for savings with the on-demand price; until then it saves nothing.
 * - An isolated machine (arrears) costs nothing.
 * - Where the record is lost, the sums begin anew with the machines that are there, from their making.
 */
export function settleSpend(look: Look): Spend {
  const known = look.spend && Date.parse(look.spend.countedUntil) <= look.now + CLOCK_AHEAD_MS ? look.spend : undefined;
  const countedUntil = known ? Date.parse(known.countedUntil) : undefined;
  const until = Math.max(Math.floor(look.now / SECOND_MS) * SECOND_MS, countedUntil ?? 0);
  const metered = meteredOf(look, countedUntil, until);
  const sum = (of: PeriodName, kind: 'cost' | 'saved'): string => {
    const start = periodStart[of](until);
    const carried =
      countedUntil !== undefined && periodStart[of](countedUntil) === start ? known?.[FIELDS[of][kind]] : '0';
    return fromMicros(metered.reduce((total, each) => total + amountOf(each, kind, start), toMicros(Number(carried))));
  };
  return {
    thisHour: sum('hour', 'cost'),
    today: sum('day', 'cost'),
    thisMonth: sum('month', 'cost'),
    savedThisHour: sum('hour', 'saved'),
    savedToday: sum('day', 'saved'),
    savedThisMonth: sum('month', 'saved'),
    countedUntil: toTime(until),
  };
}

/**
 * The sums for the status that is about to be written: brought up to date when a machine has come, gone or changed its price,
 * and otherwise every five minutes while something costs, so that looks which change nothing do not write.
 * @param instances the records of that status
 * @returns `undefined` while the pool has never had a machine
 */
export function spendOf(pool: SpotPool, instances: readonly InstanceStatus[], now: EpochMs): Spend | undefined {
  const { spend, instances: before = [] } = pool.status ?? {};
  if (!spend && before.length === 0 && instances.length === 0) return undefined;
  const isChanged = !spend || !isSameToTheLedger(before, instances);
  if (!isChanged && Math.abs(now - Date.parse(spend.countedUntil)) < COUNTED_WITHIN_MS) return spend;
  const settled = settleSpend({ spend, before, after: instances, now, checkIntervalMs: pool.spec.checkIntervalMs });
  return !isChanged && hasSameSums(spend, settled) ? spend : settled;
}

/** What of a record decides what is counted. */
function factsOf(record: InstanceStatus): string {
  const { instanceId, terminatingSince, hourlyCost, hourlyListCost, reason } = record;
  const isFailed = reason === 'LaunchFailed';
  return [
    instanceId,
    hasBegun(record),
    isCosting(record),
    isFailed,
    terminatingSince,
    hourlyCost,
    hourlyListCost,
  ].join();
}

function isSameToTheLedger(before: readonly InstanceStatus[], after: readonly InstanceStatus[]): boolean {
  const old = new Set(before.map(factsOf));
  return before.length === after.length && after.every((record) => old.has(factsOf(record)));
}

function hasSameSums(a: Spend, b: Spend): boolean {
  return Object.values(FIELDS).every(({ cost, saved }) => a[cost] === b[cost] && a[saved] === b[saved]);
}

/** The sums of a status as they stand at `now`, in between two counts: as if its machines had gone on as they were. */
export function spendAt(status: SpotPoolStatus, now: EpochMs): Spend | undefined {
  const { spend, instances = [] } = status;
  return spend && settleSpend({ spend, before: instances, after: instances, now, checkIntervalMs: 0 });
}

/** How much less machines cost by the hour than on demand; `undefined` unless both prices of each are known. */
export function hourlySavingsOf(instances: readonly InstanceStatus[]): string | undefined {
  let sum: Micros = 0;
  for (const { hourlyCost, hourlyListCost } of instances) {
    if (hourlyCost === undefined || hourlyListCost === undefined) return undefined;
    sum += toMicros(Number(hourlyListCost)) - toMicros(Number(hourlyCost));
  }
  return fromMicros(sum);
}

type PeriodName = 'hour' | 'day' | 'month';

const FIELDS = {
  hour: { cost: 'thisHour', saved: 'savedThisHour' },
  day: { cost: 'today', saved: 'savedToday' },
  month: { cost: 'thisMonth', saved: 'savedThisMonth' },
} as const;

const periodStart: Readonly<Record<PeriodName, (at: EpochMs) => EpochMs>> = {
  hour: (at) => Math.floor(at / HOUR_MS) * HOUR_MS,
  day: (at) => Math.floor(at / DAY_MS) * DAY_MS,
  month: (at) => Date.UTC(new Date(at).getUTCFullYear(), new Date(at).getUTCMonth(), 1),
};

/** What one machine adds: its prices, and from when until when they have not been counted yet. */
interface Metered {
  readonly cost: Micros;
  readonly costFrom: EpochMs;
  /** `undefined`: the on-demand price is not known. */
  readonly list: Micros | undefined;
  readonly savedFrom: EpochMs;
  readonly to: EpochMs;
}

function amountOf({ cost, list, costFrom, savedFrom, to }: Metered, kind: 'cost' | 'saved', start: EpochMs): Micros {
  if (kind === 'cost') return meter(cost, to, start) - meter(cost, costFrom, start);
  if (list === undefined) return 0;
  return meter(list - cost, to, start) - meter(list - cost, savedFrom, start);
}

/**
 * What a meter shows that was set to 0 at `start`, the beginning of an hour: whole millionths. Two readings are subtracted, so
 * rounding does not add up however often it is read.
 */
function meter(perHour: Micros, at: EpochMs, start: EpochMs): Micros {
  const seconds = Math.max(0, at - start) / SECOND_MS;
  const hours = Math.floor(seconds / 3600);
  return hours * perHour + Math.floor((perHour * (seconds % 3600)) / 3600);
}

function meteredOf({ before, after, ...look }: Look, countedUntil: EpochMs | undefined, until: EpochMs): Metered[] {
  const old = new Map(before.map((record) => [record.instanceId, record]));
  const current = new Set(after.map(({ instanceId }) => instanceId));
  const span = { countedUntil, until, lastSeen: lastSeenAt(look, countedUntil, until) };
  return [
    ...after.flatMap((record) => meteredSpan(old.get(record.instanceId), record, span)),
    ...before.flatMap((record) => (current.has(record.instanceId) ? [] : meteredSpan(record, undefined, span))),
  ];
}

/** The time between two counts, and when in it the machines were last known to be as they were before. */
interface Span {
  readonly countedUntil: EpochMs | undefined;
  readonly until: EpochMs;
  readonly lastSeen: EpochMs;
}

/** While somebody looks, sums are never older than the longest of this: then the look before this one was an interval ago. */
function lastSeenAt(
  { checkIntervalMs }: Pick<Look, 'checkIntervalMs'>,
  countedUntil: EpochMs | undefined,
  until: EpochMs,
): EpochMs {
  if (countedUntil === undefined) return 0;
  const isWatched = until - countedUntil <= COUNTED_WITHIN_MS + 2 * checkIntervalMs;
  return isWatched ? Math.max(countedUntil, until - checkIntervalMs) : countedUntil;
}

/** @param after absent: the machine is gone */
function meteredSpan(before: InstanceStatus | undefined, after: InstanceStatus | undefined, span: Span): Metered[] {
  const record = after ?? before;
  if (!record || record.hourlyCost === undefined || record.reason === 'LaunchFailed') return [];
  if (after && !hasBegun(after)) return [];
  const made = Date.parse(record.createdAt);
  const wasCounted = before !== undefined && hasBegun(before) && before.hourlyCost !== undefined;
  const from = wasCounted || before === undefined ? countedTo(before, record, span) : made;
  const hadList = wasCounted && before.hourlyListCost !== undefined;
  const to = endOf(before, after, made, span);
  const costFrom = Math.min(from, to);
  return [
    {
      cost: toMicros(Number(record.hourlyCost)),
      costFrom,
      list: record.hourlyListCost === undefined ? undefined : toMicros(Number(record.hourlyListCost)),
      savedFrom: hadList || before === undefined ? costFrom : Math.min(made, to),
      to,
    },
  ];
}

/** It runs, or has come to its end without: what was asked for has been had. */
function hasBegun({ runningAt, terminatingSince }: InstanceStatus): boolean {
  return runningAt !== undefined || terminatingSince !== undefined;
}

function isCosting({ phase, reason }: InstanceStatus): boolean {
  return phase !== 'Terminating' && reason !== 'Isolated';
}

/** Until when a machine was counted before; one without a record, since when it is ours. */
function countedTo(before: InstanceStatus | undefined, { createdAt }: InstanceStatus, span: Span): EpochMs {
  const { countedUntil, until } = span;
  const made = Date.parse(createdAt);
  if (countedUntil === undefined) return made;
  if (before === undefined) return made >= countedUntil - RECORDED_WITHIN_MS ? made : countedUntil;
  if (isCosting(before)) return Math.max(made, countedUntil);
  return before.terminatingSince === undefined ? until : Date.parse(before.terminatingSince);
}

function endOf(
  before: InstanceStatus | undefined,
  after: InstanceStatus | undefined,
  made: EpochMs,
  { until, lastSeen }: Span,
): EpochMs {
  if (after && isCosting(after)) return until;
  const middle = (from: EpochMs, to: EpochMs): EpochMs =>
    Math.floor((Math.min(from, to) + to) / 2 / SECOND_MS) * SECOND_MS;
  const asked = (after ?? before)?.terminatingSince;
  const wasCosting = before === undefined || isCosting(before);
  // Told to go by us: exactly then. Found on its way out, or not at all: some time since the last look.
  if (asked !== undefined && !(wasCosting && (after === undefined || after.reason === 'Reclaimed'))) {
    return Date.parse(asked);
  }
  if (!wasCosting) return until;
  return middle(Math.max(made, lastSeen), after?.terminatingSince ? Date.parse(after.terminatingSince) : until);
}
