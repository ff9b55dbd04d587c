import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { serviceAccountKeys, toKubeconfig, toTokenFile, withTokens } from './credentials.ts';

describe('users', () => {
  it('have tokens of their own, the administrator first', () => {
    const owners = withTokens([{ name: 'operator' }, { name: 'me', groups: ['a', 'b'], token: 't' }]);
    expect(owners.map(({ name, groups }) => ({ name, groups }))).toEqual([
      { name: 'admin', groups: ['system:masters'] },
      { name: 'operator', groups: [] },
      { name: 'me', groups: ['a', 'b'] },
    ]);
    expect(owners[2]?.token).toBe('t');
    expect(owners[0]?.token).toMatch(/^[0-9a-f]{32}$/);
    expect(owners[1]?.token).not.toBe(owners[0]?.token);
  });

  it.each([
    ['', 'users: "" is no name'],
    ['admin', 'users: "admin" is there already'],
  ])('named "%s" are refused', (name, message) => {
    expect(() => withTokens([{ name }])).toThrow(message);
  });

  it('stand in the token file with every field quoted', () => {
    const owners = [{ name: 'a "b", c', groups: ['x', 'y'], token: 't' }];
    expect(toTokenFile(owners)).toBe('"t","a ""b"", c","a ""b"", c","x,y"\n');
  });
});

it('the keys of service accounts belong together', () => {
  const { privateKey, publicKey } = serviceAccountKeys();
  const data = Buffer.from('token');
  expect(verify('sha256', data, createPublicKey(publicKey), sign('sha256', data, createPrivateKey(privateKey)))).toBe(
    true,
  );
  expect([privateKey, publicKey].map((pem) => pem.split('\n')[0])).toEqual([
    '-----BEGIN PRIVATE KEY-----',
    '-----BEGIN PUBLIC KEY-----',
  ]);
});

it('a kubeconfig holds what a client needs, also where a name looks like something else in YAML 1.1', () => {
  const text = toKubeconfig({ url: 'https://127.0.0.1:1', ca: 'PEM', user: 'no', token: '1e3', namespace: 'on' });
  expect(parse(text, { version: '1.1' })).toEqual({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'envtest',
    clusters: [{ name: 'envtest', cluster: { server: 'https://127.0.0.1:1', 'certificate-authority-data': 'UEVN' } }],
    users: [{ name: 'no', user: { token: '1e3' } }],
    contexts: [{ name: 'envtest', context: { cluster: 'envtest', user: 'no', namespace: 'on' } }],
  });
});
