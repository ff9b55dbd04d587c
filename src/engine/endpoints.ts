import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Metrics } from '../telemetry/metrics.ts';

/** A connection in use at the stop gets so long to end. */
const CLOSE_GRACE_MS = 1000;

/** Each gives the reasons against, empty when all is well. */
export interface Probes {
  readonly unhealthy: () => readonly string[];
  readonly unready: () => readonly string[];
}

/** What a page says at the moment. */
interface Page {
  readonly status: number;
  readonly text: string;
  readonly contentType: string;
}

/** Pages by their path. Built on Node.js alone: a framework costs 20 ms at each start. */
export type Pages = Readonly<Record<string, () => Page | Promise<Page>>>;

/** `/healthz`: this process works (an answer at all shows that its event loop turns). `/readyz`: it has seen all objects. */
export function healthPages(probes: Probes): Pages {
  return { '/healthz': () => verdict(probes.unhealthy()), '/readyz': () => verdict(probes.unready()) };
}

/** `/metrics` in the text format of Prometheus. */
export function metricsPages(metrics: Metrics): Pages {
  return {
    '/metrics': async () => ({ status: 200, text: await metrics.text(), contentType: metrics.contentType }),
  };
}

const plain = (status: number, text: string): Page => ({ status, text, contentType: 'text/plain; charset=utf-8' });

const verdict = (reasons: readonly string[]): Page =>
  reasons.length === 0 ? plain(200, 'ok\n') : plain(503, `${reasons.join('\n')}\n`);

export interface Endpoint {
  /** The real one, also when 0 was asked for. */
  readonly port: number;
  /** Takes no more requests; resolves when the last has ended or was cut off after a second. */
  close(): Promise<void>;
}

interface ListenOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** The setting to change when the port cannot be had, as the user writes it: `--health-port`. */
  readonly flag: string;
}

/** Serves `pages`. @throws {Error} naming the port, why it cannot be had and the flag to change */
export async function listen(pages: Pages, { host, port, flag }: ListenOptions): Promise<Endpoint> {
  const server = createServer(({ method = '', url = '' }, response) => {
    respond(pages, method, url, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      reject(new Error(`${flag} ${port}: ${whyNot(cause, host)}`, { cause }));
    });
    server.listen(port, host, resolve);
  });
  return { port: (server.address() as AddressInfo).port, close: () => closeServer(server) };
}

async function respond(pages: Pages, method: string, url: string, response: ServerResponse): Promise<void> {
  const path = url.split('?', 1)[0] ?? '';
  const page = Object.hasOwn(pages, path) ? pages[path] : undefined;
  if (!page) return send(response, method, plain(404, 'not found\n'));
  if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    return send(response, method, plain(405, 'only GET and HEAD are answered\n'));
  }
  send(response, method, await page());
}

function send(response: ServerResponse, method: string, { status, text, contentType }: Page): void {
  response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(text) });
  response.end(method === 'HEAD' ? undefined : text);
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
    server.closeIdleConnections();
  });
}

function whyNot(cause: NodeJS.ErrnoException, host: string): string {
  switch (cause.code) {
    case 'EADDRINUSE':
      return `the port is in use on ${host}; stop what uses it, choose another port, or 0 for any free one`;
    case 'EACCES':
      return 'this user may not open the port; choose one from 1024 to 65535, or 0 for any free one';
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${host} is no address of this machine; give --bind-address one that is, for instance 127.0.0.1`;
    default:
      return `cannot listen on ${host}: ${cause.message}`;
  }
}
