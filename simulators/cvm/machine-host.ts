import { createServer } from 'node:net';
import type { Clock } from '../../src/lib/clock.ts';
import { type Machine, startMachine } from './machine/machine.ts';
import type { InstanceRecord } from './model.ts';
import { createRandom, seedOf } from './random.ts';
import type { MachineHost } from './world.ts';

/** Port of the model server on every machine. */
const MODEL_PORT = 11434;
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
  machine?: Machine;
}

/** @param isServing false: addresses are given out, nothing listens on them */
export function createMachineHost(options: { clock: Clock; seed: number; isServing: boolean }): ServingHost {
  const { clock, seed, isServing } = options;
  const slots = new Map<string, Slot>();
  const nextAddress = addresses(seed);
  let pending = 0;

  const track = async <T>(work: Promise<T>): Promise<T> => {
    pending += 1;
    try {
      return await work;
    } finally {
      pending -= 1;
    }
  };
  const stop = (slot: Slot): void => {
    slot.isDown = true;
    if (slot.machine) void track(slot.machine.stop());
  };
  const serve: MachineHost['up'] = async (instance, image) => {
    const slot: Slot = { isDown: false };
    slots.set(instance.id, slot);
    const address = await findAddress(instance, nextAddress);
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
      return pending;
    },
    up: (instance, image) =>
      isServing ? track(serve(instance, image)) : Promise.resolve(instance.address ?? nextAddress()),
    down(instance) {
      const slot = slots.get(instance.id);
      slots.delete(instance.id);
      if (slot) stop(slot);
    },
    async close() {
      const all = [...slots.values()];
      slots.clear();
      await Promise.all(
        all.map((slot) => {
          slot.isDown = true;
          return slot.machine?.stop();
        }),
      );
    },
  };
}

/**
 * Addresses 127.x.y.z one after the other, in a block that other simulators on this computer are unlikely to use. 127.0.0.0/16
 * is left to everybody else.
 */
function addresses(seed: number): () => string {
  const random = createRandom(seedOf(seed, `pid ${process.pid} ${performance.timeOrigin}`));
  const block = 1 + Math.floor(random() * 254);
  let next = Math.floor(random() * 256 * 254);
  return () => {
    const [high, low] = [Math.floor(next / 254) % 256, next % 254];
    next += 1;
    return `127.${block}.${high}.${low + 1}`;
  };
}

async function findAddress(instance: InstanceRecord, nextAddress: () => string): Promise<string> {
  if (instance.address) return instance.address;
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const address = nextAddress();
    if (await isFree(address)) return address;
  }
  throw new Error(`no free loopback address was found in ${MAX_TRIES} tries`);
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
