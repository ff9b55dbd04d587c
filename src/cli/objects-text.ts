import { stringify } from 'yaml';
import type { KubeObject } from '../api/meta.ts';
import { type Table, tableOf } from '../api/table.ts';
import type { EpochMs } from '../lib/clock.ts';
import { kubernetesWords } from '../store/local/yaml-words.ts';
import { notesOf } from './state.ts';
import { resourceOf, type Target } from './target.ts';
import { columnsText } from './text.ts';

export type OutputFormat = 'wide' | 'yaml' | 'json' | 'name';

/** The table of objects, with a column of notes where one of them has any (or `withNotes` asks for it). */
export function notedTable(
  { definition }: Target,
  objects: readonly KubeObject[],
  options: { now: EpochMs; isWide: boolean; withNamespace: boolean; withNotes?: boolean },
): Table {
  const table = tableOf(definition, objects, options);
  const notes = objects.map((object) => notesOf(object).join('; '));
  if (options.withNotes !== true && notes.every((note) => note === '')) return table;
  return {
    columns: [...table.columns, 'NOTE'],
    rows: table.rows.map((row, index) => [...row, notes[index] ?? '']),
  };
}

export function tableText({ columns, rows }: Table): string {
  return columnsText([columns, ...rows]);
}

/** Objects for programs. One that was named stands alone, others in a `List`, as kubectl does it. */
export function documentText(
  format: Exclude<OutputFormat, 'wide'>,
  { definition, names }: Target,
  objects: readonly KubeObject[],
): string {
  if (format === 'name') return objects.map(({ metadata }) => `${resourceOf(definition)}/${metadata.name}\n`).join('');
  const [first] = objects;
  const value = names.length === 1 && first ? first : { apiVersion: 'v1', kind: 'List', items: objects };
  return dataText(format, value);
}

/** What JSON leaves as it is although a terminal may obey it. */
const UNESCAPED = /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/**
 * Data for programs, harmless on a terminal too. JSON stays true to the letter; in YAML such signs become `�`, and texts
 * that Kubernetes would take for something else stand in quotes.
 */
export function dataText(format: 'json' | 'yaml', value: unknown): string {
  if (format === 'json') return `${JSON.stringify(value, null, 4).replaceAll(UNESCAPED, escaped)}\n`;
  return stringify(value, { customTags: kubernetesWords, lineWidth: 0, aliasDuplicateObjects: false }).replaceAll(
    UNESCAPED,
    '\u{fffd}',
  );
}

function escaped(sign: string): string {
  return `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
