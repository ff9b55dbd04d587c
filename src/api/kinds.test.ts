import { describe, expect, it } from 'vitest';
import { apiVersionOf, kindFor, kinds } from './kinds.ts';
import { LogPilotKind } from './logpilot.ts';
import { SpotPoolKind } from './spotpool.ts';

describe('a kind is found by', () => {
  it.each(['SpotPool', 'spotpool', 'SPOTPOOLS', 'sp', 'spotpools.demo.aiops.org', 'spotpools.v1.demo.aiops.org'])(
    '%s',
    (word) => expect(kindFor(word)).toBe(SpotPoolKind),
  );

  it.each(['LogPilot', 'logpilot', 'lp', 'logpilots.log.aiops.org'])('%s', (word) =>
    expect(kindFor(word)).toBe(LogPilotKind),
  );

  it.each(['', 'pod', 'logpilots.demo.aiops.org', 'spotpools.aiops.org', 'spo'])('not by %j', (word) =>
    expect(kindFor(word)).toBeUndefined(),
  );
});

it('no two kinds share a name', () => {
  const names = kinds.flatMap((kind) => [kind.plural, kind.singular, ...kind.shortNames]);
  expect(new Set(names).size).toBe(names.length);
});

it('writes the version with its group', () => expect(apiVersionOf(SpotPoolKind)).toBe('demo.aiops.org/v1'));
