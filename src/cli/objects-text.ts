import { stringify } from 'yaml';
import type { KubeObject } from '../api/meta.ts';
import { type Table, tableOf } from '../api/table.ts';
import type { EpochMs } from '../lib/clock.ts';
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
  return format === 'json'
    ? `${JSON.stringify(value, null, 4)}\n`
    : stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
}
