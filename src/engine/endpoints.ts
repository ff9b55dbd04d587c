import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { Hono } from 'hono';
import type { Metrics } from '../telemetry/metrics.ts';

/** A connection in use at the stop gets so long to end. */
const CLOSE_GRACE_MS = 1000;

/** Each gives the reasons against, empty when all is well. */
export interface Probes {
  readonly unhealthy: () => readonly string[];
  readonly unready: () => readonly string[];
}

/** `/healthz`: this process works (an answer at all shows that its event loop turns). `/readyz`: it has seen all objects. */
export function createHealthApp(probes: Probes): Hono {
  const app = new Hono();
  for (const [path, probe] of [
    ['/healthz', probes.unhealthy],
    ['/readyz', probes.unready],
  ] as const) {
    app.get(path, (context) => {
      const reasons = probe();
      return reasons.length === 0 ? context.text('ok\n') : context.text(`${reasons.join('\n')}\n`, 503);
    });
  }
  return app;
}

/** `/metrics` in the text format of Prometheus. */
export function createMetricsApp(metrics: Metrics): Hono {
  return new Hono().get('/metrics', async (context) =>
    context.body(await metrics.text(), 200, { 'content-type': metrics.contentType }),
  );
}

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

/** Serves `app`. @throws {Error} naming the port, why it cannot be had and the flag to change */
export async function listen(app: Hono, { host, port, flag }: ListenOptions): Promise<Endpoint> {
  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      reject(new Error(`${flag} ${port}: ${whyNot(cause, host)}`, { cause }));
    });
    server.listen(port, host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        const cut = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
        server.close(() => {
          clearTimeout(cut);
          resolve();
        });
        server.closeIdleConnections();
      }),
  };
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
