type Rows = readonly (readonly string[])[];

/** Between two columns, as kubectl does it. */
const GAP = 3;

/** `1 object`, `3 objects`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** What a terminal obeys instead of showing, or what turns the order of letters around. */
const OBEYED = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/** A text on one line that moves no cursor and changes no colour: texts of clouds and manifests are anybody's. As long as before. */
export function printable(text: string): string {
  return text.replaceAll('\n', ' ').replaceAll(OBEYED, '\u{fffd}');
}

/** The width of the widest cell of each column. */
export function widthsOf(rows: Rows): readonly number[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length);
  }
  return widths;
}

/** Cells, made printable, under each other in columns of at least these widths; each line ends with a line break, none with a space. */
export function cellsText(rows: Rows, widths: readonly number[]): string {
  const line = (row: readonly string[]): string =>
    row
      .map((cell, index) => printable(cell).padEnd(widths[index] ?? 0))
      .join(' '.repeat(GAP))
      .trimEnd();
  return rows.map((row) => `${line(row)}\n`).join('');
}

/** Columns under each other, as wide as they need to be. */
export function columnsText(rows: Rows): string {
  return cellsText(rows, widthsOf(rows));
}
