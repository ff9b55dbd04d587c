import type { KubeObject } from '../api/meta.ts';
import type { Clock } from '../lib/clock.ts';
import type { ObjectEvent, Store } from '../store/store.ts';
import type { Metrics } from '../telemetry/metrics.ts';

/** Events of one type about one object: so many at once, then one more every 300 s. Source: client-go's spam filter. */
const BURST = 25;
const REFILL_MS = 300_000;
/** Buckets kept; the one used longest ago gives way. */
const MAX_BUCKETS = 4096;
/** Limits of Kubernetes' Event. */
const MAX_NOTE_BYTES = 1024;
const MAX_REASON_LENGTH = 128;

interface EventRecorderOptions {
  readonly store: Pick<Store, 'recordEvent'>;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Applied to every note; hides secrets. */
  readonly redact?: (text: string) => string;
}

/**
 * Passes events on to the store, but no flood of them: by object and type at most 25 at once and one in 300 s after
 * that. Dropped ones are counted in `aiops_events_dropped_total`. Notes are cut to 1 KiB. Never throws.
 */
export function createEventRecorder(options: EventRecorderOptions): (object: KubeObject, event: ObjectEvent) => void {
  const { store, clock, redact = (text) => text } = options;
  const dropped = options.metrics.counter({
    name: 'aiops_events_dropped_total',
    help: 'Events not recorded because there were too many about one object.',
    labels: ['kind', 'type'],
  });
  const buckets = new Map<string, { tokens: number; at: number }>();

  const take = (key: string): boolean => {
    const now = clock.monotonic();
    const { tokens, at } = buckets.get(key) ?? { tokens: BURST, at: now };
    const refilled = Math.min(BURST, tokens + (now - at) / REFILL_MS);
    const isAllowed = refilled >= 1;
    buckets.delete(key);
    buckets.set(key, { tokens: isAllowed ? refilled - 1 : refilled, at: now });
    if (buckets.size > MAX_BUCKETS) buckets.delete(buckets.keys().next().value ?? '');
    return isAllowed;
  };

  return (object, event) => {
    const { type } = event;
    if (!take(`${type} ${object.kind} ${object.metadata.uid}`)) {
      dropped.inc({ kind: object.kind, type });
      return;
    }
    const reason = event.reason.slice(0, MAX_REASON_LENGTH);
    store.recordEvent(object, { type, reason, note: cutToBytes(redact(event.note), MAX_NOTE_BYTES) });
  };
}

/** The longest beginning of `text` that fits into `max` bytes of UTF-8 without cutting a character. */
function cutToBytes(text: string, max: number): string {
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(max));
  return text.slice(0, read);
}
