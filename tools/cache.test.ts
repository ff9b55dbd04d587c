import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cacheFolder, cacheKey, goTarget, type Ingredients, olderBuilds } from './cache.ts';
import { type Tool, tools, toToolName } from './table.ts';

describe('the cache folder', () => {
  it.each([
    [{}, '/home/me/.cache/aiops-operator/tools'],
    [{ XDG_CACHE_HOME: '/var/cache/me' }, '/var/cache/me/aiops-operator/tools'],
    [{ XDG_CACHE_HOME: '' }, '/home/me/.cache/aiops-operator/tools'],
    [{ XDG_CACHE_HOME: '/var/cache/me', AIOPS_TOOLS_CACHE: '/srv/tools' }, '/srv/tools'],
    [{ AIOPS_TOOLS_CACHE: '' }, '/home/me/.cache/aiops-operator/tools'],
  ])('with %j is %s', (env, folder) => {
    expect(cacheFolder(env, '/home/me')).toBe(folder);
  });
});

describe('the key of a build', () => {
  const tool: Tool = tools.etcd;
  const base: Ingredients = { sources: ['module', 'sums'], tool, platform: 'linux-x64' };
  const changed: readonly [string, Ingredients][] = [
    ['go.mod', { ...base, sources: ['module ', 'sums'] }],
    ['go.sum', { ...base, sources: ['module', 'sums '] }],
    ['a byte moved from one file to the other', { ...base, sources: ['modules', 'ums'] }],
    ['flags', { ...base, tool: { ...tool, flags: ['-race'] } }],
    ['flags of the linker', { ...base, tool: { ...tool, ldflags: '-s' } }],
    ['environment', { ...base, tool: { ...tool, env: { CGO_ENABLED: '1' } } }],
    ['package', { ...base, tool: { ...tool, package: 'example.org/etcd' } }],
    ['the machine', { ...base, platform: 'linux-arm64' }],
  ];

  it.each(changed)('is another one with another %s', (_, other) => {
    expect(cacheKey(other)).not.toBe(cacheKey(base));
  });

  it('stays the same for the same, and when only the expected time is another one', () => {
    expect(cacheKey({ ...base, tool: { ...tool, expected: '2 hours' } })).toBe(cacheKey(base));
    expect(cacheKey(base)).toMatch(/^[0-9a-f]{16}$/);
  });
});

describe('older builds', () => {
  it('are those of the same tool only, never the new one and never what else lies there', () => {
    const old = `etcd-${'0'.repeat(16)}`;
    const kept = `etcd-${'1'.repeat(16)}`;
    const foreign = [
      'lock',
      '.unfinished-ab',
      `kube-etcd-${'0'.repeat(16)}`,
      `etcd-ctl-${'0'.repeat(16)}`,
      'etcd-notes',
      'etcd',
    ];
    expect(olderBuilds([...foreign, old, kept], 'etcd', '1'.repeat(16))).toEqual([old]);
  });

  it('never hold the build that was just made', () => {
    const key = fc.stringMatching(/^[0-9a-f]{16}$/);
    fc.assert(
      fc.property(fc.array(key), key, (others, mine) => {
        const entries = [...others, mine].map((each) => `helm-${each}`);
        expect(olderBuilds(entries, 'helm', mine)).not.toContain(`helm-${mine}`);
      }),
    );
  });
});

it.each([
  ['linux', 'x64', { GOOS: 'linux', GOARCH: 'amd64' }],
  ['linux', 'arm64', { GOOS: 'linux', GOARCH: 'arm64' }],
  ['darwin', 'arm64', { GOOS: 'darwin', GOARCH: 'arm64' }],
])('Go calls %s on %s %j', (platform, arch, target) => {
  expect(goTarget(platform, arch)).toEqual(target);
});

it('a tool that there is not is refused with those that there are', () => {
  expect(toToolName('etcd')).toBe('etcd');
  expect(() => toToolName('etcdctl')).toThrow('tool "etcdctl": there is kube-apiserver, etcd, kubectl, helm');
  expect(() => toToolName('toString')).toThrow('tool "toString"');
});
