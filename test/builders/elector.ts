import { createElection, type Election, type LeaseLock } from '../../src/engine/election.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import type { FakeClock } from './fake-clock.ts';
import type { MemoryLease } from './lease-lock.ts';
import { captureLog } from './log.ts';

/** How one call fares: it arrives after `inMs`, and its answer `outMs` later. */
export interface CallWeather {
  readonly inMs: number;
  readonly outMs: number;
  /** `lost`: it never arrives. `unanswered`: it is carried out, but the answer never comes. */
  readonly fate: 'fine' | 'refused' | 'lost' | 'unanswered';
}

/** Ways to build an election wrongly, to see that the judge notices. */
export type Sabotage =
  | 'none'
  /** Counts from the answer to a renewal, not from when it was begun. */
  | 'endOfRenewal'
  /** Compares the time in the lease with the own wall clock. */
  | 'serverTimes'
  /** Asks only whether it was elected, not how long ago it renewed. */
  | 'noDeadline';

interface ElectorOptions {
  readonly clock: FakeClock;
  readonly lease: MemoryLease;
  readonly identity: string;
  readonly random: () => number;
  readonly weather: () => CallWeather;
  /** Wall time against true time. */
  readonly wallOffsetMs: number;
  /** The wall clock stands still. */
  readonly isWallFrozen: boolean;
  readonly sabotage: Sabotage;
  /** After a pause, which comes first: the timers that are overdue, or the answers that have arrived. */
  readonly areTimersFirst: boolean;
  /** Something happened that may have made it the leader. */
  readonly onAnswer: () => void;
  readonly onEnd: (why: 'stopped' | 'lost') => void;
}

/** A process that takes part in an election, and what may befall it. */
export interface Elector {
  mayAct(): boolean;
  /** SIGSTOP, and SIGCONT after `ms`: its clocks go on; its timers and answers wait. */
  pause(ms: number): void;
  /** SIGKILL. What it sent still arrives. */
  kill(): void;
  /** SIGTERM: ends its part, then gives the lease up. */
  stop(): void;
}

/** Starts a process over a lease, with its own clock and its own way through the network. */
export function startElector(options: ElectorOptions): Elector {
  const { clock: time, lease, weather, sabotage } = options;
  const waiting: { readonly isTimer: boolean; readonly run: () => void }[] = [];
  let pausedUntil = Number.NEGATIVE_INFINITY;
  let isDead = false;
  let calling = 0;
  let calledSince = 0;
  let calledMs = 0;

  const whenAwake = (isTimer: boolean, run: () => void): void => {
    if (isDead) return;
    if (time.monotonic() < pausedUntil) waiting.push({ isTimer, run });
    else run();
  };
  const wake = (): void => {
    if (time.monotonic() < pausedUntil) return;
    const ranked = waiting.splice(0).sort((a, b) => rank(a.isTimer) - rank(b.isTimer));
    // One after the other, each with all that follows from it.
    for (const { isTimer, run } of ranked) time.after(0, () => whenAwake(isTimer, run));
  };
  const rank = (isTimer: boolean): number => (isTimer === options.areTimersFirst ? 0 : 1);

  /** With `endOfRenewal` a clock that stands still during calls: begin and end of each look alike. */
  const inCalls = (): number => calledMs + (calling > 0 ? time.monotonic() - calledSince : 0);
  const unseen = (): number => (sabotage === 'endOfRenewal' ? inCalls() : 0);
  const born = time.now();
  const clock: Clock = {
    now: () => (options.isWallFrozen ? born : time.now()) + options.wallOffsetMs - unseen(),
    monotonic: () => time.monotonic() - unseen(),
    after(ms, run) {
      let isCancelled = false;
      const cancel = time.after(ms, () => whenAwake(true, () => isCancelled || run()));
      return () => {
        isCancelled = true;
        cancel();
      };
    },
  };

  const call = async <T>(work: () => T, signal: AbortSignal): Promise<T> => {
    const { inMs, outMs, fate } = weather();
    if (calling++ === 0) calledSince = time.monotonic();
    try {
      return await new Promise<T>((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
        const answer = (settle: () => void): void => {
          time.after(outMs, () =>
            whenAwake(false, () => {
              settle();
              time.after(0, options.onAnswer);
            }),
          );
        };
        time.after(inMs, () => {
          if (fate === 'lost') return;
          if (fate === 'refused') return answer(() => reject(new Error('connection refused')));
          try {
            const result = work();
            if (fate === 'fine') answer(() => resolve(result));
          } catch (error) {
            answer(() => reject(error));
          }
        });
      });
    } finally {
      calling -= 1;
      if (calling === 0) calledMs += time.monotonic() - calledSince;
    }
  };
  const lock: LeaseLock = {
    description: 'aiops/operator',
    read: async (signal) => {
      const found = await call(() => lease.read(), signal);
      const isLong = found && clock.now() - Date.parse(found.record.renewTime) > 15_000;
      if (sabotage !== 'serverTimes' || !isLong) return found;
      return { ...found, record: { ...found.record, leaseDurationSeconds: 0 } };
    },
    create: (record, signal) => call(() => lease.create(record), signal),
    update: (record, version, signal) => call(() => lease.update(record, version), signal),
  };

  const election: Election = createElection({
    ...{ lock, clock, identity: options.identity, random: options.random, name: 'operator' },
    ...{ log: quiet, metrics: createMetrics() },
  });
  const end = new AbortController();
  void election
    .run(end.signal, () => {})
    .then(async (why) => {
      if (why === 'stopped') await election.release();
      options.onEnd(why);
    });
  return {
    mayAct: () => !isDead && (sabotage === 'noDeadline' ? election.isLeader() : election.mayAct()),
    pause(ms) {
      pausedUntil = Math.max(pausedUntil, time.monotonic() + ms);
      time.after(ms, wake);
    },
    kill: () => {
      isDead = true;
    },
    stop: () => end.abort(),
  };
}

/** Thousands of processes run in one test: their lines are of no use. */
const nothing = (): void => {};
const quiet = { ...captureLog().log, debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => quiet };
