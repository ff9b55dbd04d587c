import { createServer } from 'node:net';
import type { Clock } from '../../src/lib/clock.ts';
import { type Machine, startMachine } from './machine/machine.ts';
import { createRandom, seedOf } from './random.ts';
import type { MachineHost } from './world.ts';

/** Port of the model server on every machine. */
export const MODEL_PORT = 11434;
/** Addresses that are tried before a launch fails because none is free. */
const MAX_TRIES = 50;

/** Runs a real server for every machine that is up, each on its own loopback address. */
export interface ServingHost extends MachineHost {
  /** Servers that are being started or stopped. */
  readonly pending: number;
  close(): Promise<void>;
}

interface Slot {
  isDown: boolean;
  address?: string;
  machine?: Machine;
}

export interface MachineHostOptions {
  readonly clock: Clock;
  readonly seed: number;
  /** False: addresses are given out, nothing listens on them. */
  readonly isServing: boolean;
  /** The simulator's port, which decides the addresses. Asked when the first machine comes up. */
  port(): number;
}

export function createMachineHost(options: MachineHostOptions): ServingHost {
  const { clock, seed, isServing } = options;
  const slots = new Map<string, Slot>();
  const working = new Set<Promise<unknown>>();
  let next = 0;

  const track = <T>(work: Promise<T>): Promise<T> => {
    const tracked = work.finally(() => working.delete(tracked));
    working.add(tracked);
    return tracked;
  };
  const nextAddress = (): string => {
    const used = new Set([...slots.values()].map((slot) => slot.address));
    for (;;) {
      const address = addressOf(options.port(), next);
      next += 1;
      if (!used.has(address)) return address;
    }
  };
  const findAddress = async (): Promise<string> => {
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const address = nextAddress();
      if (await isFree(address)) return address;
    }
    throw new Error(`no free loopback address was found in ${MAX_TRIES} tries`);
  };
  const stop = (slot: Slot): void => {
    slot.isDown = true;
    if (slot.machine) void track(slot.machine.stop());
  };
  const serve: MachineHost['up'] = async (instance, image) => {
    const slot: Slot = { isDown: false };
    slots.set(instance.id, slot);
    const address = instance.address ?? (await findAddress());
    slot.address = address;
    const machine = await startMachine({
      address,
      port: MODEL_PORT,
      clock,
      random: createRandom(seedOf(seed, instance.id)),
      gpu: instance.type.gpuCount > 0,
      bootMs: image?.readyAfterMs ?? 0,
      brokenImage: image?.isBroken ?? false,
      ...(image?.model === undefined ? {} : { model: image.model }),
    });
    slot.machine = machine;
    if (slot.isDown) await machine.stop();
    return address;
  };

  return {
    get pending() {
      return working.size;
    },
    up: (instance, image) =>
      isServing ? track(serve(instance, image)) : Promise.resolve(instance.address ?? nextAddress()),
    down(instance) {
      const slot = slots.get(instance.id);
      slots.delete(instance.id);
      if (slot) stop(slot);
    },
    async close() {
      for (const slot of slots.values()) stop(slot);
      slots.clear();
      await Promise.allSettled(working);
    },
  };
}

/** Addresses in a block; 0 and 255 are left out, as a network would. */
const BLOCK_SIZE = 254;
/** Blocks that one simulator may run on into. */
const MAX_BLOCKS = 16;

/**
 * Address number `n` of the simulator that listens on `port`: `127.27.158.1` and on for port 7070. Ports are unique on a
 * computer, so simulators do not meet, not even while a machine boots and nothing listens on its address yet.
 */
function addressOf(port: number, n: number): string {
  const block = port + (Math.floor(n / BLOCK_SIZE) % MAX_BLOCKS);
  // 127.0.0.0/16 is left to everybody else.
  return `127.${(block >> 8) % 256 || 255}.${block % 256}.${(n % BLOCK_SIZE) + 1}`;
}

/** The server itself only listens after its boot: whether somebody else has the address is asked before. */
function isFree(address: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false);
      else reject(error);
    });
    probe.listen({ host: address, port: MODEL_PORT, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
