import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type LocalStoreUnderTest, startLocal } from '../../../test/builders/local-store.ts';
import { SizeKind, size, sizeRef } from '../../../test/builders/size-kind.ts';
import type { KubeObject } from '../../api/meta.ts';
import { openLocalView } from './local-view.ts';

type Size = KubeObject<{ size: number; replicas?: number }, { seen: number }>;
const repository = join(import.meta.dirname, '../../..');
const key = { namespace: 'default', name: 'a' };

/** Writes as fast as it can, and says each number once its promises have been kept. */
const writer = `
  import { writeSync } from 'node:fs';
  import { SizeKind, sizeRef } from './test/builders/size-kind.ts';
  import { parseSpec } from './src/api/parse.ts';
  import { systemClock } from './src/lib/clock.ts';
  import { openLocalStore } from './src/store/local/local-store.ts';
  const [manifestsDir, statePath, first] = process.argv.slice(1);
  const log = { info() {}, warn() {} };
  const store = await openLocalStore({ manifestsDir, statePath, kinds: [SizeKind], parse: parseSpec, clock: systemClock, log });
  const key = { namespace: 'default', name: 'a' };
  const cell = store.state(await store.get(sizeRef, key), 'k');
  let version = (await cell.read())?.version;
  for (let seen = Number(first); ; seen++) {
    await store.writeStatus(await store.get(sizeRef, key), { seen });
    version = await cell.write(Buffer.from(String(seen)), version);
    await store.scale(sizeRef, key, seen % 10);
    writeSync(1, seen + '\\n');
  }`;

let local: LocalStoreUnderTest;
let child: ChildProcess | undefined;
beforeEach(async () => {
  local = await startLocal();
});
afterEach(async () => {
  child?.kill('SIGKILL');
  await local.close();
});

/** Starts a writer, lets it write until it has said `count` numbers and a little longer, and kills it. */
async function writeAndDie(
  first: number,
  count: number,
  afterMs: number,
  onLine: () => void = () => {},
): Promise<number> {
  const args = ['--input-type=module', '--eval', writer, local.manifestsDir, local.statePath, String(first)];
  const running = spawn(process.execPath, args, { cwd: repository, stdio: ['ignore', 'pipe', 'inherit'] });
  child = running;
  const exit = once(running, 'exit');
  let last = first - 1;
  for await (const line of createInterface({ input: running.stdout })) {
    last = Number(line);
    onLine();
    if (last === first + count) setTimeout(() => running.kill('SIGKILL'), afterMs);
  }
  expect((await exit)[1]).toBe('SIGKILL');
  return last;
}

describe('a process that is killed at any moment', () => {
  it('loses nothing that was acknowledged, and leaves no lock behind', async () => {
    local.write('a.yaml', [size('a', { size: 1 })]);
    await local.store.close();
    let seen = 0;
    const moments = fc.sample(fc.record({ count: fc.nat(30), afterMs: fc.nat(20) }), { numRuns: 4, seed: 7 });
    for (const { count, afterMs } of moments) {
      const last = await writeAndDie(seen + 1, count, afterMs);
      expect(last).toBeGreaterThan(seen);
      const view = openLocalView({ statePath: local.statePath, kinds: [SizeKind] });
      expect((view.get(sizeRef, key) as Size).status?.seen).toBeGreaterThanOrEqual(last);
      expect(view.owner()).toBeDefined();
      view.close();
      const store = await local.restart();
      const object = await store.get<Size>(sizeRef, key);
      const cell = Number(Buffer.from((await store.state(object as Size, 'k').read())?.bytes ?? []).toString());
      seen = object?.status?.seen ?? 0;
      // The promise of the number after the last one said may have been kept too, in part or as a whole.
      expect(seen - last).toBeOneOf([0, 1]);
      expect(cell - last).toBeOneOf([0, 1]);
      expect(object?.spec.replicas).toBeOneOf([last % 10, (last + 1) % 10]);
      await store.close();
    }
  });

  it('is still the owner while it lives', async () => {
    local.write('a.yaml', [size('a', { size: 1 })]);
    await local.store.close();
    const { promise: writing, resolve: onFirst } = Promise.withResolvers<void>();
    const dying = writeAndDie(1, 0, 1000, onFirst);
    await writing;
    await expect(local.restart()).rejects.toThrow(`belongs to process ${child?.pid} on `);
    await dying;
    await local.restart();
  });
});
