const UNITS_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

/** What `parseDuration` accepts, as an RE2 pattern for schemas: `20s`, `1h30m`, `500ms`; in this order, each unit once. */
export const DURATION_PATTERN = '^([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$';

/** Reads a duration such as `1h30m` into milliseconds. @throws {RangeError} when the text is not one, or is empty */
export function parseDuration(text: string): number {
  if (text === '' || !new RegExp(DURATION_PATTERN).test(text)) {
    throw new RangeError(`"${text}" is not a duration; write for instance 20s, 5m or 1h30m`);
  }
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/([0-9]+)(ms|h|m|s)/g)) {
    total += Number(amount) * UNITS_MS[unit as keyof typeof UNITS_MS];
  }
  return total;
}

/** Writes milliseconds the shortest way that `parseDuration` reads back: `90000` is `1m30s`. Cut to whole milliseconds. */
export function formatDuration(ms: number): string {
  let left = Math.max(0, Math.trunc(ms));
  let text = '';
  for (const unit of ['h', 'm', 's', 'ms'] as const) {
    const amount = Math.floor(left / UNITS_MS[unit]);
    if (amount > 0) text += `${amount}${unit}`;
    left -= amount * UNITS_MS[unit];
  }
  return text === '' ? '0s' : text;
}
