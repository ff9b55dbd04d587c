import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { columnsText, counted, printable } from './text.ts';

describe('counted', () => {
  it.each([
    [0, '0 objects'],
    [1, '1 object'],
    [2, '2 objects'],
  ])('%i is "%s"', (count, text) => expect(counted(count, 'object')).toBe(text));
});

describe('columnsText', () => {
  it('puts columns under each other, three spaces apart', () => {
    expect(
      columnsText([
        ['NAME', 'SIZE', 'AGE'],
        ['a', '12345', '5m'],
        ['longer-name', '', '1h'],
        ['last', '1', ''],
      ]),
    ).toBe('NAME          SIZE    AGE\na             12345   5m\nlonger-name           1h\nlast          1\n');
  });

  it('never ends a line with a space, and begins each column at one place', () => {
    const cell = fc.stringMatching(/^[a-z]{1,8}$/);
    fc.assert(
      fc.property(fc.array(fc.tuple(cell, cell, cell), { minLength: 1, maxLength: 6 }), (rows) => {
        const lines = columnsText(rows).split('\n').slice(0, -1);
        expect(lines.some((line) => line !== line.trimEnd())).toBe(false);
        const start = Math.max(...rows.map(([first]) => first.length)) + 3;
        for (const [index, [, second]] of rows.entries()) expect(lines[index]?.startsWith(second, start)).toBe(true);
      }),
    );
  });
});

describe('printable', () => {
  it.each([
    ['plain 文本 text', 'plain 文本 text'],
    ['two\nlines', 'two lines'],
    ['\u001b[31mred\u0007', '\u{fffd}[31mred\u{fffd}'],
    ['\u009b2J', '\u{fffd}2J'],
    ['abc\u202etxt', 'abc\u{fffd}txt'],
  ])('%j', (text, shown) => expect(printable(text)).toBe(shown));

  it('lets nothing through that a terminal obeys, in columns either, and keeps the length', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(printable(text)).toHaveLength(text.length);
        expect(printable(text)).not.toMatch(/\p{Cc}/u);
        expect(columnsText([[text, text]]).slice(0, -1)).not.toMatch(/\p{Cc}/u);
      }),
    );
  });
});
