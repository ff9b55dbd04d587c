import { type Clock, sleep } from '../lib/clock.ts';
import type { Store } from '../store/store.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { type Controller, type ControllerOptions, createController } from './controller.ts';
import type { Election } from './election.ts';
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
  /** Decides which one of several processes acts; default: this one does. */
  readonly election?: Election;
  /** Another thing that must allow this process to act; default: nothing else is asked. */
  readonly mayAct?: () => boolean;
  /** The last thing done at a stop before the lease is given up, for what still has to be written. Gets five seconds. */
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
   * Starts everything in order: servers, watches, runnables that need no leadership, election, controllers with the other
   * runnables. When `signal` is aborted, stops in order: intake, running work (within the grace), watches, servers, flush,
   * lease. Resolves when all that is done. Once a manager.
   * @throws {LeadershipLost} at once, with everything aborted and nothing awaited or written: the process has to end
   * @throws {Error} when a port cannot be had, or what a runnable failed with; everything has been stopped then, too
   */
  run(signal: AbortSignal): Promise<void>;
}

/** Another process may act from now on. Whoever sees it ends this process with code 1, without waiting for anything. */
export class LeadershipLost extends Error {
  override readonly name = 'LeadershipLost';
}

type Phase = 'new' | 'starting' | 'started' | 'stopping';

export function createManager(options: ManagerOptions): Manager {
  const { store, clock, log, metrics, graceMs = 30_000, election, newId } = options;
  const mayAct = (): boolean => (options.mayAct?.() ?? true) && (election?.mayAct() ?? true);
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
  const candidacy = new AbortController();
  const lost = Promise.withResolvers<never>();
  lost.promise.catch(() => {});
  const running: { readonly needsLeadership: boolean; readonly ended: Promise<void> }[] = [];
  const endpoints: Endpoint[] = [];
  let ports: Manager['ports'] = {};
  let phase: Phase = 'new';
  let isLost = false;
  let campaign = Promise.resolve();

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
      const ended = runnable.run(intake.signal).catch((error: unknown) => {
        if (intake.signal.aborted) return;
        log.error('a part failed; stopping', { part: runnable.name, error });
        failed.reject(error);
      });
      running.push({ needsLeadership, ended });
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
    if (!election) act(syncs);
    phase = 'started';
    log.info('started', { ...ports });
    if (election) campaign = stand(election, syncs);
  };

  /** What only one of several processes may do. */
  const act = (syncs: readonly Promise<void>[]): void => {
    controllers.forEach((controller, index) => {
      void syncs[index]?.then(() => {
        if (phase !== 'stopping') controller.start(intake.signal);
      });
    });
    runAll(true);
  };

  const stand = async (candidate: Election, syncs: readonly Promise<void>[]): Promise<void> => {
    const won = (): void => {
      if (phase !== 'stopping') act(syncs);
    };
    const ending = await candidate.run(candidacy.signal, won).catch((error: unknown) => {
      log.error('the election broke', { error });
      return 'lost' as const;
    });
    if (ending === 'lost') abandon();
  };

  /** Everything at once: whoever leads next acts soon, and nothing here may be in its way. */
  const abandon = (): void => {
    phase = 'stopping';
    isLost = true;
    const reason = new LeadershipLost('this process has lost the lease; another one may act from now on');
    intake.abort(reason);
    for (const controller of controllers) controller.abort(reason);
    watches.abort(reason);
    for (const endpoint of endpoints) void endpoint.close();
    lost.reject(reason);
  };

  const stop = async (): Promise<void> => {
    phase = 'stopping';
    const reason = new DOMException('the process is stopping', 'AbortError');
    if (!election?.isLeader()) candidacy.abort(reason);
    intake.abort(reason);
    const [drained, isAllEnded] = await Promise.all([
      Promise.all(controllers.map((controller) => controller.drain(graceMs))),
      allEnd(),
    ]);
    const left = drained.flat();
    if (left.length > 0) log.error('gave up on reconciles that do not end', { keys: left, graceMs });
    watches.abort(reason);
    await Promise.all(endpoints.map((endpoint) => endpoint.close()));
    if (isLost) return;
    await within(clock, FLUSH_MS, options.flush?.() ?? Promise.resolve()).catch((error: unknown) => {
      log.error('could not write what was left', { error });
    });
    candidacy.abort(reason);
    await campaign;
    if (isLost) return;
    if (left.length === 0 && isAllEnded) await election?.release();
    else if (election) log.warn('the lease is not given up, as not all work has ended; it ends by itself');
    log.info('stopped');
  };

  /** @returns whether all that needs leadership has ended within the grace */
  const allEnd = async (): Promise<boolean> => {
    let leading = running.filter(({ needsLeadership }) => needsLeadership).length;
    const endings = running.map(async ({ needsLeadership, ended }) => {
      await ended;
      if (needsLeadership) leading -= 1;
    });
    await within(clock, graceMs, Promise.all(endings));
    return leading === 0;
  };

  if (election) watchdogs.push({ name: 'election', check: () => election.problem() });

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
      const inOrder = async (): Promise<void> => {
        try {
          await serve();
          await Promise.race([startWork(), stopped, failed.promise]);
          await Promise.race([stopped, failed.promise]);
        } finally {
          if (!isLost) await stop();
        }
      };
      await Promise.race([inOrder(), lost.promise]);
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
