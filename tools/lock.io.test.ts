import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Running, start } from '../test/e2e/process.ts';
import { withLock } from './lock.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'aiops-lock-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Another process that takes the lock, says so, and keeps it. */
function holder(file: string): Running {
  const program = `import { withLock } from ${JSON.stringify(join(import.meta.dirname, 'lock.ts'))};
    await withLock(${JSON.stringify(file)}, {}, async () => {
      console.log('held');
      await new Promise((resolve) => setTimeout(resolve, 60_000));
    });`;
  return start([process.execPath, '--input-type=module', '-e', program]);
}

describe('the lock', () => {
  it('of a process that is killed is taken over by one that waits, which is told once that it waits', async () => {
    const file = join(folder, 'lock');
    const other = holder(file);
    await other.sees(/held/);
    let waits = 0;
    const done: string[] = [];
    const mine = withLock(file, { onWait: () => waits++ }, async () => done.push('mine'));
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect({ waits, done }).toEqual({ waits: 1, done: [] });
    process.kill(other.pid, 'SIGKILL');
    await mine;
    expect({ waits, done }).toEqual({ waits: 1, done: ['mine'] });
  });

  it('is not waited for by one that is stopped', async () => {
    const file = join(folder, 'lock');
    const other = holder(file);
    await other.sees(/held/);
    const abort = new AbortController();
    const mine = withLock(file, { signal: abort.signal, onWait: () => abort.abort() }, async () => 'never');
    await expect(mine).rejects.toThrow('aborted');
    process.kill(other.pid, 'SIGKILL');
    await other.ended;
  });

  it('lets one in at a time, and is free again after a failure', async () => {
    const file = join(folder, 'in', 'a', 'folder', 'lock');
    let inside = 0;
    const enter = async (): Promise<number> => {
      const most = ++inside;
      await new Promise((resolve) => setTimeout(resolve, 20));
      inside--;
      return most;
    };
    await expect(withLock(file, {}, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    const counts = await Promise.all([1, 2, 3].map(() => withLock(file, {}, enter)));
    expect(counts).toEqual([1, 1, 1]);
  });
});
