import { describe, expect, it } from 'vitest';
import { parseBody, toKeepAlive, toMessages, toOptions } from './requests.ts';

const defaults = { contextLength: 4096, keepAliveMs: 300_000 };

describe('parseBody refuses in the words of the real decoder', () => {
  const types = { model: 'string', stream: 'bool', options: 'map[string]interface {}' } as const;
  const field = 'json: cannot unmarshal number into Go struct field ChatRequest';
  it.each([
    ['', 'EOF'],
    ['{"model":', 'unexpected EOF'],
    ['{"model":"a', 'unexpected EOF'],
    ['{', 'unexpected EOF'],
    ['hello', "invalid character 'h' looking for beginning of value"],
    ['[]', 'json: cannot unmarshal array into Go value of type api.ChatRequest'],
    ['{"model":5}', `${field}.model of type string`],
    ['{"stream":1}', `${field}.stream of type bool`],
    ['{"options":1}', `${field}.options of type map[string]interface {}`],
  ])('%j', (raw, message) => {
    expect(() => parseBody(raw, 'api.ChatRequest', types)).toThrow(expect.objectContaining({ status: 400, message }));
  });
  it('takes null for absent', () => {
    expect(parseBody('{"stream":null,"other":1}', 'api.ChatRequest', types)).toEqual({ stream: null, other: 1 });
  });
});

describe('toKeepAlive', () => {
  it.each([
    [undefined, 300_000],
    [0, 0],
    [90, 90_000],
    ['0', 0],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['250ms', 250],
    [-1, Number.POSITIVE_INFINITY],
    ['-1s', Number.POSITIVE_INFINITY],
  ])('%j is %d ms', (value, ms) => expect(toKeepAlive(value, 300_000)).toBe(ms));
  it.each(['soon', '5', '5x', ''])('refuses %j', (value) => {
    expect(() => toKeepAlive(value, 0)).toThrow(`time: invalid duration "${value}"`);
  });
});

describe('toOptions', () => {
  it('fills in what is not said', () => {
    expect(toOptions(undefined, defaults)).toEqual({ contextLength: 4096, limit: -1, temperature: 0.8, stops: [] });
  });
  it('reads what is said', () => {
    const given = { num_ctx: 512, num_predict: 8, temperature: 0, stop: ['a', ''] };
    expect(toOptions(given, defaults)).toEqual({ contextLength: 512, limit: 8, temperature: 0, stops: ['a'] });
  });
  it('refuses an option of the wrong type', () => {
    expect(() => toOptions({ num_ctx: '512' }, defaults)).toThrow('option "num_ctx" must be of type integer');
  });
});

it('toMessages joins a content in parts', () => {
  const parts = [{ type: 'text', text: 'a' }, { type: 'image_url' }, { type: 'text', text: 'b' }];
  expect(toMessages([{ role: 'user', content: parts }])).toEqual([{ role: 'user', content: 'ab' }]);
});
