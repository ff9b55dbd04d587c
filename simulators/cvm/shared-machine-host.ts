import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Clock } from '../../src/lib/clock.ts';
import { createModelServer, type ModelServer } from './machine/model-server.ts';
import { broken, routeRequest } from './machine/routes.ts';
import type { ServingHost } from './machine-host.ts';
import { createRandom, seedOf } from './random.ts';

/** Machines behind one listener. */
export interface SharedHost extends ServingHost {
  /** Where all of them listen: each machine has its own address, and the same port as the others. */
  readonly port: number;
}

interface Machine {
  readonly models: ModelServer;
  readonly isBroken: boolean;
  readonly upAt: number;
  readonly sockets: Set<Socket>;
}

/**
 * Hosts thousands of machines with one listener, where a server each would run out of file descriptors and memory. It is
 * bound to all addresses of this computer, since 127.0.0.0/8 cannot be bound as such, and cuts off whoever comes to another
 * one. An address without a machine that is up resets the connection; a real one would refuse it.
 * @param port 0: any free one
 * @throws with Node's `code` (`EADDRINUSE`) when the port cannot be had
 */
export async function startSharedHost(options: { clock: Clock; seed: number; port: number }): Promise<SharedHost> {
  const { clock, seed } = options;
  /** By address. */
  const machines = new Map<string, Machine>();
  const machineAt = (socket: Socket): Machine | undefined => {
    const machine = machines.get(socket.localAddress ?? '');
    return machine && machine.upAt <= clock.monotonic() ? machine : undefined;
  };
  const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0 }, (request, response) => {
    const machine = machineAt(request.socket);
    if (!machine) request.socket.resetAndDestroy();
    else if (machine.isBroken) broken(request, response, clock);
    else routeRequest(request, response, machine.models);
  });
  server.on('connection', (socket) => {
    const machine = machineAt(socket);
    if (!machine) {
      socket.resetAndDestroy();
      return;
    }
    machine.sockets.add(socket);
    socket.once('close', () => machine.sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '0.0.0.0', port: options.port, backlog: 4096 }, resolve);
  });
  server.removeAllListeners('error');
  // A connection that cannot be accepted is lost, not the whole simulator.
  server.on('error', () => {});
  let made = 0;
  const stop = (machine: Machine): void => {
    machine.models.stop();
    for (const socket of machine.sockets) socket.resetAndDestroy();
  };

  return {
    port: (server.address() as AddressInfo).port,
    pending: 0,
    async up(instance, image) {
      const address = instance.address ?? addressOf(made++);
      const random = createRandom(seedOf(seed, instance.id));
      const model = image?.model === undefined ? {} : { model: image.model };
      machines.set(address, {
        models: createModelServer({ address, clock, random, gpu: instance.type.gpuCount > 0, ...model }),
        isBroken: image?.isBroken ?? false,
        upAt: clock.monotonic() + (image?.readyAfterMs ?? 0),
        sockets: new Set(),
      });
      return address;
    },
    down({ address }) {
      const machine = machines.get(address ?? '');
      if (!machine) return;
      machines.delete(address ?? '');
      stop(machine);
    },
    async close() {
      for (const machine of machines.values()) stop(machine);
      machines.clear();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

const LAST = 254;

/** 127.1.0.1 and on; 0 and 255 are left out at the end, as a network would. */
function addressOf(n: number): string {
  const block = Math.floor(n / LAST);
  return `127.${1 + (Math.floor(block / 256) % LAST)}.${block % 256}.${(n % LAST) + 1}`;
}
