import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { type Clock, systemClock } from '../../src/lib/clock.ts';
import { type Assumptions, defaultAssumptions } from './assumptions.ts';
import { controlApi } from './control-api.ts';
import { type Controls, createControls } from './controls.ts';
import { defaultWorld } from './default-world.ts';
import { createFaults } from './faults.ts';
import { createGateway } from './gateway.ts';
import { createJournal, type Journal } from './journal.ts';
import { handleArrears } from './lifecycle.ts';
import { metadataApp } from './machine/metadata.ts';
import { createMachineHost, MODEL_PORT } from './machine-host.ts';
import { metadataOf } from './metadata-source.ts';
import type { WorldSpec } from './model.ts';
import { createRandom } from './random.ts';
import { createRates } from './rates.ts';
import { startSharedHost } from './shared-machine-host.ts';
import { stateOf, type WorldState } from './state.ts';
import { splitTarget } from './wire.ts';
import { type AccountOptions, createWorld, DEFAULT_TIMING, type Timing } from './world.ts';

export interface CvmSimulatorOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: any free one. */
  readonly port?: number;
  /** The world's time; default the machine's own. One that has `advance(ms)` can be moved over the control API. */
  readonly clock?: Clock & { advance?(ms: number): Promise<void> };
  /** Default 1. The same seed and the same calls give the same ids, delays and chances. */
  readonly seed?: number;
  /** Departures from the documented reading; `drawAssumptions(createRandom(seed))` draws all of them. */
  readonly assumptions?: Partial<Assumptions>;
  readonly timing?: Partial<Timing>;
  /** Default: one, with the key `xxx:xxx` of the sample manifests and a balance of 100. */
  readonly accounts?: readonly AccountOptions[];
  readonly world?: WorldSpec;
  /**
   * False: no servers run on the machines' addresses. `shared`: one listener, on a port of its own (`machinePort`), stands for
   * all of them, so that there can be thousands.
   */
  readonly machines?: boolean | 'shared';
  /** Against what signature times are checked; default `Date.now`, whatever `clock` says, since SDKs sign with that. */
  readonly realNow?: () => number;
  /** Multiplies the published request rates; `Infinity` switches them off. */
  readonly rateFactor?: number;
  /** Most journal entries that are kept; default all. */
  readonly journalCap?: number;
}

/** A running simulator: the API, `/_sim/` and `/_metadata/ID/` on one port, and a server for every machine. */
export interface CvmSimulator extends Controls {
  readonly port: number;
  /** Where the model servers of the machines listen, each on its machine's address. */
  readonly machinePort: number;
  /** `127.0.0.1:PORT`, as the SDKs want it. */
  readonly endpoint: string;
  readonly url: string;
  readonly clock: Clock;
  readonly assumptions: Assumptions;
  readonly journal: Journal;
  /** API calls under way and machines being started or stopped, without calls held by a hang. */
  readonly inFlight: number;
  /** Calls held by a hang whose caller still waits. */
  readonly hanging: number;
  state(): WorldState;
  close(): Promise<void>;
}

/** @throws with Node's `code` (`EADDRINUSE`) when the port cannot be had */
export async function startCvmSimulator(options: CvmSimulatorOptions = {}): Promise<CvmSimulator> {
  const { clock = systemClock, seed = 1, host = '127.0.0.1', realNow = Date.now } = options;
  const random = createRandom(seed);
  let port = 0;
  const journal = createJournal(() => clock.now(), options.journalCap);
  const shared = options.machines === 'shared' ? await startSharedHost({ clock, seed, port: 0 }) : undefined;
  const isServing = options.machines !== false;
  const machines = shared ?? createMachineHost({ clock, seed, isServing, port: () => port });
  const world = createWorld({
    clock,
    random,
    journal,
    machines,
    assumptions: { ...defaultAssumptions(), ...options.assumptions },
    timing: { ...DEFAULT_TIMING, ...options.timing },
    spec: options.world ?? defaultWorld(),
    accounts: options.accounts ?? [{ keys: [{ secretId: 'xxx', secretKey: 'xxx' }] }],
  });
  handleArrears(world);
  const faults = createFaults(random);
  let skewMs = 0;
  const gateway = createGateway({
    world,
    faults,
    rates: createRates(options.rateFactor),
    realNow: () => realNow() + skewMs,
  });
  const controls = createControls(world, faults, (ms) => {
    skewMs = ms;
  });
  const figures = () => ({ inFlight: gateway.inFlight + machines.pending, hanging: gateway.hanging });
  const advance = options.clock?.advance?.bind(options.clock);
  const state = () => ({ ...stateOf(world), ...figures() });
  const app = new Hono()
    .route('/_sim', controlApi({ controls, faults, journal, state, advance }))
    .route('/_metadata', metadataApp({ instance: (id) => metadataOf(world, id) }));
  const listen = getRequestListener(app.fetch);

  const server = createServer((message: IncomingMessage, response: ServerResponse) => {
    const isOwn = /^\/_(sim|metadata)(\/|$)/.test(splitTarget(message.url ?? '/').path);
    const handled = isOwn ? listen(message, response) : gateway.handle(message, response);
    // Only a defect of the simulator or a connection that broke while its body was read ends here.
    Promise.resolve(handled).catch(() => response.destroy());
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, host, resolve);
  }).catch(async (error: unknown) => {
    await machines.close();
    throw error;
  });
  port = (server.address() as AddressInfo).port;

  return {
    ...controls,
    port,
    machinePort: shared?.port ?? MODEL_PORT,
    endpoint: `${host}:${port}`,
    url: `http://${host}:${port}`,
    clock,
    assumptions: world.assumptions,
    journal,
    get inFlight() {
      return figures().inFlight;
    },
    get hanging() {
      return figures().hanging;
    },
    state: () => stateOf(world),
    async close() {
      world.close();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await Promise.all([closed, machines.close()]);
    },
  };
}
