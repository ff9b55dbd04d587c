import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStopSwitch } from './stop-switch.ts';

const noon = Date.UTC(2026, 10, 1, 12);
let root: string;
let statePath: string;
let marker: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'aiops-stop-'));
  statePath = join(root, 'state.db');
  marker = `${statePath}.stopped`;
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('the stop switch', () => {
  it('is off until it is set, and off again when it is cleared, as often as one likes', () => {
    const other = openStopSwitch(statePath);
    const own = openStopSwitch(statePath);
    expect(own.read()).toBeUndefined();
    own.clear();
    own.set('ann', noon);
    expect(other.read()).toEqual({ since: '2026-11-01T12:00:00Z', by: 'ann' });
    other.clear();
    other.clear();
    expect(own.read()).toBeUndefined();
    own.set(undefined, noon + 1000);
    expect(own.read()).toEqual({ since: '2026-11-01T12:00:01Z' });
  });

  it('keeps what the first one said', () => {
    const own = openStopSwitch(statePath);
    own.set('ann', noon);
    own.set('bob', noon + 60_000);
    expect(own.read()).toEqual({ since: '2026-11-01T12:00:00Z', by: 'ann' });
  });

  it('leaves nothing but the marker, one line of JSON', () => {
    openStopSwitch(statePath).set('ann', noon);
    expect(readdirSync(root)).toEqual(['state.db.stopped']);
    expect(readFileSync(marker, 'utf8')).toBe('{"since":"2026-11-01T12:00:00Z","by":"ann"}\n');
  });

  it.each([
    ['empty', ''],
    ['cut off', '{"since":"2026-11-'],
    ['of other content', '[1]'],
    ['with a time that is none', '{"since":"yesterday"}'],
    ['with a name that is none', '{"since":"2026-11-01T12:00:00Z","by":7}'],
  ])('is on with a marker that is %s, since it was written', (_name, text) => {
    writeFileSync(marker, text);
    const own = openStopSwitch(statePath);
    expect(own.read()).toEqual({ since: expect.stringMatching(/^20\d\d-\d\d-\d\dT[\d:]{8}Z$/) });
    own.set('ann', noon);
    expect(readFileSync(marker, 'utf8')).toBe(text);
    own.clear();
    expect(own.read()).toBeUndefined();
  });

  it('is on with a folder in the place of the marker, which is nothing of ours to remove', () => {
    mkdirSync(marker);
    const own = openStopSwitch(statePath);
    expect(own.read()).toBeDefined();
    expect(() => own.clear()).toThrow(expect.objectContaining({ name: 'StoreError', reason: 'Unavailable' }));
    expect(existsSync(marker)).toBe(true);
  });

  it('is off where there is no folder at all', () => {
    expect(openStopSwitch(join(root, 'none', 'state.db')).read()).toBeUndefined();
  });

  it('says when it cannot be set', () => {
    const own = openStopSwitch(join(root, 'none', 'state.db'));
    const error = { name: 'StoreError', reason: 'Unavailable', message: expect.stringContaining('state.db.stopped') };
    expect(() => own.set('ann', noon)).toThrow(expect.objectContaining(error));
  });

  it('is no guess where it cannot be looked for', () => {
    symlinkSync('loop', join(root, 'loop'));
    const error = { name: 'StoreError', reason: 'Unavailable', message: expect.stringContaining('ELOOP') };
    expect(() => openStopSwitch(join(root, 'loop', 'state.db')).read()).toThrow(expect.objectContaining(error));
  });
});
