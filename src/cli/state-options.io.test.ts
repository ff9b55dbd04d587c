import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { expect, it, onTestFinished } from 'vitest';
import { addStateOption } from './state-options.ts';

it.each(['state.db', 'none-yet.db', 'none/yet.db'])('--state over a link is the same state: %s', (file) => {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'aiops-state-')));
  onTestFinished(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, 'real'));
  writeFileSync(join(root, 'real', 'state.db'), '');
  symlinkSync(join(root, 'real'), join(root, 'link'));
  const stateOf = (path: string): unknown =>
    addStateOption(new Command(), { env: {} }).parse(['--state', path], { from: 'user' }).opts()['state'];
  expect(stateOf(join(root, 'link', file))).toBe(join(root, 'real', file));
  expect(stateOf(join(root, 'real', file))).toBe(join(root, 'real', file));
});
