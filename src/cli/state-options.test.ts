import { homedir } from 'node:os';
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { addNamespaceOption, addStateOption } from './state-options.ts';

describe('--state', () => {
  it.each([
    { name: 'AIOPS_STATE', env: { AIOPS_STATE: '/a/b.db', XDG_STATE_HOME: '/x', HOME: '/h' }, path: '/a/b.db' },
    { name: 'XDG_STATE_HOME', env: { XDG_STATE_HOME: '/x', HOME: '/h' }, path: '/x/aiops/state.db' },
    { name: 'the home folder', env: { HOME: '/h' }, path: '/h/.local/state/aiops/state.db' },
    {
      name: 'a relative XDG_STATE_HOME, which does not count',
      env: { XDG_STATE_HOME: 'x', HOME: '/h' },
      path: '/h/.local/state/aiops/state.db',
    },
    {
      name: 'empty variables, which do not count',
      env: { AIOPS_STATE: '', XDG_STATE_HOME: '', HOME: '/h' },
      path: '/h/.local/state/aiops/state.db',
    },
    { name: 'nothing', env: {}, path: `${homedir()}/.local/state/aiops/state.db` },
  ])('follows $name', ({ env, path }) => {
    expect(addStateOption(new Command(), { env }).opts()['state']).toBe(path);
  });

  it('is what the user says', () => {
    const command = addStateOption(new Command(), { env: { AIOPS_STATE: '/a' } }).parse(['--state', '/b'], {
      from: 'user',
    });
    expect(command.opts()['state']).toBe('/b');
  });
});

describe('--namespace', () => {
  it.each([
    { args: [], namespace: 'default' },
    { args: ['-n', 'team'], namespace: 'team' },
    { args: ['--namespace', ''], namespace: 'default' },
  ])('of $args is $namespace', ({ args, namespace }) => {
    const command = addNamespaceOption(new Command()).parse(args, { from: 'user' });
    expect(command.opts()['namespace']).toBe(namespace);
  });
});
