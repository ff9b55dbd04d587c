import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_CELL_BYTES, putTogether, takeApart } from './cell-pieces.ts';

const KIB = 1024;

describe('bytes taken apart', () => {
  it('are the same put together again, whatever they are', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 5000 }), async (bytes) => {
        const { seal, pieces } = await takeApart(bytes);
        expect(pieces).toHaveLength(1);
        expect(Buffer.compare((await putTogether(seal, pieces)) ?? Buffer.from('lost'), bytes)).toBe(0);
      }),
      { numRuns: 100 },
    );
  });

  it.each([
    ['that do not shrink', randomBytes(1200 * KIB), 3],
    ['that shrink to nearly nothing', new Uint8Array(MAX_CELL_BYTES), 1],
    ['of the greatest size, at worst', randomBytes(MAX_CELL_BYTES), 17],
  ])('%s are pieces of at most 512 KiB', async (_, bytes, count) => {
    const { seal, pieces } = await takeApart(bytes);
    expect(pieces).toHaveLength(count);
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThanOrEqual(512 * KIB);
    expect(Buffer.compare((await putTogether(seal, pieces)) ?? Buffer.from('lost'), bytes)).toBe(0);
  });

  it('are known not to be the ones that were sealed', async () => {
    const { seal, pieces } = await takeApart(randomBytes(1200 * KIB));
    const [one, two, three] = pieces as [Uint8Array, Uint8Array, Uint8Array];
    const other = await takeApart(randomBytes(1200 * KIB));
    const flipped = two.slice();
    flipped[1000] = (flipped[1000] ?? 0) ^ 1;
    for (const wrong of [[], [one, two], [two, one, three], [one, flipped, three], [...pieces, one], other.pieces]) {
      expect(await putTogether(seal, wrong)).toBeUndefined();
    }
    expect(await putTogether({ ...seal, length: seal.length - 1 }, pieces)).toBeUndefined();
  });

  it('never unpack to more than a cell may hold', async () => {
    const { seal, pieces } = await takeApart(new Uint8Array(MAX_CELL_BYTES + 1));
    expect(await putTogether(seal, pieces)).toBeUndefined();
  });
});
