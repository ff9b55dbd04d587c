import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { createFakeIo } from '../../test/builders/cli.ts';
import { complaint, createProcessIo, outliveOutput, wantsColours } from './io.ts';

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

describe('output that cannot be written', () => {
  const startProcess = (): Parameters<typeof createProcessIo>[0] & { exits: number[] } => {
    const exits: number[] = [];
    const streams = { stdout: new EventEmitter(), stderr: new EventEmitter(), stdin: new EventEmitter() };
    const exit = (code: number): void => void exits.push(code);
    return { ...streams, exits, exit, env: {}, once: () => {} } as unknown as ReturnType<typeof startProcess>;
  };
  const failing = (code: string): Error => Object.assign(new Error(code), { code });

  it.each([
    ['quietly, when the reader of a pipe has seen enough', 'EPIPE', 0],
    ['with a failure, when the disk is full', 'ENOSPC', 1],
  ])('ends a command %s', (_name, code, exitCode) => {
    const process = startProcess();
    createProcessIo(process, createFakeIo().clock);
    process.stdout.emit('error', failing(code));
    expect(process.exits).toEqual([exitCode]);
  });

  it.each(['EPIPE', 'ENOSPC'])('never ends the operator (%s)', (code) => {
    const process = startProcess();
    createProcessIo(process, createFakeIo().clock);
    outliveOutput(process);
    for (const stream of [process.stdout, process.stderr]) stream.emit('error', failing(code));
    expect(process.exits).toEqual([]);
  });
});

describe('complaint', () => {
  it('is one line, whatever the message holds', () => {
    expect(complaint(createFakeIo(), 'error', 'first\n  second\n')).toBe('error: first second\n');
  });

  it('gives a terminal nothing to obey', () => {
    expect(complaint(createFakeIo(), 'error', 'a\u001b[31mb\u0007\u009bc')).toBe(
      'error: a\u{fffd}[31mb\u{fffd}\u{fffd}c\n',
    );
  });

  it('colours the word only', () => {
    const io = { ...createFakeIo(), hasColours: true };
    expect(complaint(io, 'warning', 'text')).toBe('\u001b[33mwarning:\u001b[39m text\n');
  });
});
