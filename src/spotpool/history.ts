import { toTime } from '../api/meta.ts';
import type { HistoryEntry, SpotPool } from '../api/spotpool.ts';
import { offeringId } from '../cloud/cloud.ts';
import type { EpochMs } from '../lib/clock.ts';
import { fromMicros } from '../lib/money.ts';
import { msSince } from '../lib/since.ts';
import type { Done, Withheld } from './act.ts';
import type { Machine } from './machine.ts';
import type { Observation } from './observe.ts';
import type { Price } from './prices.ts';
import { hourlyTotal } from './prices.ts';

const MOST_ENTRIES = 50;
const MOST_MACHINES = 100;
const MOST_LETTERS = 256;
/** What is only watched would be decided again in every run: it is told anew after this time. */
const TOLD_AGAIN_MS = 60 * 60_000;

const PURCHASES = ['Launched', 'PurchaseFound'];

/** What this run adds to the history of a pool: what was lost, what was decided, and what came of it. */
export function historyOf(
  pool: SpotPool,
  seen: Observation,
  done: readonly Done[],
  now: EpochMs,
): readonly HistoryEntry[] {
  const time = toTime(now);
  const losses = groupedBy(seen.machines, lossOf).map(([reason, machines]) => aboutMachines(time, reason, machines));
  return [
    ...losses,
    ...leavingEntries(done, time),
    ...done.flatMap((outcome) => stepEntry(outcome, seen, time)),
    ...withheldEntries(pool, done, now),
  ];
}

/** The history with new entries: the last fifty, and of a refusal that comes again and again one entry with its count. */
export function withHistory(before: readonly HistoryEntry[], added: readonly HistoryEntry[]): HistoryEntry[] {
  let history = [...before];
  for (const entry of added) {
    const repeated = history.find((old) => isSameRefusal(old, entry));
    if (!repeated) history.push(entry);
    else {
      const merged = { ...entry, firstTime: repeated.firstTime ?? repeated.time, times: (repeated.times ?? 1) + 1 };
      history = [...history.filter((old) => old !== repeated), merged];
    }
  }
  return history.slice(-MOST_ENTRIES);
}

/** Why the pool is short of machines, for the record of a purchase: what it has lost since the last one, or what was asked of it. */
export function triggerOf({ metadata, status }: SpotPool, seen: Pick<Observation, 'machines'>, low: number): string {
  const alive = seen.machines.filter(({ isAlive, fate }) => isAlive && fate === 'Keep').length;
  const sizes = `${alive} of ${low} alive`;
  const history = status?.history ?? [];
  const last = history.findLastIndex(({ reason }) => PURCHASES.includes(reason));
  const losses = new Map(
    history.slice(last + 1).flatMap(({ reason, machines = [], trigger }) => {
      const why = reason === 'Released' || reason === 'Draining' ? trigger : reason;
      return why === 'Surplus' || why === undefined ? [] : machines.map((id) => [id, why] as const);
    }),
  );
  for (const machine of seen.machines) {
    const loss = lossOf(machine);
    if (loss !== undefined) losses.set(machine.id, loss);
  }
  const [first] = losses;
  if (first) {
    const more = losses.size > 1 ? ` and ${losses.size - 1} more` : '';
    return `${first[1]} ${first[0]}${more}; ${sizes}`;
  }
  if (last < 0 && seen.machines.length === 0) return `NewPool; ${sizes}`;
  return `${status?.observedGeneration === metadata.generation ? 'TooFew' : 'SpecChanged'}; ${sizes}`;
}

/** What was due and not done: one entry for all machines, told anew only when it has become something else, or after an hour. */
function withheldEntries({ status }: SpotPool, done: readonly Done[], now: EpochMs): readonly HistoryEntry[] {
  const steps = done.flatMap(({ step }) => (step.kind === 'withheld' ? [step] : []));
  const entries = groupedBy(
    steps,
    (step) => `${wouldReason(step)} ${'machine' in step.step ? step.step.reason : ''}`,
  ).map(([, group]) => withheldEntry(group, toTime(now)));
  const told = status?.history ?? [];
  return entries.filter(
    (entry) =>
      !told.some(
        (old) =>
          old.reason === entry.reason &&
          old.trigger === entry.trigger &&
          old.offering === entry.offering &&
          old.message === entry.message &&
          old.machines?.join() === entry.machines?.join() &&
          msSince(old.time, now) < TOLD_AGAIN_MS,
      ),
  );
}

function withheldEntry(steps: readonly Withheld[], time: string): HistoryEntry {
  const [first] = steps;
  if (!first) throw new Error('a group has a member');
  const common = { time, reason: wouldReason(first), trigger: first.by };
  if ('machine' in first.step) {
    const machines = steps.flatMap(({ step }) => ('machine' in step ? [step.machine.id] : [])).toSorted();
    return {
      ...common,
      machines: machines.slice(0, MOST_MACHINES),
      message: `${machines.length}: ${first.step.reason}`,
    };
  }
  const { offering, count } =
    first.step.kind === 'launch'
      ? first.step.intent
      : { offering: offeringId(first.step.offering), count: first.step.count };
  return { ...common, offering, message: `${count} of it` };
}

/** Whether an entry tells of something that was due and not done. */
export function isWithheld({ reason }: HistoryEntry): boolean {
  return Object.values<string>(WOULD).includes(reason);
}

const WOULD = { intend: 'WouldBuy', launch: 'WouldBuy', release: 'WouldRelease', drain: 'WouldDrain' } as const;

/** The word for a step that was not taken because nothing may be changed. */
function wouldReason({ step }: Withheld): (typeof WOULD)[keyof typeof WOULD] {
  return WOULD[step.kind];
}

/** What this run has found to be wrong with a machine, in the word that will stand in the history. */
function lossOf({ fate, record, before }: Machine): string | undefined {
  if (fate === 'Gone')
    return record.reason === 'Vanished' && before?.reason !== 'LaunchFailed' ? 'MachineLost' : undefined;
  if (!before) return fate === 'Keep' || fate === 'Replace' ? 'Adopted' : undefined;
  if (before.phase === record.phase && before.reason === record.reason) return undefined;
  if (record.phase === 'Terminating') return record.reason === 'Reclaimed' ? 'MachineLost' : undefined;
  return record.phase === 'Failed' ? record.reason : undefined;
}

function groupedBy<T>(items: readonly T[], wordOf: (item: T) => string | undefined): readonly [string, readonly T[]][] {
  const groups = Map.groupBy(items, wordOf);
  return [...groups].flatMap(([word, group]) => (word === undefined ? [] : [[word, group]]));
}

function aboutMachines(time: string, reason: string, machines: readonly Machine[]): HistoryEntry {
  const offerings = new Set(machines.map(({ record }) => record.offering));
  const [offering] = offerings;
  const message = machines[0]?.record.message;
  return {
    time,
    reason,
    machines: machines.map(({ id }) => id).slice(0, MOST_MACHINES),
    ...(offerings.size === 1 && offering ? { offering } : {}),
    ...(message === undefined ? {} : { message: cut(message) }),
  };
}

/** Machines that are told to leave, or to go, for one reason are one entry. */
function leavingEntries(done: readonly Done[], time: string): readonly HistoryEntry[] {
  const wordOf = (outcome: Done): string | undefined => {
    const { step } = outcome;
    if (step.kind === 'drain') return `Draining ${step.reason}`;
    return step.kind === 'release' && !('error' in outcome && outcome.error) ? `Released ${step.reason}` : undefined;
  };
  return groupedBy(done, wordOf).map(([word, outcomes]) => {
    const [reason = '', trigger = ''] = word.split(' ');
    const machines = outcomes.flatMap(({ step }) => ('machine' in step ? [step.machine] : []));
    const { message: _of, ...entry } = aboutMachines(time, reason, machines);
    return { ...entry, trigger };
  });
}

function stepEntry(outcome: Done, seen: Observation, time: string): readonly HistoryEntry[] {
  const { step } = outcome;
  switch (step.kind) {
    case 'launch': {
      if (!('ids' in outcome) && !('refusal' in outcome)) return [];
      const { offering, trigger } = step.intent;
      const common = { time, offering, ...priceIn(seen.prices.get(offering)), ...(trigger ? { trigger } : {}) };
      if ('ids' in outcome) return [{ ...common, reason: 'Launched', machines: outcome.ids.slice(0, MOST_MACHINES) }];
      const { refusal } = outcome;
      const reason = refusal.isOutcomeUnknown ? 'OutcomeUnknown' : refusal.reason;
      return [{ ...common, reason, message: cut(`${step.intent.count} of it: ${refusal.message}`) }];
    }
    case 'takeIn': {
      const machines = step.instances.map(({ id }) => id).slice(0, MOST_MACHINES);
      const { offering, trigger } = step.intent;
      return [{ time, reason: 'PurchaseFound', machines, offering, ...(trigger ? { trigger } : {}) }];
    }
    case 'dropIntent': {
      const { offering, count } = step.intent;
      return [{ time, reason: 'PurchaseDropped', offering, trigger: step.reason, message: `${count} of it` }];
    }
    case 'release':
      return 'error' in outcome && outcome.error
        ? [
            {
              time,
              reason: 'ReleaseFailed',
              machines: [step.machine.id],
              trigger: step.reason,
              message: cut(outcome.error.message),
            },
          ]
        : [];
    default:
      return [];
  }
}

function priceIn(price: Price | undefined): { readonly price?: string } {
  return price?.isKnown ? { price: fromMicros(hourlyTotal(price.price)) } : {};
}

const cut = (text: string): string => text.slice(0, MOST_LETTERS);

/** A refusal says the same again until something changes; what happens to machines is never folded. */
function isSameRefusal(old: HistoryEntry, entry: HistoryEntry): boolean {
  if (PURCHASES.includes(entry.reason) || old.reason !== entry.reason) return false;
  if (entry.reason === 'ReleaseFailed') return old.machines?.join() === entry.machines?.join();
  return entry.machines === undefined && old.machines === undefined && old.offering === entry.offering;
}
