import { describe, expect, it } from 'vitest';
import { createFakeIo } from '../../test/builders/cli.ts';
import { complaint, wantsColours } from './io.ts';

describe('wantsColours', () => {
  it.each([
    { name: 'on a terminal', env: {}, isTerminal: true, wants: true },
    { name: 'not into a file or pipe', env: {}, isTerminal: false, wants: false },
    { name: 'not with NO_COLOR', env: { NO_COLOR: '1' }, isTerminal: true, wants: false },
    { name: 'with an empty NO_COLOR, which counts as not set', env: { NO_COLOR: '' }, isTerminal: true, wants: true },
    { name: 'into a pipe with FORCE_COLOR', env: { FORCE_COLOR: '1' }, isTerminal: false, wants: true },
    { name: 'not with FORCE_COLOR=0', env: { FORCE_COLOR: '0' }, isTerminal: true, wants: false },
    {
      name: 'not when NO_COLOR and FORCE_COLOR are set',
      env: { NO_COLOR: '1', FORCE_COLOR: '1' },
      isTerminal: true,
      wants: false,
    },
    { name: 'not on a dumb terminal', env: { TERM: 'dumb' }, isTerminal: true, wants: false },
  ])('$name', ({ env, isTerminal, wants }) => expect(wantsColours(env, isTerminal)).toBe(wants));
});

describe('complaint', () => {
  it('is one line, whatever the message holds', () => {
    expect(complaint(createFakeIo(), 'error', 'first\n  second\n')).toBe('error: first second\n');
  });

  it('colours the word only', () => {
    const io = { ...createFakeIo(), hasColours: true };
    expect(complaint(io, 'warning', 'text')).toBe('\u001b[33mwarning:\u001b[39m text\n');
  });
});
