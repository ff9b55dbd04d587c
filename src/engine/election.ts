import { type Clock, sleep, withDeadline } from '../lib/clock.ts';
import { StoreError } from '../store/store.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';

/** What stands in a lease. Field names and formats are those of `coordination.k8s.io/v1`. */
export interface LeaseRecord {
  /** Empty: nobody holds it. */
  readonly holderIdentity: string;
  readonly leaseDurationSeconds: number;
  /** RFC 3339 in UTC with exactly six fraction digits, as the next one. For people; no decision is made by it. */
  readonly acquireTime: string;
  readonly renewTime: string;
  readonly leaseTransitions: number;
}

/** The one record that all candidates share. Each write needs the version read before, so that one of two writers fails. */
export interface LeaseLock {
  /** `undefined`: there is none. Never served from a cache. */
  read(signal: AbortSignal): Promise<{ readonly record: LeaseRecord; readonly version: string } | undefined>;
  /** @returns the version. @throws {StoreError} `Conflict` when it exists by then */
  create(record: LeaseRecord, signal: AbortSignal): Promise<string>;
  /** @returns the new version. @throws {StoreError} `Conflict` when somebody wrote in between, `NotFound` when it is gone */
  update(record: LeaseRecord, version: string, signal: AbortSignal): Promise<string>;
  /** For messages: `namespace/name`. */
  readonly description: string;
}

/** Decides which one of several processes acts. */
export interface Election {
  /**
   * Takes part until `signal` is aborted (`stopped`) or leadership is lost. Calls `onElected` once, when it is won. Nothing
   * but the end of leadership ends it: a lock that cannot be reached is asked again. Never rejects; once an election.
   */
  run(signal: AbortSignal, onElected: () => void): Promise<'stopped' | 'lost'>;
  /**
   * Whether this process leads and the last successful renewal *began* less than the renew deadline ago. Ask right before
   * each paid call and each write: after a stop or a blocked event loop it says no before any timer has fired.
   */
  mayAct(): boolean;
  isLeader(): boolean;
  /**
   * Gives the lease up, so that the next process need not wait for its end. After `run` has ended and all work, too.
   * Takes 5 s at most; a failure is only logged, as the lease ends by itself.
   */
  release(): Promise<void>;
  /** For `/healthz`: what is wrong when this process still leads 20 s after the end of its lease. */
  problem(): string | undefined;
}

/** All in milliseconds. */
export interface ElectionTiming {
  /** So long others wait after the last change that they saw; whole seconds. */
  readonly leaseDurationMs: number;
  /** Without a successful renewal for so long, leadership is lost. */
  readonly renewDeadlineMs: number;
  /** Between two tries. */
  readonly retryPeriodMs: number;
}

/** Source: client-go and controller-runtime. */
const DEFAULT_TIMING: ElectionTiming = { leaseDurationMs: 15_000, renewDeadlineMs: 10_000, retryPeriodMs: 2000 };
/** A standby waits up to so many retry periods more, so that several do not try in step. Source: client-go. */
const JITTER = 1.2;
const RELEASE_MS = 5000;
/** Somebody may write between the read and the write of a release. */
const RELEASE_TRIES = 3;
/** A process that leads so long after the end of its lease has a loop that hangs. Source: controller-runtime. */
const TOLERATED_EXPIRY_MS = 20_000;

export interface ElectionOptions {
  readonly lock: LeaseLock;
  /** Unique to this process, also after a restart: host name, `_`, a UUID. */
  readonly identity: string;
  /** Label of the metrics: the name of the lease. */
  readonly name: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** In [0, 1): spreads the tries of standbys. */
  readonly random: () => number;
  /** Default: 15 s, 10 s and 2 s. */
  readonly timing?: Partial<ElectionTiming>;
}

/** A state of the lock, and since when (monotonic, ours) it has been known to be so. */
export interface Sighting {
  readonly record: LeaseRecord;
  readonly version: string;
  readonly since: number;
}

/**
 * What to do about the lease. Pure. Whether another's lease has ended is judged only by how long it did not change on our
 * own monotonic clock; the times in it come from clocks that nobody has compared.
 */
export function decide(
  seen: Sighting | undefined,
  identity: string,
  now: number,
): 'wait' | 'create' | 'take' | 'renew' {
  if (!seen) return 'create';
  const { holderIdentity, leaseDurationSeconds } = seen.record;
  if (holderIdentity === identity) return 'renew';
  if (holderIdentity === '') return 'take';
  return now - seen.since >= leaseDurationSeconds * 1000 ? 'take' : 'wait';
}

/** @throws {RangeError} when the times do not fit together */
export function createElection(options: ElectionOptions): Election {
  const { lock, identity, clock, random } = options;
  const { leaseDurationMs, renewDeadlineMs, retryPeriodMs } = validTiming({ ...DEFAULT_TIMING, ...options.timing });
  const requestMs = Math.max(1000, renewDeadlineMs / 2);
  const log = options.log.child({ lease: lock.description, identity });
  const show = electionMetrics(options.metrics, options.name);
  let seen: Sighting | undefined;
  let isLeader = false;
  /** Whether the lease may be ours, as far as is known: a write without an answer may have been carried out. */
  let mayHold = false;
  /** When the last successful renewal began. */
  let renewed = { monotonic: Number.NEGATIVE_INFINITY, wall: 0 };

  const msLeft = (): number => renewed.monotonic + renewDeadlineMs - clock.monotonic();

  const look = async (signal: AbortSignal, ms: number): Promise<void> => {
    const found = await within(clock, ms, signal, (own) => lock.read(own));
    if (!found) seen = undefined;
    else if (found.version !== seen?.version || !isSame(found.record, seen.record)) {
      seen = { ...found, since: clock.monotonic() };
    }
    mayHold = found?.record.holderIdentity === identity;
  };

  /** Makes the lease ours or ours for longer. @returns whether it still counts: the answer may have come too late */
  const write = async (signal: AbortSignal, ms: number): Promise<boolean> => {
    const began = { monotonic: clock.monotonic(), wall: clock.now() };
    const record = claim(seen?.record, { identity, leaseDurationMs, now: began.wall });
    const before = seen;
    mayHold = true;
    const version = await within(clock, ms, signal, (own) =>
      before ? lock.update(record, before.version, own) : lock.create(record, own),
    );
    seen = { record, version, since: clock.monotonic() };
    if (clock.monotonic() - began.monotonic >= renewDeadlineMs) return false;
    renewed = began;
    return true;
  };

  const acquire = async (signal: AbortSignal): Promise<boolean> => {
    await look(signal, requestMs);
    return decide(seen, identity, clock.monotonic()) !== 'wait' && write(signal, requestMs);
  };

  /** @returns whether we may go on; a failure of the lock alone does not end leadership before the deadline */
  const renew = async (signal: AbortSignal): Promise<boolean> => {
    const ms = (): number => Math.min(requestMs, msLeft());
    try {
      await write(signal, ms());
      return true;
    } catch (error) {
      if (signal.aborted) return true;
      show.slowPath();
      log.debug('could not renew the lease from memory; reading it', { error });
    }
    try {
      await look(signal, ms());
      const next = decide(seen, identity, clock.monotonic());
      if (next === 'wait' || next === 'take') {
        log.error('the lease was taken away', { holder: seen?.record.holderIdentity });
        return false;
      }
      await write(signal, ms());
    } catch (error) {
      if (!signal.aborted) log.warn('could not renew the lease', { msLeft: Math.round(msLeft()), error });
    }
    return true;
  };

  /** @returns `true` once elected, `false` when `signal` was aborted first */
  const stand = async (signal: AbortSignal): Promise<boolean> => {
    let isFailing = false;
    while (!signal.aborted) {
      try {
        if (await acquire(signal)) return !signal.aborted;
        isFailing = false;
      } catch (error) {
        if (signal.aborted) return false;
        const isRace = error instanceof StoreError && error.reason === 'Conflict';
        log[isRace || isFailing ? 'debug' : 'warn']('could not get at the lease; trying again', { error });
        isFailing = !isRace;
      }
      await pause(clock, retryPeriodMs * (1 + JITTER * random()), signal);
    }
    return false;
  };

  const lead = async (signal: AbortSignal): Promise<'stopped' | 'lost'> => {
    const ending = (): 'stopped' | 'lost' | undefined =>
      msLeft() <= 0 ? 'lost' : signal.aborted ? 'stopped' : undefined;
    for (;;) {
      const before = ending();
      if (before) return before;
      await pause(clock, Math.min(retryPeriodMs, msLeft()), signal);
      const after = ending();
      if (after) return after;
      if (!(await renew(signal))) return 'lost';
    }
  };

  return {
    async run(signal, onElected) {
      log.info('standing for election');
      if (!(await stand(signal))) return 'stopped';
      isLeader = true;
      show.leading(true);
      log.info('elected', { transitions: seen?.record.leaseTransitions });
      onElected();
      const why = await lead(signal);
      isLeader = false;
      show.leading(false);
      if (why === 'lost') log.error('lost the lease', { renewedMsAgo: Math.round(renewDeadlineMs - msLeft()) });
      return why;
    },
    // A machine that was suspended may not have counted that time as monotonic; its wall clock shows it once it was set.
    mayAct: () => isLeader && msLeft() > 0 && clock.now() - renewed.wall < renewDeadlineMs,
    isLeader: () => isLeader,
    async release() {
      if (!mayHold) return;
      try {
        await within(clock, RELEASE_MS, undefined, async (signal) => {
          for (let tries = RELEASE_TRIES; ; tries--) {
            await look(signal, RELEASE_MS);
            if (!mayHold || !seen) return;
            try {
              await lock.update(given(seen.record, clock.now()), seen.version, signal);
              break;
            } catch (error) {
              if (tries <= 1 || !(error instanceof StoreError && error.reason === 'Conflict')) throw error;
            }
          }
          mayHold = false;
          log.info('gave the lease up');
        });
      } catch (error) {
        log.warn('could not give the lease up; it ends by itself', { error });
      }
    },
    problem() {
      const pastEndMs = clock.monotonic() - renewed.monotonic - leaseDurationMs;
      if (!isLeader || pastEndMs <= TOLERATED_EXPIRY_MS) return undefined;
      return `still leads although lease ${lock.description} ended ${Math.round(pastEndMs / 1000)} s ago`;
    },
  };
}

/** The record that makes the lease ours, or ours for longer. */
function claim(
  before: LeaseRecord | undefined,
  { identity, leaseDurationMs, now }: { identity: string; leaseDurationMs: number; now: number },
): LeaseRecord {
  const isOurs = before?.holderIdentity === identity;
  // The API server takes a write that changes nothing for none: a wall clock that stands still must not look like that.
  const renewTime = microTime(now, 0) === before?.renewTime ? microTime(now, 1) : microTime(now, 0);
  return {
    holderIdentity: identity,
    leaseDurationSeconds: leaseDurationMs / 1000,
    acquireTime: isOurs ? before.acquireTime : renewTime,
    renewTime,
    leaseTransitions: before ? before.leaseTransitions + (isOurs ? 0 : 1) : 0,
  };
}

/** The record of a lease that was given up. */
function given({ leaseTransitions }: LeaseRecord, now: number): LeaseRecord {
  const time = microTime(now, 0);
  return { holderIdentity: '', leaseDurationSeconds: 1, acquireTime: time, renewTime: time, leaseTransitions };
}

/** Kubernetes refuses a MicroTime with other than six fraction digits. */
function microTime(now: number, micros: 0 | 1): string {
  return new Date(now).toISOString().replace('Z', `00${micros}Z`);
}

function isSame(a: LeaseRecord, b: LeaseRecord): boolean {
  return (
    a.holderIdentity === b.holderIdentity &&
    a.renewTime === b.renewTime &&
    a.acquireTime === b.acquireTime &&
    a.leaseTransitions === b.leaseTransitions &&
    a.leaseDurationSeconds === b.leaseDurationSeconds
  );
}

/** As `withDeadline`, but does not wait for work that ignores its signal. */
function within<T>(
  clock: Clock,
  ms: number,
  parent: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return withDeadline(clock, ms, parent, (signal) => {
    const cut = new Promise<never>((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
    return Promise.race([work(signal), cut]);
  });
}

async function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  await sleep(clock, ms, signal).catch(() => {});
}

function electionMetrics(metrics: Metrics, name: string) {
  const labels = { name };
  const status = metrics.gauge({
    name: 'leader_election_master_status',
    help: 'Whether this process leads: 1, or 0 for a standby.',
    labels: ['name'],
  });
  const slowPaths = metrics.counter({
    name: 'leader_election_slowpath_total',
    help: 'Renewals that failed from memory, so that the lease was read first.',
    labels: ['name'],
  });
  status.set(labels, 0);
  slowPaths.inc(labels, 0);
  return {
    leading: (isLeading: boolean) => status.set(labels, isLeading ? 1 : 0),
    slowPath: () => slowPaths.inc(labels),
  };
}

function validTiming(timing: ElectionTiming): ElectionTiming {
  const { leaseDurationMs, renewDeadlineMs, retryPeriodMs } = timing;
  const shown = `lease duration ${leaseDurationMs} ms, renew deadline ${renewDeadlineMs} ms, retry period ${retryPeriodMs} ms`;
  if (!(retryPeriodMs > 0)) throw new RangeError(`${shown}: the retry period must be above 0`);
  if (!(leaseDurationMs > renewDeadlineMs)) {
    throw new RangeError(`${shown}: the lease must last longer than the renew deadline`);
  }
  if (!(renewDeadlineMs > JITTER * retryPeriodMs)) {
    throw new RangeError(`${shown}: the renew deadline must be above ${JITTER} times the retry period`);
  }
  if (leaseDurationMs % 1000 !== 0) throw new RangeError(`${shown}: the lease must last whole seconds`);
  return timing;
}
