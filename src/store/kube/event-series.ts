import type { KubeObject } from '../../api/meta.ts';
import type { ObjectEvent } from '../store.ts';

/** A repeat after a longer silence is a new event. Source: client-go, `finishTime` of its events. */
export const SERIES_ENDS_AFTER_MS = 6 * 60_000;
/** From so many different notes in so long a time on they share one event. Source: client-go's old recorder. */
const NOTES_UNTIL_MERGED = 10;
const NOTES_WINDOW_MS = 10 * 60_000;
/** Series, and reasons of objects, remembered; those used longest ago give way. Source: client-go's cache. */
const MAX_REMEMBERED = 4096;

/** Limits of Kubernetes' Event, in bytes. Source: its validation, `NoteLengthLimit` and `ReasonLengthLimit`. */
const MAX_NOTE_BYTES = 1024;
const MAX_REASON_BYTES = 128;
const MAX_NAME = 253;

/**
 * What is done when something is noted. Kubernetes asks for one; every note of ours comes from a reconcile, and its reason
 * says what happened there. One word for all keeps repeats together.
 */
const ACTION = 'Reconcile';
const MERGED = ' (one of many: different notes of this reason are merged here)';

/** When something happened. */
export interface Instant {
  /** Microseconds since 1970 by the wall clock; no two events have the same. */
  readonly micros: number;
  /** Milliseconds on the monotonic clock. */
  readonly monotonic: number;
}

/** One Event object: what was noted, and how often by now. */
export interface EventSeries {
  readonly name: string;
  readonly about: KubeObject;
  readonly type: ObjectEvent['type'];
  readonly action: string;
  readonly reason: string;
  /** The last one when notes are merged; else it never changes. */
  readonly note: string;
  readonly isMerged: boolean;
  readonly count: number;
  /** In microseconds since 1970. */
  readonly firstAt: number;
  readonly lastAt: number;
}

/** Finds out which notes belong together. */
export interface Correlator {
  /** Counts an event; the answer is the series that it began or went on with, and the same object for each of a series. */
  add(object: KubeObject, event: ObjectEvent, at: Instant): EventSeries;
}

type Counted = { -readonly [Member in keyof EventSeries]: EventSeries[Member] } & { seenAt: number };

/**
 * Keeps (object, type, action, reason, note) together: pools tell their stories in notes. The tenth different note within
 * 10 minutes and those after it share one series, whose note is the last one and says so.
 * @param random in [0, 1): two processes must not name their events alike
 */
export function createCorrelator(random: () => number): Correlator {
  const running = new Map<string, Counted>();
  const notesOf = new Map<string, Map<string, number>>();

  const find = (key: string, at: Instant): Counted | undefined => {
    const series = running.get(key);
    return series && at.monotonic - series.seenAt <= SERIES_ENDS_AFTER_MS ? series : undefined;
  };

  return {
    add(object, event, at) {
      const reason = cutToBytes(event.reason, MAX_REASON_BYTES);
      const note = cutToBytes(event.note, MAX_NOTE_BYTES);
      const about = `${object.metadata.uid}\0${event.type}\0${ACTION}\0${reason}`;
      const notes = touch(notesOf, about, notesOf.get(about) ?? new Map<string, number>());
      const isMerged = !find(`${about}\0=${note}`, at) && othersThan(note, notes, at) >= NOTES_UNTIL_MERGED - 1;
      touch(notes, note, at.monotonic, NOTES_UNTIL_MERGED);

      const key = isMerged ? `${about}\0*` : `${about}\0=${note}`;
      const before = find(key, at);
      const series: Counted = before ?? {
        name: nameOf(object, at, random()),
        about: object,
        type: event.type,
        action: ACTION,
        reason,
        note,
        isMerged,
        count: 0,
        firstAt: at.micros,
        lastAt: at.micros,
        seenAt: at.monotonic,
      };
      series.count += 1;
      series.lastAt = at.micros;
      series.seenAt = at.monotonic;
      if (isMerged) series.note = `${cutToBytes(note, MAX_NOTE_BYTES - MERGED.length)}${MERGED}`;
      return touch(running, key, series);
    },
  };
}

function othersThan(note: string, notes: ReadonlyMap<string, number>, at: Instant): number {
  let others = 0;
  for (const [other, seenAt] of notes) if (other !== note && at.monotonic - seenAt < NOTES_WINDOW_MS) others += 1;
  return others;
}

/** Puts a value at the end of a bounded map, where what was used last stands. */
function touch<Value>(map: Map<string, Value>, key: string, value: Value, max = MAX_REMEMBERED): Value {
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= max) break;
    map.delete(oldest);
  }
  return value;
}

/** `OBJECT.HEX`: a valid name, however long the object's own is. */
function nameOf({ metadata }: KubeObject, at: Instant, random: number): string {
  const chance = Math.floor(random * 2 ** 24);
  const suffix = `${at.micros.toString(16)}${chance.toString(16).padStart(6, '0')}`;
  // A part of a name must not end in "-" or ".".
  return `${metadata.name.slice(0, MAX_NAME - suffix.length - 1).replace(/[^a-z0-9]+$/, '')}.${suffix}`;
}

/** A text in at most `max` bytes of UTF-8, cut between characters, with an ellipsis where it was cut. */
function cutToBytes(text: string, max: number): string {
  if (Buffer.byteLength(text) <= max) return text;
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(max - 3));
  return `${text.slice(0, read)}…`;
}
