import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFakeIo, runCli } from '../../test/builders/cli.ts';
import { createFakeClock } from '../../test/builders/fake-clock.ts';
import { launchOrder, offering } from '../../test/builders/launch-order.ts';
import { type LocalStoreUnderTest, startLocal } from '../../test/builders/local-store.ts';
import { poolManifest, secretManifest } from '../../test/builders/pool-manifest.ts';
import { kinds } from '../api/kinds.ts';
import type { SpotPool, SpotPoolSpec } from '../api/spotpool.ts';
import type { LaunchOrder } from '../cloud/cloud.ts';
import { createMemoryCloud, type MemoryCloud } from '../cloud/memory.ts';
import { serveControl } from '../store/local/control.ts';
import { adoptCommand } from './adopt.ts';

const POOL = { apiVersion: 'demo.aiops.org/v1', kind: 'SpotPool' };
const NEVER = 10 ** 12;

let local: LocalStoreUnderTest;
let memory: MemoryCloud;
/** What the cloud was opened with. */
let opened: { credentials: SpotPoolSpec['credentials']; secret: unknown }[];

beforeEach(async () => {
  local = await startLocal({ kinds });
  memory = createMemoryCloud({ clock: local.clock, random: Math.random });
  opened = [];
  const keyless = { secretId: undefined, secretKey: undefined };
  local.write('first.yaml', [poolManifest('first', { maximum: 3 })]);
  local.write('other.yaml', [
    poolManifest('secret', { ...keyless, credentialsSecretRef: { name: 'keys' } }),
    secretManifest('keys', { secretId: 'the-id', secretKey: 'the-key' }),
    poolManifest('role', keyless),
  ]);
  await local.store.refresh();
});
afterEach(() => local.close());

async function poolNamed(name: string): Promise<SpotPool> {
  const pool = await local.store.get<SpotPool>(POOL, { namespace: 'default', name });
  if (!pool) throw new Error(`there is no pool ${name}`);
  return pool;
}
const ownerOf = async (name: string, changes: Partial<LaunchOrder['owner']> = {}): Promise<LaunchOrder['owner']> => ({
  installation: local.store.installationId,
  poolUid: (await poolNamed(name)).metadata.uid,
  pool: `default/${name}`,
  ...changes,
});

let tokens = 0;
/** Machines that somebody else has made; tags of nobody never show. */
async function machines(count: number, changes: Partial<LaunchOrder> = {}): Promise<readonly string[]> {
  memory.weather.delayTags(changes.owner ? 0 : NEVER);
  const order = launchOrder({ name: 'by-hand', clientToken: `token-${tokens++}`, count, ...changes });
  const ids = await memory.cloud.launch(order, new AbortController().signal);
  memory.weather.delayTags(0);
  await local.clock.advance(30_000);
  return ids;
}

function run(...args: string[]): ReturnType<typeof runCli> {
  const clock = createFakeClock({ start: local.clock.now() });
  const io = createFakeIo({ env: { AIOPS_STATE: local.statePath }, clock });
  const command = adoptCommand(io, async (pool, _settings, { readSecret }) => {
    opened.push({ credentials: pool.spec.credentials, secret: await readSecret('default', 'keys') });
    return { accountKey: 'test', cloud: memory.cloud };
  });
  return runCli(['adopt', ...args], io, [command]);
}
const withKeys = (...args: string[]): ReturnType<typeof runCli> => run(...args, '-f', local.manifestsDir);
const ownersOf = () => new Map(memory.alive().map(({ id, owner }) => [id, owner]));
const claims = (): number => memory.calls.filter(({ method }) => method === 'claim').length;
const rows = (out: string): string[][] =>
  out
    .trimEnd()
    .split('\n')
    .map((line) => line.split(/ {3,}/));

describe('adopt without ids', () => {
  it('shows what could be taken in, best first, and what of it fits', async () => {
    const [good = ''] = await machines(1);
    const [odd = ''] = await machines(1, { imageId: 'img-other', offering: offering({ instanceType: 'GN10' }) });
    const [theirs = ''] = await machines(1, { owner: await ownerOf('secret'), name: 'a\u001b[2J' });
    await machines(1, { owner: await ownerOf('first') });
    await machines(1, { offering: offering({ zone: 'ap-singapore-1', subnetId: 'subnet-k3m8q0a1' }) });
    const foreign = await ownerOf('first', { installation: 'elsewhere' });
    const [lost = ''] = await machines(1, { owner: foreign, offering: offering({ zone: 'ap-singapore-3' }) });
    const { code, out } = await withKeys('first');
    expect(code).toBe(0);
    const [heads, ...found] = rows(out);
    expect(heads?.join()).toBe('ID,NAME,STATE,CHARGE TYPE,IMAGE,TYPE,ZONE,SUBNET,AGE,OWNER,FITS');
    expect(found.map((row) => [row[0], row[9], row[10]])).toEqual([
      [good, '-', 'yes'],
      [lost, 'default/first of installation elsewhere', 'no: zone'],
      [odd, '-', 'no: type, image'],
      [theirs, 'SpotPool default/secret', expect.stringMatching(/^cannot be adopted: it belongs to SpotPool/)],
    ]);
    expect(found[0]?.slice(1, 9).join()).toBe(
      'by-hand,Running,SPOTPAID,img-5gn3j31i,GN7.2XLARGE32,ap-singapore-2,subnet-gfrv79s2,3m',
    );
    expect(out).not.toContain('\u001b');
    expect(new Set(memory.calls.map(({ method }) => method))).toEqual(new Set(['launch', 'sweep', 'findByName']));
  });

  it('says that there is none', async () => {
    expect(await withKeys('first')).toMatchObject({ code: 0, out: '', err: /no machine that it could take in/ });
  });
});

describe('adopt', () => {
  it('tags machines and says what follows', async () => {
    const ids = await machines(2);
    const { code, out, err } = await withKeys('sp/first', ...ids, ids[0] ?? '');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toBe(
      `${ids.map((id) => `machine ${id} adopted\n`).join('')}` +
        "The operator takes them in when it runs again; none does now. They are the pool's from then on: one that does not " +
        'answer GET :11434/api/tags within 10m is released.\n',
    );
    const owner = await ownerOf('first');
    expect([...ownersOf().values()]).toEqual([owner, owner]);
  });

  it('is harmless when it is said again', async () => {
    const ids = await machines(3);
    await withKeys('first', ...ids);
    const { code, out } = await withKeys('first', ...ids);
    expect(code).toBe(0);
    expect(out).toContain(`machine ${ids[0]} belongs to the pool already\n`);
    expect(claims()).toBe(1);
  });

  it('takes over what belonged to another installation or an earlier life, and says so', async () => {
    const [there = ''] = await machines(1, { owner: await ownerOf('first', { installation: 'else\u001b[1mwhere' }) });
    const [before = ''] = await machines(1, { owner: await ownerOf('first', { poolUid: 'an-older-one' }) });
    const { code, out } = await withKeys('first', there, before);
    expect(code).toBe(0);
    expect(out).toContain(
      `${there} adopted; so far it belonged to default/first of installation else\u{fffd}[1mwhere\n`,
    );
    expect(out).toContain(`${before} adopted; so far it belonged to default/first, which is gone (uid an-older-one)\n`);
    expect(ownersOf().get(there)).toEqual(await ownerOf('first'));
  });

  it('warns of what does not fit, and takes it all the same', async () => {
    const [id = ''] = await machines(1, { imageId: 'img-other' });
    const { code, err } = await withKeys('first', id);
    expect(code).toBe(0);
    expect(err).toBe(`warning: ${id} is not as the pool would buy it (image): it serves as it is, and leaves first\n`);
  });

  it('only checks with --dry-run', async () => {
    const [id = ''] = await machines(1);
    const { code, out } = await withKeys('first', id, '--dry-run');
    expect({ code, out }).toEqual({ code: 0, out: `machine ${id} would be adopted\nNothing was changed.\n` });
    expect(claims()).toBe(0);
    expect((await withKeys('first', 'ins-nowhere0', '--dry-run')).code).toBe(1);
  });

  it('refuses all when one cannot be taken in, each with its reason', async () => {
    const [good = ''] = await machines(1);
    const [theirs = ''] = await machines(1, { owner: await ownerOf('secret') });
    const [far = ''] = await machines(1, { vpcId: 'vpc-other' });
    const { code, out, err } = await withKeys('first', good, theirs, far, 'ins-nowhere0');
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err.split('\n')).toEqual([
      expect.stringMatching(`^error: ${theirs} belongs to SpotPool default/secret, which gives`),
      `error: ${far} is in vpc-other, and the pool in vpc-86f66zht`,
      'error: ins-nowhere0 does not exist in ap-singapore, as far as these keys can see',
      'error: 3 of 4 machines cannot be adopted; nothing was changed',
      '',
    ]);
    expect(claims()).toBe(0);
  });

  it('refuses more than the pool keeps, naming its sizes', async () => {
    await machines(2, { owner: await ownerOf('first') });
    const ids = await machines(2);
    const { code, err } = await withKeys('first', ...ids);
    expect(code).toBe(1);
    expect(err).toBe(
      'error: SpotPool default/first has no room: it has 2 machines, its maximum is 3, and with 2 more it would release ' +
        'the surplus. Raise maximum, or name fewer machines. Nothing was changed.\n',
    );
    expect(claims()).toBe(0);
  });

  it('names those that were not tagged', async () => {
    const [id = ''] = await machines(1);
    memory.weather.refuse('claim', 'PermissionDenied');
    const { code, out, err } = await withKeys('first', id);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(new RegExp(`^error: ${id} was not adopted: .*\nerror: 1 of 1 machine could not be tagged; `));
  });

  it('says when the operator looks', async () => {
    const [id = ''] = await machines(1);
    const ended = new AbortController();
    const served = serveControl(local.statePath, local.store, { signal: ended.signal, log: { info: () => {} } });
    const { out } = await withKeys('first', id);
    ended.abort();
    await served;
    expect(out).toContain('takes them in at its next look (every 20s), once their tags show.');
  });

  it('refuses a pool that is being deleted', async () => {
    const pool = await poolNamed('first');
    await local.store.addFinalizer(pool, 'test/finalizer');
    await local.store.delete(POOL, { namespace: 'default', name: 'first' });
    const { code, err } = await withKeys('first');
    expect({ code, err }).toMatchObject({ code: 1, err: expect.stringContaining('is being deleted') });
    expect(opened).toEqual([]);
  });
});

describe('keys', () => {
  it.each([
    ['first', 'stand in its manifest and nowhere else; name the manifest with -f'],
    ['secret', 'stand in Secret default/keys; name the manifest that holds it with -f'],
  ])('of pool %s are asked for', async (pool, text) => {
    const { code, out, err } = await run(pool);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain(text);
    expect(opened).toEqual([]);
  });

  it('come from the manifest, the Secret, or what the operator itself runs with', async () => {
    await run('first', '-f', join(local.manifestsDir, 'first.yaml'));
    await withKeys('secret');
    await run('role');
    expect(opened.map(({ credentials }) => credentials)).toMatchObject([
      { from: 'inline', secretId: 'xxx', secretKey: 'xxx' },
      { from: 'secret', name: 'keys' },
      { from: 'operator' },
    ]);
    const secret = opened[1]?.secret as Record<string, Uint8Array>;
    expect(new TextDecoder().decode(secret['secretId'])).toBe('the-id');
  });

  it('are not looked for in manifests with faults', async () => {
    local.write('bad.yaml', 'kind: [');
    expect(await withKeys('first')).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/the cloud was not asked/),
    });
    expect(opened).toEqual([]);
  });
});
