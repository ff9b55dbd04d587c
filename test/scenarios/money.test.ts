import { describe, expect, it } from 'vitest';
import type { Spend } from '../../src/api/spotpool.ts';
import { everBought } from '../builders/cloud-judge.ts';
import { type OperatorUnderTest, startOperator } from '../builders/operator.ts';
import { poolManifest } from '../builders/pool-manifest.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const ZONE = 'ap-singapore-2';
const TYPE = 'GN7.2XLARGE32';

/** An evening, not quite three hours before the first of the month. */
const EVENING = Date.UTC(2026, 10, 30, 21, 22);
const at = (hour: number, minute: number): number => Date.UTC(2026, 10, 30, hour, minute);

const PERIODS = [
  { name: 'hour', paid: 'thisHour', saved: 'savedThisHour', keeps: 13 },
  { name: 'day', paid: 'today', saved: 'savedToday', keeps: 10 },
  { name: 'month', paid: 'thisMonth', saved: 'savedThisMonth', keeps: 7 },
] as const;

/** `2026-11-30T22:15:00Z` cut to `2026-11-30T22` is the hour that began at `2026-11-30T22:00:00Z`. */
function beginOf(time: string, keeps: number): number {
  return Date.parse(`${time.slice(0, keeps)}${'0000-01-01T00:00:00Z'.slice(keeps)}`);
}

interface Line {
  readonly what: string;
  readonly told: number;
  readonly bill: number;
  /** What part of the bill is missing or too much. */
  readonly error: number;
}

/** The sums of a status beside the cloud's own bill for the same time. */
function compare({ simulator }: OperatorUnderTest, pool: string, spend: Spend): readonly Line[] {
  const to = Date.parse(spend.countedUntil);
  return PERIODS.flatMap(({ name, paid, saved, keeps }) => {
    const bill = simulator.bill({ from: beginOf(spend.countedUntil, keeps), to }, pool);
    return [
      line(`${pool}: cost of the ${name} until ${spend.countedUntil}`, Number(spend[paid]), bill.paid),
      line(`${pool}: saved in the ${name} until ${spend.countedUntil}`, Number(spend[saved]), bill.list - bill.paid),
    ];
  });
}

function line(what: string, told: number, micros: number): Line {
  const bill = micros / 1e6;
  return { what, told, bill, error: bill === 0 ? told : Math.abs(told - bill) / bill };
}

/** Two pools: one of spot machines, and one on demand. */
async function twoPools(): Promise<OperatorUnderTest> {
  const op = await startOperator({
    start: EVENING,
    simulator: { accounts: [{ keys: [{ secretId: 'xxx', secretKey: 'xxx' }], spotQuotaCores: 100 }] },
    manifests: {
      'spot.yaml': [poolManifest('spot', { minimum: 2, maximum: 9 })],
      'hourly.yaml': [poolManifest('hourly', { instanceChargeType: 'POSTPAID_BY_HOUR', minimum: 1, maximum: 1 })],
    },
  });
  await settled(op);
  return op;
}

/** Waits until every machine that is there answers. */
async function settled(op: OperatorUnderTest): Promise<void> {
  const isQuiet = (pool: string): boolean => {
    const { instances = [], size, ready } = op.pool(pool)?.status ?? {};
    return ready !== undefined && ready > 0 && size === ready && instances.every(({ phase }) => phase === 'Ready');
  };
  await op.until('every machine answers', () => isQuiet('spot') && isQuiet('hourly'), 15 * MINUTE);
}

const spendOf = (op: OperatorUnderTest, pool: string): Spend => op.pool(pool)?.status?.spend as Spend;

describe('an evening with reclaims, scaling, other prices, a restart and the end of the month', () => {
  it('costs what the cloud bills, and saves what the bill is below the list price, within 1 %', async () => {
    const op = await twoPools();
    const lines: Line[] = [];
    const naive: Line[] = [];
    let adding = 0;
    /** Goes on until then; each five minutes the books are compared, unless the period has hardly begun. */
    const until = async (then: number): Promise<void> => {
      while (op.clock.now() < then) {
        await op.advance(Math.min(5 * MINUTE, then - op.clock.now()));
        adding += Number(op.pool('spot')?.status?.hourlyCost ?? 0) / 12;
        if (op.clock.now() % HOUR < 20 * MINUTE) continue;
        await settled(op);
        for (const pool of ['spot', 'hourly']) lines.push(...compare(op, pool, spendOf(op, pool)));
        naive.push(...compare(op, 'spot', { ...spendOf(op, 'spot'), today: String(adding) }));
      }
    };
    const reclaim = (noticeMs: number): void =>
      op.simulator.reclaim(op.simulator.pickSpot({ poolName: 'spot' }), { noticeMs });

    await until(at(21, 28));
    await op.scale('spot', 6);
    await until(at(21, 44));
    reclaim(0);
    await until(at(21, 50));
    op.simulator.failLaunches(1);
    reclaim(2 * MINUTE);
    await until(at(22, 10));
    op.simulator.setPrice(ZONE, TYPE, { spotPercent: 35, listPrice: 1.5 });
    await until(at(22, 15));
    await op.scale('spot', 8);
    await until(at(22, 45));
    await op.scale('spot', 3);
    await until(at(22, 58));
    await op.stop();
    await op.clock.advance(4 * MINUTE);
    await op.start();
    await until(at(23, 20));
    op.simulator.setPrice(ZONE, TYPE, { spotPercent: 10 });
    await op.scale('spot', 7);
    await until(at(23, 57));
    reclaim(0);
    await op.advance(2 * MINUTE + 30_000);
    reclaim(0);
    await op.abandon();
    await op.advance(5000);
    await op.start();
    await until(at(24, 40));
    op.simulator.setReclaimRate(0.5);
    await until(at(25, 40));

    expect(everBought(op.simulator, 'spot').length).toBeGreaterThan(15);
    expect(lines.length).toBeGreaterThan(300);
    expect(lines.filter(({ error }) => error > 0.01)).toEqual([]);
    // The last of them is of December, and of its first hours only.
    expect(lines.at(-2)?.what).toContain('cost of the month until 2026-12-01T01:');
    expect(Number(spendOf(op, 'spot').thisMonth)).toBe(Number(spendOf(op, 'spot').today));
    expect(Number(spendOf(op, 'hourly').savedThisMonth)).toBe(0);
    expect(lines.filter(({ what }) => what.startsWith('spot: saved')).every(({ bill }) => bill > 0)).toBe(true);
    // Price times time between two looks, added up for ever, is not the bill: the comparison would have said so.
    const afterMidnight = naive.filter(({ what }) => what.includes('cost of the day until 2026-12'));
    expect(afterMidnight.length).toBeGreaterThan(5);
    expect(afterMidnight.every(({ error }) => error > 0.01)).toBe(true);
  }, 120_000);

  it('is told by the hour too: what machines cost, would cost, and save', async () => {
    const op = await twoPools();
    // 0.252 of 1.26 for the machine, and 100 GiB of disk.
    expect(op.pool('spot')?.status).toMatchObject({ hourlyCost: '0.5202', hourlySavings: '2.016', currency: 'USD' });
    expect(op.pool('hourly')?.status).toMatchObject({ hourlyCost: '1.2681', hourlySavings: '0' });
    expect(op.pool('spot')?.status?.instances).toMatchObject([
      { hourlyCost: '0.2601', hourlyListCost: '1.2681' },
      { hourlyCost: '0.2601', hourlyListCost: '1.2681' },
    ]);
  });
});

describe('the status of a pool in which nothing happens', () => {
  it('is written every five minutes for its sums, and not for each look', async () => {
    const op = await twoPools();
    await op.advance(MINUTE);
    const seen = new Set<string | undefined>();
    for (let second = 0; second < 3600; second += 10) {
      await op.advance(10_000);
      seen.add(op.pool('spot')?.metadata.resourceVersion);
    }
    expect(seen.size).toBeGreaterThanOrEqual(11);
    expect(seen.size).toBeLessThanOrEqual(13);
  });
});
