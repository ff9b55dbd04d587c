import type { SpotPoolSpec } from '../api/spotpool.ts';
import type { EpochMs } from '../lib/clock.ts';
import type { Metrics } from '../telemetry/metrics.ts';

interface Account {
  readonly region: string;
  sweptAt: EpochMs;
  /** Check intervals of the pools that use it. */
  readonly intervals: Map<string, number>;
  /** The shortest of them. */
  intervalMs: number;
}

/** Tells when machines were last listed. */
export interface SweepGauge {
  /** A pool has seen its machines in the list that was asked for at `sweptAt`. */
  seen(
    pool: string,
    spec: Pick<SpotPoolSpec, 'region' | 'checkIntervalMs'>,
    sweep: { readonly accountKey: string; readonly sweptAt: EpochMs },
  ): void;
  forget(pool: string): void;
}

/**
 * One list serves all pools of an account and region. Each region shows the account whose next list is most overdue: an
 * account's name in a label would be made of its key. Accounts that no pool uses any more do not count.
 */
export function createSweepGauge(metrics: Metrics): SweepGauge {
  const last = metrics.gauge({
    name: 'aiops_cloud_last_sweep_timestamp_seconds',
    help: 'When the machines of the account that is most overdue were last listed, in seconds since 1970.',
    labels: ['region'],
  });
  const interval = metrics.gauge({
    name: 'aiops_cloud_sweep_interval_seconds',
    help: 'How often the machines of that account are to be listed: the shortest check interval of its pools.',
    labels: ['region'],
  });
  const accounts = new Map<string, Account>();
  const accountOf = new Map<string, string>();

  const show = (region: string): void => {
    const [mostOverdue] = [...accounts.values()]
      .filter((account) => account.region === region)
      .toSorted((a, b) => a.sweptAt + a.intervalMs - (b.sweptAt + b.intervalMs));
    if (mostOverdue) {
      last.set({ region }, mostOverdue.sweptAt / 1000);
      interval.set({ region }, mostOverdue.intervalMs / 1000);
    } else {
      last.remove({ region });
      interval.remove({ region });
    }
  };
  const forget = (pool: string): void => {
    const key = accountOf.get(pool);
    const account = accounts.get(key ?? '');
    accountOf.delete(pool);
    if (key === undefined || !account) return;
    account.intervals.delete(pool);
    if (account.intervals.size === 0) accounts.delete(key);
    else account.intervalMs = shortest(account);
    show(account.region);
  };

  return {
    seen(pool, { region, checkIntervalMs }, { accountKey, sweptAt }) {
      if (accountOf.get(pool) !== accountKey) forget(pool);
      const account = accounts.get(accountKey) ?? { region, sweptAt, intervals: new Map(), intervalMs: 0 };
      // Pools tell in any order what they have shared.
      account.sweptAt = Math.max(account.sweptAt, sweptAt);
      if (account.intervals.get(pool) !== checkIntervalMs) {
        account.intervals.set(pool, checkIntervalMs);
        account.intervalMs = shortest(account);
      }
      accounts.set(accountKey, account);
      accountOf.set(pool, accountKey);
      show(region);
    },
    forget,
  };
}

function shortest({ intervals }: Account): number {
  return [...intervals.values()].reduce((least, each) => Math.min(least, each), Number.POSITIVE_INFINITY);
}
