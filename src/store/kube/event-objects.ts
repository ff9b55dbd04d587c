import { toTime } from '../../api/meta.ts';
import type { RecordedEvent } from '../store.ts';
import type { EventSeries } from './event-series.ts';
import type { RawObject } from './raw-object.ts';
import { type Resource, resourcePath } from './resource.ts';
import type { KubeRequest } from './transport.ts';

/** How events are written and listed. */
export const EventResource: Resource = { apiVersion: 'events.k8s.io/v1', kind: 'Event', plural: 'events' };
/** The same objects in their older spelling; only there may a note still change. Source: Kubernetes, ValidateEventUpdate. */
const CoreEvent: Resource = { apiVersion: 'v1', kind: 'Event', plural: 'events' };
/** Without it a misspelt field would vanish silently. */
const STRICT = { fieldValidation: 'Strict' };
/** Kubernetes' limit for both. */
const MAX_REPORTER_BYTES = 128;
/** What a list answers with at most. */
const MAX_LISTED = 100;

/** Who says it. */
export interface Reporter {
  /** A qualified name: `aiops.org/operator`. */
  readonly controller: string;
  /** Which of its processes; cut to 128 characters. */
  readonly instance: string;
}

/** Creates the Event of a series, with all that has been counted. */
export function createRequest(series: EventSeries, reporter: Reporter): KubeRequest {
  const { about, name, type, action, reason, note, count } = series;
  const { apiVersion, kind, metadata } = about;
  const { namespace, uid, resourceVersion } = metadata;
  const body = {
    apiVersion: EventResource.apiVersion,
    kind: EventResource.kind,
    metadata: { name, namespace },
    eventTime: microTime(series.firstAt),
    reportingController: reporter.controller,
    reportingInstance: reporter.instance.slice(0, MAX_REPORTER_BYTES),
    action,
    reason,
    type,
    regarding: { apiVersion, kind, namespace, name: metadata.name, uid, resourceVersion },
    note,
    // A series has two at least.
    ...(count > 1 ? { series: seriesOf(series) } : {}),
  };
  return { method: 'POST', path: resourcePath(EventResource, { namespace }), query: STRICT, body };
}

/** Brings the Event of a series up to date. */
export function patchRequest(series: EventSeries): KubeRequest {
  const key = { namespace: series.about.metadata.namespace, name: series.name };
  const shared = { method: 'PATCH', query: STRICT, contentType: 'application/merge-patch+json' } as const;
  if (!series.isMerged) {
    return { ...shared, path: resourcePath(EventResource, key), body: { series: seriesOf(series) } };
  }
  return { ...shared, path: resourcePath(CoreEvent, key), body: { message: series.note, series: seriesOf(series) } };
}

/** Events as people read them: the same notes added up, the oldest first, the last hundred. */
export function toRecorded(events: readonly RawObject[]): readonly RecordedEvent[] {
  const merged = new Map<string, RecordedEvent>();
  for (const event of events.map(readEvent)) {
    const key = `${event.type}\0${event.reason}\0${event.note}`;
    const before = merged.get(key);
    merged.set(key, before ? { ...event, ...spanOf(before, event), count: before.count + event.count } : event);
  }
  return [...merged.values()]
    .sort((one, other) => microsOf(one.lastSeen) - microsOf(other.lastSeen))
    .slice(-MAX_LISTED)
    .map((event) => ({
      ...event,
      firstSeen: toTime(microsOf(event.firstSeen) / 1000),
      lastSeen: toTime(microsOf(event.lastSeen) / 1000),
    }));
}

function spanOf(one: RecordedEvent, other: RecordedEvent): Pick<RecordedEvent, 'firstSeen' | 'lastSeen'> {
  const isEarlier = microsOf(one.firstSeen) < microsOf(other.firstSeen);
  const isLater = microsOf(one.lastSeen) > microsOf(other.lastSeen);
  return {
    firstSeen: (isEarlier ? one : other).firstSeen,
    lastSeen: (isLater ? one : other).lastSeen,
  };
}

/** With the times still as they were sent. Events of others may come in the older spelling, with `deprecated…` filled in. */
function readEvent(event: RawObject): RecordedEvent {
  const series = (event['series'] ?? {}) as { readonly count?: unknown; readonly lastObservedTime?: unknown };
  const starts = [event['eventTime'], event['deprecatedFirstTimestamp'], event.metadata['creationTimestamp']];
  const firstSeen = starts.find(isTime) ?? toTime(0);
  return {
    type: event['type'] === 'Warning' ? 'Warning' : 'Normal',
    reason: textOf(event['reason']),
    note: textOf(event['note']),
    count: [series.count, event['deprecatedCount']].find(isCount) ?? 1,
    firstSeen,
    lastSeen: [series.lastObservedTime, event['deprecatedLastTimestamp']].find(isTime) ?? firstSeen,
  };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && value > 0;
}

function isTime(value: unknown): value is string {
  return typeof value === 'string' && !Number.isNaN(Date.parse(value));
}

function seriesOf({ count, lastAt }: EventSeries): object {
  return { count, lastObservedTime: microTime(lastAt) };
}

/** RFC 3339 with six digits: Kubernetes refuses a MicroTime with any other number of them. */
function microTime(micros: number): string {
  const text = new Date(micros / 1000).toISOString();
  return `${text.slice(0, 19)}.${String(micros % 1_000_000).padStart(6, '0')}Z`;
}

/** Microseconds since 1970: `Date` would lose the last three digits, which tell what came first. */
function microsOf(time: string): number {
  const fraction = /\.(\d+)/.exec(time)?.[1] ?? '';
  return Date.parse(time.replace(/\.\d+/, '')) * 1000 + Number(fraction.padEnd(6, '0').slice(0, 6));
}
