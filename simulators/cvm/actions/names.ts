/**
 * Name of instance number `index` of `count`: `{R:3}` counts up from 3, `{R:3,F:4}` pads that to four digits; without a
 * pattern several instances get the suffixes 1 to `count`.
 */
export function nameFor(name: string | undefined, index: number, count: number): string {
  const base = name ?? 'Unnamed';
  const pattern = /\{R:(\d+)(?:,F:(\d+))?\}/g;
  if (pattern.test(base)) {
    return base.replace(pattern, (_match, first: string, width?: string) =>
      String(Number(first) + index).padStart(Number(width ?? 0), '0'),
    );
  }
  return count > 1 ? `${base}${index + 1}` : base;
}
