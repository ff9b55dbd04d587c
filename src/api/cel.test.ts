import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { brokenRules } from './cel.ts';
import type { CelRule } from './kind.ts';
import { shapeOf } from './shape.ts';

const shape = shapeOf(
  z.strictObject({
    whole: z.int32(),
    part: z.number(),
    word: z.string().optional(),
    secret: z.string().meta({ format: 'password' }),
    entries: z.array(z.strictObject({ size: z.int32(), word: z.string().optional() })),
    counts: z.record(z.string(), z.int32()),
    inner: z.strictObject({ size: z.int32() }),
  }),
);
const self = {
  whole: 4,
  part: 4,
  secret: 'hunter2',
  entries: [{ size: 1 }, { size: 2, word: 'x' }, { size: 3 }],
  counts: { a: 1 },
  inner: { size: 2 },
};

const broken = (rule: Partial<CelRule> & { rule: string }, failed: string[] = []): unknown[] =>
  brokenRules([{ message: 'm', ...rule }], { shape, self, failed: failed.map((path) => path.split('.')) });

describe('a rule runs as in the API server', () => {
  it.each([
    'self.whole + 1 == 5',
    'type(self.whole) == int',
    'type(self.part) == double',
    'self.part / 8.0 == 0.5',
    'self.entries.all(e, e.size % 4 > 0)',
    'self.counts.all(k, self.counts[k] + 1 == 2)',
    'self.entries[1].size + self.inner.size == 4',
    "!has(self.word) && self.entries.exists_one(e, has(e.word) && e.word == 'x')",
    "duration('1h30m') > duration('5400s') - duration('1ms')",
    "self.secret.matches('^hunter[0-9]$')",
  ])('kept: %s', (rule) => expect(broken({ rule })).toEqual([]));

  it.each(['self.whole > 4', 'self.whole / 0 == 1', "self.word == 'x'"])('broken, or not to be evaluated: %s', (rule) =>
    expect(broken({ rule })).toMatchObject([{ path: [] }]),
  );
});

describe('a broken rule', () => {
  it('says what it saw, but no secret and nothing that is not there', () => {
    const rule =
      "self.whole > 9 && has(self.word) && self.secret != 'x' && self.inner.size > 0 && size(self.entries) > 0";
    expect(broken({ rule })).toEqual([{ path: [], message: 'm (given: whole 4, inner.size 2)' }]);
  });

  it('points to its field', () => {
    expect(broken({ rule: 'self.inner.size > 9', fieldPath: '.inner.size' })).toMatchObject([
      { path: ['inner', 'size'] },
    ]);
  });

  it('about a list points to each entry that breaks it, and shows that one', () => {
    expect(broken({ rule: 'self.entries.all(e, e.size == 2)', fieldPath: '.entries' })).toEqual([
      { path: ['entries', 0], message: 'm (given: size 1)' },
      { path: ['entries', 2], message: 'm (given: size 3)' },
    ]);
  });

  it('about a list as a whole points to the list', () => {
    expect(broken({ rule: 'size(self.entries) < 2', fieldPath: '.entries' })).toEqual([
      { path: ['entries'], message: 'm' },
    ]);
  });
});

it('leaves out rules that read a part which is itself unsound', () => {
  expect(broken({ rule: 'self.whole > 9 || self.inner.size > 9' }, ['inner'])).toEqual([]);
  expect(broken({ rule: 'has(self.inner) && self.whole > 9' }, ['inner'])).toEqual([]);
  expect(broken({ rule: 'self.whole > 9' }, ['inner'])).toHaveLength(1);
  expect(broken({ rule: 'self.inner.size > 9' }, ['inner.size'])).toEqual([]);
  expect(broken({ rule: 'size(self.inner) > 9' }, ['inner.size'])).toEqual([]);
  expect(broken({ rule: 'self.inner.size > 9' }, ['inner.other'])).toHaveLength(1);
});
