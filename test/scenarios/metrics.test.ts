import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { alive, calls, everBought } from '../builders/cloud-judge.ts';
import { type Family, readExposition } from '../builders/exposition.ts';
import { type OperatorOptions, type OperatorUnderTest, startOperator } from '../builders/operator.ts';
import { poolManifest } from '../builders/pool-manifest.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
/** Of the sample world: how long a running machine takes to answer. */
const LOADS_MS = 20 * SECOND;
const CHECK_INTERVAL_MS = 20 * SECOND;

const here = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

async function scrape(op: OperatorUnderTest): Promise<readonly Family[]> {
  return readExposition(await (await fetch(`${op.urls.metrics}/metrics`)).text());
}

/** The sum of all series of that name (a histogram's suffix included) whose labels include these. */
function total(families: readonly Family[], name: string, labels: Readonly<Record<string, string>> = {}): number {
  const series = families
    .flatMap((family) => family.series)
    .filter((each) => each.name === name)
    .filter((each) => Object.entries(labels).every(([label, value]) => each.labels[label] === value));
  return series.reduce((sum, { value }) => sum + value, 0);
}

const isReady = (op: OperatorUnderTest, name = 'pool') => op.condition(name, 'Ready')?.status === 'True';

/** Two machines, the first zone is sold out. */
async function start(options: OperatorOptions = {}): Promise<OperatorUnderTest> {
  const offerings = [
    { availabilityZone: 'ap-singapore-1', subnetId: 'subnet-k3m8q0a1' },
    { availabilityZone: 'ap-singapore-2', subnetId: 'subnet-gfrv79s2' },
  ];
  const changes = { minimum: 2, maximum: 3, offerings };
  const op = await startOperator({ manifests: { 'pool.yaml': [poolManifest('pool', changes)] }, ...options });
  op.simulator.setStock('ap-singapore-1', 'GN7.2XLARGE32', 'SPOTPAID', 0);
  await op.until('the pool is ready', () => isReady(op));
  return op;
}

describe('metrics of a pool', () => {
  it('equal what the cloud has in its books: machines, losses, refusals, calls, cost', async () => {
    const op = await start();
    for (const noticeMs of [0, 120_000]) {
      op.simulator.reclaim(alive(op.simulator)[0] ?? '', { noticeMs });
      await op.advance(4 * MINUTE);
    }
    await op.scale('pool', 3);
    op.simulator.addFault({ action: 'RunInstances', kind: 'hang-after' });
    await op.until(
      'the machine of the purchase without an answer is ready',
      () => op.pool('pool')?.status?.ready === 3,
    );
    await op.advance(MINUTE);
    const families = await scrape(op);

    const bought = everBought(op.simulator);
    const unknown = calls(op.simulator, 'RunInstances').filter(({ fault }) => fault !== undefined);
    expect(unknown).toHaveLength(1);
    expect(total(families, 'aiops_spotpool_launches_total', { result: 'ok' })).toBe(bought.length);
    expect(total(families, 'aiops_spotpool_launches_total', { reason: 'PurchaseFound' })).toBe(1);
    expect(total(families, 'aiops_spotpool_launches_total', { result: 'unknown' })).toBe(1);
    const refused = calls(op.simulator, 'RunInstances')
      .filter(({ result }) => result !== 'ok' && result !== 'none')
      .map(({ body }) => (body as { InstanceCount: number }).InstanceCount);
    expect(refused.length).toBeGreaterThan(0);
    expect(total(families, 'aiops_spotpool_launches_total', { result: 'refused', reason: 'SoldOut' })).toBe(
      refused.reduce((sum, count) => sum + count, 0),
    );
    expect(bought.filter(({ endCause }) => endCause === 'reclaim')).toHaveLength(2);
    expect(total(families, 'aiops_spotpool_reclaims_total')).toBe(2);

    const machines = alive(op.simulator);
    expect(total(families, 'aiops_spotpool_machines', { phase: 'Ready' })).toBe(machines.length);
    expect(total(families, 'aiops_spotpool_machines')).toBe(machines.length);
    const perHour = Number(op.simulator.state().accounts[0]?.perHour);
    expect(perHour).toBeGreaterThan(0);
    expect(total(families, 'aiops_spotpool_cost_per_hour', { currency: 'USD' })).toBeCloseTo(perHour, 6);
    expect(total(families, 'aiops_spotpool_offering_blocked')).toBe(1);

    for (const action of ['RunInstances', 'DescribeInstances', 'InquiryPriceRunInstances']) {
      const made = calls(op.simulator, action);
      expect([action, total(families, 'aiops_cloud_calls_total', { action })]).toEqual([action, made.length]);
      const well = made.filter(({ result, fault }) => result === 'ok' && fault === undefined).length;
      expect([action, total(families, 'aiops_cloud_calls_total', { action, code: 'OK' })]).toEqual([action, well]);
    }
    const lastSweep = total(families, 'aiops_cloud_last_sweep_timestamp_seconds', { region: 'ap-singapore' }) * SECOND;
    expect(calls(op.simulator, 'DescribeInstances').map(({ at }) => at)).toContain(lastSweep);
    expect(op.clock.now() - lastSweep).toBeLessThanOrEqual(CHECK_INTERVAL_MS);
  });

  it.each(['lingers', 'vanishes'] as const)('count a lost machine once, if it %s in lists', async (reclaimed) => {
    const timing = { reclaimed: [MINUTE, MINUTE] } as const;
    const op = await start({ simulator: { assumptions: { reclaimed }, timing } });
    op.simulator.reclaim(alive(op.simulator)[0] ?? '', { noticeMs: 0 });
    await op.advance(5 * MINUTE);
    expect(total(await scrape(op), 'aiops_spotpool_reclaims_total')).toBe(1);
  });

  it('tell the time to ready as exactly as the pool is looked at', async () => {
    const op = await start();
    await op.scale('pool', 3);
    await op.until('three answer', () => op.pool('pool')?.status?.ready === 3);
    const answersAfter = op.simulator.journal.entries.flatMap((entry) => {
      if (entry.kind !== 'event' || entry.event !== 'instance' || entry.to !== 'RUNNING') return [];
      const order = calls(op.simulator, 'RunInstances').find(({ instanceIds }) => instanceIds.includes(entry.id));
      return [entry.at + LOADS_MS - (order?.at ?? Number.NaN)];
    });
    expect(answersAfter).toHaveLength(3);
    const least = answersAfter.reduce((sum, ms) => sum + ms, 0) / SECOND;
    const families = await scrape(op);
    expect(total(families, 'aiops_spotpool_time_to_ready_seconds_count')).toBe(3);
    const sum = total(families, 'aiops_spotpool_time_to_ready_seconds_sum');
    // Times are kept in whole seconds.
    expect(sum).toBeGreaterThanOrEqual(least - 3);
    expect(sum).toBeLessThanOrEqual(least + 3 * (CHECK_INTERVAL_MS / SECOND + 1));
  });

  it('tell what was spent so far as the bill has it, within a hundredth', async () => {
    const op = await start();
    await op.advance(3 * 60 * MINUTE);
    op.simulator.reclaim(alive(op.simulator)[0] ?? '', { noticeMs: 0 });
    await op.advance(20 * MINUTE);
    await op.advance(30 * MINUTE + 7 * SECOND);
    const families = await scrape(op);
    const now = op.clock.now();
    // The clock has started at midnight, on the first of a month.
    const hour = 60 * MINUTE;
    for (const [period, from] of [
      ['hour', now - (now % hour)],
      ['day', now - (now % (24 * hour))],
      ['month', now - (now % (24 * hour))],
    ] as const) {
      const { paid } = op.simulator.bill({ from, to: now });
      const told = total(families, 'aiops_spotpool_cost_so_far', { period, currency: 'USD' });
      expect(paid).toBeGreaterThan(100_000);
      expect([period, Math.abs((told * 1e6) / paid - 1) < 0.01]).toEqual([period, true]);
    }
    const bill = op.simulator.bill({ from: now - (now % (24 * hour)), to: now }).paid / 1e6;
    // Spot costs a fifth of the list price in this zone; disks cost the same.
    const saved = total(families, 'aiops_spotpool_savings_so_far', { period: 'day' });
    expect(saved / bill).toBeGreaterThan(3.5);
    expect(saved / bill).toBeLessThan(4);
    expect(total(families, 'aiops_spotpool_savings_per_hour')).toBeCloseTo(2 * 1.26 * 0.8, 6);
  });

  it('are right after the first look of a new process; its counters begin at 0', async () => {
    const op = await start();
    const before = await scrape(op);
    await op.stop();
    await op.start();
    await op.advance(SECOND);
    const after = await scrape(op);
    for (const name of ['machines', 'minimum', 'ready', 'cost_per_hour', 'offering_blocked', 'condition']) {
      expect([name, total(after, `aiops_spotpool_${name}`)]).toEqual([name, total(before, `aiops_spotpool_${name}`)]);
    }
    expect(total(before, 'aiops_spotpool_launches_total', { result: 'ok' })).toBe(2);
    expect(total(after, 'aiops_spotpool_launches_total')).toBe(0);
  });

  it('show refused keys, without any part of them, and the sweep that grows old', async () => {
    const op = await start();
    const key = { secretId: 'AKIDsecretidofthistest', secretKey: 'secretkeyofthistestsecretkey' };
    op.simulator.addKey('xxx', key);
    op.write('pool.yaml', [poolManifest('pool', { minimum: 2, maximum: 3, ...key })]);
    await op.advance(MINUTE);
    op.simulator.disableKey(key.secretId);
    await op.until('the keys are refused', () => op.condition('pool', 'CredentialsValid')?.status === 'False');
    await op.advance(10 * MINUTE);
    const text = await (await fetch(`${op.urls.metrics}/metrics`)).text();
    const families = readExposition(text);
    const refused = { type: 'CredentialsValid', status: 'False', reason: 'InvalidCredentials' };
    expect(total(families, 'aiops_spotpool_condition', refused)).toBe(1);
    expect(total(families, 'aiops_spotpool_ready')).toBe(2);
    const age = op.clock.now() / SECOND - total(families, 'aiops_cloud_last_sweep_timestamp_seconds');
    expect(age).toBeGreaterThan(600);
    for (const part of [key.secretId, key.secretKey]) expect(text).not.toContain(part);
  });

  it('leave with the pool, and only its own', async () => {
    const op = await start({ manifests: { 'a.yaml': [poolManifest('pool'), poolManifest('other')] } });
    await op.until('both are ready', () => isReady(op) && isReady(op, 'other'));
    await op.delete('pool');
    await op.until('it is gone', () => op.pool('pool') === undefined);
    const left = (await scrape(op)).flatMap(({ series }) => series.map(({ labels }) => labels['pool']));
    expect([...new Set(left)].filter((pool) => pool !== undefined)).toEqual(['other']);
    await op.delete('other');
    await op.until('nothing is left', () => op.pool('other') === undefined);
    const names = (await scrape(op)).flatMap(({ series }) => series.map(({ name }) => name));
    expect(names.filter((name) => /^aiops_(spotpool|cloud_[^c])/.test(name))).toEqual([]);
  });
});

describe('what is written about metrics', () => {
  it('fits what the operator exposes: the page names every metric, its type and its labels', async () => {
    const op = await start();
    const described = [...here('docs/reference/metrics.md').matchAll(/^\| `(\w+)` \| (\w+) \| (.*?) \| .+ \|$/gm)].map(
      ([, name = '', type, labels = '']) => ({
        name,
        type,
        labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label ?? '').toSorted(),
      }),
    );
    const families = (await scrape(op)).filter(({ name }) => !/^(process|nodejs)_/.test(name));
    expect(described.map(({ name }) => name).toSorted()).toEqual(families.map(({ name }) => name).toSorted());
    for (const { name, type, series } of families) {
      const row = described.find((each) => each.name === name);
      expect([name, row?.type]).toEqual([name, type]);
      const [first] = series;
      if (!first) continue;
      const labels = Object.keys(first.labels).filter((label) => label !== 'le');
      expect([name, row?.labels]).toEqual([name, labels.toSorted()]);
    }
  });

  it('fits the alert rules: every metric, label and word that they use is there', async () => {
    const op = await start();
    const families = await scrape(op);
    const labelsOf = new Map(
      families.flatMap(({ series }) => series.map(({ name, labels }) => [name, Object.keys(labels)] as const)),
    );
    const ofTarget = ['job', 'instance'];
    const told = sourcesOf('src/spotpool', 'src/cloud').join('\n');
    for (const { alert, expr, annotations } of alertRules()) {
      const names = [...expr.matchAll(/\b(?:aiops|controller_runtime|workqueue|process|nodejs)_\w+/g)].map(
        ([name]) => name,
      );
      expect([alert, names.filter((name) => !labelsOf.has(name))]).toEqual([alert, []]);
      expect([alert, names.length > 0]).toEqual([alert, true]);
      const known = [...ofTarget, ...names.flatMap((name) => labelsOf.get(name) ?? [])];
      const selectors = [...expr.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"/g)];
      const matched = [...expr.matchAll(/\b(?:on|by)\s*\(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(/,\s*/));
      const printed = [
        ...Object.values(annotations)
          .join(' ')
          .matchAll(/\$labels\.(\w+)/g),
      ].map(([, label]) => label ?? '');
      const used = [...selectors.map(([, label = '']) => label), ...matched, ...printed];
      expect([alert, used.filter((label) => !known.includes(label))]).toEqual([alert, []]);
      const words = selectors
        .filter(([, label]) => label === 'type' || label === 'reason')
        .flatMap(([, , value = '']) => value.split('|'));
      expect([alert, words.filter((word) => !told.includes(`'${word}'`))]).toEqual([alert, []]);
    }
  });

  it('is there in both languages, with a severity and a way to go on, for every alert', () => {
    const rules = alertRules();
    expect(rules.length).toBeGreaterThan(10);
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
    for (const { alert, labels, annotations } of rules) {
      expect([alert, ['critical', 'warning']]).toEqual([alert, expect.arrayContaining([labels.severity])]);
      expect([alert, Object.keys(annotations).toSorted()]).toEqual([
        alert,
        ['description', 'description_zh', 'runbook', 'runbook_zh', 'summary', 'summary_zh'],
      ]);
      for (const [name, text] of Object.entries(annotations)) {
        expect([alert, name, /\p{Script=Han}/u.test(text)]).toEqual([alert, name, name.endsWith('_zh')]);
      }
    }
  });
});

interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity?: string };
  readonly annotations: Readonly<Record<string, string>>;
}

function alertRules(): readonly AlertRule[] {
  const file = parse(here('dashboards/rules/aiops-operator.rules.yaml')) as { groups: { rules: AlertRule[] }[] };
  return file.groups.flatMap(({ rules }) => rules);
}

/** The text of every source directly in these folders, tests aside. */
function sourcesOf(...folders: readonly string[]): readonly string[] {
  return folders.flatMap((folder) =>
    readdirSync(new URL(`../../${folder}`, import.meta.url))
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
      .map((file) => here(`${folder}/${file}`)),
  );
}
