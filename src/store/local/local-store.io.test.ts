import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type LocalStoreUnderTest, startLocal } from '../../../test/builders/local-store.ts';
import { SizeKind, size, sizeRef } from '../../../test/builders/size-kind.ts';
import type { KubeObject } from '../../api/meta.ts';
import { parseSpec } from '../../api/parse.ts';
import { type Secret, SecretKind, StoreError } from '../store.ts';
import { type LocalStore, openLocalStore } from './local-store.ts';
import { openLocalView } from './local-view.ts';
import { problemText } from './problem.ts';
import { SCALED_TO, UNMANAGED } from './residents.ts';

type Size = KubeObject<{ size: number; replicas?: number; secretKey?: string }, { seen?: number }>;
const FINALIZER = 'demo.aiops.org/cleanup';
const key = (name: string): { namespace: string; name: string } => ({ namespace: 'default', name });

let local: LocalStoreUnderTest;
beforeEach(async () => {
  local = await startLocal();
});
afterEach(() => local.close());

const find = (name: string): Promise<Size | undefined> => local.store.get<Size>(sizeRef, key(name));
const get = async (name: string): Promise<Size> => {
  const object = await find(name);
  if (!object) throw new Error(`${name} is not there`);
  return object;
};
const names = async (): Promise<string[]> => (await local.store.list(sizeRef)).map(({ metadata }) => metadata.name);
const problems = (): string[] => local.store.problems().map(problemText);
const write = async (file: string, content: string | readonly object[]): Promise<void> => {
  local.write(file, content);
  await local.store.refresh();
};
/** Everything that lies on the disk beside the manifests, as text. */
const onDisk = (): string =>
  readdirSync(local.root)
    .filter((name) => name.startsWith('state.db'))
    .map((name) => readFileSync(join(local.root, name), 'latin1'))
    .join('\n');

describe('the folder', () => {
  it('is looked at once a second on the clock', async () => {
    local.write('a.yaml', [size('a', { size: 1 })]);
    expect(await names()).toEqual([]);
    await local.clock.advance(1000);
    await expect.poll(names).toEqual(['a']);
    local.write('a.yaml', [size('a', { size: 1 }), size('b', { size: 1 })]);
    await local.clock.advance(1000);
    await expect.poll(names).toEqual(['a', 'b']);
  });

  it('takes .yaml, .yml and .json, one folder deep, and nothing else', async () => {
    for (const folder of ['sub', 'sub/deep', '.hidden']) mkdirSync(join(local.manifestsDir, folder));
    const files = [
      'a.yaml',
      'b.yml',
      'sub/d.yaml',
      'sub/deep/e.yaml',
      '.f.yaml',
      '.hidden/g.yaml',
      'h.yaml.bak',
      'i.txt',
    ];
    for (const file of files) local.write(file, [size(file.replace(/.*\/|\W.*$/g, '') || 'x', { size: 1 })]);
    await write('c.json', JSON.stringify(size('c', { size: 1 })));
    expect(await names()).toEqual(['a', 'b', 'c', 'd']);
    expect(problems()).toEqual([]);
  });

  it('keeps the last good version of a document that breaks, and says where it broke', async () => {
    await write('a.yaml', [size('a', { size: 1 }), size('b', { size: 1 })]);
    await write('a.yaml', [size('a', { size: -1 }), size('b', { size: 2 })]);
    expect([(await get('a')).spec.size, (await get('b')).spec.size]).toEqual([1, 2]);
    expect(problems()).toEqual([expect.stringMatching(/^a\.yaml:7:3: Size default\/a: size: -1 is too small/)]);
    expect(local.store.managed(await get('a'))).toBe(true);
    const events = await local.store.events(await get('a'));
    expect(events).toEqual([expect.objectContaining({ type: 'Warning', reason: 'InvalidManifest', count: 1 })]);
    await local.store.refresh();
    expect(await local.store.events(await get('a'))).toEqual(events);
    await write('a.yaml', [size('a', { size: 3 }), size('b', { size: 2 })]);
    expect((await get('a')).spec.size).toBe(3);
    expect(problems()).toEqual([]);
  });

  it('keeps what a file held when it does not parse any more, and goes on with the others', async () => {
    await write('a.yaml', [size('a', { size: 1 })]);
    await write('b.yaml', [size('b', { size: 1 })]);
    local.write('a.yaml', 'kind: [');
    await write('b.yaml', [size('b', { size: 2 })]);
    expect(await names()).toEqual(['a', 'b']);
    expect((await get('b')).spec.size).toBe(2);
    expect(local.store.managed(await get('a'))).toBe(true);
    expect(problems().join('\n')).toMatch(/^a\.yaml:1:\d+: not valid YAML: /);
    await local.restart();
    expect(local.store.managed(await get('a'))).toBe(true);
  });

  it('counts the file that had an object first when two describe it', async () => {
    await write('b.yaml', [size('a', { size: 1 })]);
    await write('a.yaml', [size('a', { size: 2 })]);
    expect((await get('a')).spec.size).toBe(1);
    expect(problems()).toEqual([
      'a.yaml:2:1: Size default/a: is described twice: b.yaml:2 counts, a.yaml:2 does not; remove one',
    ]);
    await local.restart();
    expect((await get('a')).spec.size).toBe(1);
    rmSync(join(local.manifestsDir, 'b.yaml'));
    await local.store.refresh();
    expect((await get('a')).spec.size).toBe(2);
    expect(problems()).toEqual([]);
  });

  it('deletes nothing when it vanishes, also over a restart, and heals when it is back', async () => {
    await write('a.yaml', [size('a', { size: 1 })]);
    await write('s.yaml', [{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, stringData: { k: 'v' } }]);
    const away = `${local.manifestsDir}-away`;
    renameSync(local.manifestsDir, away);
    await local.store.refresh();
    const before = await get('a');
    expect(await local.store.get(SecretKind, key('s'))).toBeDefined();
    expect(problems()).toEqual([expect.stringContaining('cannot be read (ENOENT). Nothing is deleted')]);
    await local.store.writeStatus(before, { seen: 1 });
    await local.restart({ prune: true });
    expect(await get('a')).toMatchObject({ spec: { size: 1 }, status: { seen: 1 }, metadata: { annotations: {} } });
    mkdirSync(local.manifestsDir);
    await local.store.refresh();
    expect(problems()).toEqual([expect.stringContaining('perhaps it is not mounted')]);
    expect(existsSync(join(local.manifestsDir, '.aiops-installation'))).toBe(false);
    rmSync(local.manifestsDir, { recursive: true });
    renameSync(away, local.manifestsDir);
    local.write('a.yaml', [size('a', { size: 2 })]);
    await local.store.refresh();
    expect(problems()).toEqual([]);
    expect(await get('a')).toMatchObject({ spec: { size: 2 }, metadata: { uid: before.metadata.uid, generation: 2 } });
  });

  it('refuses files that are too large or no text', async () => {
    local.write('big.yaml', '#'.repeat(1024 * 1024 + 1));
    writeFileSync(join(local.manifestsDir, 'bin.yaml'), Buffer.from([0xff, 0xfe, 0x00]));
    execFileSync('mkfifo', [join(local.manifestsDir, 'pipe.yaml')]);
    symlinkSync('/dev/zero', join(local.manifestsDir, 'zero.yaml'));
    await write('a.yaml', [size('a', { size: 1 })]);
    expect(await names()).toEqual(['a']);
    expect(problems()).toEqual([
      'big.yaml: has 1048577 bytes; at most 1048576 are read',
      'bin.yaml: is not text in UTF-8',
      'pipe.yaml: is not a file',
      'zero.yaml: is not a file',
    ]);
  });
});

describe('an object without manifest', () => {
  it('lives on and is shown as unmanaged, until its manifest is back', async () => {
    await write('a.yaml', [size('a', { size: 1 })]);
    await write('b.yaml', [size('b', { size: 1 })]);
    rmSync(join(local.manifestsDir, 'a.yaml'));
    await local.store.refresh();
    const object = await get('a');
    expect([local.store.managed(object), local.store.managed(await get('b'))]).toEqual([false, true]);
    expect(object.metadata).toMatchObject({ generation: 1, annotations: { [UNMANAGED]: 'true' } });
    await local.restart();
    expect(local.store.managed(await get('a'))).toBe(false);
    await write('c.yaml', [size('a', { size: 1 })]);
    expect((await get('a')).metadata).toMatchObject({ generation: 1, annotations: {} });
  });

  it('is deleted with --prune, finalizers first', async () => {
    await write('a.yaml', [size('a', { size: 1 })]);
    await local.restart({ prune: true });
    await local.store.addFinalizer(await get('a'), FINALIZER);
    rmSync(join(local.manifestsDir, 'a.yaml'));
    await local.store.refresh();
    await local.clock.advance(5000);
    await local.store.refresh();
    expect((await get('a')).metadata.deletionTimestamp).toBeDefined();
    await local.store.removeFinalizer(await get('a'), FINALIZER);
    expect(await names()).toEqual([]);
    await write('a.yaml', [size('a', { size: 1 })]);
    expect(await names()).toEqual(['a']);
  });
});

describe('--prune', () => {
  it.each([
    ['an editor empties the file for a moment', 'a.yaml'],
    ['the document moves to another file', 'b.yaml'],
  ])('deletes nothing when %s', async (_name, file) => {
    await local.restart({ prune: true });
    await write('a.yaml', [size('a', { size: 1 })]);
    await local.store.addFinalizer(await get('a'), FINALIZER);
    await write('a.yaml', '');
    await local.clock.advance(4000);
    await local.store.refresh();
    await write(file, [size('a', { size: 1 })]);
    await local.clock.advance(4000);
    await local.store.refresh();
    expect((await get('a')).metadata.deletionTimestamp).toBeUndefined();
    expect(local.store.managed(await get('a'))).toBe(true);
  });
});

describe('delete', () => {
  it('remembers the manifest: the same one does not bring the object back, a changed one does', async () => {
    await write('a.yaml', [size('a', { size: 1 })]);
    await local.store.delete(sizeRef, key('a'));
    await local.store.refresh();
    expect(await names()).toEqual([]);
    await local.restart();
    expect(await names()).toEqual([]);
    await write('a.yaml', `# a comment\n${JSON.stringify(size('a', { size: 1 }))}`);
    expect(await names()).toEqual([]);
    expect(problems()).toEqual([expect.stringMatching(/^a\.yaml:2:1: Size default\/a: was deleted at 2026-/)]);
    await write('a.yaml', [size('a', { size: 2 })]);
    expect(await names()).toEqual(['a']);
    expect(problems()).toEqual([]);
  });

  it('is not undone by what happens to the file while finalizers run', async () => {
    await write('a.yaml', [size('a', { size: 1 })]);
    await local.store.addFinalizer(await get('a'), FINALIZER);
    await local.store.delete(sizeRef, key('a'));
    renameSync(join(local.manifestsDir, 'a.yaml'), join(local.manifestsDir, 'b.yaml'));
    await local.store.refresh();
    await local.restart();
    expect((await get('a')).metadata.deletionTimestamp).toBeDefined();
    await local.store.removeFinalizer(await get('a'), FINALIZER);
    await local.store.refresh();
    expect(await names()).toEqual([]);
  });

  it('gives way to a manifest that was changed meanwhile, once the object is gone', async () => {
    await write('a.yaml', [size('a', { size: 1 })]);
    await local.store.addFinalizer(await get('a'), FINALIZER);
    await local.store.delete(sizeRef, key('a'));
    await write('a.yaml', [size('a', { size: 2 })]);
    expect((await get('a')).metadata.deletionTimestamp).toBeDefined();
    await local.store.removeFinalizer(await get('a'), FINALIZER);
    await local.store.refresh();
    expect((await get('a')).metadata).toMatchObject({ generation: 1, finalizers: [] });
  });

  it('refuses what is not there, and Secrets', async () => {
    await write('s.yaml', [{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' } }]);
    await expect(local.store.delete(sizeRef, key('x'))).rejects.toMatchObject({ reason: 'NotFound' });
    await expect(local.store.delete(SecretKind, key('s'))).rejects.toThrow('remove it from s.yaml');
  });
});

describe('scale', () => {
  it('overrides the manifest until its own number changes', async () => {
    await write('a.yaml', [size('a', { size: 1, replicas: 2 })]);
    await local.store.scale(sizeRef, key('a'), 3);
    expect(await get('a')).toMatchObject({
      spec: { replicas: 3 },
      metadata: { generation: 2, annotations: { [SCALED_TO]: '3' } },
    });
    await local.restart();
    await write('a.yaml', [size('a', { size: 5, replicas: 2 })]);
    expect(await get('a')).toMatchObject({ spec: { size: 5, replicas: 3 }, metadata: { generation: 3 } });
    await write('a.yaml', [size('a', { size: 5, replicas: 4 })]);
    expect(await get('a')).toMatchObject({ spec: { replicas: 4 }, metadata: { generation: 4, annotations: {} } });
    await local.restart();
    expect((await get('a')).spec).toEqual({ size: 5, replicas: 4 });
  });

  it('ends when it is set back to the number of the manifest', async () => {
    await write('a.yaml', [size('a', { size: 1, replicas: 2 })]);
    await local.store.scale(sizeRef, key('a'), 3);
    await local.store.scale(sizeRef, key('a'), 2);
    expect(await get('a')).toMatchObject({ spec: { replicas: 2 }, metadata: { generation: 3, annotations: {} } });
  });

  it.each([
    ['below 0', -1, /replicas is -1; it must be a whole number/],
    ['a fraction', 1.5, /replicas is 1.5/],
    ['what the schema refuses', 11, /Size default\/a cannot be scaled to 11: replicas: 11 is too large/],
  ])('refuses %s and changes nothing', async (_name, replicas, message) => {
    await write('a.yaml', [size('a', { size: 1 })]);
    const before = await get('a');
    await expect(local.store.scale(sizeRef, key('a'), replicas)).rejects.toThrow(message);
    expect(await get('a')).toBe(before);
  });
});

describe('keys', () => {
  const secret = (value: string): object => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 's' },
    data: { a: Buffer.from(`${value}-data`).toString('base64') },
    stringData: { b: value },
  });

  it('of Secrets are seen at once when they change, and never reach the disk', async () => {
    await write('s.yaml', [secret('first-secret')]);
    const seen: string[] = [];
    const stop = new AbortController();
    const note = (type: string): void => void seen.push(type);
    await local.store.watch<Secret>(SecretKind, ({ type }) => note(type), stop.signal);
    await write('s.yaml', [secret('second-secret')]);
    const read = await local.store.get<Secret>(SecretKind, key('s'));
    expect(Buffer.from(read?.data['a'] ?? []).toString()).toBe('second-secret-data');
    expect(Buffer.from(read?.data['b'] ?? []).toString()).toBe('second-secret');
    rmSync(join(local.manifestsDir, 's.yaml'));
    await local.store.refresh();
    expect(seen).toEqual(['added', 'modified', 'deleted']);
    stop.abort();
    await write('s.yaml', [secret('second-secret')]);
    local.store.recordEvent((await local.store.get(SecretKind, key('s'))) as Secret, {
      type: 'Normal',
      reason: 'Read',
      note: 'x',
    });
    await local.store.refresh();
    expect(local.logged).toEqual([]);
    const db = new DatabaseSync(local.statePath, { readOnly: true });
    expect(db.prepare('SELECT count(*) AS count FROM objects').get()?.['count']).toBe(0);
    db.close();
    for (const text of ['first-secret', 'second-secret', Buffer.from('second-secret-data').toString('base64')]) {
      expect(onDisk()).not.toContain(text);
    }
  });

  it('inside a spec never reach the disk; without manifest they are missing after a restart, and heal', async () => {
    await write('a.yaml', [size('a', { size: 1, secretKey: 'inline-secret-key' })]);
    await write('b.yaml', [size('b', { size: 1 })]);
    await local.store.scale(sizeRef, key('a'), 3);
    expect((await get('a')).spec.secretKey).toBe('inline-secret-key');
    expect(onDisk()).not.toContain('inline-secret-key');
    await local.restart();
    expect(await get('a')).toMatchObject({ spec: { secretKey: 'inline-secret-key' }, metadata: { generation: 2 } });

    rmSync(join(local.manifestsDir, 'a.yaml'));
    await local.restart();
    expect(await get('a')).toMatchObject({ spec: { size: 1, secretKey: '***' }, metadata: { generation: 2 } });
    expect(problems()).toEqual([expect.stringContaining('Size default/a: its keys stand only in a.yaml')]);
    await write('c.yaml', [size('a', { size: 1, secretKey: 'inline-secret-key' })]);
    expect(await get('a')).toMatchObject({
      spec: { secretKey: 'inline-secret-key', replicas: 3 },
      metadata: { generation: 3 },
    });
    expect(problems()).toEqual([]);
    expect(local.logged.join('\n') + onDisk()).not.toContain('inline-secret-key');
  });

  it('inside a spec that come back with the whole folder are a change for those who watch', async () => {
    await write('a.yaml', [size('a', { size: 1, secretKey: 'inline-secret-key' })]);
    renameSync(local.manifestsDir, `${local.manifestsDir}-aside`);
    await local.restart();
    expect(await get('a')).toMatchObject({ spec: { secretKey: '***' }, metadata: { generation: 1 } });
    renameSync(`${local.manifestsDir}-aside`, local.manifestsDir);
    await local.store.refresh();
    expect(await get('a')).toMatchObject({ spec: { secretKey: 'inline-secret-key' }, metadata: { generation: 2 } });
  });
});

describe('identity', () => {
  const marker = (): string => readFileSync(join(local.manifestsDir, '.aiops-installation'), 'utf8');
  const other = '11111111-1111-4111-8111-111111111111';
  const loseState = (): void => {
    for (const name of readdirSync(local.root)) if (name.startsWith('state.db')) rmSync(join(local.root, name));
  };

  it('lies beside the manifests, so that a lost state finds the same uids', async () => {
    await write('a.yaml', [size('a', { size: 1 })]);
    const before = await get('a');
    const { installationId } = local.store;
    expect(marker()).toContain(installationId);
    await local.store.close();
    loseState();
    await local.restart();
    expect(local.store.installationId).toBe(installationId);
    expect(await get('a')).toMatchObject({ metadata: { uid: before.metadata.uid, generation: 1 } });
  });

  it('tells a lost state from a new installation and from a restart', async () => {
    expect(local.store.stateLostAt).toBeUndefined();
    await write('a.yaml', [size('a', { size: 1 })]);
    await local.restart();
    expect(local.store.stateLostAt).toBeUndefined();
    await local.store.close();
    loseState();
    await local.clock.advance(60_000);
    await local.restart();
    expect(local.store.stateLostAt).toBe(local.clock.now());
    expect(Date.parse((await get('a')).metadata.creationTimestamp)).toBeLessThanOrEqual(local.clock.now());
    await local.restart();
    expect(local.store.stateLostAt).toBeUndefined();
  });

  it('is written back when only the state knows it', async () => {
    await write('a.yaml', [size('a', { size: 1 })]);
    const { installationId } = local.store;
    rmSync(join(local.manifestsDir, '.aiops-installation'));
    await local.restart();
    expect(local.store.installationId).toBe(installationId);
    expect(marker()).toContain(installationId);
  });

  it('refuses to start when folder and state contradict each other, until the user decides', async () => {
    await write('a.yaml', [size('a', { size: 1 })]);
    const { installationId } = local.store;
    writeFileSync(join(local.manifestsDir, '.aiops-installation'), `${other}\n`);
    const start = local.restart();
    await expect(start).rejects.toMatchObject({ reason: 'Invalid' });
    await expect(start).rejects.toThrow(new RegExp(`${other}[\\s\\S]*${installationId}[\\s\\S]*--installation-id`));
    await local.restart({ installationId });
    expect(marker()).toContain(installationId);
    await local.restart();
    expect(local.store.installationId).toBe(installationId);
  });

  it('takes nothing over from a folder that becomes that of another installation', async () => {
    await write('a.yaml', [size('a', { size: 1 })]);
    writeFileSync(join(local.manifestsDir, '.aiops-installation'), `${other}\n`);
    await write('a.yaml', [size('a', { size: 2 }), size('b', { size: 2 })]);
    expect([await names(), (await get('a')).spec.size]).toEqual([['a'], 1]);
    expect(problems()).toEqual([expect.stringContaining(`belongs to installation ${other}`)]);
  });

  it('refuses an id that is no UUID', async () => {
    await expect(local.restart({ installationId: 'Me' })).rejects.toThrow('"Me"; it must be a UUID');
    writeFileSync(join(local.manifestsDir, '.aiops-installation'), '');
    await expect(local.restart()).rejects.toThrow('it must be a UUID');
  });

  it('is not guessed without a folder at the first start', async () => {
    await local.store.close();
    loseState();
    rmSync(local.manifestsDir, { recursive: true });
    await expect(local.restart()).rejects.toThrow(/create it, or name another with --manifests/);
  });
});

describe('two states on one folder', () => {
  const second = (): Promise<LocalStore> => {
    const { manifestsDir, root, clock } = local;
    const note = (message: string, fields: unknown): void =>
      void local.logged.push(`${message} ${JSON.stringify(fields)}`);
    const log = { info: note, warn: note };
    const statePath = join(root, 'second.db');
    return openLocalStore({ manifestsDir, statePath, kinds: [SizeKind], parse: parseSpec, clock, log });
  };

  it('are refused, naming the folder, both states and the owner; the first goes on', async () => {
    const start = second();
    await expect(start).rejects.toMatchObject({ name: 'StoreError', reason: 'Locked' });
    const message = await start.then(String, String);
    for (const part of [
      local.manifestsDir,
      local.statePath,
      join(local.root, 'second.db'),
      `process ${process.pid} on `,
    ])
      expect(message).toContain(part);
    await write('a.yaml', [size('a', { size: 1 })]);
    expect(await names()).toEqual(['a']);
    await local.store.close();
    await (await second()).close();
  });

  it('that both know it, and find it again after it was away: the later one takes nothing over', async () => {
    await write('a.yaml', [size('a', { size: 1 })]);
    await local.store.close();
    await (await second()).close();
    const away = `${local.manifestsDir}-away`;
    renameSync(local.manifestsDir, away);
    await local.restart();
    const other = await second();
    renameSync(away, local.manifestsDir);
    await local.store.refresh();
    local.write('a.yaml', [size('a', { size: 2 })]);
    await other.refresh();
    await local.store.refresh();
    expect((await get('a')).spec.size).toBe(2);
    expect((await other.get<Size>(sizeRef, key('a')))?.spec.size).toBe(1);
    expect(other.problems().map(problemText).join()).toContain(
      `in use by an operator with the state file ${local.statePath}`,
    );
    await local.store.close();
    await other.refresh();
    expect((await other.get<Size>(sizeRef, key('a')))?.spec.size).toBe(2);
    await other.close();
  });

  it('cannot be told apart where no lock can be: that is said once, and the store works', async () => {
    await local.store.close();
    rmSync(join(local.manifestsDir, '.aiops-installation.lock'));
    mkdirSync(join(local.manifestsDir, '.aiops-installation.lock'));
    await local.restart();
    await write('a.yaml', [size('a', { size: 1 })]);
    expect(await names()).toEqual(['a']);
    expect(problems()).toEqual([]);
    expect(local.logged.filter((line) => line.startsWith('manifests not locked'))).toEqual([
      expect.stringContaining('nothing keeps a second operator with another state file from working on it'),
    ]);
  });

  it('make nothing in a folder that may not be mounted', async () => {
    await write('a.yaml', [size('a', { size: 1 })]);
    await local.store.close();
    renameSync(local.manifestsDir, `${local.manifestsDir}-away`);
    mkdirSync(local.manifestsDir);
    await local.restart();
    await local.store.refresh();
    expect(readdirSync(local.manifestsDir)).toEqual([]);
  });

  it('leave a folder alone that belongs to another installation', async () => {
    await local.store.close();
    for (const name of ['.aiops-installation', '.aiops-installation.lock']) rmSync(join(local.manifestsDir, name));
    writeFileSync(join(local.manifestsDir, '.aiops-installation'), '11111111-1111-4111-8111-111111111111');
    await expect(local.restart()).rejects.toMatchObject({ reason: 'Invalid' });
    expect(readdirSync(local.manifestsDir)).toEqual(['.aiops-installation']);
  });
});

describe('the state file', () => {
  it('keeps status, events, cells and finalizers over a restart', async () => {
    await write('a.yaml', [size('a', { size: 1 })]);
    await local.store.addFinalizer(await get('a'), FINALIZER);
    await local.store.state(await get('a'), 'k').write(Buffer.from('bytes'), undefined);
    const before = await local.store.writeStatus(await get('a'), { seen: 1 });
    for (const reason of ['Made', 'Used', 'Made']) {
      local.store.recordEvent(before, { type: 'Normal', reason, note: 'x' });
      await local.store.refresh();
    }
    const events = await local.store.events(before);
    expect(events.map(({ reason, count }) => [reason, count])).toEqual([
      ['Used', 1],
      ['Made', 2],
    ]);
    await local.restart();
    const after = await get('a');
    expect(after).toEqual(before);
    expect(await local.store.events(after)).toEqual(events);
    const cell = await local.store.state(after, 'k').read();
    expect(Buffer.from(cell?.bytes ?? []).toString()).toBe('bytes');
    const next = await local.store.writeStatus(after, { seen: 2 });
    expect(Number(next.metadata.resourceVersion)).toBeGreaterThan(Number(before.metadata.resourceVersion));
  });

  it('is refused to a second process, naming the first', async () => {
    const second = startSecond();
    await expect(second).rejects.toMatchObject({ name: 'StoreError', reason: 'Locked' });
    await expect(second).rejects.toThrow(`belongs to process ${process.pid} on `);
    await local.restart();
  });

  it('is refused before anything is done when its path is too long for the socket beside it', async () => {
    const folder = join(local.root, 'x'.repeat(100));
    const start = local.restart({ statePath: join(folder, 'state.db') });
    await expect(start).rejects.toMatchObject({ name: 'StoreError', reason: 'Invalid' });
    await expect(start).rejects.toThrow(/has \d+ bytes, and a Unix socket takes 107; name a shorter one with --state/);
    expect(existsSync(folder)).toBe(false);
    await local.restart();
  });

  it.each([
    [
      'a newer version',
      'TooNew',
      /written by a newer version of aiops \(its format is 99, this version knows up to 1\)/,
      (path: string) => alter(path, 'PRAGMA user_version = 99'),
    ],
    [
      'another program',
      'Unavailable',
      /database of another program; name another file with --state/,
      (path: string) => alter(path, 'PRAGMA application_id = 7'),
    ],
    ['no database', 'Unavailable', /it is not a database/, (path: string) => writeFileSync(path, 'x'.repeat(5000))],
  ])('of %s is refused and left as it is', async (_name, reason, message, spoil) => {
    await local.store.close();
    spoil(local.statePath);
    const before = readFileSync(local.statePath);
    await expect(local.restart()).rejects.toMatchObject({ reason, message: expect.stringMatching(message) });
    expect(readFileSync(local.statePath).equals(before)).toBe(true);
    expect(() => openLocalView({ statePath: local.statePath, kinds: [] })).toThrow(message);
  });

  it('that is full refuses a write, changes nothing, and goes on once there is room', async () => {
    await write('a.yaml', [size('a', { size: 1 })]);
    await local.restart({ maxStateBytes: 2 * 1024 * 1024 });
    const cell = local.store.state(await get('a'), 'k');
    const version = await cell.write(Buffer.alloc(1024 * 1024), undefined);
    const before = await get('a');
    const full = local.store.writeStatus(before, { seen: 1, note: 'x'.repeat(1200 * 1024) } as never);
    await expect(full).rejects.toMatchObject({
      reason: 'Unavailable',
      message: expect.stringMatching(/the disk is full/),
    });
    expect(await get('a')).toBe(before);
    const annotations = { note: 'x'.repeat(250_000) };
    for (const name of ['a', 'b1', 'b2', 'b3', 'b4']) {
      local.write(`${name}.yaml`, [{ ...sizeRef, metadata: { name, annotations }, spec: { size: 2 } }]);
    }
    await local.store.refresh();
    expect(await get('a')).toBe(before);
    expect(problems().join()).toContain('the disk is full');
    await cell.write(Buffer.alloc(1), version);
    await local.store.refresh();
    expect([(await get('a')).spec.size, problems()]).toEqual([2, []]);
    await local.store.writeStatus(await get('a'), { seen: 2 });
  });

  it('can be copied while it is open', async () => {
    await write('a.yaml', [size('a', { size: 1 })]);
    await local.store.writeStatus(await get('a'), { seen: 7 });
    const copy = join(local.root, 'copy.db');
    copyFileSync(local.statePath, copy);
    copyFileSync(`${local.statePath}-wal`, `${copy}-wal`);
    const { installationId } = local.store;
    await local.restart({ statePath: copy });
    expect(local.store.installationId).toBe(installationId);
    expect((await get('a')).status).toEqual({ seen: 7 });
  });

  it('fails writes with Unavailable once it is closed', async () => {
    await write('a.yaml', [size('a', { size: 1 })]);
    const object = await get('a');
    await local.store.close();
    await expect(local.store.writeStatus(object, { seen: 1 })).rejects.toMatchObject({ reason: 'Unavailable' });
    await local.store.close();
  });

  it('leaves an object alone whose spec this version cannot read, until its manifest is back', async () => {
    await write('a.yaml', [size('a', { size: 1 })]);
    await local.store.writeStatus(await get('a'), { seen: 1 });
    await local.store.close();
    alter(local.statePath, `UPDATE origins SET spec = '{"colour":"red"}'`);
    const away = `${local.manifestsDir}-away`;
    renameSync(local.manifestsDir, away);
    await local.restart();
    expect(await names()).toEqual([]);
    expect(problems().join('\n')).toContain('Size default/a: cannot be read by this version');
    await expect(local.store.delete(sizeRef, key('a'))).rejects.toThrow('put its manifest into the folder first');
    renameSync(away, local.manifestsDir);
    await local.store.refresh();
    expect(await get('a')).toMatchObject({ spec: { size: 1 }, status: { seen: 1 } });
    expect(problems()).toEqual([]);
  });

  it('is readable only for its owner', () => {
    for (const path of [local.statePath, `${local.statePath}-wal`, `${local.statePath}.lock`]) {
      expect(statSync(path).mode & 0o077).toBe(0);
    }
  });
});

function startSecond(): Promise<unknown> {
  const { manifestsDir, statePath, clock } = local;
  const log = { info() {}, warn() {} };
  return openLocalStore({ manifestsDir, statePath, kinds: [SizeKind], parse: parseSpec, clock, log });
}

function alter(path: string, sql: string): void {
  const db = new DatabaseSync(path);
  db.exec(sql);
  db.close();
}

describe('the view of the command line', () => {
  const open = () => openLocalView({ statePath: local.statePath, kinds: [] });

  it('shows objects, events and problems without the lock, keys masked, while the operator runs and afterwards', async () => {
    await write('a.yaml', [size('a', { size: 1, secretKey: 'inline-secret-key' })]);
    await write('b.yaml', [size('b', { size: -1 })]);
    await local.store.writeStatus(await get('a'), { seen: 1 });
    await local.store.scale(sizeRef, key('a'), 3);
    local.store.recordEvent(await get('a'), { type: 'Normal', reason: 'Made', note: 'x' });
    await local.store.refresh();
    const expected = { ...(await get('a')), spec: { size: 1, secretKey: '***', replicas: 3 } };
    for (const isRunning of [true, false]) {
      if (!isRunning) await local.store.close();
      const view = openLocalView({ statePath: local.statePath, kinds: [SizeKind] });
      expect(view.get(sizeRef, key('a'))).toEqual(expected);
      expect(view.list(sizeRef)).toEqual([expected]);
      expect(view.list(sizeRef, 'other')).toEqual([]);
      expect(view.events(expected)).toMatchObject([{ reason: 'Made' }]);
      expect(view.problems().map(problemText)).toEqual([
        expect.stringContaining('b.yaml:7:3: Size default/b: size: -1'),
      ]);
      expect(view.owner()?.pid).toBe(isRunning ? process.pid : undefined);
      view.close();
    }
  });

  it('says when something has changed', async () => {
    await write('a.yaml', [size('a', { size: 1 })]);
    const view = open();
    const before = view.version();
    expect(view.version()).toBe(before);
    await local.store.writeStatus(await get('a'), { seen: 1 });
    expect(view.version()).not.toBe(before);
    view.close();
  });

  it('says what to do when there is no state', () => {
    const nowhere = join(local.root, 'nowhere.db');
    expect(() => openLocalView({ statePath: nowhere, kinds: [] })).toThrow(/start the operator with "aiops run"/);
    expect(existsSync(nowhere)).toBe(false);
    writeFileSync(nowhere, '');
    expect(() => openLocalView({ statePath: nowhere, kinds: [] })).toThrow(StoreError);
  });
});
