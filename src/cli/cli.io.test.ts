import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createFakeIo, runCli } from '../../test/builders/cli.ts';
import { createFakeClock } from '../../test/builders/fake-clock.ts';
import { kinds } from '../api/kinds.ts';
import { parseSpec } from '../api/parse.ts';
import type { SpotPool, SpotPoolStatus } from '../api/spotpool.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { reconcileLogPilot } from '../logpilot/reconcile.ts';
import { serveControl } from '../store/local/control.ts';
import { type LocalStore, openLocalStore } from '../store/local/local-store.ts';

const kind = { apiVersion: 'demo.aiops.org/v1', kind: 'SpotPool' };
const manifest = (name: string, namespace = 'default'): string => `apiVersion: demo.aiops.org/v1
kind: SpotPool
metadata: {name: ${name}, namespace: ${namespace}}
spec:
  secretId: AKIDinline
  secretKey: inline-secret
  region: ap-singapore
  availabilityZone: ap-singapore-2
  instanceType: GN7
  minimum: 1
  maximum: 3
  subnetId: subnet-a
  vpcId: vpc-a
  securityGroupIds: [sg-a]
  imageId: img-a
`;
const status: SpotPoolStatus = {
  observedGeneration: 1,
  minimum: 1,
  maximum: 3,
  size: 2,
  ready: 1,
  hourlyCost: '0.84',
  currency: 'USD',
};

let root: string;
let statePath: string;
let store: LocalStore;
let stop: (() => Promise<void>) | undefined;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'aiops-cli-'));
  statePath = join(root, 'state.db');
  mkdirSync(join(root, 'pools'));
  writeFileSync(join(root, 'pools', 'a.yaml'), manifest('a'));
  writeFileSync(join(root, 'pools', 'b.yaml'), manifest('b'));
  writeFileSync(join(root, 'pools', 'other.yaml'), manifest('c', 'other'));
  await start();
});
afterEach(async () => {
  await stop?.();
  rmSync(root, { recursive: true, force: true });
});

/** What of the operator the command line meets: its store, and the socket beside the state. */
async function start(): Promise<void> {
  const log = { info: () => {}, warn: () => {} };
  store = await openLocalStore({
    manifestsDir: join(root, 'pools'),
    statePath,
    kinds,
    parse: parseSpec,
    clock: createFakeClock(),
    log,
  });
  const ended = new AbortController();
  const serving = serveControl(statePath, store, { signal: ended.signal, log });
  stop = async () => {
    ended.abort();
    await serving;
    await store.close();
    stop = undefined;
  };
}

async function poolNamed(name: string): Promise<SpotPool> {
  const pool = await store.get<SpotPool>(kind, { namespace: 'default', name });
  if (!pool) throw new Error(`there is no pool ${name}`);
  return pool;
}

/** Ages are told on a clock that stands still; what waits needs the real one. */
const ioWith = (clock: Clock = createFakeClock({ start: Date.UTC(2026, 10, 1, 0, 5) })) =>
  createFakeIo({ env: { AIOPS_STATE: statePath }, clock });
const run = (...args: string[]): ReturnType<typeof runCli> => runCli(args, ioWith());
const runOnRealClock = (...args: string[]): ReturnType<typeof runCli> => runCli(args, ioWith(systemClock));
const stopped = (): string => `warning: no operator is running on ${statePath}; this is how things were left\n`;

describe('get', () => {
  it('prints a table as kubectl does', async () => {
    await store.writeStatus(await poolNamed('a'), status);
    expect(await run('get', 'sp')).toEqual({
      code: 0,
      err: '',
      out: [
        'NAME   MIN   MAX   SIZE   READY   COST/H   STATUS   AGE',
        'a      1     3     2      1       0.84              5m',
        'b                                                   5m',
        '',
      ].join('\n'),
    });
  });

  it('has more columns with -o wide, and the namespace with -A', async () => {
    await store.writeStatus(await poolNamed('a'), status);
    const { out } = await run('get', 'spotpools', '-A', '-o', 'wide');
    expect(out.split('\n').map((line) => line.split(/ {2,}/)[0])).toEqual([
      'NAMESPACE',
      'default',
      'default',
      'other',
      '',
    ]);
    expect(out).toMatch(/CURRENCY +OUTDATED/);
  });

  it.each([
    { name: 'one', args: ['sp', 'b'], names: 'spotpool.demo.aiops.org/b\n' },
    { name: 'one with a slash', args: ['spotpool/b'], names: 'spotpool.demo.aiops.org/b\n' },
    {
      name: 'several, in the order given',
      args: ['sp/b', 'sp/a'],
      names: 'spotpool.demo.aiops.org/b\nspotpool.demo.aiops.org/a\n',
    },
    { name: 'those of another namespace', args: ['sp', '-n', 'other'], names: 'spotpool.demo.aiops.org/c\n' },
    { name: 'nothing', args: ['sp', '-n', 'none'], names: '' },
  ])('names $name', async ({ args, names }) => {
    expect(await run('get', ...args, '-o', 'name')).toEqual({ code: 0, out: names, err: '' });
  });

  it('says that there is nothing', async () => {
    const { code, out, err } = await run('get', 'sp', '-n', 'none');
    expect({ code, out, err }).toEqual({ code: 0, out: '', err: 'No resources found in none namespace.\n' });
  });

  it('prints those that are there before it fails for the others', async () => {
    const { code, out, err } = await run('get', 'sp', 'a', 'x', 'y');
    expect({ code, err }).toEqual({
      code: 1,
      err: 'error: spotpools.demo.aiops.org "x" not found; spotpools.demo.aiops.org "y" not found\n',
    });
    expect(out.split('\n')).toHaveLength(3);
  });

  it('prints one object, or a list of them, for programs, and no key', async () => {
    const one = await run('get', 'sp', 'a', '-o', 'json');
    expect(JSON.parse(one.out)).toMatchObject({
      kind: 'SpotPool',
      metadata: { name: 'a' },
      spec: { secretKey: '***', region: 'ap-singapore' },
    });
    const all = await run('get', 'sp', '-o', 'json');
    expect(JSON.parse(all.out)).toMatchObject({ apiVersion: 'v1', kind: 'List', items: [{}, {}] });
    const yaml = await run('get', 'sp', 'a', '-o', 'yaml');
    expect(yaml.out).toMatch(/^apiVersion: demo\.aiops\.org\/v1\nkind: SpotPool\nmetadata:\n/);
    expect(one.out + all.out + yaml.out).not.toMatch(/AKIDinline|inline-secret/);
  });

  it('notes what was scaled, is being deleted, or has lost its manifest', async () => {
    await store.scale(kind, { namespace: 'default', name: 'a' }, 2);
    await store.addFinalizer(await poolNamed('b'), 'test/hold');
    await store.delete(kind, { namespace: 'default', name: 'b' });
    rmSync(join(root, 'pools', 'a.yaml'));
    await store.refresh();
    const { out } = await run('get', 'sp');
    expect(out).toMatch(/^NAME .* AGE +NOTE$/m);
    expect(out).toMatch(/^a .* scaled to 2; unmanaged: its manifest is gone$/m);
    expect(out).toMatch(/^b .* deleting$/m);
  });

  it('lists the problems of the manifests on standard error', async () => {
    writeFileSync(join(root, 'pools', 'bad.yaml'), manifest('bad').replace('minimum: 1', 'minimum: many'));
    await store.refresh();
    const { code, out, err } = await run('get', 'sp');
    expect(code).toBe(0);
    expect(out).toMatch(/^a /m);
    expect(err).toMatch(/^warning: bad\.yaml:10:3: .*minimum: "many" is text/);
  });

  it('works while the operator is stopped, and says so', async () => {
    await stop?.();
    const { code, out, err } = await run('get', 'sp');
    expect({ code, err }).toEqual({ code: 0, err: stopped() });
    expect(out).toMatch(/^a /m);
  });

  it('watches until Ctrl-C', async () => {
    const io = ioWith(systemClock);
    const watching = runCli(['get', 'sp', '-w'], io);
    await vi.waitFor(() => expect(io.out()).toMatch(/^b /m), 5000);
    await store.writeStatus(await poolNamed('b'), { ...status, size: 3 });
    await vi.waitFor(() => expect(io.out()).toMatch(/^b +1 +3 +3 +1 /m), 5000);
    io.interrupt();
    expect((await watching).code).toBe(0);
    expect(io.out().match(/^a /gm)).toHaveLength(1);
  });
});

describe('describe', () => {
  it('tells what is known, events included, and no key', async () => {
    const pool = await store.writeStatus(await poolNamed('a'), status);
    store.recordEvent(pool, { type: 'Warning', reason: 'SoldOut', note: 'None left.' });
    await stop?.();
    const { code, out, err } = await run('describe', 'sp/a');
    expect({ code, err }).toEqual({ code: 0, err: stopped() });
    expect(out).toMatch(/^Name: +a$/m);
    expect(out).toMatch(/Warning +SoldOut +5m +None left\./);
    expect(out).not.toMatch(/AKIDinline|inline-secret/);
  });

  it('describes every pool of a namespace, one after the other', async () => {
    const { out } = await run('describe', 'sp');
    expect(out.match(/^Name: +\S+/gm)).toHaveLength(2);
    expect(out).toContain('Events:   <none>\n\n\nName:');
  });

  it.each([
    [['sp', 'x'], 1, 'error: spotpools.demo.aiops.org "x" not found\n'],
    [['sp', '-n', 'none'], 0, 'No resources found in none namespace.\n'],
  ])('of %j finds nothing', async (args, code, err) => {
    expect(await run('describe', ...args)).toEqual({ code, out: '', err });
  });
});

describe('scale', () => {
  it('sets the number, as the operator then sees it', async () => {
    expect(await run('scale', 'sp', 'a', '--replicas', '2')).toEqual({
      code: 0,
      out: 'spotpool.demo.aiops.org/a scaled\n',
      err: '',
    });
    expect((await poolNamed('a')).spec.replicas).toBe(2);
  });

  it('says so when the pool keeps to its own limits', async () => {
    const { code, err } = await run('scale', 'spotpool/a', '--replicas', '9');
    expect({ code, err }).toEqual({ code: 0, err: 'warning: default/a stays between 1 and 3, as its manifest says\n' });
  });

  it('scales the others before it fails for what is not there', async () => {
    expect(await run('scale', 'sp/x', 'sp/a', '--replicas', '2')).toEqual({
      code: 1,
      out: 'spotpool.demo.aiops.org/a scaled\n',
      err: 'error: SpotPool default/x does not exist\n',
    });
  });

  it('fails for what is not there', async () => {
    const { code, out, err } = await run('scale', 'sp', 'x', '--replicas', '1');
    expect({ code, out, err }).toEqual({ code: 1, out: '', err: 'error: SpotPool default/x does not exist\n' });
  });
});

describe('delete', () => {
  const letGo = async (name: string): Promise<void> => store.removeFinalizer(await poolNamed(name), 'test/hold');

  it('waits until the finalizer is gone', async () => {
    await store.addFinalizer(await poolNamed('a'), 'test/hold');
    const io = ioWith(systemClock);
    let isOver = false;
    const deleting = runCli(['delete', 'sp', 'a'], io).finally(() => {
      isOver = true;
    });
    await vi.waitFor(() => expect(io.out()).toBe('spotpool.demo.aiops.org "a" deleted\n'), 5000);
    await vi.waitFor(async () => expect((await poolNamed('a')).metadata.deletionTimestamp).toBeDefined(), 5000);
    expect(isOver).toBe(false);
    await letGo('a');
    expect((await deleting).code).toBe(0);
  });

  it('does not wait with --wait=false', async () => {
    await store.addFinalizer(await poolNamed('a'), 'test/hold');
    const { code, out } = await run('delete', 'sp/a', '--wait=false');
    expect({ code, out }).toEqual({ code: 0, out: 'spotpool.demo.aiops.org "a" deleted\n' });
    await letGo('a');
  });

  it('stops waiting after --timeout', async () => {
    await store.addFinalizer(await poolNamed('a'), 'test/hold');
    const { code, err } = await runOnRealClock('delete', 'sp', 'a', '--timeout', '1ms');
    expect({ code, err }).toEqual({ code: 1, err: 'error: default/a still there after 1ms; the deletion goes on\n' });
    await letGo('a');
  });

  it('stops waiting at Ctrl-C, and leaves the deletion alone', async () => {
    await store.addFinalizer(await poolNamed('a'), 'test/hold');
    const io = ioWith(systemClock);
    const deleting = runCli(['delete', 'sp', 'a'], io);
    await vi.waitFor(() => expect(io.out()).toContain('deleted'), 5000);
    io.interrupt();
    expect(await deleting).toMatchObject({ code: 130, err: '' });
    expect((await poolNamed('a')).metadata.deletionTimestamp).toBeDefined();
    await letGo('a');
  });

  it('says so when the operator stops meanwhile', async () => {
    await store.addFinalizer(await poolNamed('a'), 'test/hold');
    const io = ioWith(systemClock);
    const deleting = runCli(['delete', 'sp', 'a'], io);
    await vi.waitFor(() => expect(io.out()).toContain('deleted'), 5000);
    await stop?.();
    expect(await deleting).toMatchObject({
      code: 1,
      err: 'error: the operator has stopped; it goes on deleting default/a when it runs again\n',
    });
  });

  it('deletes what manifests describe', async () => {
    const { code, out } = await run(
      'delete',
      '-f',
      join(root, 'pools', 'a.yaml'),
      '-f',
      join(root, 'pools', 'other.yaml'),
    );
    expect({ code, out }).toEqual({
      code: 0,
      out: 'spotpool.demo.aiops.org "a" deleted\nspotpool.demo.aiops.org "c" deleted\n',
    });
    expect(await store.list(kind)).toHaveLength(1);
  });

  it('deletes the others before it fails for what is not there', async () => {
    const { code, out, err } = await run('delete', 'sp', 'x', 'a');
    expect({ code, out, err }).toEqual({
      code: 1,
      out: 'spotpool.demo.aiops.org "a" deleted\n',
      err: 'error: spotpool.demo.aiops.org "x" not found in namespace default\n',
    });
  });

  it('takes --ignore-not-found', async () => {
    expect(await run('delete', 'sp', 'x', '--ignore-not-found')).toEqual({ code: 0, out: '', err: '' });
  });

  it('deletes nothing when a manifest is faulty', async () => {
    const bad = join(root, 'bad.yaml');
    writeFileSync(bad, `${manifest('a')}---\n${manifest('b').replace('img-a', '7')}`);
    const { code, out, err } = await run('delete', '-f', bad);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain('error: 1 problem; nothing was deleted\n');
    expect(await store.list(kind)).toHaveLength(3);
  });
});

describe('validate', () => {
  it('reads what a shell hands over as a pipe', async () => {
    const pipe = join(root, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const validating = run('validate', '-f', pipe);
    await writeFile(pipe, manifest('a').replace('minimum: 1', 'minimum: many'));
    expect((await validating).err).toContain(`error: ${pipe}:10:3: SpotPool default/a: minimum: "many" is text`);
  });

  it('names files as the user did, in a folder and one by one', async () => {
    mkdirSync(join(root, 'empty'));
    writeFileSync(join(root, 'pools', 'bad.yaml'), 'kind: [');
    const pools = join(root, 'pools');
    const folder = await run('validate', '-f', pools);
    expect(folder.code).toBe(1);
    expect(folder.err).toContain(`error: ${pools}/bad.yaml:1:`);
    const file = await run('validate', '-f', `${pools}/bad.yaml`);
    expect(file.err).toContain(`error: ${pools}/bad.yaml:1:`);
    const { err } = await run('validate', '-f', join(root, 'empty'), '-f', join(root, 'nowhere'));
    expect(err).toContain(`error: ${root}/empty: holds no manifest: no file ends in .yaml, .yml or .json\n`);
    expect(err).toContain(`error: The manifests ${root}/nowhere cannot be read (ENOENT).\n`);
  });
});

describe('without an operator', () => {
  const none =
    'error: There is no state of aiops at /nonexistent/state.db; start the operator with "aiops run", or name its file with --state.\n';
  const stopped = 'error: No operator is running on /nonexistent/state.db; start it with "aiops run".\n';
  it.each([
    [['get', 'sp'], none],
    [['get', 'sp', '-w'], none],
    [['describe', 'sp', 'a'], none],
    [['delete', 'sp', 'a'], stopped],
    [['scale', 'sp', 'a', '--replicas', '1'], stopped],
  ])('%j says so', async (args, err) => {
    expect(await runCli(args, createFakeIo())).toEqual({ code: 1, out: '', err });
  });

  it('prints a stack trace with --debug only', async () => {
    const { err } = await runCli(['get', 'sp', '--debug']);
    expect(err).toMatch(/^error: There is no state .*\nStoreError: There is no state .*\n {4}at /);
  });
});

describe('a kind without a size of its own', () => {
  beforeEach(async () => {
    const text = `apiVersion: log.aiops.org/v1
kind: LogPilot
metadata: {name: a}
spec:
  lokiURL: http://127.0.0.1:3100
  lokiPromQL: '{app="a"}'
  llmEndpoint: http://127.0.0.1:11434/v1
  llmToken: sk-verysecret
  llmModel: qwen2:7b
  feishuWebhook: https://open.feishu.cn/verysecret
`;
    writeFileSync(join(root, 'pools', 'pilot.yaml'), text);
    await store.refresh();
    const at = { namespace: 'default', name: 'a' };
    await reconcileLogPilot(at, { store, clock: createFakeClock(), mayAct: () => true });
  });

  it('is listed apart from the pool of the same name', async () => {
    expect((await run('get', 'logpilots')).out).toBe(
      'NAME   READY     STATUS         MODEL      AGE\na      Unknown   NotYetServed   qwen2:7b   5m\n',
    );
    expect((await run('get', 'lp', '-o', 'name')).out).toBe('logpilot.log.aiops.org/a\n');
    expect((await run('get', 'sp', 'a', '-o', 'name')).out).toBe('spotpool.demo.aiops.org/a\n');
  });

  it('is described, without its secrets, and says what it does', async () => {
    const { code, out } = await run('describe', 'logpilot', 'a');
    expect(code).toBe(0);
    expect(out).toMatch(/lokiPromQL: "?'?\{app="a"\}/);
    expect(out).toMatch(/Ready +Unknown +NotYetServed .*no logs are read/);
    expect(out).not.toContain('verysecret');
    expect((await run('get', 'lp', '-o', 'yaml')).out).not.toContain('verysecret');
  });

  it('cannot be scaled, and the reader learns what can', async () => {
    expect(await run('scale', 'logpilot', 'a', '--replicas', '1')).toEqual({
      code: 2,
      out: '',
      err: expect.stringContaining('logpilots have no size and cannot be scaled; what can be scaled: spotpools'),
    });
  });

  it('is deleted, and the pool of the same name stays', async () => {
    const { code, out } = await runOnRealClock('delete', 'logpilot', 'a');
    expect({ code, out }).toEqual({ code: 0, out: 'logpilot.log.aiops.org "a" deleted\n' });
    expect((await run('get', 'lp')).out).toBe('');
    expect((await run('get', 'sp', 'a', '-o', 'name')).out).toBe('spotpool.demo.aiops.org/a\n');
  });
});
