import { ageText } from '../api/table.ts';
import type { EpochMs } from '../lib/clock.ts';
import { columnsText, printable } from './text.ts';

/** A part of a description, under its own title. */
export interface Section {
  readonly title: string;
  /** Empty: there is nothing of the kind, and the description says so. */
  readonly lines: readonly string[];
}

/** `Name:   value` lines, values under each other; those without a value are left out. */
export function fieldsText(fields: readonly (readonly [name: string, value: string])[]): string {
  return columnsText(fields.filter(([, value]) => value !== '').map(([name, value]) => [`${name}:`, value]));
}

export function sectionText({ title, lines }: Section): string {
  if (lines.length === 0) return `${title}:   <none>\n`;
  return `${title}:\n${lines.map((line) => `  ${printable(line)}\n`).join('')}`;
}

/** A table as lines; none where there are no rows. */
export function tableLines(heads: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  return rows.length === 0
    ? []
    : columnsText([heads, ...rows.map((row) => row.map(oneLine))])
        .trimEnd()
        .split('\n');
}

function oneLine(cell: string): string {
  return cell.replaceAll(/\s*\n\s*/g, ' ');
}

/** How long ago a time was, as `5m`; empty for no time. */
export function sinceText(time: string | undefined, now: EpochMs): string {
  return time === undefined ? '' : ageText(now - Date.parse(time));
}

/** In how long a time will be, as `5m`; `now` when it has passed, empty for no time. */
export function untilText(time: string | undefined, now: EpochMs): string {
  if (time === undefined) return '';
  const left = Date.parse(time) - now;
  return left <= 0 ? 'now' : ageText(left);
}
