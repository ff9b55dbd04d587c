import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFakeIo, runCli } from '../../test/builders/cli.ts';
import { createFakeClock } from '../../test/builders/fake-clock.ts';
import { type LocalStoreUnderTest, startLocal } from '../../test/builders/local-store.ts';
import { poolManifest } from '../../test/builders/pool-manifest.ts';
import { kinds } from '../api/kinds.ts';
import type { SpotPool } from '../api/spotpool.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { serveControl } from '../store/local/control.ts';

let local: LocalStoreUnderTest;
let marker: string;
beforeEach(async () => {
  local = await startLocal({ kinds });
  marker = `${local.statePath}.stopped`;
  local.write('pool.yaml', [poolManifest('first')]);
  await local.store.refresh();
});
afterEach(() => local.close());

function run(args: readonly string[], clock: Clock = createFakeClock(), env = {}): ReturnType<typeof runCli> {
  return runCli(args, createFakeIo({ env: { AIOPS_STATE: local.statePath, USER: 'ann', ...env }, clock }));
}

/** What answers as an operator does. */
async function serving<T>(work: () => Promise<T>): Promise<T> {
  const ended = new AbortController();
  const served = serveControl(local.statePath, local.store, { signal: ended.signal, log: { info: () => {} } });
  try {
    return await work();
  } finally {
    ended.abort();
    await served;
  }
}

async function showStopped(status: 'True' | 'False'): Promise<void> {
  const kind = { apiVersion: 'demo.aiops.org/v1', kind: 'SpotPool' };
  const pool = await local.store.get<SpotPool>(kind, { namespace: 'default', name: 'first' });
  const time = '2026-11-01T00:00:00Z';
  const said = { reason: 'Stopped', message: '', lastTransitionTime: time, observedGeneration: 1 };
  if (pool) await local.store.writeStatus(pool, { conditions: [{ type: 'Stopped', status, ...said }] });
}

describe('stop and start', () => {
  it('throws the switch and takes it back, without an operator', async () => {
    await local.store.close();
    const away = 'no operator is running; the next one obeys from its start\n';
    const stopped = 'stopped: nothing is bought, released or taken out of a gateway until "aiops start --all"\n';
    expect(await run(['stop', '--all'])).toEqual({ code: 0, err: '', out: `${stopped}${away}` });
    expect(JSON.parse(readFileSync(marker, 'utf8'))).toEqual({ since: '2026-11-01T00:00:00Z', by: 'ann' });
    const again = createFakeClock({ start: Date.UTC(2026, 10, 2) });
    const since = 'since 2026-11-01T00:00:00Z by ann\n';
    expect((await run(['stop', '--all'], again, { USER: 'bob' })).out).toBe(`was stopped already, ${since}${away}`);
    const started = await run(['start', '--all']);
    expect(started.out).toBe(`started: pools buy and release again; they had been stopped ${since}${away}`);
    expect(existsSync(marker)).toBe(false);
    expect((await run(['start', '--all'])).out).toBe(`was not stopped\n${away}`);
  });

  it('says when the operator has noticed', async () => {
    await serving(async () => {
      const stopping = run(['stop', '--all'], systemClock);
      setTimeout(() => void showStopped('True'), 50);
      expect((await stopping).out).toMatch(/^stopped: .*\nthe operator has noticed\n$/);
      const starting = run(['start', '--all'], systemClock);
      setTimeout(() => void showStopped('False'), 50);
      expect((await starting).out).toMatch(/^started: .*\nthe operator has noticed\n$/);
    });
  });

  it('waits five seconds for that and no longer', async () => {
    await serving(async () => {
      const clock = createFakeClock();
      const stopping = run(['stop', '--all'], clock);
      let isOver = false;
      void stopping.then(() => {
        isOver = true;
      });
      while (!isOver) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        if (clock.monotonic() < 10_000 && existsSync(marker)) await clock.advance(250);
      }
      expect((await stopping).out).toMatch(/\nthe operator runs and obeys from its next call on/);
      expect(clock.monotonic()).toBeGreaterThanOrEqual(5000);
      expect(clock.monotonic()).toBeLessThan(7000);
    });
  });

  it('works on a state that cannot be read', async () => {
    await local.store.close();
    for (const suffix of ['-wal', '-shm']) rmSync(local.statePath + suffix, { force: true });
    writeFileSync(local.statePath, 'not a database, whatever it was before');
    expect((await run(['stop', '--all'])).code).toBe(0);
    expect(existsSync(marker)).toBe(true);
    expect((await run(['start', '--all'])).code).toBe(0);
    expect(existsSync(marker)).toBe(false);
  });

  it.each([
    [['stop'], 2, /^error: only all pools can be stopped: aiops stop --all; for one pool write "paused: true"/],
    [['start'], 2, /^error: only all pools can be started: aiops start --all; the operator itself/],
    [['stop', 'first', '--all'], 2, /too many arguments/],
  ])('%j is refused', async (args, code, err) => {
    const ran = await run(args);
    expect(ran).toMatchObject({ code, out: '' });
    expect(ran.err).toMatch(err);
    expect(existsSync(marker)).toBe(false);
  });

  it.each(['stop', 'start'])('%s refuses a path where there is no operator', async (command) => {
    const elsewhere = join(local.root, 'typo.db');
    const { code, out, err } = await run([command, '--all', '--state', elsewhere]);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain('there is no state of aiops at');
    expect(existsSync(`${elsewhere}.stopped`)).toBe(false);
  });
});
