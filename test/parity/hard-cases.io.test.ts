import { describe, expect, it } from 'vitest';
import { kinds } from '../../src/api/kinds.ts';
import { hardCases } from './hard-cases.ts';
import { weAccept } from './verdict.ts';

describe('standalone mode', () => {
  it.each(hardCases())('$name: $why', ({ text, here }) => {
    expect(weAccept(text, kinds)).toBe(here);
  });
});
