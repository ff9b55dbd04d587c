import { expect, it } from 'vitest';
import { msSince } from './since.ts';

const NOW = Date.UTC(2026, 10, 1, 12);
it.each<[string, string | undefined, number]>([
  ['a past time', '2026-11-01T11:59:00Z', 60_000],
  ['a time a little ahead', '2026-11-01T12:30:00Z', -30 * 60_000],
  ['one that was written under a wrong clock', '2027-11-01T12:00:00Z', Number.POSITIVE_INFINITY],
  ['none', undefined, Number.POSITIVE_INFINITY],
  ['no time', 'yesterday', Number.POSITIVE_INFINITY],
])('%s', (_name, time, ms) => {
  expect(msSince(time, NOW)).toBe(ms);
});
