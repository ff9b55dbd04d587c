import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { createFakeIo, runCli } from '../../test/builders/cli.ts';
import { createFakeClock } from '../../test/builders/fake-clock.ts';
import { type LocalStoreUnderTest, startLocal } from '../../test/builders/local-store.ts';
import { poolManifest } from '../../test/builders/pool-manifest.ts';
import { kinds } from '../api/kinds.ts';
import type { HistoryEntry, SpotPool } from '../api/spotpool.ts';

const POOL = { apiVersion: 'demo.aiops.org/v1', kind: 'SpotPool' };
const entries: HistoryEntry[] = [
  { time: '2026-10-31T03:12:05Z', reason: 'Launched', machines: ['ins-a'], trigger: 'NewPool; 0 of 1 alive' },
  { time: '2026-11-01T03:11:40Z', reason: 'Reclaimed', machines: ['ins-a'] },
  { time: '2026-11-01T03:12:05Z', reason: 'Launched', machines: ['ins-b'], price: '0.42', trigger: 'Reclaimed ins-a' },
  { time: '2026-11-01T11:00:00Z', firstTime: '2026-11-01T01:00:00Z', times: 9, reason: 'SoldOut' },
];

let local: LocalStoreUnderTest;
beforeEach(async () => {
  local = await startLocal({ kinds });
  local.write('pools.yaml', [poolManifest('first'), poolManifest('new')]);
  await local.store.refresh();
  const pool = await local.store.get<SpotPool>(POOL, { namespace: 'default', name: 'first' });
  if (!pool) throw new Error('the pool is not there');
  await local.store.writeStatus(pool, { history: entries });
});
afterEach(() => local.close());

function run(...args: string[]): ReturnType<typeof runCli> {
  const clock = createFakeClock({ start: Date.UTC(2026, 10, 1, 12) });
  return runCli(['history', ...args], createFakeIo({ env: { AIOPS_STATE: local.statePath }, clock }));
}
const timesIn = (out: string): string[] => out.split('\n').flatMap((line) => /^\S+Z/.exec(line) ?? []);
const all = entries.map(({ time }) => time);

describe('history', () => {
  it('tells everything, the latest last, after the operator has stopped too', async () => {
    await local.store.close();
    const { code, out, err } = await run('first');
    expect(code).toBe(0);
    expect(timesIn(out)).toEqual(all);
    expect(out).toMatch(/03:12:05Z +Launched +ins-b +0\.42 +Reclaimed ins-a$/m);
    expect(out).toContain('SoldOut (x9 since 2026-11-01T01:00:00Z)');
    expect(err).toMatch(/^warning: no operator is running/);
  });

  it.each([
    [['--since', '24h'], 1],
    [['--since', '9h'], 1],
    [['--since', '8h47m55s'], 2],
    [['--since', '8h'], 3],
    [['--since', '1m'], 4],
    [['--since', '2026-11-01T03:12:00Z'], 2],
    [['--since', '2026-11-01T11:12:00+08:00'], 2],
    [['--since', '2026-11-01 03:12:05.900Z'], 2],
  ])('%j leaves the first %i out', async (flags, left) => {
    expect(timesIn((await run('sp/first', ...flags)).out)).toEqual(all.slice(left));
  });

  it('is data for programs', async () => {
    expect(JSON.parse((await run('first', '-o', 'json')).out)).toEqual(entries);
    expect(parse((await run('first', '-o=yaml', '--since', '8h')).out)).toEqual(entries.slice(3));
    expect(JSON.parse((await run('new', '-o', 'json')).out)).toEqual([]);
  });

  it.each([
    [['new'], 0, /^Nothing has been decided yet\.\n/],
    [['first', '--since', '10m'], 0, /^Nothing has been decided since then\.\n/],
    [['other'], 1, /^error: spotpools\.demo\.aiops\.org "other" not found\n$/],
    [['first', '-n', 'team'], 1, /"first" not found\n$/],
    [
      ['first', '--since', 'yesterday'],
      2,
      /argument 'yesterday' is invalid\. Write a duration as 30m or 24h, or an instant/,
    ],
    [['first', '--since', '2026-13-01T00:00:00Z'], 2, /is invalid/],
    [['first', '-o', 'wide'], 2, /Allowed choices are yaml, json/],
    [['pod/first'], 2, /there is no kind "pod"/],
    [[], 2, /missing required argument 'pool'/],
  ])('%j: exit code %i', async (args, code, err) => {
    const ran = await run(...args);
    expect(ran).toMatchObject({ code, out: '' });
    expect(ran.err).toMatch(err);
  });
});
