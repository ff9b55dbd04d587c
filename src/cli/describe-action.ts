import { stringify } from 'yaml';
import type { Condition, KubeObject } from '../api/meta.ts';
import { SpotPoolKind } from '../api/spotpool.ts';
import { ageText } from '../api/table.ts';
import type { EpochMs } from '../lib/clock.ts';
import type { RecordedEvent } from '../store/store.ts';
import { poolSections } from './describe-pool.ts';
import type { CliIo } from './io.ts';
import { fieldsText, type Section, sectionText, sinceText, tableLines } from './sections.ts';
import { notFound, nothingFound, select } from './select.ts';
import { notesOf, nowOf, warnAboutState, withState } from './state.ts';
import { targetOf } from './target.ts';

export interface DescribeOptions {
  readonly namespace: string;
  readonly state: string;
}

/** @throws {CliError} when an object that was named is not there; {StoreError} when the state cannot be read */
export async function describe(
  words: readonly string[],
  { namespace, state }: DescribeOptions,
  io: CliIo,
): Promise<void> {
  const target = targetOf(words);
  await withState(state, async (view) => {
    const { found, missing } = select(view, target, namespace);
    if (found.length === 0 && missing.length === 0) io.stderr(nothingFound(namespace));
    io.stdout(found.map((object) => describeObject(object, view.events(object), nowOf(view, io))).join('\n\n'));
    await warnAboutState(view, state, io);
    if (missing.length > 0) throw notFound(target, missing);
  });
}

/** The whole story of an object. Pure. */
export function describeObject(object: KubeObject, events: readonly RecordedEvent[], now: EpochMs): string {
  const isPool = object.kind === SpotPoolKind.kind;
  return [
    headText(object, now),
    ...(isPool ? poolSections(object, now) : plainSections(object)).map(sectionText),
    sectionText(conditionsOf(object, now)),
    sectionText(eventsSection(events, now)),
  ].join('');
}

function headText({ kind, metadata, status }: KubeObject, now: EpochMs): string {
  const { generation, creationTimestamp } = metadata;
  const observed = (status as { observedGeneration?: number } | undefined)?.observedGeneration;
  const note = notesOf({ apiVersion: '', kind, metadata, spec: undefined }).join('; ');
  return fieldsText([
    ['Name', metadata.name],
    ['Namespace', metadata.namespace],
    ['Labels', wordsText(metadata.labels)],
    ['Annotations', wordsText(metadata.annotations)],
    ['Kind', kind],
    ['Created', `${creationTimestamp} (${sinceText(creationTimestamp, now)} ago)`],
    [
      'Generation',
      `${generation}${observed === generation ? '' : ` (the status speaks of ${observed ?? 'none yet'})`}`,
    ],
    ['Note', note],
  ]);
}

function wordsText(words: Readonly<Record<string, string>>): string {
  const entries = Object.entries(words);
  return entries.length === 0 ? '<none>' : entries.map(([name, value]) => `${name}=${value}`).join(', ');
}

/** For kinds that have no description of their own. */
function plainSections({ spec, status }: KubeObject): readonly Section[] {
  const { conditions: _, ...rest } = (status ?? {}) as { conditions?: unknown };
  return [
    { title: 'Spec', lines: yamlLines(spec) },
    { title: 'Status', lines: yamlLines(rest) },
  ];
}

function yamlLines(value: unknown): readonly string[] {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false }).trimEnd().split('\n');
}

function conditionsOf({ status }: KubeObject, now: EpochMs): Section {
  const { conditions = [] } = (status ?? {}) as { conditions?: readonly Condition[] };
  const rows = conditions.map(({ type, status: value, reason, lastTransitionTime, message }) => [
    type,
    value,
    reason,
    sinceText(lastTransitionTime, now),
    message,
  ]);
  return { title: 'Conditions', lines: tableLines(['TYPE', 'STATUS', 'REASON', 'SINCE', 'MESSAGE'], rows) };
}

function eventsSection(events: readonly RecordedEvent[], now: EpochMs): Section {
  const rows = events.map(({ type, reason, count, firstSeen, lastSeen, note }) => {
    const last = ageText(now - Date.parse(lastSeen));
    const age = count > 1 ? `${last} (x${count} over ${sinceText(firstSeen, now)})` : last;
    return [type, reason, age, note];
  });
  return { title: 'Events', lines: tableLines(['TYPE', 'REASON', 'AGE', 'MESSAGE'], rows) };
}
