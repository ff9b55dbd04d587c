import { dirname, isAbsolute, join } from 'node:path';
import { parseDocument, visit } from 'yaml';
import { type ProxyServer, parseProxyUrl } from '../../lib/egress-rules.ts';

/** There is no usable way to an API server. The message names what was looked at and what would help; never a secret. */
export class KubeConfigError extends Error {
  override readonly name = 'KubeConfigError';
}

type Fields = Readonly<Record<string, unknown>>;

/** One or several kubeconfig files, as far as they are used: by name, paths absolute. */
export interface Kubeconfig {
  readonly currentContext: string;
  readonly contexts: ReadonlyMap<string, Fields>;
  readonly clusters: ReadonlyMap<string, Fields>;
  readonly users: ReadonlyMap<string, Fields>;
}

/** A plugin that hands out credentials. Source: "client-go credential plugins", `ExecConfig`. */
export interface ExecSpec {
  readonly apiVersion: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value: string }[];
  /** What to do when the command is missing. */
  readonly installHint: string;
  /** `spec.cluster` of what the plugin is told; absent when it did not ask for it. */
  readonly cluster?: Fields;
}

/** What one context leads to. */
export interface Connection {
  readonly context: string;
  /** The cluster's URL; may have a path. */
  readonly server: URL;
  readonly namespace: string;
  readonly proxy?: ProxyServer;
  /** As kubeconfig has them, without what the members below stand for. */
  readonly cluster: Fields;
  readonly user: Fields;
  readonly userName: string;
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly tokenFile?: string;
  readonly exec?: ExecSpec;
  /** Members of impersonation beside `as`, as headers. */
  readonly impersonation: Readonly<Record<string, string | string[]>>;
}

/**
 * Reads one kubeconfig file. Its relative paths count from its own folder; `…-data` wins over the file beside it.
 * @throws {KubeConfigError} naming the file; what stands in it is not repeated
 */
export function parseKubeconfig(text: string, file: string): Kubeconfig {
  const document = parseDocument(text, { prettyErrors: false });
  const problem = document.errors[0];
  if (problem) {
    const line = text.slice(0, problem.pos[0]).split('\n').length;
    throw new KubeConfigError(`${file} is not readable as YAML (${problem.code}, line ${line})`);
  }
  // No field is a number: `token: 0123` is text that looks like one.
  visit(document, {
    Scalar(_key, node) {
      if (typeof node.value === 'number' && node.source !== undefined) node.value = node.source;
    },
  });
  const root: unknown = document.toJS();
  if (!isFields(root)) throw new KubeConfigError(`${file} is not a kubeconfig: it holds no mapping at its top`);
  const folder = dirname(file);
  return {
    currentContext: textOf(root, 'current-context'),
    contexts: entries(root, 'contexts', 'context', file),
    clusters: entries(root, 'clusters', 'cluster', file, (cluster) => withPaths(cluster, folder, CLUSTER_FILES)),
    users: entries(root, 'users', 'user', file, (user) => withCommand(withPaths(user, folder, USER_FILES), folder)),
  };
}

/** Joins the files of a path list: of each name, and of the current context, the first one counts, as with kubectl. */
export function mergeKubeconfigs(configs: readonly Kubeconfig[]): Kubeconfig {
  const first = (pick: (config: Kubeconfig) => ReadonlyMap<string, Fields>): ReadonlyMap<string, Fields> =>
    new Map(configs.toReversed().flatMap((config) => [...pick(config)]));
  return {
    currentContext: configs.find(({ currentContext }) => currentContext !== '')?.currentContext ?? '',
    contexts: first(({ contexts }) => contexts),
    clusters: first(({ clusters }) => clusters),
    users: first(({ users }) => users),
  };
}

/**
 * Follows a context to its cluster and user.
 * @param source what was read, for messages: `/home/me/.kube/config`
 * @param wanted the value of `--context`, where one was given
 * @throws {KubeConfigError} naming what is missing and what there is instead
 */
export function selectContext(config: Kubeconfig, source: string, wanted?: string): Connection {
  const name = wanted ?? config.currentContext;
  if (name === '') {
    throw new KubeConfigError(`${source} has no current-context; give --context, known are ${list(config.contexts)}`);
  }
  const context = config.contexts.get(name);
  if (!context) {
    const asker = wanted === undefined ? `the current-context "${name}"` : `--context "${name}"`;
    throw new KubeConfigError(`${asker} is not in ${source}, known are ${list(config.contexts)}`);
  }
  const missing = (what: string, value: string, known: ReadonlyMap<string, Fields>): KubeConfigError =>
    new KubeConfigError(
      `context "${name}" names the ${what} "${value}", which is not in ${source}, known are ${list(known)}`,
    );

  const clusterName = textOf(context, 'cluster');
  const cluster = config.clusters.get(clusterName);
  if (!cluster) throw missing('cluster', clusterName, config.clusters);
  // A context may do without a user: it is then nobody.
  const userName = textOf(context, 'user');
  const user = userName === '' ? {} : config.users.get(userName);
  if (!user) throw missing('user', userName, config.users);

  const provider = user['auth-provider'];
  if (isFields(provider) && !AUTH_PROVIDERS.includes(textOf(provider, 'name'))) {
    throw new KubeConfigError(
      `user "${userName}" in ${source}: the auth-provider "${textOf(provider, 'name')}" is not known, allowed are ${AUTH_PROVIDERS.join(', ')}`,
    );
  }

  const proxyUrl = textOf(cluster, 'proxy-url');
  return {
    context: name,
    server: toServer(textOf(cluster, 'server'), clusterName, source),
    namespace: textOf(context, 'namespace') || 'default',
    ...(proxyUrl === '' ? {} : { proxy: toProxy(proxyUrl, clusterName, source) }),
    cluster: without(cluster, ['certificate-authority', 'proxy-url']),
    user: without(user, ['client-certificate', 'client-key', 'tokenFile', 'exec']),
    userName,
    ...optional('caFile', textOf(cluster, 'certificate-authority')),
    ...optional('certFile', textOf(user, 'client-certificate')),
    ...optional('keyFile', textOf(user, 'client-key')),
    ...optional('tokenFile', textOf(user, 'tokenFile')),
    ...toExec(user, cluster, userName),
    impersonation: toImpersonation(user),
  };
}

/** Those that the official client has. */
const AUTH_PROVIDERS = ['oidc', 'azure', 'gcp'];

/** Field with a path → field with the content itself, which wins. */
const CLUSTER_FILES = { 'certificate-authority': 'certificate-authority-data' };
const USER_FILES = { 'client-certificate': 'client-certificate-data', 'client-key': 'client-key-data', tokenFile: '' };

function withPaths(fields: Fields, folder: string, files: Readonly<Record<string, string>>): Fields {
  const result: Record<string, unknown> = { ...fields };
  for (const [field, data] of Object.entries(files)) {
    const path = textOf(fields, field);
    if (path === '' || textOf(fields, data) !== '') delete result[field];
    else result[field] = isAbsolute(path) ? path : join(folder, path);
  }
  return result;
}

/** A command with a slash is a path and counts from the file's folder; one without is looked for in PATH. */
function withCommand(user: Fields, folder: string): Fields {
  const exec = user['exec'];
  if (!isFields(exec)) return user;
  const command = textOf(exec, 'command');
  if (!command.includes('/') || isAbsolute(command)) return user;
  return { ...user, exec: { ...exec, command: join(folder, command) } };
}

function entries(
  root: Fields,
  member: string,
  inner: string,
  file: string,
  convert: (fields: Fields) => Fields = (fields) => fields,
): ReadonlyMap<string, Fields> {
  const found = new Map<string, Fields>();
  const all = root[member] ?? [];
  if (!Array.isArray(all)) throw new KubeConfigError(`${file}: ${member} is not a list`);
  for (const [index, entry] of all.entries()) {
    const name = isFields(entry) ? textOf(entry, 'name') : '';
    if (name === '') throw new KubeConfigError(`${file}: ${member}[${index}] has no name`);
    const fields = (entry as Fields)[inner] ?? {};
    if (!isFields(fields)) throw new KubeConfigError(`${file}: ${member}[${index}].${inner} is not a mapping`);
    if (!found.has(name)) found.set(name, convert(fields));
  }
  return found;
}

function toServer(text: string, cluster: string, source: string): URL {
  const url = URL.parse(text);
  const isUsable =
    url && (url.protocol === 'https:' || url.protocol === 'http:') && url.search === '' && url.hash === '';
  if (!isUsable || url.username !== '' || url.password !== '') {
    throw new KubeConfigError(
      `cluster "${cluster}" in ${source}: server is not an address that can be used, write https://HOST:PORT, without login or query`,
    );
  }
  return url;
}

function toProxy(text: string, cluster: string, source: string): ProxyServer {
  try {
    return parseProxyUrl('proxy-url', text);
  } catch (error) {
    throw new KubeConfigError(`cluster "${cluster}" in ${source}: ${(error as Error).message}`);
  }
}

function toExec(user: Fields, cluster: Fields, userName: string): { readonly exec?: ExecSpec } {
  const exec = user['exec'];
  if (!isFields(exec)) return {};
  const refuse = (why: string): KubeConfigError => new KubeConfigError(`user "${userName}": exec ${why}`);
  const command = textOf(exec, 'command');
  if (command === '') throw refuse('names no command');
  const apiVersion = textOf(exec, 'apiVersion');
  if (!EXEC_VERSIONS.includes(apiVersion)) {
    throw refuse(`has the apiVersion "${apiVersion}", allowed are ${EXEC_VERSIONS.join(' and ')}`);
  }
  if (textOf(exec, 'interactiveMode') === 'Always') {
    throw refuse('has the interactiveMode Always, but there is no terminal here to ask at');
  }
  const { args, env } = exec;
  return {
    exec: {
      apiVersion,
      command,
      args: Array.isArray(args) ? args.map(String) : [],
      env: Array.isArray(env)
        ? env.filter(isFields).map((one) => ({ name: textOf(one, 'name'), value: textOf(one, 'value') }))
        : [],
      installHint: textOf(exec, 'installHint'),
      ...(exec['provideClusterInfo'] === true ? { cluster: toClusterInfo(cluster) } : {}),
    },
  };
}

const EXEC_VERSIONS = ['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1'];
/** The name under which a cluster keeps what is meant for plugins. */
const EXEC_EXTENSION = 'client.authentication.k8s.io/exec';

function toClusterInfo(cluster: Fields): Fields {
  const { extensions } = cluster;
  const extension = Array.isArray(extensions)
    ? extensions.find((one) => isFields(one) && one['name'] === EXEC_EXTENSION)
    : undefined;
  const config = isFields(extension) ? extension['extension'] : undefined;
  const known = ['server', 'tls-server-name', 'insecure-skip-tls-verify', 'certificate-authority-data', 'proxy-url'];
  const info = Object.fromEntries(known.filter((key) => cluster[key] !== undefined).map((key) => [key, cluster[key]]));
  return config === undefined ? info : { ...info, config };
}

function toImpersonation(user: Fields): Readonly<Record<string, string | string[]>> {
  const headers: Record<string, string | string[]> = {};
  const { 'as-uid': uid, 'as-groups': groups, 'as-user-extra': extra } = user;
  if (typeof uid === 'string' && uid !== '') headers['Impersonate-Uid'] = uid;
  if (Array.isArray(groups) && groups.length > 0) headers['Impersonate-Group'] = groups.map(String);
  if (isFields(extra)) {
    for (const [key, values] of Object.entries(extra)) {
      headers[`Impersonate-Extra-${encodeURIComponent(key)}`] = Array.isArray(values)
        ? values.map(String)
        : String(values);
    }
  }
  return headers;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOf(fields: Fields, key: string): string {
  const value = Object.hasOwn(fields, key) ? fields[key] : undefined;
  return typeof value === 'string' ? value : typeof value === 'boolean' ? String(value) : '';
}

function optional<K extends string>(key: K, text: string): { readonly [P in K]?: string } {
  return (text === '' ? {} : { [key]: text }) as { readonly [P in K]?: string };
}

function without(fields: Fields, keys: readonly string[]): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([key]) => !keys.includes(key)));
}

const MAX_NAMES = 20;

function list(known: ReadonlyMap<string, unknown>): string {
  const names = [...known.keys()].toSorted().map((name) => `"${name}"`);
  if (names.length === 0) return 'none';
  const rest = names.length - MAX_NAMES;
  return rest > 0 ? `${names.slice(0, MAX_NAMES).join(', ')} and ${rest} more` : names.join(', ');
}
