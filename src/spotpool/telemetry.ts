import type { ObjectKey } from '../api/meta.ts';
import { keyText } from '../api/meta.ts';
import type { SpotPool, SpotPoolStatus } from '../api/spotpool.ts';
import { MachinePhase } from '../api/spotpool.ts';
import type { EpochMs } from '../lib/clock.ts';
import type { Labels, Metrics } from '../telemetry/metrics.ts';
import type { ObjectSeries, Row } from '../telemetry/object-series.ts';
import { createObjectSeries } from '../telemetry/object-series.ts';
import type { Done } from './act.ts';
import { spendAt } from './ledger.ts';
import type { Machine } from './machine.ts';
import { createSweepGauge } from './sweep-gauge.ts';

/** What of a look is measured; an `Observation` has it all. */
interface Looked {
  readonly machines: readonly Machine[];
  /** The same for all pools of one account and region. */
  readonly accountKey: string;
  /** When the list was asked for in which the machines were seen. */
  readonly sweptAt: EpochMs;
}

/** Tells Prometheus how pools fare. Each look is told once, after its status was written. */
export interface PoolTelemetry {
  /** A look that has ended; `status` is what was written. */
  told(pool: SpotPool, seen: Looked, done: readonly Done[], status: SpotPoolStatus): void;
  /** A look in which nothing could be seen, or nothing may be done; `status` is what was written. */
  failed(pool: SpotPool, status: SpotPoolStatus): void;
  /** The pool is gone: none of its series stays. */
  forget(key: ObjectKey): void;
}

/** From the purchase to the first answer. A large model is read from disk in minutes; half an hour is never usual. */
const READY_SECONDS = [10, 20, 30, 45, 60, 90, 120, 180, 240, 300, 450, 600, 900, 1200, 1800];

/** Registers the metrics of pools. Once a registry. */
export function createPoolTelemetry(metrics: Metrics): PoolTelemetry {
  const series = createObjectSeries(metrics, 'pool');
  const show = createFigures(series);
  const stuck = series.gauge({
    name: 'aiops_spotpool_stuck_machines',
    help: 'Machines that are to go and whose release does not succeed.',
  });
  const launches = series.counter({
    name: 'aiops_spotpool_launches_total',
    help: 'Machines that were ordered, by what came of it: ok, refused, or unknown.',
    labels: ['result', 'reason'],
  });
  const reclaims = series.counter({
    name: 'aiops_spotpool_reclaims_total',
    help: 'Machines that the cloud took away, or that were gone without our doing.',
  });
  const readyAfter = series.histogram({
    name: 'aiops_spotpool_time_to_ready_seconds',
    help: 'Time from the purchase of a machine to its first answer.',
    buckets: READY_SECONDS,
  });
  const sweeps = createSweepGauge(metrics);

  return {
    told(pool, seen, done, status) {
      const key = pool.metadata;
      // The status is written more rarely than the sums grow.
      const spend = spendAt(status, seen.sweptAt);
      show(pool, spend ? { ...status, spend } : status);
      stuck.show(key, [{ labels: {}, value: countStuck(done, status) }]);
      launches.add(key, { result: 'ok', reason: 'Launched' }, 0);
      for (const { count, ...labels } of done.flatMap(launchOf)) launches.add(key, labels, count);
      reclaims.add(key, {}, seen.machines.filter(isLost).length);
      readyAfter.observe(key, seen.machines.flatMap(secondsToReady));
      sweeps.seen(keyText(key), pool.spec, seen);
    },
    failed(pool, status) {
      show(pool, status);
      stuck.show(pool.metadata, [{ labels: {}, value: countStuck([], status) }]);
    },
    forget(key) {
      series.forget(key);
      sweeps.forget(keyText(key));
    },
  };
}

/** What the status tells, as gauges. A figure that is not known is not shown: a wrong one would be believed. */
function createFigures(series: ObjectSeries): (pool: SpotPool, status: SpotPoolStatus) => void {
  const shows: ((pool: SpotPool, status: SpotPoolStatus) => void)[] = [];
  const figure = (
    name: string,
    help: string,
    labels: readonly string[],
    rowsOf: (status: SpotPoolStatus, spec: SpotPool['spec']) => readonly Row[],
  ): void => {
    const gauge = series.gauge({ name: `aiops_spotpool_${name}`, help, labels });
    shows.push((pool, status) => gauge.show(pool.metadata, rowsOf(status, pool.spec)));
  };
  const money = ['currency'];
  const moneySoFar = ['period', 'currency'];
  figure('machines', 'Machines by phase.', ['phase'], machineRows);
  figure('minimum', 'At least so many machines are wanted.', [], (_, spec) => rows([{}, spec.minimum]));
  figure('maximum', 'At most so many machines are wanted.', [], (_, spec) => rows([{}, spec.maximum]));
  figure('ready', 'Machines that answer.', [], ({ ready = 0 }) => rows([{}, ready]));
  figure('cost_per_hour', 'What the machines cost by the hour.', money, (status) =>
    moneyRows(status, [[{}, status.hourlyCost]]),
  );
  figure('savings_per_hour', 'How much less that is than at the on-demand price.', money, (status) =>
    moneyRows(status, [[{}, status.hourlySavings]]),
  );
  figure('cost_so_far', 'What the machines have cost since the hour, day or month began.', moneySoFar, costRows);
  figure('savings_so_far', 'How much less that was than at the on-demand price.', moneySoFar, savingsRows);
  figure('offering_blocked', '1 while an offering is not asked, else 0.', ['offering', 'reason'], offeringRows);
  figure('condition', 'Always 1; what each condition is.', ['type', 'status', 'reason'], conditionRows);
  return (pool, status) => {
    for (const show of shows) show(pool, status);
  };
}

const rows = (...pairs: readonly (readonly [Labels, number])[]): readonly Row[] =>
  pairs.map(([labels, value]) => ({ labels, value }));

function machineRows({ instances = [] }: SpotPoolStatus): readonly Row[] {
  const counts = new Map<string, number>(MachinePhase.options.map((phase) => [phase, 0]));
  for (const { phase } of instances) counts.set(phase, (counts.get(phase) ?? 0) + 1);
  return [...counts].map(([phase, value]) => ({ labels: { phase }, value }));
}

function moneyRows(
  { currency }: SpotPoolStatus,
  amounts: readonly (readonly [Labels, string | undefined])[],
): readonly Row[] {
  if (currency === undefined) return [];
  return amounts.flatMap(([labels, amount]) =>
    amount === undefined ? [] : [{ labels: { ...labels, currency }, value: Number(amount) }],
  );
}

function costRows(status: SpotPoolStatus): readonly Row[] {
  const { spend } = status;
  return moneyRows(status, [
    [{ period: 'hour' }, spend?.thisHour],
    [{ period: 'day' }, spend?.today],
    [{ period: 'month' }, spend?.thisMonth],
  ]);
}

function savingsRows(status: SpotPoolStatus): readonly Row[] {
  const { spend } = status;
  return moneyRows(status, [
    [{ period: 'hour' }, spend?.savedThisHour],
    [{ period: 'day' }, spend?.savedToday],
    [{ period: 'month' }, spend?.savedThisMonth],
  ]);
}

/**
 * Each offering has one series; its reason is that of the status, blocked or not. Of two that differ in their bid only, the
 * blocked one is shown.
 */
function offeringRows({ offerings = [] }: SpotPoolStatus): readonly Row[] {
  const byOffering = new Map(offerings.map((each) => [each.offering, each]));
  for (const each of offerings) if (each.state === 'Blocked') byOffering.set(each.offering, each);
  return [...byOffering.values()].map(({ offering, reason, state }) => ({
    labels: { offering, reason },
    value: state === 'Blocked' ? 1 : 0,
  }));
}

function conditionRows({ conditions = [] }: SpotPoolStatus): readonly Row[] {
  return conditions.map(({ type, status, reason }) => ({ labels: { type, status, reason }, value: 1 }));
}

interface Ordered {
  readonly result: 'ok' | 'refused' | 'unknown';
  /** The word that event and history use. */
  readonly reason: string;
  /** Machines. */
  readonly count: number;
}

/** Machines and not calls are counted, so that `ok` says how many were had. One found later was counted as unknown before. */
function launchOf(outcome: Done): readonly Ordered[] {
  const { step } = outcome;
  if (step.kind === 'takeIn') return [{ result: 'ok', reason: 'PurchaseFound', count: step.instances.length }];
  if (step.kind !== 'launch') return [];
  if ('ids' in outcome) return [{ result: 'ok', reason: 'Launched', count: outcome.ids.length }];
  if (!('refusal' in outcome)) return [];
  const { reason, isOutcomeUnknown } = outcome.refusal;
  return [{ result: isOutcomeUnknown ? 'unknown' : 'refused', reason, count: step.intent.count }];
}

/** Lost in this look: the cloud began to take it away, or it was not there any more. What never came up is not lost. */
function isLost({ before, record, fate }: Machine): boolean {
  if (before === undefined || before.reason === record.reason) return false;
  if (record.reason === 'Reclaimed') return true;
  return fate === 'Gone' && record.reason === 'Vanished' && before.reason !== 'LaunchFailed';
}

/** Only of machines bought by this pool: how old an adopted one was says nothing. */
function secondsToReady({ before, record }: Machine): readonly number[] {
  if (before === undefined || before.readyAt !== undefined || record.readyAt === undefined) return [];
  if (record.specHash === undefined) return [];
  return [Math.max(0, (Date.parse(record.readyAt) - Date.parse(record.createdAt)) / 1000)];
}

/**
 * Those whose release has failed in this look, those that wait for somebody to lift a refusal, and those that the cloud keeps
 * although it took the order.
 */
function countStuck(done: readonly Done[], { instances = [] }: SpotPoolStatus): number {
  const failed = done.flatMap((outcome) =>
    outcome.step.kind === 'release' && 'error' in outcome && outcome.error ? [outcome.step.machine.id] : [],
  );
  const kept = instances
    .filter(({ reason, releaseRefusal }) => releaseRefusal !== undefined || reason === 'ReleaseIgnored')
    .map(({ instanceId }) => instanceId);
  return new Set([...failed, ...kept]).size;
}
