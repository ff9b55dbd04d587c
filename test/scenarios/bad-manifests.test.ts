import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it, onTestFinished } from 'vitest';
import { alive, calls, everBought, released } from '../builders/cloud-judge.ts';
import { example, type OperatorOptions, type OperatorUnderTest, startOperator } from '../builders/operator.ts';
import { poolManifest } from '../builders/pool-manifest.ts';
import { badManifests } from './bad-input-beside/bad-manifests.ts';

const MINUTE = 60_000;
const HEALTHY = 'spotpool-first';

/** An operator with one healthy pool, ready. */
async function withHealthyPool(options: OperatorOptions = {}): Promise<OperatorUnderTest> {
  const op = await startOperator({ manifests: { 'healthy.yaml': example('spotpool-first.yaml') }, ...options });
  await op.until('the healthy pool is ready', () => op.condition(HEALTHY, 'Ready')?.status === 'True');
  return op;
}

/** Takes the healthy pool's machine away and sees it replaced: the operator does its work. */
async function expectWorking(op: OperatorUnderTest): Promise<void> {
  const [lost = ''] = alive(op.simulator, HEALTHY);
  op.simulator.reclaim(lost, { noticeMs: 0 });
  await op.until('the lost machine is noticed', () => op.condition(HEALTHY, 'Ready')?.status === 'False', MINUTE);
  await op.until('it is replaced', () => op.condition(HEALTHY, 'Ready')?.status === 'True', 3 * MINUTE);
  expect(alive(op.simulator, HEALTHY)).toHaveLength(1);
  expect(alive(op.simulator, HEALTHY)).not.toContain(lost);
  expect((await fetch(`${op.urls.health}/healthz`)).status).toBe(200);
}

describe('a bad manifest beside a good one', () => {
  it.each(badManifests)('$name: is told of with its place, and everything else goes on', async ({ manifest, says }) => {
    const op = await withHealthyPool();
    op.write('bad.yaml', manifest);
    await op.until('the operator says so', () => op.problems().length > 0, 15_000);
    const text = op.problems().join('\n');
    for (const words of says) expect(text).toContain(words);
    expect(text).toMatch(/^bad\.yaml:\d+:\d+: /);
    expect(op.logged.filter(({ msg }) => msg === 'manifest problem').map(({ problem }) => problem)).toEqual(
      op.problems(),
    );
    await expectWorking(op);
    expect(everBought(op.simulator, 'bad')).toEqual([]);

    op.remove('bad.yaml');
    await op.until('it is solved', () => op.problems().length === 0, 15_000);
  });

  it('in the same file does not disturb the good document', async () => {
    const op = await withHealthyPool();
    op.write('healthy.yaml', `${example('spotpool-first.yaml')}---\nkind: [unclosed\n`);
    await op.until('the operator says so', () => op.problems().length > 0, 15_000);
    await expectWorking(op);
  });

  it('in place of a good one leaves the pool as it was, until it is mended', async () => {
    const op = await withHealthyPool();
    const good = example('spotpool-first.yaml');
    op.write('healthy.yaml', good.replace('minSize: 1', 'minSize: -1').replace('maxSize: 3', 'maxSize: 0'));
    await op.until('the operator says so', () => op.problems().length > 0, 15_000);
    expect(op.events(HEALTHY).find(({ reason }) => reason === 'InvalidManifest')?.note).toContain('minSize: -1');
    await expectWorking(op);
    op.write('healthy.yaml', good.replace('minSize: 1', 'minSize: 2'));
    await op.until('two answer', () => op.pool(HEALTHY)?.status?.ready === 2, 3 * MINUTE);
    expect(op.problems()).toEqual([]);
  });
});

describe('the folder of manifests', () => {
  it('vanishes: nothing is deleted, machines are still replaced, and it may come back', async () => {
    const op = await withHealthyPool();
    const aside = `${op.manifestsDir}-aside`;
    renameSync(op.manifestsDir, aside);
    await op.until('the operator says so', () => op.problems().length > 0, 15_000);
    expect(op.problems().join()).toMatch(/manifests cannot be read \(ENOENT\).*Nothing is deleted/);
    await expectWorking(op);
    await op.advance(30 * MINUTE);
    expect(released(op.simulator)).toEqual([]);
    renameSync(aside, op.manifestsDir);
    await op.until('it is back', () => op.problems().length === 0, 15_000);
    op.write('healthy.yaml', example('spotpool-first.yaml').replace('minSize: 1', 'minSize: 2'));
    await op.until('it counts again', () => op.pool(HEALTHY)?.status?.ready === 2, 3 * MINUTE);
  });

  it('is empty all at once, as one that is not mounted: nothing is deleted', async () => {
    const op = await withHealthyPool();
    renameSync(op.manifestsDir, `${op.manifestsDir}-aside`);
    mkdirSync(op.manifestsDir);
    await op.until('the operator says so', () => op.problems().length > 0, 15_000);
    expect(op.problems().join()).toContain('perhaps it is not mounted; nothing is deleted. Bring the manifests back');
    await expectWorking(op);
  });

  it('is missing when the operator starts: the pool waits for its keys, and its machines are left alone', async () => {
    const op = await withHealthyPool();
    const before = alive(op.simulator);
    await op.stop();
    const aside = `${op.manifestsDir}-aside`;
    renameSync(op.manifestsDir, aside);
    await op.start();
    await op.advance(20 * MINUTE);
    expect(op.problems().join()).toMatch(/its keys stand only in healthy\.yaml, which is not there; put it back/);
    expect(op.condition(HEALTHY, 'Stalled')).toMatchObject({
      status: 'True',
      reason: 'InvalidCredentials',
      message: expect.stringContaining('Put the manifest back'),
    });
    expect(calls(op.simulator, 'DescribeInstances').filter(({ secretId }) => secretId !== 'xxx')).toEqual([]);
    expect(alive(op.simulator)).toEqual(before);
    renameSync(aside, op.manifestsDir);
    await op.until('the pool is ready', () => op.condition(HEALTHY, 'Ready')?.status === 'True', 15_000);
    await expectWorking(op);
  });

  it('is missing at the very first start: refused, with what to do', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'aiops-none-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const settings = { manifests: '/nonexistent/manifests', state: join(folder, 'state.db') };
    await expect(startOperator({ settings })).rejects.toThrow(
      /manifests \/nonexistent\/manifests cannot be read; create it, or name another with --manifests/,
    );
  });

  it('loses a file: the pool goes on unmanaged', async () => {
    const op = await withHealthyPool();
    op.remove('healthy.yaml');
    await op.advance(5 * MINUTE);
    expect(op.pool(HEALTHY)?.metadata.annotations).toHaveProperty('aiops.org/unmanaged');
    await expectWorking(op);
  });
});

describe('the state file', () => {
  it('of a newer version is refused and left as it is; machines are left alone', async () => {
    const op = await withHealthyPool();
    await op.stop();
    const version = (write?: number): unknown => {
      const db = new DatabaseSync(op.statePath);
      if (write !== undefined) db.exec(`PRAGMA user_version = ${write}`);
      const row = db.prepare('PRAGMA user_version').get();
      db.close();
      return row?.['user_version'];
    };
    const ours = Number(version());
    version(99);
    await expect(op.start()).rejects.toThrow(
      /written by a newer version of aiops \(its format is 99.*Install that version/,
    );
    expect(version()).toBe(99);
    await op.advance(30 * MINUTE).catch(() => {});
    expect(alive(op.simulator)).toHaveLength(1);
    version(ours);
    await op.start();
    await op.until('the pool is ready', () => op.condition(HEALTHY, 'Ready')?.status === 'True', MINUTE);
    await expectWorking(op);
  });

  it('that another process owns is refused, with that process', async () => {
    const op = await withHealthyPool();
    const settings = { state: op.statePath };
    await expect(startOperator({ settings })).rejects.toThrow(
      new RegExp(`belongs to process ${process.pid} on .*Stop that operator, or name another file with --state`),
    );
    await expectWorking(op);
  });

  it('on a full disk: nothing is bought that could not be written down; it goes on by itself once there is room', async () => {
    const op = await withHealthyPool({
      edges: { storeLimits: { maxStateBytes: 1024 * 1024 } },
      simulator: {
        accounts: [{ keys: [{ secretId: 'xxx', secretKey: 'xxx' }], spotQuotaCores: 1000 }],
        assumptions: { clientToken: 'ignored' },
      },
    });
    // Annotations fill the file to its last pages: each is kept if it still fits.
    const fill = new Map<string, object>();
    for (let size = 240_000, count = 0; size > 400; count += 1) {
      const { metadata, ...rest } = poolManifest(`ballast-${count}`, { minimum: 0 }) as { metadata: object };
      const ballast = { ...rest, metadata: { ...metadata, annotations: { note: 'x'.repeat(size) } } };
      op.write('ballast.yaml', [...fill.values(), ballast]);
      await op.advance(6000);
      if (op.pool(`ballast-${count}`)) fill.set(`ballast-${count}`, ballast);
      else size /= 2;
    }
    op.write('ballast.yaml', [...fill.values()]);
    expect(op.rawLog.join('')).toMatch(/the disk is full; make room, the operator then goes on by itself/);

    op.simulator.setStock('ap-singapore-2', 'GN7.2XLARGE32', 'SPOTPAID', 100);
    const larger = example('spotpool-first.yaml')
      .replace('minSize: 1', 'minSize: 20')
      .replace('maxSize: 3', 'maxSize: 20');
    op.write('healthy.yaml', larger);
    await op.advance(5 * MINUTE);
    const failures = op.logged.filter(({ msg, name }) => msg === 'reconcile failed' && name === HEALTHY);
    expect(JSON.stringify(failures.at(-1))).toContain('the disk is full');
    expect((await fetch(`${op.urls.health}/healthz`)).status).toBe(200);
    // A purchase whose intent was the last thing that could be written is not made again.
    const bought = alive(op.simulator, HEALTHY).length;
    await op.advance(20 * MINUTE);
    expect(alive(op.simulator, HEALTHY)).toHaveLength(bought);
    expect(bought).toBeLessThan(20);

    op.write(
      'ballast.yaml',
      [...fill.keys()].map((name) => poolManifest(name, { minimum: 0 })),
    );
    await op.until('all answer', () => op.pool(HEALTHY)?.status?.ready === 20, 30 * MINUTE);
    expect(everBought(op.simulator, HEALTHY)).toHaveLength(20);
    expect(op.problems()).toEqual([]);
  });
});
