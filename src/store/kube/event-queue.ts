import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { ObjectEvent } from '../store.ts';
import { type EventSeries, SERIES_ENDS_AFTER_MS } from './event-series.ts';
import { KubeError } from './kube-error.ts';

/** Events waiting to be created; more are dropped. Source: client-go, `maxQueuedEvents`. */
const MAX_QUEUE = 1000;
/** Source: client-go, `maxTriesPerEvent` and `defaultSleepDuration`. */
const MAX_TRIES = 12;
const RETRY_MS = 10_000;
/**
 * The first repeat is written so long after the event, and each next one after twice that: what people read is at most
 * about as old as the series itself, and a repeat every few seconds costs few writes.
 */
const FIRST_REWRITE_MS = 5000;
/** A running series is written this often at least: an Event expires after 1 h. Source: client-go, `refreshTime`. */
const REFRESH_MS = 30 * 60_000;

export interface EventQueueOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /**
   * Makes the server know of a series; one call, or two when the first told something new.
   * @param isCreated whether its Event was there when it was last written
   * @throws {KubeError}
   */
  readonly send: (series: EventSeries, isCreated: boolean) => Promise<void>;
  readonly onDropped: (kind: string, type: ObjectEvent['type']) => void;
}

/** Series that the server does not know in full. */
export interface EventQueue {
  /** To be called after each event counted. */
  add(series: EventSeries): void;
  /** Tries everything chosen at once, however it stands; resolves when that has been tried. Never rejects. */
  hurry(isChosen: (series: EventSeries) => boolean): Promise<void>;
  /** Forgets what waits; nothing is sent afterwards. Safe to call twice. */
  stop(): void;
}

/** A series and how far the server knows of it. */
interface Entry {
  readonly series: EventSeries;
  isCreated: boolean;
  /** The count that the server has. */
  written: number;
  writes: number;
  /** The next two on the monotonic clock. */
  writtenAt: number;
  dueAt: number;
  tries: number;
}

/**
 * Sends one series at a time: a new one at once, repeats from time to time. What failed is tried again every 10 s, twelve
 * times in all; while the server does not answer, one try stands for all that are due.
 */
export function createEventQueue({ clock, log, send, onDropped }: EventQueueOptions): EventQueue {
  const entries = new WeakMap<EventSeries, Entry>();
  /** Not created yet, bounded here. */
  const fresh = new Set<Entry>();
  /** Created, but seen more often since: never more than the correlator remembers and has let go of since the last write. */
  const repeated = new Set<Entry>();
  let pumping: Promise<void> | undefined;
  let timer: { readonly at: number; readonly cancel: () => void } | undefined;
  let heldUntil = 0;
  let isStopped = false;

  const now = (): number => clock.monotonic();

  const earliest = (): Entry | undefined => {
    let first: Entry | undefined;
    for (const waiting of [fresh, repeated]) {
      for (const entry of waiting) if (!first || entry.dueAt < first.dueAt) first = entry;
    }
    return first;
  };

  const pump = async (): Promise<void> => {
    for (;;) {
      const next = earliest();
      if (!next || next.dueAt > now() || isStopped) {
        pumping = undefined;
        if (next) wakeAt(next.dueAt);
        return;
      }
      await attempt(next);
    }
  };
  const start = (): Promise<void> => {
    timer?.cancel();
    timer = undefined;
    // Its first step comes later, so that nothing is sent from within `add`.
    pumping ??= Promise.resolve().then(pump);
    return pumping;
  };
  const wakeAt = (at: number): void => {
    if (pumping || isStopped || (timer && timer.at <= at)) return;
    if (at <= now()) {
      void start();
      return;
    }
    timer?.cancel();
    timer = { at, cancel: clock.after(at - now(), () => void start()) };
  };

  const attempt = async (entry: Entry): Promise<void> => {
    const { count } = entry.series;
    try {
      await send(entry.series, entry.isCreated);
    } catch (error) {
      if (!isStopped) failed(entry, error);
      return;
    }
    leave(entry);
    Object.assign(entry, { isCreated: true, written: count, writes: entry.writes + 1, writtenAt: now(), tries: 0 });
    if (entry.series.count > count) enter(entry);
  };

  const failed = (entry: Entry, error: unknown): void => {
    if (!isPassing(error)) {
      giveUp(entry, error);
      return;
    }
    const isSilence = isOfTheServer(error);
    if (isSilence) heldUntil = now() + RETRY_MS;
    const affected = isSilence ? [...fresh, ...repeated].filter(({ dueAt }) => dueAt <= now()) : [entry];
    for (const each of affected) {
      each.tries += 1;
      each.dueAt = now() + RETRY_MS;
      if (each.tries >= MAX_TRIES) giveUp(each, error);
    }
  };
  const giveUp = (entry: Entry, error: unknown): void => {
    const { about, type, reason, name } = entry.series;
    leave(entry);
    log.debug('event dropped', { event: name, reason, tries: entry.tries, error });
    // Its next repeat begins from one, with all that was counted.
    entry.tries = 0;
    onDropped(about.kind, type);
  };

  const enter = (entry: Entry): void => {
    if (entry.isCreated) repeated.add(entry);
    else fresh.add(entry);
    if (entry.tries === 0) entry.dueAt = Math.max(heldUntil, entry.isCreated ? rewriteAt(entry) : now());
    wakeAt(entry.dueAt);
  };
  /** Later and later, but soon after the last event when no other follows. */
  const rewriteAt = ({ writtenAt, writes }: Entry): number => {
    const pauseMs = Math.min(FIRST_REWRITE_MS * 2 ** (writes - 1), REFRESH_MS);
    return Math.min(writtenAt + pauseMs, now() + SERIES_ENDS_AFTER_MS);
  };
  const leave = (entry: Entry): void => {
    fresh.delete(entry);
    repeated.delete(entry);
  };

  return {
    add(series) {
      if (isStopped) return;
      const blank = { isCreated: false, written: 0, writes: 0, writtenAt: 0, dueAt: 0, tries: 0 };
      const entry = entries.get(series) ?? { series, ...blank };
      if (!entry.isCreated && !fresh.has(entry) && fresh.size >= MAX_QUEUE) {
        onDropped(series.about.kind, series.type);
        return;
      }
      entries.set(series, entry);
      enter(entry);
    },
    async hurry(isChosen) {
      // What is being sent just now may have been counted on since: it is chosen after that, not before.
      await pumping;
      for (const waiting of [fresh, repeated]) {
        for (const entry of waiting) if (isChosen(entry.series)) entry.dueAt = Math.min(entry.dueAt, now());
      }
      await start();
    },
    stop() {
      isStopped = true;
      timer?.cancel();
      timer = undefined;
      fresh.clear();
      repeated.clear();
    },
  };
}

/** Worth another try: no answer, too many calls, a fault of the server, or somebody wrote at the same moment. */
function isPassing(error: unknown): boolean {
  return error instanceof KubeError && (isOfTheServer(error) || error.code >= 500 || error.reason === 'Conflict');
}

/** No fault of the event's: the next call would fare the same. */
function isOfTheServer(error: unknown): boolean {
  return error instanceof KubeError && (error.code === 0 || error.code === 429);
}
