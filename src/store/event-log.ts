import { toTime } from '../api/meta.ts';
import type { Clock } from '../lib/clock.ts';
import type { ObjectEvent, RecordedEvent } from './store.ts';

/** How many different events an object keeps; the one that was seen longest ago leaves first. */
const MAX_EVENTS_PER_OBJECT = 100;
const MAX_REASON = 128;
const MAX_NOTE_BYTES = 1024;

/** Events of objects, bounded and in the order in which they were last seen. Knows nothing of disks. */
export interface EventLog {
  record(id: string, event: ObjectEvent): void;
  /** Oldest first. */
  of(id: string): readonly RecordedEvent[];
  /** Puts back what was kept before. */
  load(id: string, events: readonly RecordedEvent[]): void;
  forget(id: string): void;
  /** The objects whose events have changed since `markSaved`. */
  readonly unsaved: ReadonlySet<string>;
  markSaved(): void;
}

export function createEventLog(clock: Clock): EventLog {
  const logs = new Map<string, Map<string, RecordedEvent>>();
  const unsaved = new Set<string>();

  return {
    unsaved,
    markSaved: () => unsaved.clear(),
    of: (id) => [...(logs.get(id)?.values() ?? [])],
    load(id, events) {
      logs.set(id, new Map(events.map((event) => [keyOf(event), event])));
    },
    forget(id) {
      logs.delete(id);
      unsaved.delete(id);
    },
    record(id, given) {
      const event = bounded(given);
      const log = logs.get(id) ?? new Map<string, RecordedEvent>();
      logs.set(id, log);
      const now = toTime(clock.now());
      const before = log.get(keyOf(event));
      log.delete(keyOf(event));
      log.set(
        keyOf(event),
        Object.freeze({
          ...event,
          count: (before?.count ?? 0) + 1,
          firstSeen: before?.firstSeen ?? now,
          lastSeen: now,
        }),
      );
      for (const key of log.keys()) {
        if (log.size <= MAX_EVENTS_PER_OBJECT) break;
        log.delete(key);
      }
      unsaved.add(id);
    },
  };
}

function keyOf(event: ObjectEvent): string {
  return `${event.type}\0${event.reason}\0${event.note}`;
}

function bounded(event: ObjectEvent): ObjectEvent {
  return { type: event.type, reason: event.reason.slice(0, MAX_REASON), note: cut(event.note, MAX_NOTE_BYTES) };
}

/** Cuts a text to so many bytes of UTF-8, between characters. */
function cut(text: string, maxBytes: number): string {
  if (Buffer.byteLength(text) <= maxBytes) return text;
  const bytes = Buffer.from(text).subarray(0, maxBytes - 3);
  return `${new TextDecoder().decode(bytes, { stream: true })}…`;
}
