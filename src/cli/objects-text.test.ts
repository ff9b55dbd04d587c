import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { dataText } from './objects-text.ts';

const hostile = { message: 'a\u001b[2J\u0085b\u009b31m\u202ec\u2028d\u007f', list: ['文本\nline'] };

describe('data for programs', () => {
  it('is true to the letter as JSON, and holds nothing that a terminal obeys', () => {
    const text = dataText('json', hostile);
    expect(JSON.parse(text)).toEqual(hostile);
    expect(text).not.toMatch(/[^\P{Cc}\n]|[\u2028\u202e]/u);
  });

  it('holds nothing of the kind as YAML either', () => {
    const text = dataText('yaml', hostile);
    expect(text).not.toMatch(/[^\P{Cc}\n]|[\u2028\u202e]/u);
    expect(parse(text)).toMatchObject({ list: ['文本\nline'] });
  });
});
