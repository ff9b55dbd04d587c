import { describe, expect, it } from 'vitest';
import { resourceOf, targetOf } from './target.ts';

describe('targetOf', () => {
  it.each([
    [['sp'], []],
    [['spotpools'], []],
    [['SpotPool'], []],
    [['spotpools.demo.aiops.org'], []],
    [['sp', 'a'], ['a']],
    [
      ['spotpool', 'a', 'b'],
      ['a', 'b'],
    ],
    [['sp/a'], ['a']],
    [
      ['spotpool/a', 'sp/b'],
      ['a', 'b'],
    ],
  ])('reads %j', (words, names) => {
    expect(targetOf(words)).toMatchObject({ kind: { apiVersion: 'demo.aiops.org/v1', kind: 'SpotPool' }, names });
  });

  it.each([
    ['lp', 'a'],
    ['logpilots', 'a'],
    ['LogPilot/a'],
    ['logpilot.log.aiops.org/a'],
    ['logpilots.v1.log.aiops.org', 'a'],
  ])('tells a LogPilot by %s %s', (...words) => {
    expect(targetOf(words.filter((word) => word !== undefined))).toMatchObject({
      kind: { apiVersion: 'log.aiops.org/v1', kind: 'LogPilot' },
      names: ['a'],
    });
  });

  it.each([
    [['pods'], 'there is no kind "pods"; there is: spotpools, spotpool, sp; logpilots, logpilot, lp'],
    [['sp/a', 'b'], '"sp/a b": write KIND NAME or KIND/NAME, for instance sp my-pool or sp/my-pool'],
    [['sp/'], '"sp/": write KIND NAME or KIND/NAME, for instance sp my-pool or sp/my-pool'],
    [['sp/a/b'], '"sp/a/b": write KIND NAME or KIND/NAME, for instance sp my-pool or sp/my-pool'],
    [['/a'], '"/a": write KIND NAME or KIND/NAME, for instance sp my-pool or sp/my-pool'],
    [['sp/a', 'lp/a'], '"sp/a lp/a" names several kinds; one command is about one kind'],
    [['pods/a'], 'there is no kind "pods"; there is: spotpools, spotpool, sp; logpilots, logpilot, lp'],
  ])('refuses %j', (words, message) => {
    expect(() => targetOf(words)).toThrow(expect.objectContaining({ name: 'CliError', exitCode: 2, message }));
  });

  it('knows the name of the resource', () => {
    expect(resourceOf(targetOf(['sp']).definition)).toBe('spotpool.demo.aiops.org');
  });
});
