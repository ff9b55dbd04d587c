import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLineSplitter } from './lines.ts';

function split(chunks: readonly Buffer[], maxBytes = 1000): { lines: string[]; pending: number } {
  const lines: string[] = [];
  const splitter = createLineSplitter(
    maxBytes,
    (line) => lines.push(line),
    () => false,
  );
  for (const chunk of chunks) splitter.push(chunk);
  return { lines, pending: splitter.pendingBytes };
}

describe('lines', () => {
  it('come out whole wherever the bytes are cut', () => {
    const text = fc.string({ unit: 'grapheme' }).map((one) => one.replaceAll('\n', ' '));
    fc.assert(
      fc.property(fc.array(text), fc.array(fc.nat(400)), (lines, cuts) => {
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
        const at = [0, ...cuts.filter((cut) => cut < bytes.length).toSorted((a, b) => a - b), bytes.length];
        const chunks = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
        expect(split(chunks)).toEqual({ lines, pending: 0 });
      }),
    );
  });

  it('tell of a line that has not ended', () => {
    expect(split([Buffer.from('a\nbé')])).toEqual({ lines: ['a'], pending: 3 });
  });

  it.each([
    ['in one piece', ['123456\n']],
    ['in pieces, before it ends', ['123', '456']],
  ])('longer than allowed are refused: %s', (_name, chunks) => {
    const bytes = chunks.map((chunk) => Buffer.from(chunk));
    expect(() => split(bytes, 5)).toThrow(/longer than 5 bytes/);
    expect(() => split(bytes, 6)).not.toThrow();
  });

  it('stop as soon as nobody wants them any more', () => {
    const lines: string[] = [];
    const splitter = createLineSplitter(
      9,
      (line) => lines.push(line),
      () => lines.length > 0,
    );
    splitter.push(Buffer.from('a\nb\nc'));
    expect([lines, splitter.pendingBytes]).toEqual([['a'], 0]);
  });

  it('let through what the reader throws', () => {
    const splitter = createLineSplitter(
      9,
      () => {
        throw new Error('unwanted');
      },
      () => false,
    );
    expect(() => splitter.push(Buffer.from('a\n'))).toThrow('unwanted');
  });
});
