import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { find } from '../find.ts';
import { type AdminAnswer, type AdminClient, type AdminRequest, createAdminClient } from './admin.ts';
import { installCrds } from './crds.ts';
import {
  ADMIN,
  serviceAccountKeys,
  type TokenOwner,
  toKubeconfig,
  toTokenFile,
  type User,
  withTokens,
} from './credentials.ts';
import { advertiseAddress, apiServerFlags, type EtcdPorts, etcdFlags, etcdName, etcdUrl, files } from './flags.ts';
import { freePort, type Server, startServer } from './server.ts';

export interface ControlPlaneOptions {
  /** Known beside the administrator; they may do nothing until a role binding names them. */
  readonly users?: readonly User[];
  /** Writes every request to `auditLog`, one JSON event a line, in this depth. Default: none. */
  readonly auditPolicy?: 'Metadata' | 'Request' | 'RequestResponse';
  /** More flags of the servers, as in `--watch-cache=false`; they win over our own. */
  readonly apiServerArgs?: readonly string[];
  readonly etcdArgs?: readonly string[];
  /** How long each server may take until it is ready; it takes 1 to 4 s on an idle machine. Default 60,000. */
  readonly startTimeoutMs?: number;
  /**
   * How long each server may take to end after SIGTERM before it is killed. A watch over HTTP/1.1 that is still open holds the
   * API server for all of it. Default 20,000.
   */
  readonly stopTimeoutMs?: number;
  /** Gives up a start that is under way. */
  readonly signal?: AbortSignal;
  /** Where ports come from; a test's own. Default: whatever is free. */
  readonly choosePort?: () => Promise<number>;
}

export type ServerName = 'apiserver' | 'etcd';

/** An etcd and a kube-apiserver on 127.0.0.1, with nothing else: no kubelet, no controllers (README.md says what that means). */
export interface ControlPlane extends AsyncDisposable {
  /** `https://127.0.0.1:PORT`. */
  readonly url: string;
  /** The certificate authority of the API server, PEM. */
  readonly ca: string;
  /** The file that `ca` was read from. */
  readonly caFile: string;
  /** Token of the user `admin`, who is in the group `system:masters`. */
  readonly adminToken: string;
  /** Where the audit log is; there is one only when it was asked for. */
  readonly auditLog: string;
  /** @throws {RangeError} when there is no such user */
  token(user: string): string;
  /** Writes a kubeconfig file for a user, by default the administrator, and gives its path. It goes away with `stop`. */
  kubeconfig(user?: string, namespace?: string): string;
  /** One JSON request, by default as administrator. Any status is an answer; no connection throws. */
  request<Body = unknown>(
    method: string,
    path: string,
    options?: AdminRequest & { readonly as?: string },
  ): Promise<AdminAnswer<Body>>;
  /** Installs or updates the definitions in YAML files and waits until they are served. */
  installCrds(paths: readonly string[]): Promise<void>;
  /** Makes a namespace that nobody else has and gives its name. It cannot be deleted for good: no controller empties it. */
  createNamespace(prefix?: string): Promise<string>;
  /** Undefined while the server does not run. */
  pid(server: ServerName): number | undefined;
  /** The end of what a server logged since it was started last. */
  log(server: ServerName): string;
  /** Sends a signal; after SIGKILL and SIGTERM the promise waits for the server's end. */
  kill(server: ServerName, signal: NodeJS.Signals): Promise<void>;
  /** Starts a server again on the same port with the same data, stopping it first if it runs, and waits until it is ready. */
  restart(server: ServerName): Promise<void>;
  /** Freezes a server (SIGSTOP): its connections stay open, and nothing answers. */
  pause(server: ServerName): void;
  /** Lets a paused server go on (SIGCONT). */
  resume(server: ServerName): void;
  /** Ends both servers and removes every file. Safe to call twice. */
  stop(): Promise<void>;
}

const DEFAULT_NAMESPACE_MS = 5000;
const POLL_MS = 100;

/**
 * Starts an API server of its own for a test; several can run at once. When this process ends in whatever way, SIGKILL
 * included, servers and files go with it.
 * @throws {Error} when a program is missing (saying what would help) or does not start (with the end of its log)
 */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const binaries = { etcd: find('etcd'), apiserver: find('kube-apiserver') };
  const owners = withTokens(options.users ?? []);
  const folder = mkdtempSync(join(tmpdir(), 'aiops-envtest-'));
  let etcd: Server<EtcdPorts> | undefined;
  let apiserver: Server<number> | undefined;
  const stop = async (): Promise<void> => {
    // The API server ends first, since it waits for an etcd that is gone as long as it is let.
    if (etcd?.pid === undefined) await apiserver?.kill('SIGKILL');
    await apiserver?.stop();
    await etcd?.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    writeFiles(folder, owners, options.auditPolicy);
    etcd = await startEtcd(binaries.etcd, folder, options);
    apiserver = await startApiServer(binaries.apiserver, folder, etcdUrl(etcd.ports), options);
    const plane = toControlPlane({ folder, owners, etcd, apiserver, stop });
    await untilDefaultNamespace(plane);
    return plane;
  } catch (error) {
    await stop();
    throw error;
  }
}

function writeFiles(folder: string, owners: readonly TokenOwner[], auditLevel: string | undefined): void {
  const file = files(folder);
  const keys = serviceAccountKeys();
  const secret = { mode: 0o600 };
  writeFileSync(file.tokens, toTokenFile(owners), secret);
  writeFileSync(file.accountKey, keys.privateKey, secret);
  writeFileSync(file.accountPublicKey, keys.publicKey);
  const policy = { apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules: [{ level: auditLevel }] };
  if (auditLevel !== undefined) writeFileSync(file.auditPolicy, JSON.stringify(policy));
}

async function startEtcd(binary: string, folder: string, options: ControlPlaneOptions): Promise<Server<EtcdPorts>> {
  const { choosePort = freePort, etcdArgs = [] } = options;
  return await startServer({
    binary,
    folder,
    choosePorts: async () => ({ client: await choosePort(), peer: await choosePort() }),
    flags: (ports) => etcdFlags(folder, ports, etcdArgs),
    isReady: (ports) => isEtcdReady(etcdUrl(ports), etcdName(folder)),
    ...timing(options),
  });
}

function timing({ startTimeoutMs = 60_000, stopTimeoutMs = 20_000, signal }: ControlPlaneOptions) {
  return { startTimeoutMs, stopTimeoutMs, signal };
}

/** Healthy, and the one that was started: behind a port that it could not get, another etcd may well be healthy. */
async function isEtcdReady(url: string, name: string): Promise<boolean> {
  const health = await fetch(`${url}/health`, { signal: AbortSignal.timeout(2000) });
  await health.arrayBuffer();
  if (health.status !== 200) return false;
  const list = { method: 'POST', body: '{}', signal: AbortSignal.timeout(2000) };
  const answer = await fetch(`${url}/v3/cluster/member/list`, list);
  const { members } = (await answer.json()) as { members?: readonly { name?: string }[] };
  return members?.some((member) => member.name === name) ?? false;
}

async function startApiServer(
  binary: string,
  folder: string,
  etcd: string,
  options: ControlPlaneOptions,
): Promise<Server<number>> {
  const { choosePort = freePort, apiServerArgs = [], auditPolicy } = options;
  const address = advertiseAddress(readIfThere('/proc/net/route'), readIfThere('/proc/net/ipv6_route'));
  const isAudited = auditPolicy !== undefined;
  return await startServer({
    binary,
    folder,
    choosePorts: choosePort,
    flags: (port) => apiServerFlags({ folder, port, etcd, isAudited, advertiseAddress: address }, apiServerArgs),
    async isReady(port) {
      const client = createAdminClient(toUrl(port), readFileSync(files(folder).ca, 'utf8'));
      const answer = await client.request('GET', '/readyz', undefined, { signal: AbortSignal.timeout(2000) });
      client.disconnect();
      return answer.status === 200;
    },
    ...timing(options),
  });
}

function readIfThere(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

function toUrl(port: number): string {
  return `https://127.0.0.1:${port}`;
}

interface Parts {
  readonly folder: string;
  readonly owners: readonly TokenOwner[];
  readonly etcd: Server<EtcdPorts>;
  readonly apiserver: Server<number>;
  readonly stop: () => Promise<void>;
}

function toControlPlane(parts: Parts): ControlPlane {
  const { folder, owners, etcd, apiserver } = parts;
  const url = toUrl(apiserver.ports);
  const { ca: caFile, auditLog } = files(folder);
  const ca = readFileSync(caFile, 'utf8');
  const client: AdminClient = createAdminClient(url, ca);
  const servers = { apiserver, etcd };
  const token = (user: string): string => {
    const owner = owners.find(({ name }) => name === user);
    if (owner === undefined) throw new RangeError(`user "${user}": there is ${owners.map((o) => o.name).join(', ')}`);
    return owner.token;
  };
  const request: ControlPlane['request'] = (method, path, { as = ADMIN, ...rest } = {}) =>
    client.request(method, path, token(as), rest);
  const kill = async (server: ServerName, signal: NodeJS.Signals): Promise<void> => {
    await servers[server].kill(signal);
    if (servers[server].pid === undefined) client.disconnect();
  };
  const stop = async (): Promise<void> => {
    client.disconnect();
    await parts.stop();
  };
  return {
    url,
    ca,
    caFile,
    auditLog,
    adminToken: token(ADMIN),
    token,
    kubeconfig(user = ADMIN, namespace = 'default') {
      const path = join(folder, `${encodeURIComponent(user)}-${namespace}.kubeconfig`);
      writeFileSync(path, toKubeconfig({ url, ca, user, token: token(user), namespace }), { mode: 0o600 });
      return path;
    },
    request,
    installCrds: (paths) => installCrds(request, paths),
    createNamespace: (prefix = 'test') => createNamespace(request, prefix),
    pid: (server) => servers[server].pid,
    log: (server) => servers[server].log(),
    kill,
    async restart(server) {
      await servers[server].stop();
      client.disconnect();
      await servers[server].start();
    },
    pause: (server) => void servers[server].kill('SIGSTOP'),
    resume: (server) => void servers[server].kill('SIGCONT'),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function createNamespace(request: ControlPlane['request'], prefix: string): Promise<string> {
  const name = `${prefix}-${randomBytes(4).toString('hex')}`;
  const { status, body } = await request('POST', '/api/v1/namespaces', { body: { metadata: { name } } });
  if (status !== 201) throw new Error(`namespace "${name}" was refused with ${status}: ${JSON.stringify(body)}`);
  return name;
}

/** The server says that it is ready a moment before it has made the namespace that everybody starts with. */
async function untilDefaultNamespace(plane: ControlPlane): Promise<void> {
  const deadline = performance.now() + DEFAULT_NAMESPACE_MS;
  while ((await plane.request('GET', '/api/v1/namespaces/default')).status !== 200) {
    if (performance.now() > deadline) throw new Error(`no namespace "default" within ${DEFAULT_NAMESPACE_MS} ms`);
    await wait(POLL_MS);
  }
}
