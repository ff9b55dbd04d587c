import { describe, expect, it } from 'vitest';
import { advertiseAddress, apiServerFlags, etcdFlags } from './flags.ts';

describe('the flags', () => {
  it('of etcd', () => {
    expect(etcdFlags('/tmp/x', { client: 2379, peer: 2380 }, ['--quota-backend-bytes=1'])).toEqual([
      '--name=x',
      '--data-dir=/tmp/x/etcd',
      '--listen-client-urls=http://127.0.0.1:2379',
      '--advertise-client-urls=http://127.0.0.1:2379',
      '--listen-peer-urls=http://127.0.0.1:2380',
      '--unsafe-no-fsync',
      '--log-level=error',
      '--quota-backend-bytes=1',
    ]);
  });

  const settings = { folder: '/tmp/x', port: 6443, etcd: 'http://127.0.0.1:2379' };

  it('of the API server', () => {
    expect(apiServerFlags({ ...settings, isAudited: false, advertiseAddress: undefined }, [])).toEqual([
      '--etcd-servers=http://127.0.0.1:2379',
      '--bind-address=127.0.0.1',
      '--secure-port=6443',
      '--cert-dir=/tmp/x/apiserver',
      '--service-cluster-ip-range=10.0.0.0/24',
      '--authorization-mode=RBAC',
      '--allow-privileged=true',
      '--service-account-issuer=https://127.0.0.1:6443/',
      '--service-account-key-file=/tmp/x/sa.pub',
      '--service-account-signing-key-file=/tmp/x/sa.key',
      '--disable-admission-plugins=ServiceAccount',
      '--token-auth-file=/tmp/x/tokens.csv',
      '--endpoint-reconciler-type=none',
      '--profiling=false',
    ]);
  });

  it('of the API server by option, those of the user last', () => {
    const all = { ...settings, isAudited: true, advertiseAddress: '192.0.2.1' };
    expect(apiServerFlags(all, ['--watch-cache=false']).slice(-4)).toEqual([
      '--audit-policy-file=/tmp/x/audit-policy.yaml',
      '--audit-log-path=/tmp/x/audit.log',
      '--advertise-address=192.0.2.1',
      '--watch-cache=false',
    ]);
  });
});

const head = 'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n';
const lan = 'eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n';
const gateway = 'eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n';
const zero = '0'.repeat(32);
const gateway6 = `${zero} 00 ${zero} 00 fe800000000000000000000000000001 00000400 00000001 00000000 00450003 eth0\n`;
const unreachable6 = `${zero} 00 ${zero} 00 ${zero} ffffffff 00000001 00000000 00200200 lo\n`;

describe('an address to advertise', () => {
  it.each([
    ['a default route', `${head}${lan}${gateway}`, '', undefined],
    ['a default route of IPv6 only', head, `${unreachable6}${gateway6}`, undefined],
    ['a system without these tables', undefined, undefined, undefined],
    ['a local network only', `${head}${lan}`, unreachable6, '192.0.2.1'],
    ['no network', head, undefined, '192.0.2.1'],
    ['a route to one network of IPv6 only', head, gateway6.replace(zero, `fd${zero.slice(2)}`), '192.0.2.1'],
  ])('with %s', (_, routes, routes6, address) => {
    expect(advertiseAddress(routes, routes6)).toBe(address);
  });
});
