import type { KubeObject } from '../../api/meta.ts';
import { type Clock, unlessLate } from '../../lib/clock.ts';
import { secureRandom } from '../../lib/random.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { KindRef, ObjectEvent, RecordedEvent } from '../store.ts';
import { createRequest, EventResource, patchRequest, toRecorded } from './event-objects.ts';
import { createEventQueue } from './event-queue.ts';
import { createCorrelator, type EventSeries } from './event-series.ts';
import { KubeError, type KubeReason } from './kube-error.ts';
import { listPages } from './list-pages.ts';
import { ownerExists } from './owner.ts';
import type { RawObject } from './raw-object.ts';
import type { Resource } from './resource.ts';
import { inStoreTerms } from './store-error.ts';
import type { KubeRequest, KubeTransport } from './transport.ts';

/** One write. Events can wait, so a slow call gives way to the next try. */
const CALL_TIMEOUT_MS = 10_000;
/** How long a list waits for what has not been written yet. */
const LIST_WAITS_MS = 5000;

export interface KubeEventsOptions {
  readonly transport: KubeTransport;
  readonly clock: Clock;
  readonly log: Logger;
  /** A qualified name: `aiops.org/operator`. */
  readonly reportingController: string;
  /** Which process of it; 128 characters are kept. */
  readonly reportingInstance: string;
  /** Where objects of a kind are found, to ask whether one still exists. */
  readonly resourceOf: (kind: KindRef) => Resource;
  /** Told of each event that could not be kept. */
  readonly onDropped?: (kind: string, type: ObjectEvent['type']) => void;
  /** In [0, 1). */
  readonly random?: () => number;
}

/** Events of objects, written in the background. */
export interface KubeEvents {
  /** Notes an event. Never throws and never waits; what cannot be kept is dropped and counted. */
  record(object: KubeObject, event: ObjectEvent): void;
  /**
   * The events of an object, at most 100, the oldest first; those not yet written are written first. None of an object
   * that is gone, or whose name another one has now.
   * @throws {StoreError} `Unavailable`; the reason of `signal` when that is aborted
   */
  list(object: KubeObject, signal?: AbortSignal): Promise<readonly RecordedEvent[]>;
  /** Tries once to write all that waits. Never rejects; gives up after `timeoutMs`. */
  flush(timeoutMs: number): Promise<void>;
  /** Ends all writing at once. What waits is lost: call `flush` before. Safe to call twice. */
  stop(): void;
}

/** Records events as objects of `events.k8s.io/v1`, repeats as a series. */
export function createKubeEvents(options: KubeEventsOptions): KubeEvents {
  const { transport, clock, log, resourceOf, onDropped = () => {}, random = secureRandom } = options;
  const reporter = { controller: options.reportingController, instance: options.reportingInstance };
  const stopping = new AbortController();
  const correlator = createCorrelator(random);
  const call = (request: KubeRequest): Promise<unknown> =>
    transport.request({ ...request, timeoutMs: CALL_TIMEOUT_MS }, stopping.signal);
  let lastMicros = 0;

  const send = async (series: EventSeries, isCreated: boolean): Promise<void> => {
    // Not found: it expired, or somebody deleted it.
    if (isCreated && (await isDoneBut('NotFound', call(patchRequest(series))))) return;
    // Names are drawn once, so one that exists is ours: only the answer to an earlier try was lost.
    if (await isDoneBut('AlreadyExists', call(createRequest(series, reporter)))) return;
    if (series.count > 1) await call(patchRequest(series));
  };
  const queue = createEventQueue({ clock, log, send, onDropped });

  const waitFor = (ms: number, isChosen: (series: EventSeries) => boolean): Promise<void> =>
    unlessLate(clock, ms, queue.hurry(isChosen), () => {});

  return {
    record(object, event) {
      // Events of the same millisecond keep their order, and their names differ.
      lastMicros = Math.max(clock.now() * 1000, lastMicros + 1);
      queue.add(correlator.add(object, event, { micros: lastMicros, monotonic: clock.monotonic() }));
    },
    async list(object, signal = new AbortController().signal) {
      const { namespace, uid } = object.metadata;
      await waitFor(LIST_WAITS_MS, ({ about }) => about.metadata.uid === uid);
      if (!(await inStoreTerms(ownerExists(transport, resourceOf(object), object, signal)))) return [];
      let found: RawObject[] = [];
      const begin = (): ((page: readonly RawObject[]) => void) => {
        found = [];
        return (page) => found.push(...page);
      };
      const selection = { resource: EventResource, namespace, fieldSelector: `regarding.uid=${uid}` };
      await inStoreTerms(listPages(transport, selection, false, begin, signal));
      return toRecorded(found);
    },
    flush: (timeoutMs) => waitFor(timeoutMs, () => true),
    stop() {
      stopping.abort(new Error('events are no longer written'));
      queue.stop();
    },
  };
}

/** Waits for a call: false when it failed for this one reason. */
async function isDoneBut(reason: KubeReason, call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    if (error instanceof KubeError && error.reason === reason) return false;
    throw error;
  }
}
