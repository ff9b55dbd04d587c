import { type KubeObject, keyText } from '../api/meta.ts';
import type { EpochMs } from '../lib/clock.ts';
import { documentText, notedTable, type OutputFormat } from './objects-text.ts';
import type { Target } from './target.ts';
import { cellsText, widthsOf } from './text.ts';

interface Seen {
  readonly object: KubeObject;
  /** What would be printed of it, its age left out: that changes by itself. */
  readonly fingerprint: string;
}

/** Prints a list of objects, and from then on only those that look different. */
export interface WatchPrinter {
  /** @returns the text for the objects as they are now; empty when nothing that shows has changed */
  print(objects: readonly KubeObject[], now: EpochMs): string;
}

export function createWatchPrinter(
  target: Target,
  options: { readonly output: OutputFormat | 'table'; readonly isWide: boolean; readonly withNamespace: boolean },
): WatchPrinter {
  const { output } = options;
  let seen = new Map<string, Seen>();
  let widths: readonly number[] | undefined;
  const tableAt = (objects: readonly KubeObject[], now: EpochMs) =>
    notedTable(target, objects, { ...options, now, withNotes: true });
  const dates = target.definition.printerColumns
    .filter(({ type }) => type === 'date')
    .map(({ name }) => name.toUpperCase());

  const fingerprintOf = (object: KubeObject, now: EpochMs): string => {
    if (output !== 'table' && output !== 'wide') return object.metadata.resourceVersion;
    const { columns, rows } = tableAt([object], now);
    return JSON.stringify(rows[0]?.filter((_, index) => !dates.includes(columns[index] ?? '')));
  };
  const textOf = (changed: readonly KubeObject[], gone: readonly KubeObject[], now: EpochMs): string => {
    if (output !== 'table' && output !== 'wide') {
      const separator = output === 'yaml' ? '---\n' : '';
      return changed
        .map((object) => `${documentText(output, { ...target, names: [object.metadata.name] }, [object])}${separator}`)
        .join('');
    }
    const table = tableAt(changed, now);
    const last = tableAt(gone, now).rows.map((row) => [...row.slice(0, -1), 'deleted']);
    const head = widths ? [] : [table.columns];
    const lines = [...head, ...table.rows, ...last];
    widths ??= widthsOf([table.columns, ...lines]);
    return cellsText(lines, widths);
  };

  return {
    print(objects, now) {
      const next = new Map(
        objects.map((object) => [keyText(object.metadata), { object, fingerprint: fingerprintOf(object, now) }]),
      );
      const changed = [...next].filter(([key, { fingerprint }]) => seen.get(key)?.fingerprint !== fingerprint);
      const gone = [...seen].filter(([key]) => !next.has(key));
      seen = next;
      if (changed.length === 0 && gone.length === 0) return '';
      const objectsOf = (entries: readonly (readonly [string, Seen])[]) => entries.map(([, { object }]) => object);
      return textOf(objectsOf(changed), objectsOf(gone), now);
    },
  };
}
