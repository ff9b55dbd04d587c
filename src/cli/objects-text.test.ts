import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { kubernetesWords } from '../store/local/yaml-words.ts';
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

  it('comes back from YAML as it was, read as Kubernetes reads it', () => {
    const tricky = [
      'on',
      'y',
      'No',
      '0100',
      '0o17',
      '08',
      '1_0',
      '0x1F',
      '0b1',
      '.5',
      '1e3',
      '+1',
      '~',
      'null',
      '',
      '<<',
      '-',
      '10s',
      '1:30',
    ];
    // The library writes a name << without quotes.
    const names = fc.oneof(fc.constantFrom(...tricky), fc.string()).filter((name) => name !== '<<');
    const words = fc.oneof(fc.constantFrom(...tricky), fc.string(), fc.integer(), fc.boolean(), fc.constant(null));
    fc.assert(
      fc.property(fc.dictionary(names, fc.array(words), { noNullPrototype: true }), (value) => {
        expect(parse(dataText('yaml', value), { customTags: kubernetesWords, merge: true })).toEqual(value);
      }),
    );
  });
});
