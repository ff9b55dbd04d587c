import dns from 'node:dns';
import http from 'node:http';
import https from 'node:https';
import net, { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import type { Dispatcher } from 'undici';
import {
  assertAddress,
  assertTarget,
  bareHost,
  type EgressMode,
  type ProxyServer,
  parseConnectTo,
  parseNoProxy,
  parseProxy,
  type Target,
} from './egress-rules.ts';

export interface EgressOptions {
  readonly mode: EgressMode;
  /** `HOST:PORT=HOST:PORT`, as curl's `--connect-to`: where the connection goes changes, names in TLS and HTTP do not. */
  readonly connectTo?: readonly string[];
  /** PEM text of certificates to trust beside the usual ones. */
  readonly extraCa?: string;
  /** Read for `HTTPS_PROXY` and `NO_PROXY` (either case). Plain http is never sent through a proxy: `http_proxy` has no effect. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Asks for the addresses of a name; default is the system's resolver. */
  readonly resolve?: (host: string) => Promise<readonly dns.LookupAddress[]>;
}

/** Whom a connection trusts and as whom it is made, where that is not what holds for everybody. PEM, as `node:tls` takes it. */
export interface TlsIdentity {
  /** Trusted in place of the usual certificates and the extra one. */
  readonly ca?: string | Buffer | undefined;
  readonly cert?: string | Buffer | undefined;
  readonly key?: string | Buffer | undefined;
  /** The name that is asked for and that the certificate must bear, in place of the target's. */
  readonly servername?: string | undefined;
  /** `false` takes any certificate. Default: true. */
  readonly rejectUnauthorized?: boolean | undefined;
}

export interface AgentOptions {
  /** Answers that are larger are cut off; default 16 MiB, `Infinity` for answers that go on. */
  readonly maxAnswerBytes?: number;
  /** Connections at a time to one target; default 16. */
  readonly maxSockets?: number;
  /** For the one caller that asks this machine's own metadata for keys. Has no effect in loopback mode. */
  readonly allowMetadata?: boolean;
  readonly tls?: TlsIdentity;
  /** Used for every connection, plain ones and loopback too, in place of what the environment says. */
  readonly proxy?: ProxyServer | undefined;
  /** How long the way to a connection may take, a proxy and TLS included, in real milliseconds; default 10,000. */
  readonly connectTimeoutMs?: number;
  /** Whether a connection is kept for the next request; default true. Agents only. */
  readonly keepAlive?: boolean;
  /** How long an idle connection is kept, in real milliseconds; default 15,000. Agents only. */
  readonly idleMs?: number;
  /** Silence after which the system asks whether the other side is still there, in milliseconds; default is the system's, often two hours. */
  readonly probeAfterMs?: number;
}

/** Every connection of every adapter is opened here, by one set of rules, judged by the address that it really goes to. */
export interface Egress {
  /** @throws {EgressError} when no connection to this IP address may be opened */
  assertAllowed(address: string): void;
  /** Judges what can be judged without a name server, after `--connect-to`. @throws {EgressError} */
  assertTarget(host: string, port: number): void;
  /**
   * An agent for `node:http` or `node:https` requests. Its owner destroys it. It strips `Location` from answers, so that no
   * client can follow a redirect, and cuts off answers that are too large.
   */
  agent(protocol: 'http:' | 'https:', options?: AgentOptions): http.Agent;
  /** The same rules for undici, which is loaded on first use (27 MiB). Redirects are the caller's to refuse (`redirect: 'manual'`). */
  dispatcher(options?: AgentOptions): Promise<Dispatcher>;
}

const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
const MAX_SOCKETS = 16;
/** The default: longer than a lost SYN and its first two repeats; an unreachable host then fails while its caller still waits. */
const CONNECT_TIMEOUT_MS = 10_000;
/** Idle connections are closed before servers and load balancers usually do it, so that few requests hit a closing one. */
const IDLE_SOCKET_MS = 15_000;

type Done = (error: Error | null, socket?: net.Socket) => void;
interface Wanted extends Target {
  readonly secure: boolean;
  readonly servername?: string | undefined;
}
interface PlainOptions {
  readonly allowMetadata: boolean;
  readonly probeAfterMs: number | undefined;
}

/** @throws {RangeError} when a flag or variable cannot be read, naming it */
export function createEgress(options: EgressOptions): Egress {
  const { mode } = options;
  const mapped = parseConnectTo(options.connectTo ?? []);
  const proxy = parseProxy(options.env ?? {});
  const skipsProxy = parseNoProxy(options.env ?? {});
  const resolve = options.resolve ?? ((host) => dns.promises.lookup(host, { all: true }));
  const ca = options.extraCa === undefined ? undefined : [...tls.getCACertificates('default'), options.extraCa];

  const connectPlain = (target: Target, { allowMetadata, probeAfterMs }: PlainOptions): net.Socket => {
    assertTarget(mode, target.host, allowMetadata);
    return net.connect({
      host: target.host,
      port: target.port,
      noDelay: true,
      keepAlive: true,
      ...(probeAfterMs === undefined ? {} : { keepAliveInitialDelay: probeAfterMs }),
      lookup: checkedLookup(resolve, (address) => assertAddress(mode, address, allowMetadata)),
    });
  };
  const secureOver = (socket: Duplex, name: string, identity: TlsIdentity = {}): tls.TLSSocket =>
    tls.connect({
      socket,
      ALPNProtocols: ['http/1.1'],
      ...(isIP(name) === 0 ? { servername: name } : {}),
      ...(ca ? { ca } : {}),
      ...identityOptions(identity),
      // The certificate must be for the host that was asked for, wherever --connect-to or a proxy leads.
      checkServerIdentity: (_host, certificate) => tls.checkServerIdentity(name, certificate),
    });

  const open = (wanted: Wanted, agentOptions: AgentOptions, done: Done): void => {
    const host = bareHost(wanted.host);
    const target = mapped({ host, port: wanted.port });
    const { allowMetadata = false, probeAfterMs, tls: identity } = agentOptions;
    const plain: PlainOptions = { allowMetadata, probeAfterMs };
    const name = identity?.servername || wanted.servername || host;
    const once = settleOnce(done, agentOptions.connectTimeoutMs ?? CONNECT_TIMEOUT_MS);
    const secure = (socket: Duplex): void => {
      if (!wanted.secure) {
        once.ready(socket as net.Socket);
        return;
      }
      try {
        once.watch(secureOver(socket, name, identity), 'secureConnect');
      } catch (error) {
        // A certificate or key that cannot be read.
        once.fail(error as Error);
      }
    };
    const through = agentOptions.proxy ?? (wanted.secure && !skipsProxy(target) ? proxy : undefined);
    try {
      assertTarget(mode, target.host, allowMetadata);
      if (through) {
        openTunnel({ proxy: through, target, plain, connectPlain, secureOver, once, ready: secure });
      } else {
        const socket = connectPlain(target, plain);
        once.watch(socket, 'connect', () => secure(socket));
      }
    } catch (error) {
      once.fail(error as Error);
    }
  };

  return {
    assertAllowed: (address) => assertAddress(mode, address),
    assertTarget: (host, port) => assertTarget(mode, mapped({ host, port }).host),
    agent: (protocol, agentOptions = {}) => createAgent(protocol, agentOptions, open),
    dispatcher: (agentOptions = {}) => createDispatcher(agentOptions, open),
  };
}

/** Only what is given: `ca: undefined` would take the place of the usual certificates. */
function identityOptions({ ca, cert, key, rejectUnauthorized }: TlsIdentity): tls.ConnectionOptions {
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
  };
}

/** A `lookup` for `net.connect` that hands over no address that was not judged: one bad answer refuses the name. */
function checkedLookup(
  resolve: (host: string) => Promise<readonly dns.LookupAddress[]>,
  assertAllowed: (address: string) => void,
): net.LookupFunction {
  return (host, options, callback) => {
    resolve(host).then(
      (addresses) => {
        try {
          for (const { address } of addresses) assertAllowed(address);
        } catch (error) {
          callback(error as NodeJS.ErrnoException, []);
          return;
        }
        const first = addresses[0];
        if (!first) callback(new Error(`${host} has no address`), []);
        else if (options.all) callback(null, [...addresses]);
        else callback(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, []),
    );
  };
}

interface Settling {
  ready(socket: net.Socket): void;
  fail(error: Error): void;
  /** Fails when `socket` fails; calls `then` (default: ready) at `event`. */
  watch(socket: net.Socket, event: 'connect' | 'secureConnect', then?: () => void): void;
}

/** Reports one outcome, whichever comes first, and leaves neither a timer nor a half-open socket behind. */
function settleOnce(done: Done, timeoutMs: number): Settling {
  const sockets: net.Socket[] = [];
  let isOver = false;
  const fail = (error: Error): void => {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    for (const socket of sockets) socket.destroy();
    process.nextTick(done, error);
  };
  const timer = setTimeout(() => fail(new Error(`no connection within ${timeoutMs} ms`)), timeoutMs);
  const ready = (socket: net.Socket): void => {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    done(null, socket);
  };
  return {
    ready,
    fail,
    watch(socket, event, then = () => ready(socket)) {
      sockets.push(socket);
      socket
        .on('error', fail)
        .once('close', () => fail(new Error('the connection was closed while it was being opened')));
      socket.once(event, then);
    },
  };
}

interface Tunnel {
  readonly proxy: ProxyServer;
  readonly target: Target;
  readonly plain: PlainOptions;
  readonly connectPlain: (target: Target, plain: PlainOptions) => net.Socket;
  readonly secureOver: (socket: Duplex, host: string) => tls.TLSSocket;
  readonly once: Settling;
  readonly ready: (socket: Duplex) => void;
}

/** Asks the proxy for a tunnel (CONNECT, RFC 9110 §9.3.6) and hands the bare stream over. */
function openTunnel({ proxy, target, plain, connectPlain, secureOver, once, ready }: Tunnel): void {
  const authority = `${isIP(target.host) === 6 ? `[${target.host}]` : target.host}:${target.port}`;
  const ask = (socket: net.Socket): void => {
    const headers = { host: authority, ...(proxy.authorization ? { 'proxy-authorization': proxy.authorization } : {}) };
    const request = http.request({ method: 'CONNECT', path: authority, headers, createConnection: () => socket });
    request.on('error', once.fail);
    request.on('response', (answer) => once.fail(refused(answer.statusCode)));
    request.on('connect', (answer, tunnel) => {
      if (answer.statusCode === 200) ready(tunnel);
      else once.fail(refused(answer.statusCode));
    });
    request.end();
  };
  const refused = (status: number | undefined): Error =>
    new Error(`the proxy ${proxy.host}:${proxy.port} refused a tunnel to ${authority} (HTTP ${status})`);
  const socket = connectPlain(proxy, { ...plain, allowMetadata: false });
  once.watch(socket, 'connect', () => {
    if (!proxy.secure) {
      ask(socket);
      return;
    }
    const secured = secureOver(socket, proxy.host);
    once.watch(secured, 'secureConnect', () => ask(secured));
  });
}

type Open = (wanted: Wanted, options: AgentOptions, done: Done) => void;
/** `addRequest` is how Node hands a request to its agent; it is what agents for proxies override too. */
type RequestTaker = http.Agent & { addRequest(request: http.ClientRequest, ...rest: unknown[]): void };

function createAgent(protocol: 'http:' | 'https:', options: AgentOptions, open: Open): http.Agent {
  const settings = {
    keepAlive: options.keepAlive ?? true,
    timeout: options.idleMs ?? IDLE_SOCKET_MS,
    maxSockets: options.maxSockets ?? MAX_SOCKETS,
    // Node sets it on every connection that it puts aside.
    ...(options.probeAfterMs === undefined ? {} : { keepAliveMsecs: options.probeAfterMs }),
  };
  const secure = protocol === 'https:';
  const agent = (secure ? new https.Agent(settings) : new http.Agent(settings)) as RequestTaker;
  const maxBytes = options.maxAnswerBytes ?? MAX_ANSWER_BYTES;
  agent.createConnection = (wanted, callback) => {
    const { servername } = wanted as { servername?: string };
    const target = { host: wanted.host ?? 'localhost', port: Number(wanted.port ?? (secure ? 443 : 80)) };
    open({ ...target, secure, servername }, options, (error, socket) => {
      // The types ask for a stream even beside an error; Node does not look at it then.
      callback?.(error, socket as net.Socket);
    });
    return undefined;
  };
  const addRequest = agent.addRequest.bind(agent);
  agent.addRequest = (request, ...rest) => {
    request.prependOnceListener('response', (answer) => guardAnswer(answer, maxBytes));
    addRequest(request, ...rest);
  };
  return agent;
}

/** Runs before any client sees the answer: no redirect to follow, and an end to bodies that do not end. */
function guardAnswer(answer: http.IncomingMessage, maxBytes: number): void {
  delete answer.headers.location;
  if (maxBytes === Infinity) return;
  const { socket } = answer;
  const start = socket.bytesRead;
  const count = (): void => {
    if (socket.bytesRead - start > maxBytes) socket.destroy(new Error(`the answer is larger than ${maxBytes} bytes`));
  };
  socket.on('data', count);
  answer.once('close', () => socket.off('data', count));
}

async function createDispatcher(options: AgentOptions, open: Open): Promise<Dispatcher> {
  const { Agent } = await import('undici');
  return new Agent({
    connections: options.maxSockets ?? MAX_SOCKETS,
    maxResponseSize: options.maxAnswerBytes ?? MAX_ANSWER_BYTES,
    keepAliveTimeout: 4000,
    connect: ({ hostname, port, protocol, servername }, callback) => {
      const secure = protocol === 'https:';
      const wanted = { host: hostname, port: Number(port || (secure ? 443 : 80)), secure, servername };
      open(wanted, options, (error, socket) => {
        if (socket) callback(null, socket);
        else callback(error ?? new Error('no connection'), null);
      });
    },
  });
}
