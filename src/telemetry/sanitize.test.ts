import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRedactor, MASK } from './redact.ts';
import { sanitize } from './sanitize.ts';

const clean = (value: unknown): unknown => sanitize(value, createRedactor());

class VendorError extends Error {
  override readonly name = 'VendorError';
  readonly code = 'AuthFailure';
  readonly secretKey = 'hunter2';
}

describe('what is logged', () => {
  const circle: Record<string, unknown> = { a: 1 };
  circle['self'] = circle;
  const shared = { b: 1 };
  it.each<[string, unknown, unknown]>([
    ['plain data stays', { a: [1, 'x', true, null] }, { a: [1, 'x', true, null] }],
    [
      'secret fields at any depth are masked',
      { a: { b: [{ secretKey: 's', secretId: 'i' }] } },
      { a: { b: [{ secretKey: MASK, secretId: MASK }] } },
    ],
    ['secret fields are masked whole', { authorization: ['Bearer', { deep: 1 }] }, { authorization: MASK }],
    ['keys are text, too', { AKIDz8krbsJ5yKBZ: 1 }, { 'AKID***': 1 }],
    ['a circle ends', circle, { a: 1, self: '[circular]' }],
    ['the same object twice is no circle', [shared, shared], [{ b: 1 }, { b: 1 }]],
    ['bytes are counted', { body: new Uint8Array(12) }, { body: '[12 bytes]' }],
    ['maps and sets', { m: new Map([['token', 'x']]), s: new Set([1]) }, { m: { token: MASK }, s: [1] }],
    [
      'times and URLs',
      [new Date(0), new Date(Number.NaN), new URL('http://a:b@c/')],
      ['1970-01-01T00:00:00.000Z', 'Invalid Date', `http://${MASK}@c/`],
    ],
    ['what JSON does not know', [1n, () => 1, Symbol('x')], ['1', '[function]', '[symbol]']],
    [
      'a getter that throws',
      Object.defineProperty({}, 'a', {
        enumerable: true,
        get: () => {
          throw new Error('no');
        },
      }),
      { a: '[unreadable]' },
    ],
    [
      'a proxy that throws',
      new Proxy(
        {},
        {
          ownKeys: () => {
            throw new Error('no');
          },
        },
      ),
      '[unreadable]',
    ],
  ])('%s', (_name, value, expected) => {
    expect(clean(value)).toEqual(expected);
  });

  it('of an error is all that helps, its causes included', () => {
    const error = new VendorError('refused', { cause: new AggregateError([new Error('first')], 'several') });
    expect(clean({ error })).toEqual({
      error: {
        name: 'VendorError',
        message: 'refused',
        code: 'AuthFailure',
        secretKey: MASK,
        stack: expect.stringContaining('sanitize.test.ts'),
        cause: {
          name: 'AggregateError',
          message: 'several',
          stack: expect.any(String),
          errors: [{ name: 'Error', message: 'first', stack: expect.any(String) }],
        },
      },
    });
  });

  it('keeps a key named __proto__ data', () => {
    const kept = clean(JSON.parse('{"__proto__": {"a": 1}}')) as object;
    expect(Object.getOwnPropertyNames(kept)).toEqual(['__proto__']);
  });

  it('is bounded', () => {
    let deep: unknown = 'bottom';
    for (let index = 0; index < 1000; index++) deep = { deep };
    const wide = Array.from({ length: 1000 }, () => Array.from({ length: 1000 }, () => 'x'.repeat(100)));
    const long = 'x'.repeat(1_000_000);
    expect(JSON.stringify(clean(deep)).length).toBeLessThan(200);
    expect(JSON.stringify(clean(wide)).length).toBeLessThan(300_000);
    expect(JSON.stringify(clean({ long })).length).toBeLessThan(9000);
  });
});

it('is JSON data whatever it is given', () => {
  fc.assert(
    fc.property(
      fc.anything({
        withBigInt: true,
        withDate: true,
        withMap: true,
        withSet: true,
        withTypedArray: true,
        withSparseArray: true,
        withNullPrototype: true,
      }),
      (value) => {
        expect(() => JSON.stringify(clean(value))).not.toThrow();
      },
    ),
  );
});
