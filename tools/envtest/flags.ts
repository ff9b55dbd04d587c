import { basename, join } from 'node:path';

/** Ports on 127.0.0.1. */
export interface EtcdPorts {
  readonly client: number;
  readonly peer: number;
}

/** How etcd is started in the tests' folder; what is given in `extra` comes last and so wins. */
export function etcdFlags(folder: string, ports: EtcdPorts, extra: readonly string[]): readonly string[] {
  const client = etcdUrl(ports);
  return [
    `--name=${etcdName(folder)}`,
    `--data-dir=${join(folder, 'etcd')}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=http://127.0.0.1:${ports.peer}`,
    // What is lost with the machine is wanted by nobody, and syncing makes a slow disk's tests slow.
    '--unsafe-no-fsync',
    '--log-level=error',
    ...extra,
  ];
}

/** What its member list says, so that it can be told from another etcd behind the same port. */
export function etcdName(folder: string): string {
  return basename(folder);
}

export function etcdUrl(ports: EtcdPorts): string {
  return `http://127.0.0.1:${ports.client}`;
}

/** The files that the API server reads and writes; all in the tests' folder. */
export function files(folder: string) {
  return {
    certificates: join(folder, 'apiserver'),
    /** Written by the server itself: its certificate, and the authority that signed it. */
    ca: join(folder, 'apiserver', 'apiserver.crt'),
    tokens: join(folder, 'tokens.csv'),
    accountKey: join(folder, 'sa.key'),
    accountPublicKey: join(folder, 'sa.pub'),
    auditPolicy: join(folder, 'audit-policy.yaml'),
    auditLog: join(folder, 'audit.log'),
  } as const;
}

export interface ApiServerSettings {
  readonly folder: string;
  readonly port: number;
  readonly etcd: string;
  readonly isAudited: boolean;
  /** Needed on a machine without a default route only: the server has to believe that it is reachable under something. */
  readonly advertiseAddress: string | undefined;
}

/** How the API server is started; what is given in `extra` comes last and so wins. */
export function apiServerFlags(settings: ApiServerSettings, extra: readonly string[]): readonly string[] {
  const { folder, port, etcd, isAudited, advertiseAddress } = settings;
  const file = files(folder);
  return [
    `--etcd-servers=${etcd}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${port}`,
    `--cert-dir=${file.certificates}`,
    '--service-cluster-ip-range=10.0.0.0/24',
    '--authorization-mode=RBAC',
    '--allow-privileged=true',
    `--service-account-issuer=https://127.0.0.1:${port}/`,
    `--service-account-key-file=${file.accountPublicKey}`,
    `--service-account-signing-key-file=${file.accountKey}`,
    // It waits for a service account `default` in each namespace, which no controller makes here.
    '--disable-admission-plugins=ServiceAccount',
    `--token-auth-file=${file.tokens}`,
    '--endpoint-reconciler-type=none',
    '--profiling=false',
    ...(isAudited ? [`--audit-policy-file=${file.auditPolicy}`, `--audit-log-path=${file.auditLog}`] : []),
    ...(advertiseAddress === undefined ? [] : [`--advertise-address=${advertiseAddress}`]),
    ...extra,
  ];
}

/** An address for documentation (RFC 5737): nobody is sent to it, since the server publishes no endpoints here. */
const NOWHERE = '192.0.2.1';

/**
 * What `--advertise-address` has to be. The API server looks for a default route in the two tables of Linux, and does not
 * start without one; on other systems it finds its address another way.
 * Source: `getAllDefaultRoutes` of k8s.io/apimachinery/pkg/util/net, whose reading of the tables this repeats.
 * @param routes the text of /proc/net/route, or undefined on a system without it
 * @param routes6 the text of /proc/net/ipv6_route
 */
export function advertiseAddress(routes: string | undefined, routes6: string | undefined): string | undefined {
  if (routes === undefined) return undefined;
  const isDefault = fieldsOf(routes).some(([, destination]) => destination === '00000000');
  // A row without a gateway is the one that refuses what has no route.
  const isDefault6 = fieldsOf(routes6 ?? '').some(
    ([to = '', , , , via = '']) => /^0{32}$/.test(to) && !/^0*$/.test(via),
  );
  return isDefault || isDefault6 ? undefined : NOWHERE;
}

function fieldsOf(table: string): readonly (readonly string[])[] {
  return table.split('\n').map((line) => line.trim().split(/\s+/));
}
