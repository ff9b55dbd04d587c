import { describe, expect, it } from 'vitest';
import { KubeConfigError, mergeKubeconfigs, parseKubeconfig, selectContext } from './kubeconfig.ts';

const config = (fields: Record<string, unknown>): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'Config', ...fields });
const one = (parts: { cluster?: object; user?: object; context?: object } = {}): string =>
  config({
    'current-context': 'x',
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u', ...parts.context } }],
    clusters: [{ name: 'c', cluster: { server: 'https://10.0.0.1:6443/', ...parts.cluster } }],
    users: [{ name: 'u', user: parts.user ?? {} }],
  });
const select = (text: string, wanted?: string) =>
  selectContext(parseKubeconfig(text, '/etc/kube/config'), '/etc/kube/config', wanted);

describe('one file', () => {
  it('leads from the current context to its cluster and user', () => {
    const found = select(one({ context: { namespace: 'pools' }, user: { token: 'abc' } }));
    expect(found).toMatchObject({ context: 'x', namespace: 'pools', userName: 'u', user: { token: 'abc' } });
    expect(found.server.href).toBe('https://10.0.0.1:6443/');
    expect(select(one()).namespace).toBe('default');
  });

  it('paths count from its own folder; the content beside a path wins', () => {
    const found = select(
      one({
        cluster: { 'certificate-authority': 'pki/ca.crt' },
        user: { 'client-certificate': '../me.crt', 'client-key': '/abs/me.key', tokenFile: 'token' },
      }),
    );
    expect(found).toMatchObject({
      caFile: '/etc/kube/pki/ca.crt',
      certFile: '/etc/me.crt',
      keyFile: '/abs/me.key',
      tokenFile: '/etc/kube/token',
    });
    const data = select(
      one({
        cluster: { 'certificate-authority': 'ca.crt', 'certificate-authority-data': 'QQ==' },
        user: {
          'client-certificate': 'c',
          'client-certificate-data': 'Qg==',
          'client-key': 'k',
          'client-key-data': 'Qw==',
        },
      }),
    );
    expect([data.caFile, data.certFile, data.keyFile]).toEqual([undefined, undefined, undefined]);
    expect(data.cluster).toMatchObject({ 'certificate-authority-data': 'QQ==' });
  });

  it('text that looks like a number stays as it is written', () => {
    const text = one()
      .replace('"u"', '0123')
      .replace('"name":"u"', '"name":0123')
      .replace('"user":{}', '"user":{"token":007}');
    expect(select(text)).toMatchObject({ userName: '0123', user: { token: '007' } });
  });

  it('a context without a user is nobody', () => {
    expect(select(one({ context: { user: null } }))).toMatchObject({ userName: '', user: {} });
  });

  it('impersonation comes as headers, groups and extras too', () => {
    const user = { as: 'jane', 'as-uid': '7', 'as-groups': ['ops', 'dev'], 'as-user-extra': { 'a/b': ['1', '2'] } };
    expect(select(one({ user })).impersonation).toEqual({
      'Impersonate-Uid': '7',
      'Impersonate-Group': ['ops', 'dev'],
      'Impersonate-Extra-a%2Fb': ['1', '2'],
    });
  });

  it('a proxy-url is read, and what cannot be used is refused without being repeated', () => {
    expect(select(one({ cluster: { 'proxy-url': 'http://me:pw@proxy:3128' } })).proxy).toMatchObject({
      host: 'proxy',
      port: 3128,
    });
    const socks = (): unknown => select(one({ cluster: { 'proxy-url': 'socks5://me:hunter2@proxy:1080' } }));
    expect(socks).toThrow(/cluster "c" .*proxy-url .*SOCKS is not supported/);
    expect(socks).not.toThrow(/hunter2/);
  });

  it('a plugin is read with all that it is to be told', () => {
    const cluster = {
      'certificate-authority-data': 'QQ==',
      'tls-server-name': 'kube',
      extensions: [{ name: 'client.authentication.k8s.io/exec', extension: { audience: 'me' } }],
    };
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: './bin/login',
      args: ['--for', 'kube'],
      env: [{ name: 'REGION', value: 'gz' }],
      installHint: 'get it',
      interactiveMode: 'IfAvailable',
      provideClusterInfo: true,
    };
    expect(select(one({ cluster, user: { exec } })).exec).toEqual({
      apiVersion: 'client.authentication.k8s.io/v1',
      command: '/etc/kube/bin/login',
      args: ['--for', 'kube'],
      env: [{ name: 'REGION', value: 'gz' }],
      installHint: 'get it',
      cluster: {
        server: 'https://10.0.0.1:6443/',
        'certificate-authority-data': 'QQ==',
        'tls-server-name': 'kube',
        config: { audience: 'me' },
      },
    });
    const bare = { apiVersion: 'client.authentication.k8s.io/v1beta1', command: 'login', args: null, env: null };
    expect(select(one({ user: { exec: bare } })).exec).toMatchObject({ command: 'login', args: [], env: [] });
  });
});

describe('several files', () => {
  const parse = (text: string, index: number) => parseKubeconfig(text, `/f${index}/config`);

  it('of each name, and of the current context, the first counts', () => {
    const merged = mergeKubeconfigs(
      [
        config({
          clusters: [{ name: 'c', cluster: { server: 'https://first' } }],
          users: [{ name: 'u', user: { tokenFile: 't' } }],
        }),
        one({ cluster: { server: 'https://second' }, user: { token: 'second' } }),
        config({ 'current-context': 'y', contexts: [{ name: 'y', context: { cluster: 'c', user: 'u' } }] }),
      ].map(parse),
    );
    expect(merged.currentContext).toBe('x');
    expect([...merged.contexts.keys()].toSorted()).toEqual(['x', 'y']);
    const found = selectContext(merged, 'files');
    expect(found.server.host).toBe('first');
    expect(found).toMatchObject({ tokenFile: '/f0/t', user: {} });
  });

  it('a name twice in one file is the first one too', () => {
    const twice = config({ clusters: ['1', '2'].map((n) => ({ name: 'c', cluster: { server: `https://${n}` } })) });
    expect(parseKubeconfig(twice, '/f').clusters.get('c')).toMatchObject({ server: 'https://1' });
  });
});

describe('is refused, naming what is wrong', () => {
  it.each<[string, string, string | undefined, RegExp]>([
    [
      'no current context',
      config({
        contexts: [
          { name: 'b', context: {} },
          { name: 'a', context: {} },
        ],
      }),
      undefined,
      /no current-context.*known are "a", "b"/,
    ],
    ['an unknown --context', one(), 'prod', /--context "prod" is not in \/etc\/kube\/config, known are "x"/],
    [
      'an unknown current context',
      one().replace('"current-context":"x"', '"current-context":"z"'),
      undefined,
      /current-context "z".*known are "x"/,
    ],
    [
      'a missing cluster',
      one({ context: { cluster: 'q' } }),
      undefined,
      /context "x" names the cluster "q".*known are "c"/,
    ],
    ['a missing user', one({ context: { user: 'q' } }), undefined, /context "x" names the user "q".*known are "u"/],
    [
      'a server without scheme',
      one({ cluster: { server: '10.0.0.1:6443' } }),
      undefined,
      /cluster "c".*https:\/\/HOST:PORT/,
    ],
    ['a server with a login', one({ cluster: { server: 'https://me:pw@h' } }), undefined, /without login/],
    ['no server', one({ cluster: { server: null } }), undefined, /cluster "c"/],
    [
      'an old plugin version',
      one({ user: { exec: { apiVersion: 'client.authentication.k8s.io/v1alpha1', command: 'x' } } }),
      undefined,
      /v1alpha1.*allowed are.*v1beta1/,
    ],
    [
      'a plugin without a command',
      one({ user: { exec: { apiVersion: 'client.authentication.k8s.io/v1' } } }),
      undefined,
      /names no command/,
    ],
    [
      'a plugin that needs a terminal',
      one({
        user: { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'x', interactiveMode: 'Always' } },
      }),
      undefined,
      /no terminal/,
    ],
    [
      'an unknown auth-provider',
      one({ user: { 'auth-provider': { name: 'magic' } } }),
      undefined,
      /"magic" is not known, allowed are oidc/,
    ],
    ['no mapping', 'just text', undefined, /config is not a kubeconfig/],
    ['nothing', '', undefined, /config is not a kubeconfig/],
    ['no YAML', 'a: [1,\nb: }', undefined, /config is not readable as YAML .*line \d/],
    ['a list that is none', config({ users: {} }), undefined, /users is not a list/],
    ['an entry without a name', config({ clusters: [{ cluster: {} }] }), undefined, /clusters\[0\] has no name/],
  ])('%s', (_name, text, wanted, message) => {
    expect(() => select(text, wanted)).toThrow(message);
    expect(() => select(text, wanted)).toThrow(KubeConfigError);
  });

  it('what stands in a file is not repeated', () => {
    expect(() => select('token: "hunter2\nx: }')).not.toThrow(/hunter2/);
  });
});
