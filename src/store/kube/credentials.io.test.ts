import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createFakeClock, type FakeClock } from '../../../test/builders/fake-clock.ts';
import {
  createTestAuthority,
  type TestAuthority,
  type TestCertificate,
} from '../../../test/builders/kube-responder.ts';
import { systemClock } from '../../lib/clock.ts';
import { type KubeConfigOptions, loadKubeConfig } from './credentials.ts';
import { KubeConfigError } from './kubeconfig.ts';

const root = mkdtempSync(join(tmpdir(), 'kube-credentials-'));
let folder: string;
let made = 0;
let clock: FakeClock;
let authority: TestAuthority;
let client: TestCertificate;
beforeAll(async () => {
  authority = await createTestAuthority();
  client = await authority.issue('me');
});
afterAll(() => rmSync(root, { recursive: true }));
beforeEach(() => {
  made += 1;
  folder = join(root, String(made));
  mkdirSync(folder);
  clock = createFakeClock();
});

const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
const base64 = (text: string): string => Buffer.from(text).toString('base64');

function kubeconfig(user: object, cluster: object = {}, name = 'config', context = 'here'): string {
  return file(
    name,
    JSON.stringify({
      'current-context': context,
      contexts: [{ name: context, context: { cluster: 'c', user: 'u' } }],
      clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:6443', ...cluster } }],
      users: [{ name: 'u', user }],
    }),
  );
}
const load = (options: Partial<KubeConfigOptions> = {}) =>
  loadKubeConfig({ env: { PATH: process.env['PATH'] }, clock, ...options });
/** The header `Authorization` of the next call. */
const bearer = async (access: Awaited<ReturnType<typeof load>>): Promise<unknown> =>
  (await access.authorise()).headers['Authorization'];

describe('where the API server is found', () => {
  it('--kubeconfig comes before KUBECONFIG, that before ~/.kube/config, that before the pod', async () => {
    mkdirSync(join(folder, '.kube'));
    kubeconfig({}, { server: 'https://home' }, '.kube/config');
    const env = {
      HOME: folder,
      KUBECONFIG: kubeconfig({}, { server: 'https://variable' }, 'variable'),
      KUBERNETES_SERVICE_HOST: '10.0.0.1',
      KUBERNETES_SERVICE_PORT: '443',
    };
    const flag = kubeconfig({}, { server: 'https://flag' }, 'flag');
    const servers = [
      await load({ env, kubeconfig: flag }),
      await load({ env }),
      await load({ env: { ...env, KUBECONFIG: '' } }),
      await load({ env: { ...env, KUBECONFIG: delimiter, HOME: '/nonexistent' } }),
    ].map(({ server }) => server);
    expect(servers).toEqual(['https://flag', 'https://variable', 'https://home', 'https://10.0.0.1']);
  });

  it('nothing at all is said to be nothing, with all places that were looked at', async () => {
    const error = await load({ env: { HOME: '/nonexistent' } }).catch((one: Error) => one);
    expect(error).toBeInstanceOf(KubeConfigError);
    for (const place of [
      '--kubeconfig (not given)',
      'KUBECONFIG (not set)',
      '/nonexistent/.kube/config',
      'KUBERNETES_SERVICE_HOST',
    ]) {
      expect((error as Error).message).toContain(place);
    }
    expect((error as Error).message).not.toContain('localhost');
  });

  it('files of KUBECONFIG are merged, duplicates too; missing ones are passed over unless all are', async () => {
    const first = kubeconfig({ token: 'first' }, {}, 'first');
    const second = kubeconfig({ token: 'second' }, { server: 'https://second' }, 'second', 'there');
    const list = [join(folder, 'missing'), first, second].join(delimiter);
    const access = await load({ env: { KUBECONFIG: list }, context: 'there' });
    expect(access.server).toBe('https://127.0.0.1:6443');
    expect(await bearer(access)).toBe('Bearer first');
    await expect(load({ env: { KUBECONFIG: join(folder, 'missing') } })).rejects.toThrow(
      /KUBECONFIG: .*missing does not exist/,
    );
  });

  it.each<[string, () => string, RegExp]>([
    ['a missing file', () => join(folder, 'no'), /--kubeconfig: .*no does not exist/],
    ['a folder', () => folder, /--kubeconfig: .* is a folder/],
    ['no YAML', () => file('bad', 'a: [1,\nb: }'), /bad is not readable as YAML/],
    ['an empty file', () => file('empty', ''), /empty is not a kubeconfig/],
    ['a file without end', () => file('long', ' '.repeat(5 * 1024 * 1024)), /larger than/],
  ])('%s is refused by name', async (_name, path, message) => {
    await expect(load({ kubeconfig: path() })).rejects.toThrow(message);
  });

  it('names server and context, and no secret', async () => {
    const access = await load({ kubeconfig: kubeconfig({ token: 'hunter2' }, { 'tls-server-name': 'kube' }) });
    expect(access.describe()).toMatch(/^https:\/\/127\.0\.0\.1:6443 \(context "here" of .*config\)$/);
    expect(access).toMatchObject({ servername: 'kube', namespace: 'default', proxy: undefined });
  });
});

describe('in a pod', () => {
  const env = { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '443' };
  const mount = (): string => {
    file('token', 'one\n');
    file('ca.crt', authority.ca);
    file('namespace', 'pools\n');
    return folder;
  };

  it('the service account is used, and an IPv6 address gets its brackets', async () => {
    const access = await load({ env, serviceAccountFolder: mount() });
    expect(access).toMatchObject({ server: 'https://10.0.0.1', namespace: 'pools' });
    const { headers, ca } = await access.authorise();
    expect([headers['Authorization'], String(ca)]).toEqual(['Bearer one', authority.ca]);
    const six = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '6443' };
    expect((await load({ env: six, serviceAccountFolder: folder })).server).toBe('https://[fd00::1]:6443');
  });

  it('the token is read again after a minute, and at once after a refusal', async () => {
    const access = await load({ env, serviceAccountFolder: mount() });
    const first = await access.authorise();
    file('token', 'two');
    await clock.advance(59_000);
    expect(await bearer(access)).toBe('Bearer one');
    await clock.advance(1000);
    expect(await bearer(access)).toBe('Bearer two');
    file('token', 'three');
    access.forget(first);
    expect(await bearer(access)).toBe('Bearer three');
    // The same refusal, told by a second request, changes nothing more.
    file('token', 'four');
    access.forget(first);
    expect(await bearer(access)).toBe('Bearer three');
    access.forget();
    expect(await bearer(access)).toBe('Bearer four');
  });

  it('the certificate authority is read again when it has changed', async () => {
    const access = await load({ env, serviceAccountFolder: mount() });
    expect(String((await access.authorise()).ca)).toBe(authority.ca);
    const next = await createTestAuthority('next');
    file('ca.crt', next.ca);
    await clock.advance(1000);
    expect(String((await access.authorise()).ca)).toBe(next.ca);
  });

  it('a file that cannot be read for a moment leaves what it held', async () => {
    const access = await load({ env, serviceAccountFolder: mount() });
    await access.authorise();
    rmSync(join(folder, 'token'));
    file('ca.crt', '');
    await clock.advance(61_000);
    const { headers, ca } = await access.authorise();
    expect([headers['Authorization'], String(ca)]).toEqual(['Bearer one', authority.ca]);
  });

  it.each<[string, () => void, RegExp]>([
    ['no token', () => rmSync(join(folder, 'token')), /the token in .*token does not exist/],
    ['an empty token', () => file('token', '\n'), /the token of user "service account" is empty/],
    ['no ca.crt', () => rmSync(join(folder, 'ca.crt')), /the certificate authority in .*ca\.crt does not exist/],
    ['a ca.crt that is none', () => file('ca.crt', 'hello'), /certificate authority of the cluster is no certificate/],
  ])('%s is said, and mended without a restart', async (_name, spoil, message) => {
    const access = await load({ env, serviceAccountFolder: mount() });
    spoil();
    await expect(access.authorise()).rejects.toThrow(message);
    mount();
    expect(await bearer(access)).toBe('Bearer one');
  });

  it('a --context or a missing port is refused', async () => {
    await expect(load({ env, context: 'x', serviceAccountFolder: mount() })).rejects.toThrow(
      /--context "x" needs a kubeconfig/,
    );
    await expect(load({ env: { KUBERNETES_SERVICE_HOST: 'h' } })).rejects.toThrow(/KUBERNETES_SERVICE_PORT ""/);
  });
});

describe('a user of a kubeconfig', () => {
  it('shows a certificate from data or from files that may change', async () => {
    const data = { 'client-certificate-data': base64(client.cert), 'client-key-data': base64(client.key) };
    const cluster = { 'certificate-authority-data': base64(authority.ca), 'certificate-authority': 'gone.crt' };
    const fromData = await (await load({ kubeconfig: kubeconfig(data, cluster) })).authorise();
    expect([fromData.cert, fromData.key, fromData.ca].map(String)).toEqual([client.cert, client.key, authority.ca]);

    file('me.crt', client.cert);
    file('me.key', client.key);
    const access = await load({ kubeconfig: kubeconfig({ 'client-certificate': 'me.crt', 'client-key': 'me.key' }) });
    expect(String((await access.authorise()).cert)).toBe(client.cert);
    const next = await authority.issue('me');
    file('me.crt', next.cert);
    file('me.key', next.key);
    await clock.advance(1000);
    expect(String((await access.authorise()).cert)).toBe(next.cert);
  });

  it.each([
    ['a key of another certificate', async () => (await authority.issue('other')).key, /cannot be used together/],
    ['a certificate alone', async () => undefined, /certificate without its key/],
  ])('%s is refused by name', async (_name, key, message) => {
    const text = await key();
    const user = {
      'client-certificate-data': base64(client.cert),
      ...(text ? { 'client-key-data': base64(text) } : {}),
    };
    await expect((await load({ kubeconfig: kubeconfig(user) })).authorise()).rejects.toThrow(message);
  });

  it('reads its tokenFile, which wins over a token, and reads it again', async () => {
    file('token', ' one \n');
    const access = await load({ kubeconfig: kubeconfig({ tokenFile: 'token', token: 'old' }) });
    expect(await bearer(access)).toBe('Bearer one');
    file('token', 'two');
    await clock.advance(60_000);
    expect(await bearer(access)).toBe('Bearer two');
  });

  it('may log in with a password, act as somebody else, and do without TLS', async () => {
    const user = { username: 'me', password: 'pw', as: 'jane', 'as-groups': ['ops'] };
    const access = await load({ kubeconfig: kubeconfig(user, { server: 'http://127.0.0.1:8001/base/' }) });
    expect(access.server).toBe('http://127.0.0.1:8001/base');
    expect((await access.authorise()).headers).toEqual({
      Authorization: `Basic ${btoa('me:pw')}`,
      'Impersonate-User': 'jane',
      'Impersonate-Group': ['ops'],
    });
  });

  it('whose context names nobody still trusts the cluster', async () => {
    const path = kubeconfig({}, { 'certificate-authority-data': base64(authority.ca) });
    writeFileSync(path, readFileSync(path, 'utf8').replace('"user":"u"', '"user":""'));
    const { ca, headers } = await (await load({ kubeconfig: path })).authorise();
    expect([String(ca), headers]).toEqual([authority.ca, {}]);
  });

  it('insecure-skip-tls-verify is passed on', async () => {
    const access = await load({ kubeconfig: kubeconfig({}, { 'insecure-skip-tls-verify': true }) });
    expect((await access.authorise()).rejectUnauthorized).toBe(false);
  });

  it('after a refusal the file itself is read anew, but never for another server or context', async () => {
    const path = kubeconfig({ token: 'one' });
    const access = await load({ kubeconfig: path });
    expect(await bearer(access)).toBe('Bearer one');
    kubeconfig({ token: 'two' });
    expect(await bearer(access)).toBe('Bearer one');
    access.forget();
    expect(await bearer(access)).toBe('Bearer two');
    kubeconfig({ token: 'three' }, { server: 'https://elsewhere' });
    access.forget();
    await expect(access.authorise()).rejects.toThrow(/another server than at the start/);
    kubeconfig({ token: 'four' });
    expect(await bearer(access)).toBe('Bearer four');
  });
});

describe('a credential plugin', () => {
  /** A plugin that counts its runs, notes what it was told, and then does what `body` says. */
  const plugin = (body: string): string => {
    const path = file(
      'login',
      `#!/bin/sh\necho run >> ${folder}/runs\nprintf %s "$KUBERNETES_EXEC_INFO" > ${folder}/told\n${body}\n`,
    );
    chmodSync(path, 0o755);
    return path;
  };
  const runs = (): number =>
    existsSync(join(folder, 'runs')) ? readFileSync(join(folder, 'runs'), 'utf8').trim().split('\n').length : 0;
  const V1 = 'client.authentication.k8s.io/v1';
  const says = (status: object): string =>
    `cat <<'END'\n${JSON.stringify({ apiVersion: V1, kind: 'ExecCredential', status })}\nEND`;
  const withPlugin = (exec: object = {}, cluster: object = {}, options: Partial<KubeConfigOptions> = {}) =>
    load({ kubeconfig: kubeconfig({ exec: { apiVersion: V1, command: './login', ...exec } }, cluster), ...options });

  it('is told what it needs, gets its arguments and environment, and no terminal', async () => {
    plugin(
      `[ -t 0 ] && exit 9; printf '%s|%s|%s|%s' "$1" "$2" "$REGION" "$LANG_OF_US" > ${folder}/got; cat >/dev/null; ${says({ token: 'abc' })}`,
    );
    const access = await withPlugin(
      { args: ['--for', 'two words'], env: [{ name: 'REGION', value: 'gz' }], provideClusterInfo: true },
      { 'tls-server-name': 'kube' },
      { env: { PATH: process.env['PATH'], LANG_OF_US: 'zh' } },
    );
    expect(await bearer(access)).toBe('Bearer abc');
    expect(readFileSync(join(folder, 'got'), 'utf8')).toBe('--for|two words|gz|zh');
    expect(JSON.parse(readFileSync(join(folder, 'told'), 'utf8'))).toEqual({
      apiVersion: V1,
      kind: 'ExecCredential',
      spec: { interactive: false, cluster: { server: 'https://127.0.0.1:6443', 'tls-server-name': 'kube' } },
    });
  });

  it('is asked once by many, and again a minute before the credential ends', async () => {
    plugin(says({ token: 'abc', expirationTimestamp: new Date(clock.now() + 600_000).toISOString() }));
    const access = await withPlugin();
    await Promise.all(Array.from({ length: 20 }, () => access.authorise()));
    expect(runs()).toBe(1);
    await clock.advance(539_000);
    await access.authorise();
    expect(runs()).toBe(1);
    await clock.advance(1000);
    await Promise.all(Array.from({ length: 20 }, () => access.authorise()));
    expect(runs()).toBe(2);
  });

  it('a credential for less than a minute serves for half of it', async () => {
    plugin(says({ token: 'abc', expirationTimestamp: new Date(clock.now() + 30_000).toISOString() }));
    const access = await withPlugin();
    await access.authorise();
    await clock.advance(14_000);
    await access.authorise();
    expect(runs()).toBe(1);
    await clock.advance(1000);
    await access.authorise();
    expect(runs()).toBe(2);
  });

  it('a credential without an end serves until it is refused; many refusals cost one run', async () => {
    plugin(says({ token: 'abc' }));
    const access = await withPlugin();
    const all = await Promise.all(Array.from({ length: 5 }, () => access.authorise()));
    await clock.advance(10 * 24 * 3_600_000);
    await access.authorise();
    expect(runs()).toBe(1);
    for (const one of all) access.forget(one);
    await Promise.all(all.map(() => access.authorise()));
    for (const one of all) access.forget(one);
    await access.authorise();
    expect(runs()).toBe(2);
  });

  it('a refusal that comes while it runs starts no second one', async () => {
    plugin(`sleep 0.3; ${says({ token: 'abc' })}`);
    const access = await withPlugin();
    const first = access.authorise();
    while (runs() === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    access.forget();
    await Promise.all([first, access.authorise()]);
    expect(runs()).toBe(1);
  });

  it('may hand out a client certificate', async () => {
    plugin(says({ clientCertificateData: client.cert, clientKeyData: client.key }));
    const { cert, key, headers } = await (await withPlugin()).authorise();
    expect([cert, key, headers]).toEqual([client.cert, client.key, {}]);
  });

  it.each<[string, string, RegExp]>([
    [
      'fails',
      'echo "no login: token=abcdef123456" >&2; echo "of $REGION" >&2; exit 3',
      /ended with code 3: no login: token=\*\*\* of \*\*\*$/,
    ],
    ['complains at length', 'head -c 100000 /dev/zero | tr "\\0" x >&2; exit 1', /code 1: …x{400}$/],
    ['is killed', 'kill -9 $$', /was ended by SIGKILL/],
    ['says nothing', 'exit 0', /wrote no JSON$/],
    ['says what it should not', 'echo hunter2', /wrote no JSON$/],
    ['says something else', 'echo "{}"', /wrote no ExecCredential/],
    [
      'speaks another version',
      `echo '{"kind":"ExecCredential","apiVersion":"v9","status":{"token":"hunter2"}}'`,
      /another apiVersion/,
    ],
    ['has nothing to give', says({}), /neither a token nor a client certificate/],
    ['has half a certificate', says({ clientCertificateData: 'hunter2' }), /without its key/],
    ['gives an end that is none', says({ token: 'abc', expirationTimestamp: 'soon' }), /no time/],
    ['gives a token that is no word', says({ token: 'hunter2\nX: y' }), /not one word/],
    ['never stops talking', 'yes hunter2', /more than 1048576 bytes/],
  ])('that %s gives an error without secrets', async (_name, body, message) => {
    plugin(body);
    const access = await withPlugin({ env: [{ name: 'REGION', value: 'guangzhou' }] });
    const error = await access.authorise().catch((one: Error) => one);
    expect(error).toBeInstanceOf(KubeConfigError);
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).not.toMatch(/hunter2|guangzhou|abcdef/);
    plugin(says({ token: 'mended' }));
    expect(await bearer(access)).toBe('Bearer mended');
  });

  it('that is missing is named, with the hint how to get it', async () => {
    const access = await withPlugin({ command: 'no-such-login', installHint: 'Install it with care.' });
    await expect(access.authorise()).rejects.toThrow(
      /"no-such-login" of user "u" was not found\. Install it with care\./,
    );
  });

  it('that hangs is ended after 30 s with all that it started', async () => {
    plugin(`echo thinking >&2; sleep 1000 & echo $! > ${folder}/child; wait`);
    const access = await withPlugin();
    const asked = access.authorise().catch((one: Error) => one.message);
    while (!existsSync(join(folder, 'child')) || readFileSync(join(folder, 'child'), 'utf8') === '') {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await clock.advance(30_000);
    expect(await asked).toMatch(/did not answer within 30 s: thinking/);
    const pid = readFileSync(join(folder, 'child'), 'utf8').trim();
    await expect.poll(() => isRunning(pid)).toBe(false);
  });
});

it('a thousand authorisations cost little', async () => {
  const access = await load({
    kubeconfig: kubeconfig({ token: 'abc' }, { 'certificate-authority-data': base64(authority.ca) }),
    clock: systemClock,
  });
  await access.authorise();
  const start = performance.now();
  for (let index = 0; index < 1000; index += 1) await access.authorise();
  expect(performance.now() - start).toBeLessThan(500);
});

/** A process that has ended may stay in the table until somebody asks for its code. */
function isRunning(pid: string): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
