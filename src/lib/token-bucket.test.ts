import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createTokenBucket } from './token-bucket.ts';

it('never lets more through than a full bucket and what has flowed in', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), fc.array(fc.nat(300), { maxLength: 200 }), (perSecond, gaps) => {
      let now = 0;
      const bucket = createTokenBucket({ monotonic: () => now }, perSecond);
      const used = gaps.map((gap) => {
        now += gap;
        return now + bucket.take();
      });
      for (const from of used) {
        const inOneSecond = used.filter((at) => at >= from && at < from + 1000).length;
        expect(inOneSecond).toBeLessThanOrEqual(2 * perSecond);
        expect(used.filter((at) => at <= from).length).toBeLessThanOrEqual(
          perSecond + Math.floor((from * perSecond) / 1000 + 1e-6) + 1,
        );
      }
    }),
  );
});

it('a bucket that had time to fill makes nobody wait', () => {
  let now = 0;
  const bucket = createTokenBucket({ monotonic: () => now }, 2);
  expect([bucket.take(), bucket.take(), bucket.take(), bucket.take()]).toEqual([0, 0, 500, 1000]);
  now = 10_000;
  expect([bucket.take(), bucket.take(), bucket.take()]).toEqual([0, 0, 500]);
});
