import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { kubernetesWords } from './yaml-words.ts';

const read = (text: string): unknown => parse(text, { customTags: kubernetesWords, merge: true });

const words: readonly (readonly [word: string, value: unknown])[] = [
  ...['y', 'Y', 'yes', 'Yes', 'YES', 'on', 'On', 'ON', 'true', 'True', 'TRUE'].map((word) => [word, true] as const),
  ...['n', 'N', 'no', 'No', 'NO', 'off', 'Off', 'OFF', 'false', 'False', 'FALSE'].map((word) => [word, false] as const),
  ...['~', 'null', 'Null', 'NULL', ''].map((word) => [word, null] as const),
  ['3', 3],
  ['-3', -3],
  ['+3', 3],
  ['0100', 64],
  ['-0100', -64],
  ['0o17', 15],
  ['0b11', 3],
  ['0x1F', 31],
  ['-0x1f', -31],
  ['08', 8],
  ['1_000', 1000],
  ['1.5', 1.5],
  ['1.', 1],
  ['.5', 0.5],
  ['-.5', -0.5],
  ['1e3', 1000],
  ['1E-3', 0.001],
  ['.inf', Number.POSITIVE_INFINITY],
  ['-.INF', Number.NEGATIVE_INFINITY],
  ['.nan', Number.NaN],
  ['99999999999999999999', 1e20],
];

describe('a word is read as Kubernetes reads it:', () => {
  it.each(words)('%j is %j', (word, value) => expect(read(`a: ${word}`)).toEqual({ a: value }));

  it.each([
    'yEs',
    'tRUE',
    'nil',
    '1:30',
    '2026-11-01',
    '0x',
    '0b12',
    '1.2.3',
    '1e',
    '.',
    '10s',
    '5m',
    '119.28.76.99',
    '1a',
    '_1',
  ])('%j is text', (word) => expect(read(`a: ${word}`)).toEqual({ a: word }));

  it.each(['"on"', "'0100'", '!!str on', '|-\n  on', '"1_0"'])('%j is text, for it says so', (word) =>
    expect((read(`a: ${word}`) as { a: unknown }).a).toBeTypeOf('string'),
  );

  it('names too', () => {
    expect(read('on: 1\n')).toEqual({ true: 1 });
    expect(() => read('on: 1\nyes: 2\n')).toThrow('Map keys must be unique');
  });
});
