import { EventEmitter } from 'node:events';
import type { Cloud, CloudProvider } from '../../src/cloud/cloud.ts';
import type { Clock } from '../../src/lib/clock.ts';

/** Which call of the cloud is about to be made, or has just been answered (also with an error). */
export interface Moment {
  readonly method: keyof Cloud;
  readonly when: 'before' | 'after';
}

/** The outside world of one life of the operator, which can be cut off from it at once, as by `kill -9`. */
export interface Life {
  readonly clock: Clock;
  readonly process: EventEmitter & { exit(code: number): void };
  /** With what the process has ended itself; a proper stop ends it from outside, without a code. */
  readonly exitCode: number | undefined;
  decorateClouds(clouds: CloudProvider): CloudProvider;
  readonly isDead: boolean;
  /**
   * The end: no timer fires any more, and no call of the cloud is made or answered. What was sent is on its way, as from a
   * process that is gone.
   */
  die(): void;
  /** For the very end: lets a dead one tidy up (close files and sockets) without reaching the cloud. */
  bury(): void;
}

/**
 * @param clock time itself
 * @param diesAt asked at each moment; `true` ends this life right there
 * @param onDeath called once, at the end, before anything else can happen
 */
export function startLife(clock: Clock, diesAt: (moment: Moment) => boolean, onDeath: () => void): Life {
  let phase: 'alive' | 'dead' | 'buried' = 'alive';
  let exitCode: number | undefined;
  const timers = new Set<{ readonly run: () => void; cancel: () => void }>();
  const held = new Set<(error: Error) => void>();

  const after: Clock['after'] = (ms, run) => {
    const fire = (): void => {
      timers.delete(timer);
      run();
    };
    const timer = { run: fire, cancel: (): void => {} };
    timers.add(timer);
    if (phase === 'alive') timer.cancel = clock.after(ms, fire);
    if (phase === 'buried') setImmediate(fire);
    return () => {
      timer.cancel();
      timers.delete(timer);
    };
  };
  const die = (): void => {
    if (phase !== 'alive') return;
    phase = 'dead';
    for (const timer of timers) timer.cancel();
    onDeath();
  };
  /** Goes by while alive; for a dead one it never comes back. */
  const pass = async (method: keyof Cloud, when: Moment['when']): Promise<void> => {
    if (phase === 'alive' && diesAt({ method, when })) die();
    if (phase === 'buried') throw new Error('this life is over');
    if (phase === 'dead') await new Promise<never>((_resolve, reject) => held.add(reject));
  };

  const process = Object.assign(new EventEmitter(), {
    exit: (code: number): void => {
      exitCode ??= code;
    },
  });
  return {
    clock: { now: clock.now, monotonic: clock.monotonic, after },
    process,
    get exitCode() {
      return exitCode;
    },
    decorateClouds: (clouds) => ({
      async open(...args) {
        const { accountKey, cloud } = await clouds.open(...args);
        return { accountKey, cloud: passing(cloud, pass) };
      },
    }),
    get isDead() {
      return phase !== 'alive';
    },
    die,
    bury() {
      if (phase === 'alive') for (const timer of timers) timer.cancel();
      phase = 'buried';
      for (const reject of held) reject(new Error('this life is over'));
      for (const { run } of [...timers]) setImmediate(run);
      process.emit('SIGTERM', 'SIGTERM');
    },
  };
}

/** The same cloud, with `pass` around each call. */
function passing(cloud: Cloud, pass: (method: keyof Cloud, when: Moment['when']) => Promise<void>): Cloud {
  const around = <A extends unknown[], R>(method: keyof Cloud, call: (...args: A) => Promise<R>) => {
    return async (...args: A): Promise<R> => {
      await pass(method, 'before');
      const outcome = await settled(call(...args));
      await pass(method, 'after');
      if ('error' in outcome) throw outcome.error;
      return outcome.value;
    };
  };
  return {
    sweep: around('sweep', cloud.sweep),
    find: around('find', cloud.find),
    findByName: around('findByName', cloud.findByName),
    launch: around('launch', cloud.launch),
    release: around('release', cloud.release),
    claim: around('claim', cloud.claim),
    price: around('price', cloud.price),
    stock: around('stock', cloud.stock),
    spotQuota: around('spotQuota', cloud.spotQuota),
  };
}

async function settled<R>(work: Promise<R>): Promise<{ readonly value: R } | { readonly error: unknown }> {
  try {
    return { value: await work };
  } catch (error) {
    return { error };
  }
}
