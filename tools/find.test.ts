import { describe, expect, it } from 'vitest';
import type { Environment } from './cache.ts';
import { candidates, type Host, isEverythingRequired, locate, wantedBuild, whyMissing } from './find.ts';

interface Machine {
  readonly env?: Environment;
  readonly programs?: readonly string[];
  readonly platform?: string;
  readonly isPackageInstalled?: boolean;
}

function host({ env = {}, programs = [], platform = 'linux-x64', isPackageInstalled = true }: Machine): Host {
  return {
    env: { PATH: '/usr/bin:/bin', ...env },
    home: '/home/me',
    platform,
    isProgram: (path) => programs.includes(path),
    readText(path) {
      if (path.endsWith('/package.json')) return isPackageInstalled ? '{"version":"2.2.2"}' : undefined;
      return path.endsWith('go.mod') ? 'module' : 'sums';
    },
  };
}

const cached = (name: 'etcd' | 'kubectl'): string => `${wantedBuild(name, host({}))?.folder}/${name}`;

describe('a server is looked for', () => {
  const everywhere = ['/asset', '/assets/etcd', cached('etcd'), '/usr/local/kubebuilder/bin/etcd', '/usr/bin/etcd'];
  const env = { TEST_ASSET_ETCD: '/asset', KUBEBUILDER_ASSETS: '/assets' };

  it.each([
    ['the variable that names it', env, everywhere, '/asset'],
    ['KUBEBUILDER_ASSETS', { KUBEBUILDER_ASSETS: '/assets' }, everywhere, '/assets/etcd'],
    ['our cache', { KUBEBUILDER_ASSETS: '/elsewhere' }, everywhere, cached('etcd')],
    ['our cache, with empty variables', { TEST_ASSET_ETCD: '', KUBEBUILDER_ASSETS: '' }, everywhere, cached('etcd')],
    ["Kubebuilder's folder", {}, everywhere.slice(3), '/usr/local/kubebuilder/bin/etcd'],
    ['not in PATH', {}, ['/usr/bin/etcd'], undefined],
  ])('in order: %s', (_, variables, programs, path) => {
    expect(locate('etcd', host({ env: variables, programs }))).toBe(path);
  });

  it('by a variable of its own name', () => {
    const machine = host({ env: { TEST_ASSET_KUBE_APISERVER: '/asset' }, programs: ['/asset'] });
    expect(locate('kube-apiserver', machine)).toBe('/asset');
  });

  it('nowhere else when the variable that names it is wrong', () => {
    const machine = host({ env, programs: everywhere.slice(1) });
    expect(() => locate('etcd', machine)).toThrow('TEST_ASSET_ETCD "/asset" is no program that can be run');
  });
});

describe('kubectl is', () => {
  it.each([
    ['unpacked where the package fits', {}, [cached('kubectl')]],
    ['of PATH on another machine', { platform: 'linux-arm64' }, ['/usr/bin/kubectl', '/bin/kubectl']],
    ['of PATH without the package', { isPackageInstalled: false }, ['/usr/bin/kubectl', '/bin/kubectl']],
  ])('%s', (_, machine, paths) => {
    const looked = candidates('kubectl', host(machine));
    expect(looked.filter((path) => path !== '/usr/local/kubebuilder/bin/kubectl')).toEqual(paths);
  });
});

describe('what is missing', () => {
  it('is named with what would help', () => {
    const machine = host({ programs: ['/usr/local/kubebuilder/bin/etcd'] });
    expect(whyMissing(['etcd'], machine)).toBeUndefined();
    expect(whyMissing(['kube-apiserver', 'etcd', 'helm'], machine)).toBe(
      'kube-apiserver, helm missing: run "node tools/build.ts kube-apiserver helm", ' +
        'or set KUBEBUILDER_ASSETS to a folder that has them',
    );
  });

  it.each([
    [{}, false],
    [{ CI: 'true' }, true],
    [{ CI: 'false', REQUIRE_ALL: '0', REQUIRE_ENVTEST: '' }, false],
    [{ REQUIRE_ALL: '1' }, true],
    [{ REQUIRE_ENVTEST: '1' }, true],
  ])('is a failure with %j: %s', (env, isRequired) => {
    expect(isEverythingRequired(env)).toBe(isRequired);
  });
});
