import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contextIds, countPrompt, fitMessages, tokenize } from './tokens.ts';

const user = (content: string) => ({ role: 'user', content });
const text = () => fc.string({ unit: 'grapheme', maxLength: 200 });
const messages = () =>
  fc.array(fc.record({ role: fc.constantFrom('system', 'user', 'assistant'), content: text() }), { maxLength: 8 });

describe('tokenize', () => {
  it.each([
    ['One, two', ['One', ',', ' two']],
    ["I'm sorry", ['I', "'m", ' sorry']],
    ['db-1. 42', ['db', '-', '1', '.', ' ', '4', '2']],
    ['{\n  "a": 1\n}', ['{\n', ' ', ' "', 'a', '":', ' ', '1', '\n', '}']],
    ['磁盘已满', ['磁', '盘', '已', '满']],
  ])('cuts %j', (from, to) => expect(tokenize(from)).toEqual(to));

  it('loses nothing: the pieces joined are the text', () => {
    fc.assert(
      fc.property(text(), (from) => {
        expect(tokenize(from).join('')).toBe(from);
      }),
    );
  });
});

describe('countPrompt counts as the recorded model does', () => {
  it.each([
    ['Count from one to five.', 14],
    ['Say hi.', 11],
    ['Count slowly to fifty.', 13],
    ['Disk full on db-1. Severity as JSON?', 19],
    ['Disk full on db-1. Answer as a JSON object with a key severity.', 25],
  ])('%s', (content, tokens) => expect(countPrompt([user(content)])).toBe(tokens));
});

describe('fitMessages', () => {
  const long = user('word '.repeat(100));

  it('drops the oldest first', () => {
    expect(fitMessages([long, user('a'), user('b')], 40)).toEqual([user('a'), user('b')]);
  });
  it('keeps system messages and the last message, even when they are too long together', () => {
    const system = { role: 'system', content: 'Be short.' };
    expect(fitMessages([system, user('a'), long], 40)).toEqual([system, long]);
  });
  it('drops nothing that fits, never the last, and keeps the order', () => {
    fc.assert(
      fc.property(messages(), fc.nat(400), (all, window) => {
        const kept = fitMessages(all, window);
        expect(kept).toEqual(all.filter((message) => kept.includes(message)));
        expect(kept.at(-1)).toBe(all.at(-1));
        if (countPrompt(all) <= window) expect(kept).toEqual(all);
      }),
    );
  });
});

it('contextIds gives the recorded ids for the recorded exchange', () => {
  expect(contextIds('Say hi.', ['Hi', '!'], 4096)).toEqual([
    151644, 872, 198, 45764, 15588, 13, 151645, 198, 151644, 77091, 198, 13048, 0,
  ]);
});
