import fc from 'fast-check';
import { expect, it } from 'vitest';
import { compareVersions, isNewer, newest } from './versions.ts';

it.each([
  ['1', '2', -1],
  ['9', '10', -1],
  ['100', '99', 1],
  ['77', '77', 0],
  ['', '1', -1],
  // Beyond what a number of JavaScript holds exactly.
  ['9007199254740993', '9007199254740992', 1],
])('orders "%s" and "%s"', (a, b, sign) => {
  expect(Math.sign(compareVersions(a, b))).toBe(sign);
  expect(isNewer(a, b)).toBe(sign > 0);
  expect(newest(a, b)).toBe(sign < 0 ? b : a);
});

it('orders versions as the numbers that they are', () => {
  const version = fc.bigInt({ min: 1n, max: 2n ** 64n });
  fc.assert(
    fc.property(version, version, (a, b) => {
      expect(Math.sign(compareVersions(String(a), String(b)))).toBe(a < b ? -1 : a > b ? 1 : 0);
    }),
  );
});
