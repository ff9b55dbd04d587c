import type { CallEntry, JournalEntry } from '../../../simulators/cvm/journal.ts';
import { counts, type Ledger, offeringOf } from './judge.ts';

// By when a pool must have settled, worked out of the simulator's journal and what the operator's owner was promised.

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** What was promised: the spec's own times, and how long machines take in this world. */
interface Promises {
  readonly pollMs: number;
  readonly drainMs: number;
  readonly launchesPerHour: number;
  readonly maximum: number;
  /** That of the spec as it stands. */
  readonly imageId: string;
  /** The longest that a machine is being made, and then takes until its model answers. */
  readonly comeUpMs: number;
}

/** DESIGN §5: an offering that is sold out is left alone for 3 minutes, twice as long after each refusal in a row, 30 at most. */
const soldOutMs = (inARow: number): number => Math.min(30, 3 * 2 ** (inARow - 1)) * MINUTE;
/** DESIGN §5: balance and permission problems stop a pool, which asks again after 5 to 15 minutes. */
const SLOW_CHECK_MS = 15 * MINUTE;
/** DESIGN §5: an unknown purchase is looked for by its mark after the longest lag, and once more as much later. */
const MARK_MS = 2 * 31 * SECOND;
/** DESIGN §5: while no machine of an image has been ready, six are bought in an hour at most. */
const UNPROVEN_PER_HOUR = 6;

const SOLD_OUT = /SpotQuota|SoldOut|InsufficientOffering|ResourceInsufficient/;
/** Answers that say nothing of the account or the order: the outcome is unknown, or the call is simply made again. */
const PASSING = /^(ok|none|InternalError|RequestLimitExceeded)/;

/** What the pool is judged by right now. */
export interface Moment extends Promises {
  readonly disturbedAt: number;
  /** How many machines it must have. */
  readonly wanted: number;
}

/**
 * The latest instant at which the pool must have settled: three polls after the last disturbance and the longest wait that
 * DESIGN §5 prescribes and that was then running. Those waits are
 * - the lag of the mark: after any disturbance a purchase may be of unknown outcome,
 * - the memory of an offering that was refused (sold out, quota, or a machine that never came up),
 * - the slow check after a refusal that concerns the account,
 * - the limit of launches: until enough of the last hour's purchases are more than an hour ago,
 * - and, after whichever of these is the longest, the time that the machine bought then takes to run and to be ready.
 * All but the first hold nothing back where machines are too many: then one at a time leaves (a quarter of so few), each
 * within its drain limit, and not before it runs.
 */
export function settledBy(journal: readonly JournalEntry[], ledger: Ledger, moment: Moment): number {
  const { disturbedAt, wanted, pollMs, drainMs, comeUpMs } = moment;
  const isShort = [...ledger.machines.values()].filter(counts).length < wanted;
  const until = Math.max(disturbedAt + MARK_MS, isShort ? mayBuyFrom(journal, ledger, moment) : 0);
  return until + comeUpMs + 2 * drainMs + 3 * pollMs;
}

function mayBuyFrom(journal: readonly JournalEntry[], ledger: Ledger, moment: Moment): number {
  const runs = journal.filter(
    (entry): entry is CallEntry =>
      entry.kind === 'call' && entry.action === 'RunInstances' && entry.at <= moment.disturbedAt,
  );
  return Math.max(
    memoryUntil(runs, ledger, moment.pollMs),
    slowCheckUntil(runs),
    launchLimitUntil(ledger, moment.disturbedAt, moment),
  );
}

/** When the last offering may be asked again. A refusal of several at once only says that there are fewer. */
function memoryUntil(runs: readonly CallEntry[], { machines }: Ledger, pollMs: number): number {
  const failures = [...machines.values()].flatMap(({ offering, failedAt }) =>
    // It is noticed at the next poll.
    failedAt === undefined ? [] : [{ offering, at: failedAt + pollMs, isRefusal: true }],
  );
  const answers = runs
    .filter(({ result, body }) => result === 'ok' || (SOLD_OUT.test(result) && countOf(body) === 1))
    .map((run) => ({ offering: offeringOf(run), at: run.at, isRefusal: run.result !== 'ok' }));
  const inARow = new Map<string, number>();
  let until = 0;
  for (const { offering, at, isRefusal } of [...failures, ...answers].toSorted((a, b) => a.at - b.at)) {
    const count = isRefusal ? (inARow.get(offering) ?? 0) + 1 : 0;
    inARow.set(offering, count);
    if (count > 0) until = Math.max(until, at + soldOutMs(count));
  }
  return until;
}

const countOf = (body: unknown): number => (body as { InstanceCount?: number }).InstanceCount ?? 1;

function slowCheckUntil(runs: readonly CallEntry[]): number {
  const refused = runs.findLast(({ result }) => !PASSING.test(result) && !SOLD_OUT.test(result));
  return refused ? refused.at + SLOW_CHECK_MS + SECOND : 0;
}

function launchLimitUntil({ machines }: Ledger, now: number, promises: Promises): number {
  const { launchesPerHour, maximum, imageId } = promises;
  const all = [...machines.values()];
  const isProven = all.some((machine) => machine.imageId === imageId && machine.ranAt !== undefined);
  const limit = isProven ? launchesPerHour : Math.min(launchesPerHour, UNPROVEN_PER_HOUR);
  // Purchases are counted by the minute.
  const recent = all.map(({ boughtAt }) => boughtAt).filter((at) => at > now - HOUR - MINUTE);
  // As many must be over an hour ago that there is room for a whole pool.
  const over = recent.length + maximum - limit;
  const due = over <= 0 ? undefined : recent[Math.min(over, recent.length) - 1];
  return due === undefined ? 0 : due + HOUR + MINUTE;
}
