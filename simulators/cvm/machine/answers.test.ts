import { describe, expect, it } from 'vitest';
import { answerTo, type Schema, sampleOf } from './answers.ts';
import { tokenize } from './tokens.ts';

const ask = (prompt: string, more: object = {}) => answerTo({ prompt, temperature: 0, asked: 0, ...more });

describe('answerTo', () => {
  it('counts to five', () => expect(ask('Count from one to five.')).toBe('One, two, three, four, five.'));
  it('gives the same text each time at temperature 0', () => {
    expect(ask('Why is it slow?', { asked: 5 })).toBe(ask('Why is it slow?'));
  });
  it('varies above temperature 0', () => {
    const warm = { temperature: 0.8 };
    expect(ask('Count from one to five.', { ...warm, asked: 1 })).not.toBe(ask('Count from one to five.', warm));
  });
  it('writes long stories', () => expect(tokenize(ask('Write a long story.')).length).toBeGreaterThan(1000));
  it('answers in JSON with the key that was asked for', () => {
    const text = ask('Answer as a JSON object with a key severity.', { format: 'json' });
    expect(JSON.parse(text)).toEqual({ severity: expect.any(String) });
  });
  it('prefers the member of an enum that the prompt names', () => {
    const format = { type: 'object', properties: { level: { enum: ['low', 'high'] } } };
    expect(JSON.parse(ask('The risk is high.', { format }))).toEqual({ level: 'high' });
  });
});

describe('sampleOf fits the schema', () => {
  const cases: { name: string; schema: Schema; fits: unknown }[] = [
    { name: 'const', schema: { const: 3 }, fits: 3 },
    { name: 'a text within its lengths', schema: { type: 'string', minLength: 20, maxLength: 20 }, fits: /^.{20}$/ },
    { name: 'a date', schema: { type: 'string', format: 'date-time' }, fits: /^2026-.*Z$/ },
    { name: 'an integer within its bounds', schema: { type: 'integer', minimum: 4, maximum: 4 }, fits: 4 },
    { name: 'a boolean', schema: { type: 'boolean' }, fits: expect.any(Boolean) },
    { name: 'null', schema: { type: 'null' }, fits: null },
    { name: 'the first type of several', schema: { type: ['null', 'boolean'] }, fits: expect.any(Boolean) },
    { name: 'the first alternative', schema: { anyOf: [{ const: 'a' }, { const: 'b' }] }, fits: 'a' },
    { name: 'a list', schema: { type: 'array', items: { const: 1 }, minItems: 3 }, fits: [1, 1, 1] },
    {
      name: 'an object in an object, by reference',
      schema: {
        properties: { inner: { $ref: '#/$defs/Inner' } },
        $defs: { Inner: { type: 'object', properties: { n: { type: 'number', maximum: 0 } } } },
      },
      fits: { inner: { n: 0 } },
    },
  ];
  it.each(cases)('$name', ({ schema, fits }) => {
    for (let seed = 0; seed < 5; seed += 1) {
      const value = sampleOf(schema, seed);
      if (fits instanceof RegExp) expect(value).toMatch(fits);
      else expect(value).toEqual(fits);
    }
  });

  it('ends on a schema that contains itself', () => {
    const schema = { type: 'object', properties: { next: { $ref: '#' } } };
    expect(JSON.stringify(sampleOf(schema, 1)).length).toBeLessThan(1000);
  });
});
