import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFolderLock, type FolderLock } from './folder-lock.ts';

const repository = join(import.meta.dirname, '../../..');
const LOCK = '.aiops-installation.lock';
let root: string;
let folder: string;
const locks: FolderLock[] = [];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'aiops-folder-'));
  folder = join(root, 'pools');
  mkdirSync(folder);
});
afterEach(() => {
  for (const lock of locks.splice(0)) lock.release();
  rmSync(root, { recursive: true, force: true });
});

const statePath = (name: string): string => join(root, `${name}.db`);
const lockOf = (name: string, manifestsDir = folder): FolderLock => {
  const lock = createFolderLock({ manifestsDir, statePath: statePath(name) });
  locks.push(lock);
  return lock;
};

/** Another process that takes the lock, says what it got, and keeps it until it is killed. */
async function holdElsewhere(name: string): Promise<{ readonly said: string; kill(): Promise<void> }> {
  const code = `
    import { createFolderLock } from './src/store/local/folder-lock.ts';
    const [manifestsDir, statePath] = process.argv.slice(1);
    const lock = createFolderLock({ manifestsDir, statePath });
    process.stdout.write(JSON.stringify(lock.claim()) + '\\n');
    setInterval(() => lock.claim(), 60_000);`;
  const args = ['--input-type=module', '--eval', code, folder, statePath(name)];
  const child = spawn(process.execPath, args, { cwd: repository, stdio: ['ignore', 'pipe', 'inherit'] });
  const exit = once(child, 'exit');
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return {
    said: String(line).trim(),
    async kill() {
      child.kill('SIGKILL');
      await exit;
    },
  };
}

describe('the lock of a folder', () => {
  it('is held by one, who is named to the others, until it is released', () => {
    const first = lockOf('first');
    const second = lockOf('second');
    expect(first.claim()).toEqual({ is: 'held' });
    expect(first.claim()).toEqual({ is: 'held' });
    expect(second.claim()).toEqual({ is: 'taken', statePath: statePath('first') });
    first.release();
    first.release();
    expect(second.claim()).toEqual({ is: 'held' });
    expect(first.claim()).toEqual({ is: 'taken', statePath: statePath('second') });
  });

  it('is nothing of another folder', () => {
    const other = join(root, 'others');
    mkdirSync(other);
    expect(lockOf('first').claim()).toEqual({ is: 'held' });
    expect(lockOf('second', other).claim()).toEqual({ is: 'held' });
  });

  it('holds between processes, and ends with a process that is killed', async () => {
    const elsewhere = await holdElsewhere('first');
    try {
      expect(elsewhere.said).toBe('{"is":"held"}');
      expect(lockOf('second').claim()).toEqual({ is: 'taken', statePath: statePath('first') });
    } finally {
      await elsewhere.kill();
    }
    expect(lockOf('second').claim()).toEqual({ is: 'held' });
  });

  it('goes to exactly one of several processes that start at once', async () => {
    const all = await Promise.all(['a', 'b', 'c'].map(holdElsewhere));
    await Promise.all(all.map(({ kill }) => kill()));
    const said = all.map((each) => JSON.parse(each.said).is);
    expect(said.toSorted()).toEqual(['held', 'taken', 'taken']);
  });

  it('is taken anew in a folder that has come in place of the first', () => {
    const first = lockOf('first');
    first.claim();
    renameSync(folder, `${folder}-away`);
    mkdirSync(folder);
    const second = lockOf('second');
    expect(second.claim()).toEqual({ is: 'held' });
    expect(first.claim()).toEqual({ is: 'taken', statePath: statePath('second') });
    rmSync(folder, { recursive: true });
    renameSync(`${folder}-away`, folder);
    expect(first.claim()).toEqual({ is: 'held' });
    expect(second.claim()).toEqual({ is: 'taken', statePath: statePath('first') });
  });

  it('is made again when somebody has tidied it away', () => {
    const first = lockOf('first');
    first.claim();
    rmSync(join(folder, LOCK));
    expect(first.claim()).toEqual({ is: 'held' });
    expect(lockOf('second').claim()).toEqual({ is: 'taken', statePath: statePath('first') });
  });

  it('is written only for another state than last time', () => {
    const first = lockOf('first');
    first.claim();
    first.release();
    const before = statSync(join(folder, LOCK)).mtimeMs;
    first.claim();
    expect(statSync(join(folder, LOCK)).mtimeMs).toBe(before);
  });

  const obstacles: readonly [string, () => void][] = [
    ['a folder lies in its place', () => mkdirSync(join(folder, LOCK))],
    ['something else lies in its place', () => writeFileSync(join(folder, LOCK), 'no database'.repeat(200))],
    [
      'the manifests are one file',
      () => {
        rmSync(folder, { recursive: true });
        writeFileSync(folder, '');
      },
    ],
    ['the folder is not there', () => rmSync(folder, { recursive: true })],
  ];
  it.each(obstacles)('cannot be had when %s: that is told, and nothing is made', (_what, hinder) => {
    hinder();
    const isThere = existsSync(folder);
    expect(lockOf('first').claim()).toEqual({ is: 'impossible', why: expect.stringMatching(/./) });
    expect(existsSync(folder)).toBe(isThere);
  });
});
