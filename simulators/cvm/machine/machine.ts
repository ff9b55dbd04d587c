import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Clock } from '../../../src/lib/clock.ts';
import { createModelServer } from './model-server.ts';
import { broken, routeRequest } from './routes.ts';

/** What runs on a simulated machine. Every duration is in milliseconds of `clock`, the simulated world's own time. */
export interface MachineOptions {
  /** Loopback address to listen on, for instance `127.10.0.7`. */
  address: string;
  /** Default 11434, as Ollama's. 0 takes a free one. */
  port?: number;
  clock: Clock;
  /** Uniform in [0, 1); draws ids, parts of durations and texts. The same seed and the same requests give the same answers. */
  random: () => number;
  /** The one model in the image. Default `qwen2.5-coder:1.5b`. */
  model?: string;
  /** How long after the start nothing listens at all (connections are refused). Default 0. */
  bootMs?: number;
  /** The image is broken: the server listens but answers every request with 500. */
  brokenImage?: boolean;
  /** How long the model loads on first use, and again when a request asks for another context window. Default 1500. */
  loadMs?: number;
  /** How fast an answer is written. Default 25. */
  tokensPerSecond?: number;
  /** How fast a prompt is read. Default 500. */
  promptTokensPerSecond?: number;
  /** The model lies in a GPU's memory: `/api/ps` says `size_vram` = `size` instead of 0. Default false, as recorded. */
  gpu?: boolean;
  /** OLLAMA_NUM_PARALLEL: answers written at once. Default 1; the others wait in the order they came. */
  parallel?: number;
  /** OLLAMA_MAX_QUEUE: how many may wait; one more is refused with 503. Default 512. */
  maxQueue?: number;
  /** OLLAMA_CONTEXT_LENGTH: the window in tokens when a request names none. Default 4096. */
  contextLength?: number;
  /** OLLAMA_KEEP_ALIVE: how long the model stays loaded after its last use; negative for ever. Default 5 minutes. */
  keepAliveMs?: number;
}

/** A running machine. */
export interface Machine {
  readonly address: string;
  readonly port: number;
  /** Cuts the power: every connection is reset at once, also half-way through a stream. May be called twice. */
  stop(): Promise<void>;
}

/** While the address is taken at the end of the boot, the server tries again this often. */
const LISTEN_AGAIN_MS = 1000;

/**
 * Starts the server of one machine, which behaves like Ollama 0.17.4. Resolves when it listens, or at once when `bootMs` is
 * above 0.
 * @throws with Node's `code`, for instance `EADDRINUSE` or `EADDRNOTAVAIL`, when it cannot listen there
 */
export async function startMachine(options: MachineOptions): Promise<Machine> {
  const { address, clock, bootMs = 0 } = options;
  const models = createModelServer(options);
  const sockets = new Set<Socket>();
  const open = async (port: number): Promise<Server> => {
    const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0 }, (request, response) => {
      if (options.brokenImage) broken(request, response, clock);
      else routeRequest(request, response, models);
    });
    server.on('connection', (socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
    await listen(server, address, port);
    return server;
  };

  const close = async (opened: Server): Promise<void> => {
    // First the connections: closing the server would take leave of the idle ones in order.
    for (const socket of sockets) socket.resetAndDestroy();
    await new Promise<void>((resolve) => opened.close(() => resolve()));
  };
  // Taken and given back while it boots, so that an address that cannot be had is known at once.
  let server: Server | undefined = await open(options.port ?? 11434);
  const port = (server.address() as AddressInfo).port;
  let cancelBoot = (): void => {};
  let opening: Promise<void> | undefined;
  let stopping: Promise<void> | undefined;
  if (bootMs > 0) {
    await close(server);
    server = undefined;
    const up = (): void => {
      opening = open(port).then(
        (opened) => {
          server = opened;
        },
        () => {
          if (!stopping) cancelBoot = clock.after(LISTEN_AGAIN_MS, up);
        },
      );
    };
    cancelBoot = clock.after(bootMs, up);
  }
  const powerOff = async (): Promise<void> => {
    cancelBoot();
    models.stop();
    // It may be about to listen this very moment.
    await opening;
    if (server) await close(server);
  };
  return {
    address,
    port,
    stop() {
      stopping ??= powerOff();
      return stopping;
    },
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, backlog: 1024 }, () => {
      server.off('error', reject);
      // A connection that cannot be accepted (no file descriptor left) is lost, not the whole simulator.
      server.on('error', () => {});
      resolve();
    });
  });
}
