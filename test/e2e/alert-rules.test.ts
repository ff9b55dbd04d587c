import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { describeWithTools } from '../builders/debian-tool.ts';
import { cleanEnv, ROOT, run } from './process.ts';

const RULES = join(ROOT, 'dashboards/rules/aiops-operator.rules.yaml');

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'aiops-rules-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Series with their values, one a minute, in the notation of promtool: `1x90` stays, `0+1x90` grows. */
type Input = Readonly<Record<string, string>>;

interface Case {
  readonly alert: string;
  readonly name: string;
  readonly series: Input;
  /** The last half minute in which it does not fire yet; `never`, without `firesAt`: not within the time asked for. */
  readonly silentAt: string;
  readonly firesAt?: string;
}

const pool = (name: string, more = ''): string => `aiops_spotpool_${name}{namespace="default",pool="web"${more}}`;
const condition = (type: string, status: string, reason: string): string =>
  pool('condition', `,type="${type}",status="${status}",reason="${reason}"`);
const always = '1x200';
const engine = 'controller_runtime_max_concurrent_reconciles{controller="spotpool",job="a",instance="b"}';
const belowMinimum = { [pool('ready')]: '1x200', [pool('minimum')]: '2x200' };
const empty = { [pool('ready')]: '0x200', [pool('minimum')]: '2x200' };
const swept = 'aiops_cloud_last_sweep_timestamp_seconds{region="ap-singapore"}';
const interval = 'aiops_cloud_sweep_interval_seconds{region="ap-singapore"}';
const never = '40m';

const cases: readonly Case[] = [
  { alert: 'AiopsOperatorAbsent', name: 'nothing is there', series: {}, silentAt: '4m30s', firesAt: '5m' },
  { alert: 'AiopsOperatorAbsent', name: 'one is there', series: { [engine]: '4x200' }, silentAt: never },
  {
    alert: 'AiopsOperatorAbsent',
    name: 'it goes after ten minutes',
    series: { [engine]: '4x10 stale' },
    silentAt: '15m30s',
    firesAt: '16m',
  },
  {
    alert: 'AiopsOperatorRestarting',
    name: 'four restarts',
    series: { [engine]: '4x200', 'process_start_time_seconds{job="a",instance="b"}': '0+60x4 240x200' },
    silentAt: '3m30s',
    firesAt: '4m',
  },
  {
    alert: 'AiopsOperatorRestarting',
    name: 'a process of something else',
    series: { 'process_start_time_seconds{job="c",instance="d"}': '0+60x200' },
    silentAt: never,
  },
  {
    alert: 'AiopsReconcileFailing',
    name: 'one failure a minute',
    series: { 'controller_runtime_reconcile_errors_total{controller="spotpool"}': '0+1x200' },
    silentAt: '15m',
    firesAt: '25m',
  },
  {
    alert: 'AiopsReconcileFailing',
    name: 'one failure in all',
    series: { 'controller_runtime_reconcile_errors_total{controller="spotpool"}': '0 1x200' },
    silentAt: never,
  },
  {
    alert: 'AiopsCloudNotSwept',
    name: 'no list since the start, one every 20 s wanted',
    series: { [swept]: '0x200', [interval]: '20x200' },
    silentAt: '5m',
    firesAt: '5m30s',
  },
  {
    alert: 'AiopsCloudNotSwept',
    name: 'one an hour wanted',
    series: { [swept]: '0x300', [interval]: '3600x300' },
    silentAt: '180m',
    firesAt: '181m',
  },
  {
    alert: 'AiopsCloudNotSwept',
    name: 'a list every minute',
    series: { [swept]: '0+60x200', [interval]: '20x200' },
    silentAt: never,
  },
  {
    alert: 'SpotPoolsStopped',
    name: 'stopped by hand',
    series: { [condition('Stopped', 'True', 'StoppedByHand')]: always },
    silentAt: '59m30s',
    firesAt: '60m',
  },
  { alert: 'SpotPoolBelowMinimum', name: 'one of two', series: belowMinimum, silentAt: '9m30s', firesAt: '10m' },
  {
    alert: 'SpotPoolBelowMinimum',
    name: 'just enough',
    series: { [pool('ready')]: '2x200', [pool('minimum')]: '2x200' },
    silentAt: never,
  },
  ...[
    condition('Ready', 'False', 'Paused'),
    condition('Ready', 'False', 'Deleting'),
    condition('Observing', 'True', 'ObserveOnly'),
  ].flatMap((series) =>
    ['SpotPoolBelowMinimum', 'SpotPoolEmpty'].map((alert) => ({
      alert,
      name: `on purpose: ${series}`,
      series: { ...empty, [series]: always },
      silentAt: never,
    })),
  ),
  { alert: 'SpotPoolEmpty', name: 'none answers', series: empty, silentAt: '4m30s', firesAt: '5m' },
  { alert: 'SpotPoolEmpty', name: 'one answers', series: belowMinimum, silentAt: never },
  {
    alert: 'SpotPoolEmpty',
    name: 'none is wanted',
    series: { [pool('ready')]: '0x200', [pool('minimum')]: '0x200' },
    silentAt: never,
  },
  {
    alert: 'SpotPoolNoBalance',
    name: 'with a gap while it is tried again',
    series: { [condition('Stalled', 'True', 'InsufficientBalance')]: '_ 1 _ 1x200' },
    silentAt: '2m30s',
    firesAt: '3m',
  },
  {
    alert: 'SpotPoolKeysRefused',
    name: 'refused',
    series: { [condition('CredentialsValid', 'False', 'InvalidCredentials')]: always },
    silentAt: '30s',
    firesAt: '1m',
  },
  {
    alert: 'SpotPoolKeysRefused',
    name: 'not known',
    series: { [condition('CredentialsValid', 'Unknown', 'Unreachable')]: always },
    silentAt: never,
  },
  {
    alert: 'SpotPoolPermissionMissing',
    name: 'an action is denied',
    series: { [condition('PermissionsSufficient', 'False', 'PermissionDenied')]: always },
    silentAt: '14m30s',
    firesAt: '15m',
  },
  {
    alert: 'SpotPoolStalled',
    name: 'an image that does not exist, with gaps',
    series: { [condition('Stalled', 'True', 'InvalidReference')]: '1x6 _x2 1x200' },
    silentAt: '9m30s',
    firesAt: '10m',
  },
  {
    alert: 'SpotPoolStalled',
    name: 'what has an alert of its own',
    series: { [condition('Stalled', 'True', 'InsufficientBalance')]: always },
    silentAt: never,
  },
  {
    alert: 'SpotPoolNotSeen',
    name: 'whatever the reason, one after the other',
    series: {
      [condition('Ready', 'Unknown', 'Unreachable')]: '1x5 stale',
      [condition('Ready', 'Unknown', 'Throttled')]: '_x5 1x200',
    },
    silentAt: '9m30s',
    firesAt: '10m',
  },
  {
    alert: 'SpotPoolSpendLimited',
    name: 'too many purchases',
    series: { [condition('SpendLimited', 'True', 'LaunchesPerHour')]: always },
    silentAt: '14m30s',
    firesAt: '15m',
  },
  {
    alert: 'SpotPoolSpendLimited',
    name: 'a new image, which is usual',
    series: { [condition('SpendLimited', 'True', 'UnprovenImage')]: always },
    silentAt: never,
  },
  {
    alert: 'SpotPoolImageSuspect',
    name: 'with the gap of a trial',
    series: { [condition('SpendLimited', 'True', 'SuspectImage')]: '1x5 _x12 1x200' },
    silentAt: '30s',
    firesAt: '17m',
  },
  {
    alert: 'SpotPoolIdentityConflict',
    name: 'another installation',
    series: { [condition('IdentityConflict', 'True', 'IdentityConflict')]: always },
    silentAt: '4m30s',
    firesAt: '5m',
  },
  {
    alert: 'SpotPoolMachineStuck',
    name: 'one machine',
    series: { [pool('stuck_machines')]: always },
    silentAt: '9m30s',
    firesAt: '10m',
  },
  { alert: 'SpotPoolMachineStuck', name: 'none', series: { [pool('stuck_machines')]: '0x200' }, silentAt: never },
];

/** What promtool is asked: `ALERTS` counts the alerts that fire, whatever their texts. */
function questions(): string {
  const ask = ({ alert, series, silentAt, firesAt, name }: Case): object => {
    const expr = `count(ALERTS{alertname="${alert}", alertstate="firing"})`;
    const at = (eval_time: string, count: number): object => ({
      expr,
      eval_time,
      exp_samples: count === 0 ? [] : [{ labels: '{}', value: count }],
    });
    return {
      name: `${alert}: ${name}`,
      interval: '1m',
      input_series: Object.entries(series).map(([key, values]) => ({ series: key, values })),
      promql_expr_test: [at(silentAt, 0), ...(firesAt === undefined ? [] : [at(firesAt, 1)])],
    };
  };
  return stringify({ rule_files: [RULES], evaluation_interval: '30s', tests: cases.map(ask) });
}

describeWithTools(['promtool'], 'the alert rules', () => {
  it('are rules', async () => {
    expect(await run(['promtool', 'check', 'rules', '--lint=all', '--lint-fatal', RULES])).toMatchObject({ code: 0 });
  });

  it('fire when they should, not sooner, and not for what is on purpose', async () => {
    const { groups } = parse(readFileSync(RULES, 'utf8')) as { groups: { rules: { alert: string }[] }[] };
    const alerts = groups.flatMap(({ rules }) => rules.map(({ alert }) => alert));
    expect(alerts.filter((alert) => !cases.some((each) => each.alert === alert && each.firesAt))).toEqual([]);
    const file = join(folder, 'questions.yaml');
    writeFileSync(file, questions());
    const { code, stdout, stderr } = await run(['promtool', 'test', 'rules', file]);
    expect({ code, stdout, stderr }).toMatchObject({ code: 0, stdout: expect.stringContaining('SUCCESS') });
  });
});

describe('tools/debian.sh', () => {
  it('without root installs nothing and says what to run', async () => {
    const bin = join(folder, 'bin');
    mkdirSync(bin);
    symlinkSync('/bin/bash', join(bin, 'bash'));
    writeFileSync(join(bin, 'id'), '#!/bin/bash\necho 1000\n', { mode: 0o755 });
    const { code, stdout, stderr } = await run([join(ROOT, 'tools/debian.sh')], { env: cleanEnv({ PATH: bin }) });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^missing: prometheus; as root: apt-get update && apt-get install .*prometheus\n$/);
  });
});
