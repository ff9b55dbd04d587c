import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { generate } from 'selfsigned';

/** A certificate and its key, PEM. */
export interface TestCertificate {
  readonly cert: string;
  readonly key: string;
}

/** Signs certificates for one test. */
export interface TestAuthority {
  readonly ca: string;
  /** For 127.0.0.1, ::1 and the names given. */
  issue(commonName: string, names?: readonly string[]): Promise<TestCertificate>;
}

export async function createTestAuthority(commonName = 'test-ca'): Promise<TestAuthority> {
  const own = await generate([{ name: 'commonName', value: commonName }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, digitalSignature: true, critical: true },
    ],
  });
  return {
    ca: own.cert,
    async issue(name, names = []) {
      const made = await generate([{ name: 'commonName', value: name }], {
        keyType: 'ec',
        algorithm: 'sha256',
        ca: { key: own.private, cert: own.cert },
        extensions: [
          { name: 'basicConstraints', cA: false },
          { name: 'keyUsage', digitalSignature: true },
          { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
          {
            name: 'subjectAltName',
            altNames: [
              { type: 7, ip: '127.0.0.1' },
              { type: 7, ip: '::1' },
              ...names.map((value) => ({ type: 2 as const, value })),
            ],
          },
        ],
      });
      return { cert: made.cert, key: made.private };
    },
  };
}

/** One request as it arrived. */
export interface SeenCall {
  readonly method: string;
  readonly url: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
  /** Which connection it came over, counted from 1. */
  readonly connection: number;
  /** The name in the client's certificate. */
  readonly clientName: string | undefined;
}

/** What to answer: JSON, text, or anything at all by hand. */
export type KubeReply =
  | { readonly code?: number; readonly headers?: http.OutgoingHttpHeaders; readonly json: unknown }
  | { readonly code?: number; readonly headers?: http.OutgoingHttpHeaders; readonly text: string }
  | ((answer: http.ServerResponse, socket: Socket) => void);

export interface KubeResponder {
  readonly url: string;
  readonly port: number;
  readonly seen: SeenCall[];
  /** Connections ever made. */
  connections(): number;
  /** Connections that are open. */
  open(): number;
  /** From now on, new connections see this certificate. */
  useCertificate(certificate: TestCertificate): void;
  /** Resets every connection, as a server does that is gone. */
  resetAll(): void;
  close(): Promise<void>;
}

/**
 * Answers over HTTPS what a test dictates, faults included. It knows nothing of Kubernetes and is for tests of the transport only.
 * @param options without a certificate it speaks plain http
 */
export async function startKubeResponder(
  reply: (call: SeenCall, index: number) => KubeReply,
  options: { readonly certificate?: TestCertificate; readonly clientCa?: string; readonly host?: string } = {},
): Promise<KubeResponder> {
  const seen: SeenCall[] = [];
  const numbers = new WeakMap<Socket, number>();
  const sockets = new Set<Socket>();
  let made = 0;

  const take: http.RequestListener = (request, answer) => {
    const { socket } = request;
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('error', () => {});
    request.on('end', () => {
      const one: SeenCall = {
        method: request.method ?? '',
        url: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks).toString('utf8'),
        connection: numbers.get(socket) ?? 0,
        clientName: clientName(socket),
      };
      seen.push(one);
      send(answer, socket, reply(one, seen.length - 1));
    });
  };
  const { certificate, clientCa, host = '127.0.0.1' } = options;
  const server = certificate
    ? https.createServer({ ...certificate, ...(clientCa ? { ca: clientCa, requestCert: true } : {}) }, take)
    : http.createServer(take);
  server.keepAliveTimeout = 0;
  server.on(certificate ? 'secureConnection' : 'connection', (socket: Socket) => {
    made += 1;
    numbers.set(socket, made);
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as AddressInfo;

  return {
    url: `${certificate ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    seen,
    connections: () => made,
    open: () => sockets.size,
    useCertificate: (next) =>
      (server as https.Server).setSecureContext({ ...next, ...(clientCa ? { ca: clientCa } : {}) }),
    resetAll() {
      for (const socket of sockets) reset(socket);
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

/** Ends a connection without a word. */
export function reset(socket: Socket): void {
  // Over TLS there is no reset of its own: the connection below is what can be cut.
  const below = (socket as Socket & { _parent?: Socket })._parent;
  (below ?? socket).resetAndDestroy();
}

function clientName(socket: Socket): string | undefined {
  if (!('getPeerCertificate' in socket)) return undefined;
  const certificate = (socket as import('node:tls').TLSSocket).getPeerCertificate();
  const name = certificate?.subject?.CN;
  return Array.isArray(name) ? name[0] : name;
}

function send(answer: http.ServerResponse, socket: Socket, reply: KubeReply): void {
  if (typeof reply === 'function') {
    reply(answer, socket);
    return;
  }
  const { code = 200, headers = {} } = reply;
  const [type, body] = 'json' in reply ? ['application/json', JSON.stringify(reply.json)] : ['text/plain', reply.text];
  answer.writeHead(code, { 'content-type': type, 'content-length': Buffer.byteLength(body), ...headers });
  answer.end(body);
}
