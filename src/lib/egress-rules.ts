import { BlockList, isIP } from 'node:net';

/** `loopback` refuses every address that is not this machine's own; `default` refuses link-local and metadata addresses. */
export type EgressMode = 'default' | 'loopback';

/** A host (name or address, without brackets) and a port. */
export interface Target {
  readonly host: string;
  readonly port: number;
}

/** A connection that the rules forbid. It was refused before anything was sent. */
export class EgressError extends Error {
  override readonly name = 'EgressError';
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/**
 * Addresses that hand out a machine's own secrets: whoever can write an endpoint into a manifest must not reach them.
 * Link-local holds most of them (Tencent 169.254.0.23, AWS, Azure, GCP); the others are single addresses of other clouds.
 */
const linkLocal = new BlockList();
linkLocal.addSubnet('169.254.0.0', 16, 'ipv4');
linkLocal.addSubnet('fe80::', 10, 'ipv6');
linkLocal.addSubnet('64:ff9b::a9fe:0', 112, 'ipv6');
const metadata = new BlockList();
metadata.addAddress('100.100.100.200', 'ipv4');
metadata.addAddress('168.63.129.16', 'ipv4');
metadata.addAddress('192.0.0.192', 'ipv4');
metadata.addAddress('fd00:ec2::254', 'ipv6');

/** `[::1]`, `fe80::1%eth0` → the bare address; names come back in lower case without a final dot. */
export function bareHost(host: string): string {
  const inner = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
  return (inner.split('%')[0] ?? inner).toLowerCase().replace(/\.$/, '');
}

function isIn(list: BlockList, address: string): boolean {
  return list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

/** Whether an IP address is this machine's own (127.0.0.0/8, ::1, and the former written as IPv6). */
export function isLoopback(address: string): boolean {
  const bare = bareHost(address);
  return isIP(bare) !== 0 && isIn(loopback, bare);
}

/**
 * @param allowMetadata lets link-local through, for the one caller that asks the machine's own metadata for role keys
 * @throws {EgressError} when no connection to this IP address may be opened, saying why and what would help
 */
export function assertAddress(mode: EgressMode, address: string, allowMetadata = false): void {
  const bare = bareHost(address);
  if (isIP(bare) === 0) throw new EgressError(`"${address}" is not an IP address`);
  if (mode === 'loopback') {
    if (!isIn(loopback, bare)) throw new EgressError(notLoopback(address));
    return;
  }
  if ((isIn(linkLocal, bare) && !allowMetadata) || isIn(metadata, bare)) {
    throw new EgressError(`${address} is a link-local or metadata address: these are never used as endpoints`);
  }
}

function notLoopback(host: string): string {
  return `${host} is not a loopback address and --egress loopback allows no other; map it with --connect-to HOST:PORT=127.0.0.1:PORT`;
}

/**
 * The part of the verdict that needs no name server: an address is judged as above, and in loopback mode a name
 * other than `localhost` is refused without asking anybody for it.
 * @throws {EgressError}
 */
export function assertTarget(mode: EgressMode, host: string, allowMetadata = false): void {
  const bare = bareHost(host);
  if (isIP(bare) !== 0) assertAddress(mode, bare, allowMetadata);
  else if (mode === 'loopback' && bare !== 'localhost') throw new EgressError(notLoopback(host));
}

const targetKey = (target: Target): string => `${bareHost(target.host)}:${target.port}`;

/** Reads `HOST:PORT`, with an IPv6 address in brackets. */
function parseTarget(text: string): Target | undefined {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^\s:/@[\]=]+):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (!match?.[1] || port < 1 || port > 65_535) return undefined;
  return { host: bareHost(match[1]), port };
}

/**
 * Reads the values of `--connect-to HOST:PORT=HOST:PORT`.
 * @returns where a connection to a target really goes
 * @throws {RangeError} naming the flag, the value and the form
 */
export function parseConnectTo(values: readonly string[]): (target: Target) => Target {
  const map = new Map<string, Target>();
  for (const value of values) {
    const [from, to, ...rest] = value.split('=').map(parseTarget);
    if (!from || !to || rest.length > 0) {
      throw new RangeError(
        `--connect-to "${value}": write HOST:PORT=HOST:PORT, for instance cvm.example.com:443=127.0.0.1:8443 (IPv6 in brackets)`,
      );
    }
    if (map.has(targetKey(from))) throw new RangeError(`--connect-to "${value}": ${targetKey(from)} is mapped twice`);
    map.set(targetKey(from), to);
  }
  return (target) => map.get(targetKey(target)) ?? { host: bareHost(target.host), port: target.port };
}

/** Reads `--egress`. @throws {RangeError} naming the flag, the value and what is allowed */
export function parseEgressMode(value: string): EgressMode {
  if (value === 'default' || value === 'loopback') return value;
  throw new RangeError(`--egress "${value}": write default or loopback`);
}

/** A proxy for https targets. `authorization` is a ready header value and a secret. */
export interface ProxyServer extends Target {
  readonly secure: boolean;
  readonly authorization?: string;
}

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Reads `HTTPS_PROXY` (or `https_proxy`). The value is not repeated in errors: it may hold a password.
 * @throws {RangeError} when it is set and no usable proxy URL
 */
export function parseProxy(env: Env): ProxyServer | undefined {
  const name = env['HTTPS_PROXY'] ? 'HTTPS_PROXY' : 'https_proxy';
  const value = env[name];
  if (!value) return undefined;
  return parseProxyUrl(name, value);
}

/**
 * Reads the address of a proxy, `HOST:PORT` or a URL, with or without a login. The value is not repeated in errors.
 * @param name what it is called where the user wrote it
 * @throws {RangeError} when it is no usable proxy address
 */
export function parseProxyUrl(name: string, value: string): ProxyServer {
  const url = URL.parse(value.includes('://') ? value : `http://${value}`);
  if (url?.protocol.startsWith('socks')) {
    throw new RangeError(
      `${name} is not a proxy address that works here: SOCKS is not supported, write http://HOST:PORT or https://HOST:PORT`,
    );
  }
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new RangeError(`${name} is not a proxy address: write http://HOST:PORT or https://HOST:PORT`);
  }
  const secure = url.protocol === 'https:';
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port);
  const proxy = { host: bareHost(url.hostname), port, secure };
  if (url.username === '') return proxy;
  const user = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return { ...proxy, authorization: `Basic ${Buffer.from(user).toString('base64')}` };
}

/**
 * Reads `NO_PROXY` (or `no_proxy`) as curl and Go do: a comma-separated list of `*`, names (which cover the names below
 * them), addresses, networks (`10.0.0.0/8`), each but `*` and networks with an optional `:PORT`. What cannot be read matches nothing.
 * @returns whether a target is reached without the proxy; loopback always is
 */
export function parseNoProxy(env: Env): (target: Target) => boolean {
  const rules = (env['NO_PROXY'] ?? env['no_proxy'] ?? '')
    .split(',')
    .map((rule) => rule.trim().toLowerCase())
    .filter((rule) => rule !== '')
    .map(toNoProxyRule);
  return (target) => {
    const host = bareHost(target.host);
    return host === 'localhost' || isLoopback(host) || rules.some((matches) => matches(host, target.port));
  };
}

type NoProxyRule = (host: string, port: number) => boolean;

function toNoProxyRule(rule: string): NoProxyRule {
  if (rule === '*') return () => true;
  const [network, prefix] = rule.split('/');
  if (prefix !== undefined && network !== undefined) return networkRule(bareHost(network), Number(prefix));
  const withPort = isIP(rule) === 6 ? undefined : /^(.*):(\d+)$/.exec(rule);
  const name = bareHost(withPort?.[1] ?? rule).replace(/^\*?\./, '');
  const onlyPort = withPort ? Number(withPort[2]) : undefined;
  return (host, port) =>
    (onlyPort === undefined || onlyPort === port) && (host === name || (isIP(name) === 0 && host.endsWith(`.${name}`)));
}

function networkRule(network: string, prefix: number): NoProxyRule {
  const family = isIP(network);
  if (family === 0 || !Number.isInteger(prefix) || prefix < 0 || prefix > (family === 4 ? 32 : 128)) return () => false;
  const list = new BlockList();
  list.addSubnet(network, prefix, family === 4 ? 'ipv4' : 'ipv6');
  return (host) => isIP(host) === family && isIn(list, host);
}
