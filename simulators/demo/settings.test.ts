import { expect, it } from 'vitest';
import { readSettings } from './settings.ts';

it.each([
  { env: {}, settings: { tourMs: undefined, sabotage: undefined } },
  { env: { DEMO_FOR: '', DEMO_SABOTAGE: '' }, settings: { tourMs: undefined, sabotage: undefined } },
  { env: { DEMO_FOR: '1m30s' }, settings: { tourMs: 90_000, sabotage: undefined } },
  { env: { DEMO_SABOTAGE: 'leak' }, settings: { tourMs: 60_000, sabotage: 'leak' } },
  { env: { DEMO_FOR: '20s', DEMO_SABOTAGE: 'double' }, settings: { tourMs: 20_000, sabotage: 'double' } },
])('reads $env', ({ env, settings }) => expect(readSettings(env)).toEqual(settings));

it.each([
  { env: { DEMO_FOR: '60' }, message: /^DEMO_FOR "60" is not a duration; write for instance 20s/ },
  { env: { DEMO_FOR: '-5s' }, message: /^DEMO_FOR "-5s" is not a duration/ },
  { env: { DEMO_SABOTAGE: 'Leak' }, message: /^DEMO_SABOTAGE "Leak": write leak or double$/ },
])('refuses $env', ({ env, message }) => expect(() => readSettings(env)).toThrow(message));
