import { type Clock, sleep } from '../lib/clock.ts';
import type { Store } from '../store/store.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { type Controller, type ControllerOptions, createController } from './controller.ts';
import { type Endpoint, healthPages, listen, metricsPages, type Probes } from './endpoints.ts';
import { createEngineMetrics } from './engine-metrics.ts';
import { createEventRecorder } from './events.ts';

/** Watches that have not delivered what there is by then hold up nobody but their own controller. */
const SYNC_GATE_MS = 10_000;
/** How long the last writes may take. */
const FLUSH_MS = 5000;

/** Something that runs beside the controllers for as long as the process acts. */
export interface Runnable {
  readonly name: string;
  /** Whether only the process that may act runs it. Servers and readers do not need leadership, buyers do. */
  readonly needsLeadership: boolean;
  /** Runs until `signal` is aborted. May end earlier; a failure stops the whole process. */
  run(signal: AbortSignal): Promise<void>;
}

export interface ManagerOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** The address that the servers below listen on; default `127.0.0.1`. */
  readonly host?: string;
  /** Of `/healthz` and `/readyz`; 0: any free one; `false`: no server. */
  readonly healthPort: number | false;
  /** Of `/metrics`; likewise. */
  readonly metricsPort: number | false;
  /** At a stop, how long running work may take to end; default 30,000. */
  readonly graceMs?: number;
  /** Whether this process is the one that acts; default: always. */
  readonly mayAct?: () => boolean;
  /** The last thing done at a stop, for what still has to be written. Gets five seconds. */
  readonly flush?: () => Promise<void>;
  /** Hides secrets in the notes of events. */
  readonly redact?: (text: string) => string;
  /** Makes reconcile ids; default random UUIDs. */
  readonly newId?: () => string;
}

export interface Manager {
  /** Makes a controller of this manager; its sources are declared on what is returned. Before `run` only. */
  controller(options: ControllerOptions): Controller;
  /** Before `run` only. */
  add(runnable: Runnable): void;
  /** Another thing that `/healthz` looks at. `check` says what is wrong, or `undefined`. */
  watchdog(name: string, check: () => string | undefined): void;
  /** Where the servers listen, once they do. */
  readonly ports: { readonly health?: number; readonly metrics?: number };
  /** What `/healthz` and `/readyz` answer. */
  readonly probes: Probes;
  /**
   * Starts everything in order: servers, watches, runnables that need no leadership, controllers with the other
   * runnables. When `signal` is aborted, stops in order: intake, running work (within the grace), watches, servers, flush.
   * Resolves when all that is done. Once a manager.
   * @throws {Error} when a port cannot be had, or what a runnable failed with; everything has been stopped then, too
   */
  run(signal: AbortSignal): Promise<void>;
}

type Phase = 'new' | 'starting' | 'started' | 'stopping';

export function createManager(options: ManagerOptions): Manager {
  const { store, clock, log, metrics, graceMs = 30_000, mayAct = () => true, newId } = options;
  const engineMetrics = createEngineMetrics(metrics);
  const recordEvent = createEventRecorder(options);
  const edges = { clock, log, metrics: engineMetrics, mayAct, recordEvent, ...(newId ? { newId } : {}) };
  const controllers: Controller[] = [];
  const runnables: Runnable[] = [];
  const watchdogs: { readonly name: string; readonly check: () => string | undefined }[] = [];
  const unsynced = new Set<string>();
  const intake = new AbortController();
  const watches = new AbortController();
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {}); // Whoever waits sees it; nobody may.
  const running: Promise<void>[] = [];
  const endpoints: Endpoint[] = [];
  let ports: Manager['ports'] = {};
  let phase: Phase = 'new';

  const probes: Probes = {
    unhealthy: () => [
      ...controllers.flatMap(({ name, hung }) => hung().map((key) => `controller ${name}: ${key} does not end`)),
      ...watchdogs.flatMap(({ name, check }) => {
        const problem = check();
        return problem === undefined ? [] : [`${name}: ${problem}`];
      }),
    ],
    unready: () => [
      ...(phase === 'started' ? [] : [phase === 'stopping' ? 'stopping' : 'starting']),
      ...[...unsynced].map((name) => `controller ${name}: not all objects have been read`),
    ],
  };

  const serve = async (): Promise<void> => {
    const { host = '127.0.0.1', healthPort, metricsPort } = options;
    if (healthPort !== false) {
      const health = await listen(healthPages(probes), { host, port: healthPort, flag: '--health-port' });
      endpoints.push(health);
      ports = { ...ports, health: health.port };
    }
    if (metricsPort !== false) {
      const scraped = await listen(metricsPages(metrics), { host, port: metricsPort, flag: '--metrics-port' });
      endpoints.push(scraped);
      ports = { ...ports, metrics: scraped.port };
    }
  };

  const runAll = (needsLeadership: boolean): void => {
    for (const runnable of runnables.filter((candidate) => candidate.needsLeadership === needsLeadership)) {
      running.push(
        runnable.run(intake.signal).catch((error: unknown) => {
          if (intake.signal.aborted) return;
          log.error('a part failed; stopping', { part: runnable.name, error });
          failed.reject(error);
        }),
      );
    }
  };

  const startWork = async (): Promise<void> => {
    // A watch never fails: it tries again until it is told to stop.
    const syncs = controllers.map(async (controller) => {
      unsynced.add(controller.name);
      await controller.watch(store, watches.signal);
      unsynced.delete(controller.name);
    });
    await within(clock, SYNC_GATE_MS, Promise.all(syncs));
    if (phase === 'stopping') return;
    if (unsynced.size > 0) log.warn('not all objects have been read yet', { controllers: [...unsynced] });
    runAll(false);
    controllers.forEach((controller, index) => {
      void syncs[index]?.then(() => {
        if (phase !== 'stopping') controller.start(intake.signal);
      });
    });
    runAll(true);
    phase = 'started';
    log.info('started', { ...ports });
  };

  const stop = async (): Promise<void> => {
    phase = 'stopping';
    intake.abort(new DOMException('the process is stopping', 'AbortError'));
    const [drained] = await Promise.all([
      Promise.all(controllers.map((controller) => controller.drain(graceMs))),
      within(clock, graceMs, Promise.all(running)),
    ]);
    const left = drained.flat();
    if (left.length > 0) log.error('gave up on reconciles that do not end', { keys: left, graceMs });
    watches.abort(new DOMException('the process is stopping', 'AbortError'));
    await Promise.all(endpoints.map((endpoint) => endpoint.close()));
    await within(clock, FLUSH_MS, options.flush?.() ?? Promise.resolve()).catch((error: unknown) => {
      log.error('could not write what was left', { error });
    });
    log.info('stopped');
  };

  const beforeRun = (): void => {
    if (phase !== 'new') throw new Error('the manager runs already: declare controllers and parts before run()');
  };

  return {
    controller(controllerOptions) {
      beforeRun();
      const controller = createController(controllerOptions, edges);
      controllers.push(controller);
      return controller;
    },
    add(runnable) {
      beforeRun();
      runnables.push(runnable);
    },
    watchdog: (name, check) => {
      watchdogs.push({ name, check });
    },
    get ports() {
      return ports;
    },
    probes,
    async run(signal) {
      beforeRun();
      phase = 'starting';
      const stopped = aborted(signal);
      try {
        await serve();
        await Promise.race([startWork(), stopped, failed.promise]);
        await Promise.race([stopped, failed.promise]);
      } finally {
        await stop();
      }
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Waits for `work`, but no longer than `ms`; then the work goes on unattended. */
async function within(clock: Clock, ms: number, work: Promise<unknown>): Promise<void> {
  const done = new AbortController();
  try {
    await Promise.race([work, sleep(clock, ms, done.signal).catch(() => {})]);
  } finally {
    done.abort();
  }
}
