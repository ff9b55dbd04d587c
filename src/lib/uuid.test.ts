import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isUuid, uuid5 } from './uuid.ts';

const DNS = '6ba7b810-9dad-11d1-80b4-00c04fd430c8';

describe('uuid5', () => {
  it('gives the example of RFC 9562, appendix A.4', () => {
    expect(uuid5(DNS, 'www.example.com')).toBe('2ed6657d-e927-568b-95e1-2665a8aea6a2');
  });

  it('gives a UUID of version 5, the same for the same name and another for another', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        const id = uuid5(DNS, a);
        expect(isUuid(id)).toBe(true);
        expect(id[14]).toBe('5');
        expect('89ab').toContain(id[19]);
        expect(uuid5(DNS, b) === id).toBe(a === b);
      }),
    );
  });

  it.each(['', 'x', DNS.toUpperCase(), `${DNS}0`])('refuses %j as a namespace', (text) => {
    expect(() => uuid5(text, 'a')).toThrow(RangeError);
  });
});
