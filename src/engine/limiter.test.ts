import { expect, it } from 'vitest';
import { createFailureLimiter } from './limiter.ts';

it('waits 5 ms after the first failure and twice as long after each further one, up to 1,000 s', () => {
  const limiter = createFailureLimiter();
  const delays = Array.from({ length: 20 }, () => limiter.when('a/b'));
  expect(delays).toEqual([
    5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5120, 10_240, 20_480, 40_960, 81_920, 163_840, 327_680, 655_360,
    1_000_000, 1_000_000,
  ]);
});

it('stays at the cap however often a key fails', () => {
  const limiter = createFailureLimiter();
  for (let index = 0; index < 2000; index++) limiter.when('a/b');
  expect(limiter.when('a/b')).toBe(1_000_000);
});

it('counts by key and starts anew after forget', () => {
  const limiter = createFailureLimiter();
  limiter.when('a/b');
  limiter.when('a/b');
  expect(limiter.when('a/c')).toBe(5);
  expect(limiter.failures('a/b')).toBe(2);
  limiter.forget('a/b');
  expect(limiter.failures('a/b')).toBe(0);
  expect(limiter.when('a/b')).toBe(5);
});
