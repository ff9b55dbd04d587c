import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type https from 'node:https';
import { isIPv6 } from 'node:net';
import { delimiter, join } from 'node:path';
import tls from 'node:tls';
import type { KubeConfig } from '@kubernetes/client-node';
import type { Clock } from '../../lib/clock.ts';
import type { TlsIdentity } from '../../lib/egress.ts';
import type { ProxyServer } from '../../lib/egress-rules.ts';
import { createRedactor } from '../../telemetry/redact.ts';
import { createExecPlugin, type ExecPlugin } from './exec-plugin.ts';
import { readBounded, unreadable, watchFile } from './files.ts';
import { type Connection, KubeConfigError, mergeKubeconfigs, parseKubeconfig, selectContext } from './kubeconfig.ts';

/** How the API server is to be spoken to at this moment. All of it is secret. */
export interface Authorisation extends TlsIdentity {
  readonly headers: Readonly<Record<string, string | string[]>>;
  /** Grows with each `forget()`, so that one refusal does not drop what was read because of another. */
  readonly generation: number;
}

/** One API server, and whom to be there. */
export interface KubeAccess {
  /** Without a slash at its end; may have a path: `https://rancher.example/k8s/clusters/c-1`. */
  readonly server: string;
  /** The name that the server's certificate must bear, where it is not the host's. */
  readonly servername: string | undefined;
  /** The context's namespace; `default` when it has none. */
  readonly namespace: string;
  /** The cluster's own proxy (`proxy-url`). */
  readonly proxy: ProxyServer | undefined;
  /** Server and context, for messages; no secret. */
  describe(): string;
  /** Cheap: what it stands on is read from files, or got from a plugin, only when that is due. @throws {KubeConfigError} */
  authorise(): Promise<Authorisation>;
  /**
   * To be called when the server did not accept an authorisation: the next one is built from files and plugins read anew.
   * @param refused given, it has no effect when that is of an earlier generation
   */
  forget(refused?: Authorisation): void;
}

export interface KubeConfigOptions {
  /** `--kubeconfig`. */
  readonly kubeconfig?: string | undefined;
  /** `--context`. */
  readonly context?: string | undefined;
  /** Read for `KUBECONFIG`, `HOME` and `KUBERNETES_SERVICE_*`; handed to plugins. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Where a pod finds its token, `ca.crt` and `namespace`. */
  readonly serviceAccountFolder?: string;
}

const SERVICE_ACCOUNT_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';
/** Tokens of pods are renewed at four fifths of their life, an hour as a rule; client-go reads them as often. */
const TOKEN_AGE_MS = 60_000;
/** Certificates are small; looking once a second costs nothing and is soon enough. */
const CERTIFICATE_AGE_MS = 1000;

/**
 * Finds the API server as kubectl does: `--kubeconfig`, else the files in `$KUBECONFIG`, else `~/.kube/config`, else the
 * service account of the pod that we run in. There is no other default.
 * @throws {KubeConfigError} naming what was looked for, or what is wrong with what was found
 */
export async function loadKubeConfig(options: KubeConfigOptions): Promise<KubeAccess> {
  const source = await findSource(options);
  const first = await source.read(options.context);
  const server = toText(first.server);
  let generation = 0;
  let plugin: { readonly spec: string; readonly plugin: ExecPlugin } | undefined;

  const open = async (connection: Connection): Promise<Identity> => {
    const spec = JSON.stringify(connection.exec);
    // The same plugin goes on, so that it is never run twice at a time.
    if (connection.exec && plugin?.spec !== spec) {
      plugin = { spec, plugin: createExecPlugin(connection.exec, connection.userName, options) };
    }
    return openIdentity(connection, connection.exec ? plugin?.plugin : undefined, options.clock);
  };
  const reopen = async (): Promise<Identity> => {
    const connection = await source.read(first.context);
    // Credentials that are meant for another server must not go to this one.
    if (toText(connection.server) !== server) {
      throw new KubeConfigError(
        `${source.name} leads to another server than at the start (${server}): restart to use it`,
      );
    }
    return open(connection);
  };
  let opened: Promise<Identity> | undefined = open(first);
  await opened;

  return {
    server,
    servername: (first.cluster['tls-server-name'] as string | undefined) || undefined,
    namespace: first.namespace,
    proxy: first.proxy,
    describe: () => `${server} (context "${first.context}" of ${source.name})`,
    async authorise() {
      const now = generation;
      opened ??= reopen();
      const current = opened;
      try {
        return { ...(await (await current)()), generation: now };
      } catch (error) {
        // Whatever failed is read anew the next time.
        if (opened === current) opened = undefined;
        throw error;
      }
    },
    forget(refused) {
      if (refused && refused.generation !== generation) return;
      generation += 1;
      opened = undefined;
      plugin?.plugin.forget();
    },
  };
}

/** The origin and path without a slash at the end. */
function toText(server: URL): string {
  return server.href.replace(/\/+$/, '');
}

interface Source {
  /** For messages. */
  readonly name: string;
  read(context: string | undefined): Promise<Connection>;
}

async function findSource(options: KubeConfigOptions): Promise<Source> {
  const { env, kubeconfig } = options;
  if (kubeconfig)
    return { name: kubeconfig, read: async (context) => readFiles([kubeconfig], '--kubeconfig', context) };
  const paths = (env['KUBECONFIG'] ?? '').split(delimiter).filter((path) => path !== '');
  if (paths.length > 0) {
    return { name: paths.join(delimiter), read: async (context) => readFiles(paths, 'KUBECONFIG', context) };
  }
  const ordinary = env['HOME'] ? join(env['HOME'], '.kube', 'config') : undefined;
  if (ordinary && (await readText(ordinary, '~/.kube/config')) !== undefined) {
    return { name: ordinary, read: async (context) => readFiles([ordinary], '~/.kube/config', context) };
  }
  if (env['KUBERNETES_SERVICE_HOST']) {
    return { name: 'the service account', read: async (context) => inCluster(options, context) };
  }
  throw new KubeConfigError(
    'There is no way to an API server. Looked for: --kubeconfig (not given), KUBECONFIG (not set), ' +
      `${ordinary ?? '~/.kube/config'} (${ordinary ? 'does not exist' : 'HOME is not set'}), ` +
      'KUBERNETES_SERVICE_HOST (not set: this is no pod). Give --kubeconfig FILE.',
  );
}

/** As with kubectl, files of a list may be missing, but not all of them. */
async function readFiles(paths: readonly string[], asked: string, context: string | undefined): Promise<Connection> {
  const texts = await Promise.all(paths.map((path) => readText(path, asked)));
  const configs = texts.flatMap((text, index) => (text === undefined ? [] : parseKubeconfig(text, paths[index] ?? '')));
  if (configs.length === 0) throw new KubeConfigError(`${asked}: ${paths.join(delimiter)} does not exist`);
  return selectContext(mergeKubeconfigs(configs), paths.join(delimiter), context || undefined);
}

/** `undefined` when there is no such file. */
async function readText(path: string, asked: string): Promise<string | undefined> {
  try {
    return (await readBounded(path)).toString('utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new KubeConfigError(`${asked}: ${path} ${unreadable(error)}`);
  }
}

async function inCluster(options: KubeConfigOptions, context: string | undefined): Promise<Connection> {
  const { env, serviceAccountFolder: folder = SERVICE_ACCOUNT_FOLDER } = options;
  if (context && context !== IN_CLUSTER) {
    throw new KubeConfigError(
      `--context "${context}" needs a kubeconfig, and only the pod's service account was found`,
    );
  }
  const [host = '', port = ''] = [env['KUBERNETES_SERVICE_HOST'], env['KUBERNETES_SERVICE_PORT']];
  const server = URL.parse(`https://${isIPv6(host) ? `[${host}]` : host}:${port}`);
  if (!server || !/^\d+$/.test(port)) {
    throw new KubeConfigError(
      `KUBERNETES_SERVICE_HOST "${host}" and KUBERNETES_SERVICE_PORT "${port}" are no host and port, as a pod has them`,
    );
  }
  const namespace = await readFile(join(folder, 'namespace'), 'utf8').catch(() => '');
  return {
    context: IN_CLUSTER,
    server,
    namespace: namespace.trim() || 'default',
    cluster: { server: server.href },
    user: {},
    userName: 'service account',
    caFile: join(folder, 'ca.crt'),
    tokenFile: join(folder, 'token'),
    impersonation: {},
  };
}

const IN_CLUSTER = 'in-cluster';

/** What stands for one reading of the kubeconfig; each call gives what holds at that moment. */
type Identity = () => Promise<Omit<Authorisation, 'generation'>>;

async function openIdentity(connection: Connection, plugin: ExecPlugin | undefined, clock: Clock): Promise<Identity> {
  const { userName, impersonation } = connection;
  const token = watchFile(connection.tokenFile, 'the token', TOKEN_AGE_MS, clock);
  const ca = watchFile(connection.caFile, 'the certificate authority', CERTIFICATE_AGE_MS, clock);
  const cert = watchFile(connection.certFile, 'the client certificate', CERTIFICATE_AGE_MS, clock);
  const key = watchFile(connection.keyFile, 'the client key', CERTIFICATE_AGE_MS, clock);
  const config = await openConfig(connection, async (options) => {
    const bytes = await token();
    if (bytes) setBearer(options, bytes.toString('utf8').trim(), userName);
    const credential = bytes ? undefined : await plugin?.get();
    if (credential?.cert) Object.assign(options, { cert: credential.cert, key: credential.key });
    try {
      if (credential?.token) setBearer(options, credential.token, userName);
    } catch (error) {
      // It was kept as good; the next call asks the plugin again.
      plugin?.forget();
      throw error;
    }
  });
  let usable: TlsIdentity = {};

  return async () => {
    const options: https.RequestOptions = { headers: {} };
    try {
      await config.applyToHTTPSOptions(options);
    } catch (error) {
      throw error instanceof KubeConfigError ? error : toConfigError(error, connection);
    }
    const identity: TlsIdentity = {
      ca: (options.ca as Buffer | undefined) ?? (await ca()),
      cert: (options.cert as string | Buffer | undefined) ?? (await cert()),
      key: (options.key as string | Buffer | undefined) ?? (await key()),
      servername: options.servername || undefined,
      rejectUnauthorized: options.rejectUnauthorized,
    };
    if (!isSameIdentity(identity, usable)) assertUsable(identity, connection);
    usable = identity;
    const basic = options.auth ? { Authorization: `Basic ${Buffer.from(options.auth).toString('base64')}` } : {};
    return { ...identity, headers: { ...(options.headers as Record<string, string>), ...basic, ...impersonation } };
  };
}

/** The name under which our own reader of tokens stands in for those of the package, which neither trim nor renew as they should. */
const OWN_PROVIDER = 'aiops';

async function openConfig(
  { cluster, user, userName, server, tokenFile, exec }: Connection,
  apply: (options: https.RequestOptions) => Promise<void>,
): Promise<KubeConfig> {
  // Costs 0.3 s and tens of megabytes, so only who speaks to a cluster loads it.
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  config.addAuthenticator({
    isAuthProvider: (one) => one.authProvider?.name === OWN_PROVIDER,
    applyAuthentication: (_user, options) => apply(options as https.RequestOptions),
  });
  // The package refuses plain http unless told that there is nothing to verify.
  const known = server.protocol === 'http:' ? { ...cluster, 'insecure-skip-tls-verify': true } : cluster;
  const own = tokenFile || exec ? { 'auth-provider': { name: OWN_PROVIDER } } : {};
  // A token file wins over a token beside it, as in client-go.
  const one = tokenFile ? { ...user, token: undefined, ...own } : { ...user, ...own };
  const text = JSON.stringify({
    clusters: [{ name: 'cluster', cluster: known }],
    users: [{ name: userName || 'nobody', user: one }],
    contexts: [{ name: 'context', context: { cluster: 'cluster', user: userName || 'nobody' } }],
    'current-context': 'context',
  });
  config.loadFromString(text);
  return config;
}

function setBearer(options: https.RequestOptions, token: string, userName: string): void {
  // Node's own error would come later and would not say what it is about.
  if (!/^[\x21-\x7e]+$/.test(token))
    throw new KubeConfigError(`the token of user "${userName}" is empty or not one word`);
  Object.assign(options.headers ?? {}, { Authorization: `Bearer ${token}` });
}

function toConfigError(error: unknown, { userName, user }: Connection): KubeConfigError {
  const { name = 'none' } = (user['auth-provider'] ?? {}) as { name?: string };
  const text = createRedactor().text(String((error as Error).message ?? error));
  return new KubeConfigError(`no credentials for user "${userName}" (auth-provider ${name}): ${text.slice(0, 400)}`);
}

/** Whether two connections may stand for each other. */
export function isSameIdentity(a: TlsIdentity, b: TlsIdentity): boolean {
  const same = (one: string | Buffer | undefined, two: string | Buffer | undefined): boolean =>
    one === two || (one !== undefined && two !== undefined && Buffer.from(one).equals(Buffer.from(two)));
  return (
    same(a.ca, b.ca) &&
    same(a.cert, b.cert) &&
    same(a.key, b.key) &&
    a.servername === b.servername &&
    a.rejectUnauthorized === b.rejectUnauthorized
  );
}

/** OpenSSL takes any text for a CA and says much later, and unclearly, that nobody is trusted. */
function assertUsable({ ca, cert, key }: TlsIdentity, { userName }: Connection): void {
  try {
    if (ca !== undefined) new X509Certificate(ca);
  } catch {
    throw new KubeConfigError('the certificate authority of the cluster is no certificate in PEM form');
  }
  if ((cert === undefined) !== (key === undefined)) {
    throw new KubeConfigError(
      `user "${userName}" has a client ${cert ? 'certificate without its key' : 'key without its certificate'}`,
    );
  }
  if (cert === undefined || key === undefined) return;
  try {
    tls.createSecureContext({ cert, key });
  } catch {
    throw new KubeConfigError(`the client certificate of user "${userName}" and its key cannot be used together`);
  }
}
