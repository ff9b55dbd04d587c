import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { intent, machine, NOW, pool, record } from '../../test/builders/spotpool.ts';
import type { SpotPoolStatus } from '../api/spotpool.ts';
import { CloudError, type CloudReason } from '../cloud/errors.ts';
import { createMetrics, type Metrics } from '../telemetry/metrics.ts';
import type { Done } from './act.ts';
import type { Machine } from './machine.ts';
import { createPoolTelemetry, type PoolTelemetry } from './telemetry.ts';

const OFFERING = 'ap-singapore-2/GN7.2XLARGE32/subnet-gfrv79s2/SPOTPAID';
const SECOND = 1000;

interface Look {
  readonly pool?: Parameters<typeof pool>[0];
  readonly machines?: readonly Machine[];
  readonly done?: readonly Done[];
  readonly status?: SpotPoolStatus;
  readonly sweptAt?: number;
  readonly accountKey?: string;
}

function telemetry(): { readonly metrics: Metrics; readonly told: PoolTelemetry; look(look?: Look): void } {
  const metrics = createMetrics();
  const told = createPoolTelemetry(metrics);
  return {
    metrics,
    told,
    look({ pool: changes, machines = [], done = [], status = {}, sweptAt = NOW, accountKey = 'account' } = {}) {
      told.told(pool(changes), { machines, accountKey, sweptAt }, done, status);
    },
  };
}

/** Every series and its value, without the labels of the pool `default/first`. */
async function shown(metrics: Metrics): Promise<Readonly<Record<string, number>>> {
  const lines = (await metrics.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return Object.fromEntries(
    lines.map((line) => {
      const [series = '', value] = line.split(/ (?=[^ ]*$)/);
      const own = 'namespace="default",pool="first"';
      return [series.replace(`{${own}}`, '').replace(`${own},`, '').replace('aiops_', ''), Number(value)];
    }),
  );
}

const refusal = (reason: CloudReason): CloudError => new CloudError(reason, 'no', { action: 'RunInstances' });
const launch = { kind: 'launch', intent: intent({ count: 5 }), offering: {} } as Extract<
  Done['step'],
  { kind: 'launch' }
>;

describe('gauges', () => {
  it('tell what the status tells, every phase included', async () => {
    const { metrics, look } = telemetry();
    look({
      status: {
        ready: 2,
        instances: [record(), record(), record({ phase: 'Warming' }), record({ phase: 'Failed' })],
        currency: 'USD',
        hourlyCost: '0.78',
        hourlySavings: '3.1',
        spend: {
          thisHour: '0.5',
          today: '7',
          thisMonth: '200.25',
          savedThisHour: '2',
          savedToday: '28',
          savedThisMonth: '801',
          countedUntil: '2026-11-01T00:00:00Z',
        },
        offerings: [
          { offering: 'a', state: 'Blocked', reason: 'SoldOut' },
          { offering: 'b', state: 'Available', reason: 'Bought' },
        ],
      },
    });
    expect(await shown(metrics)).toMatchObject({
      'spotpool_machines{phase="Requested"}': 0,
      'spotpool_machines{phase="Pending"}': 0,
      'spotpool_machines{phase="Running"}': 0,
      'spotpool_machines{phase="Warming"}': 1,
      'spotpool_machines{phase="Ready"}': 2,
      'spotpool_machines{phase="Draining"}': 0,
      'spotpool_machines{phase="Terminating"}': 0,
      'spotpool_machines{phase="Failed"}': 1,
      spotpool_minimum: 2,
      spotpool_maximum: 3,
      spotpool_ready: 2,
      'spotpool_cost_per_hour{currency="USD"}': 0.78,
      'spotpool_savings_per_hour{currency="USD"}': 3.1,
      'spotpool_cost_so_far{period="hour",currency="USD"}': 0.5,
      'spotpool_cost_so_far{period="day",currency="USD"}': 7,
      'spotpool_cost_so_far{period="month",currency="USD"}': 200.25,
      'spotpool_savings_so_far{period="hour",currency="USD"}': 2,
      'spotpool_savings_so_far{period="day",currency="USD"}': 28,
      'spotpool_savings_so_far{period="month",currency="USD"}': 801,
      'spotpool_offering_blocked{offering="a",reason="SoldOut"}': 1,
      'spotpool_offering_blocked{offering="b",reason="Bought"}': 0,
    });
  });

  it('show no money while it is not known, and take away what was known before', async () => {
    const { metrics, look } = telemetry();
    const money = async () => Object.keys(await shown(metrics)).filter((name) => /cost|savings/.test(name));
    look({ status: { hourlyCost: '1', hourlySavings: '1' } });
    expect(await money()).toEqual([]);
    look({ status: { hourlyCost: '1', currency: 'USD' } });
    expect(await money()).toEqual(['spotpool_cost_per_hour{currency="USD"}']);
    look({ status: { currency: 'USD' } });
    expect(await money()).toEqual([]);
  });

  it('have one series for each condition and offering: the old one goes', async () => {
    const { metrics, look } = telemetry();
    const stalled = (status: 'True' | 'False', reason: string): SpotPoolStatus => ({
      conditions: [{ type: 'Stalled', status, reason, message: '', lastTransitionTime: '', observedGeneration: 1 }],
      offerings: [{ offering: OFFERING, state: status === 'True' ? 'Blocked' : 'Available', reason }],
    });
    look({ status: stalled('False', 'Progressing') });
    look({ status: stalled('True', 'InsufficientBalance') });
    const series = await shown(metrics);
    expect(Object.entries(series).filter(([name]) => /condition|blocked/.test(name))).toEqual([
      [`spotpool_offering_blocked{offering="${OFFERING}",reason="InsufficientBalance"}`, 1],
      ['spotpool_condition{type="Stalled",status="True",reason="InsufficientBalance"}', 1],
    ]);
  });

  it('show the blocked one of two offerings that differ in their bid only, and see when it is free', async () => {
    const { metrics, look } = telemetry();
    const blocked = { offering: OFFERING, state: 'Blocked', reason: 'PriceTooLow' } as const;
    const free = { offering: OFFERING, state: 'Available', reason: 'PriceTooLow' } as const;
    const series = `spotpool_offering_blocked{offering="${OFFERING}",reason="PriceTooLow"}`;
    for (const [offerings, value] of [
      [[free, blocked], 1],
      [[blocked, free], 1],
      [[free, free], 0],
    ] as const) {
      look({ status: { offerings: [...offerings] } });
      expect((await shown(metrics))[series]).toBe(value);
    }
  });

  it('follow a look that failed too, which counts nothing', async () => {
    const { metrics, told, look } = telemetry();
    look({ machines: [machine('ins-1')], status: { ready: 1 } });
    const before = await shown(metrics);
    const conditions = [
      {
        type: 'Ready',
        status: 'Unknown',
        reason: 'Unreachable',
        message: '',
        lastTransitionTime: '',
        observedGeneration: 1,
      },
    ] as const;
    told.failed(pool(), { ready: 1, conditions: [...conditions] });
    expect(await shown(metrics)).toEqual({
      ...before,
      'spotpool_condition{type="Ready",status="Unknown",reason="Unreachable"}': 1,
    });
  });
});

describe('machines that were ordered', () => {
  it.each<{ name: string; done: Done; series: string; count: number }>([
    { name: 'bought', done: { step: launch, ids: ['i', 'j'] }, series: 'result="ok",reason="Launched"', count: 2 },
    {
      name: 'refused',
      done: { step: launch, refusal: refusal('SoldOut') },
      series: 'result="refused",reason="SoldOut"',
      count: 5,
    },
    {
      name: 'perhaps bought',
      done: { step: launch, refusal: refusal('Unreachable') },
      series: 'result="unknown",reason="Unreachable"',
      count: 5,
    },
    {
      name: 'found later',
      done: { step: { kind: 'takeIn', intent: intent(), instances: [{} as never] } },
      series: 'result="ok",reason="PurchaseFound"',
      count: 1,
    },
  ])('are counted: $name', async ({ done, series, count }) => {
    const { metrics, look } = telemetry();
    look({ done: [done] });
    look();
    look({ done: [done] });
    expect((await shown(metrics))[`spotpool_launches_total{${series}}`]).toBe(2 * count);
  });

  it('are 0 from the first look, so that the first purchase shows as a rise', async () => {
    const { metrics, look } = telemetry();
    look();
    expect(await shown(metrics)).toMatchObject({
      'spotpool_launches_total{result="ok",reason="Launched"}': 0,
      spotpool_reclaims_total: 0,
      spotpool_time_to_ready_seconds_count: 0,
    });
  });
});

describe('a lost machine', () => {
  const terminating = record({ phase: 'Terminating', reason: 'Reclaimed', terminatingSince: '2026-11-01T00:00:00Z' });
  const at = (before: Machine['before'], now: Partial<Machine['record']>, fate: Machine['fate']): Machine =>
    machine('ins-1', { before, with: now, fate, isAlive: false });

  it.each<{ name: string; looks: readonly Machine[]; lost: number }>([
    {
      name: 'reclaimed, seen while it leaves, then gone: once',
      looks: [
        machine('ins-1'),
        at(record(), terminating, 'Leaving'),
        at(terminating, terminating, 'Leaving'),
        at(terminating, { ...terminating, reason: 'Released' }, 'Gone'),
      ],
      lost: 1,
    },
    { name: 'gone between two looks', looks: [at(record(), { reason: 'Vanished' }, 'Gone')], lost: 1 },
    {
      name: 'released by us: not lost',
      looks: [
        at(record(), { phase: 'Terminating', reason: 'Surplus' }, 'Leaving'),
        at(record({ phase: 'Terminating', reason: 'Surplus' }), { reason: 'Released' }, 'Gone'),
      ],
      lost: 0,
    },
    {
      name: 'never came up: not lost',
      looks: [
        at(record({ phase: 'Pending' }), { phase: 'Failed', reason: 'LaunchFailed' }, 'LaunchFailed'),
        at(record({ phase: 'Failed', reason: 'LaunchFailed' }), { reason: 'Vanished' }, 'Gone'),
      ],
      lost: 0,
    },
    {
      name: 'of an earlier life: not known to be ours to lose',
      looks: [at(undefined, terminating, 'Leaving')],
      lost: 0,
    },
  ])('is counted: $name', async ({ looks, lost }) => {
    const { metrics, look } = telemetry();
    for (const each of looks) look({ machines: [each] });
    expect((await shown(metrics))['spotpool_reclaims_total']).toBe(lost);
  });
});

describe('the time to ready', () => {
  const warming = record({ phase: 'Warming', createdAt: '2026-11-01T00:00:00Z' });
  const { readyAt: _none, ...young } = { ...warming, specHash: 'spec' };
  const ready = { ...young, phase: 'Ready', readyAt: '2026-11-01T00:01:40Z' } as const;

  it('is taken once, at the first answer', async () => {
    const { metrics, look } = telemetry();
    look({ machines: [{ ...machine('ins-1'), before: young, record: young }] });
    look({ machines: [{ ...machine('ins-1'), before: young, record: ready }] });
    look({ machines: [{ ...machine('ins-1'), before: ready, record: ready }] });
    expect(await shown(metrics)).toMatchObject({
      spotpool_time_to_ready_seconds_count: 1,
      spotpool_time_to_ready_seconds_sum: 100,
      'spotpool_time_to_ready_seconds_bucket{le="90",namespace="default",pool="first"}': 0,
      'spotpool_time_to_ready_seconds_bucket{le="120",namespace="default",pool="first"}': 1,
    });
  });

  it('is not taken of machines that were taken in', async () => {
    const { metrics, look } = telemetry();
    const { specHash: _absent, ...adopted } = young;
    look({ machines: [{ ...machine('ins-1'), before: undefined, record: ready }] });
    look({ machines: [{ ...machine('ins-1'), before: adopted, record: { ...adopted, readyAt: ready.readyAt } }] });
    expect((await shown(metrics))['spotpool_time_to_ready_seconds_count']).toBe(0);
  });
});

describe('machines that cannot be released', () => {
  const release = (id: string, error: Error | undefined): Done => ({
    step: { kind: 'release', machine: machine(id), reason: 'Surplus' },
    error,
  });
  const ignored = record({ instanceId: 'ins-2', reason: 'ReleaseIgnored' });
  const refused = record({ instanceId: 'ins-3', releaseRefusal: 'PermissionDenied' });

  it('are those that fail in this look, wait for somebody, or are kept by the cloud; each once', async () => {
    const { metrics, told, look } = telemetry();
    const done = [release('ins-1', refusal('Busy')), release('ins-3', refusal('PermissionDenied'))];
    look({ done, status: { instances: [ignored, refused] } });
    expect((await shown(metrics))['spotpool_stuck_machines']).toBe(3);
    told.failed(pool(), { instances: [refused] });
    expect((await shown(metrics))['spotpool_stuck_machines']).toBe(1);
    look({ done: [release('ins-3', undefined)] });
    expect((await shown(metrics))['spotpool_stuck_machines']).toBe(0);
  });
});

describe('the last sweep', () => {
  const at = async (metrics: Metrics) => {
    const series = await shown(metrics);
    return [
      series['cloud_last_sweep_timestamp_seconds{region="ap-singapore"}'],
      series['cloud_sweep_interval_seconds{region="ap-singapore"}'],
    ];
  };
  const other = { metadata: { name: 'other' } };

  it('is the newest that any pool of the account was served from', async () => {
    const { metrics, look } = telemetry();
    look({ sweptAt: NOW });
    look({ pool: other, sweptAt: NOW - SECOND });
    expect(await at(metrics)).toEqual([NOW / SECOND, 20]);
  });

  it('is that of the account which waits longest, by what its own pools ask for', async () => {
    const { metrics, look } = telemetry();
    look({ accountKey: 'a', sweptAt: NOW });
    look({ pool: { ...other, spec: { checkInterval: '1h' } }, accountKey: 'b', sweptAt: NOW - 60 * SECOND });
    expect(await at(metrics)).toEqual([NOW / SECOND, 20]);
    look({ pool: { metadata: { name: 'third' } }, accountKey: 'b', sweptAt: NOW - 60 * SECOND });
    expect(await at(metrics)).toEqual([NOW / SECOND - 60, 20]);
  });

  it('forgets an account that no pool uses any more', async () => {
    const { metrics, told, look } = telemetry();
    look({ accountKey: 'rotated', sweptAt: NOW - 60 * SECOND });
    look({ accountKey: 'new' });
    expect(await at(metrics)).toEqual([NOW / SECOND, 20]);
    told.forget(pool().metadata);
    expect(await at(metrics)).toEqual([undefined, undefined]);
  });
});

describe('a pool that is gone', () => {
  it('leaves nothing behind, and takes nothing of others with it', async () => {
    const status: SpotPoolStatus = {
      instances: [record()],
      currency: 'USD',
      hourlyCost: '1',
      offerings: [{ offering: OFFERING, state: 'Available', reason: 'Bought' }],
    };
    const done: readonly Done[] = [{ step: launch, refusal: refusal('SoldOut') }];
    const { metrics, told, look } = telemetry();
    const alike = { metadata: { name: 'first', namespace: 'other' } };
    look({ pool: alike, status, done });
    const before = await shown(metrics);
    look({ status, done });
    told.forget({ namespace: 'default', name: 'first' });
    expect(await shown(metrics)).toEqual(before);
    told.forget({ namespace: 'other', name: 'first' });
    expect(await shown(metrics)).toEqual({});
  });

  it('whatever was told of it', async () => {
    const words = fc.constantFrom('SoldOut', 'Bought', 'Throttled', 'Unexpected');
    const offerings = fc.uniqueArray(
      fc.record({
        offering: fc.string({ maxLength: 8 }),
        state: fc.constantFrom('Available', 'Blocked'),
        reason: words,
      }),
      { maxLength: 32, selector: ({ offering }) => offering },
    );
    const looks = fc.array(
      fc.record({ offerings, ready: fc.nat(9), refused: words, currency: fc.constantFrom('USD', 'CNY') }),
      {
        minLength: 1,
        maxLength: 5,
      },
    );
    await fc.assert(
      fc.asyncProperty(looks, async (told) => {
        const { metrics, told: telemetryOf, look } = telemetry();
        for (const { refused, ...status } of told) {
          look({
            status: { ...status, hourlyCost: '1' },
            done: [{ step: launch, refusal: refusal(refused as CloudReason) }],
          });
          const names = Object.keys(await shown(metrics));
          // Bounded: one series an offering, one amount, whatever came before.
          expect(names.filter((name) => name.includes('offering_blocked'))).toHaveLength(status.offerings.length);
          expect(names.filter((name) => name.includes('cost_per_hour'))).toHaveLength(1);
        }
        telemetryOf.forget(pool().metadata);
        expect(await shown(metrics)).toEqual({});
      }),
      { numRuns: 50 },
    );
  });
});
