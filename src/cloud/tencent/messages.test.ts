import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { explain } from './messages.ts';

const failure = {
  action: 'RunInstances',
  region: 'ap-singapore',
  source: 'Secret default/tencent',
  code: 'InvalidAccount.InsufficientBalance',
  detail: 'The balance\n  is low.',
};

it('says what happened, what to do, and the words of the vendor in one line', () => {
  expect(explain('InsufficientBalance', failure, [])).toBe(
    'The Tencent account cannot pay for another machine. Top it up or settle open orders; the pool notices by itself. (InvalidAccount.InsufficientBalance: The balance is low.)',
  );
});

it('names the keys by where they come from', () => {
  expect(explain('InvalidCredentials', { ...failure, detail: '' }, [])).toContain(
    'the keys from Secret default/tencent',
  );
});

it('never repeats a key, and cuts long texts', () => {
  const secrets = ['AKID12345678', 'very-secret-key', 'token-token-token', '', 'xxx'];
  const detail = `keys ${secrets.join(' ')} ${'long '.repeat(500)}`;
  const message = explain('Unexpected', { ...failure, detail }, secrets);
  for (const secret of secrets.slice(0, 3)) expect(message).not.toContain(secret);
  expect(message.length).toBeLessThan(600);
});

describe('a message stays the same while nothing changes', () => {
  it.each([
    ['a request id', (n: string) => `Try again. [request id:8f5c2c1e-0a6b-4f0e-9d5a-0000000000${n}]`],
    ['a trace', (n: string) => `Internal error, trace 4bf92f3577b34da6a3ce929d0e0e47${n}.`],
    ['a time', (n: string) => `The signature expired at 2026-11-01T00:00:${n}Z.`],
    ['a local time', (n: string) => `Refused at 2026-11-01 08:00:${n}+08:00.`],
    ['seconds since 1970', (n: string) => `The timestamp 17934912${n} is too far from the server's 1793491999.`],
    ['milliseconds since 1970', (n: string) => `Server time: 17934912000${n}.`],
  ])('%s is left out', (_name, say) => {
    const first = explain('InvalidCredentials', { ...failure, detail: say('11') }, []);
    expect(explain('InvalidCredentials', { ...failure, detail: say('27') }, [])).toBe(first);
    expect(first).toContain('…');
  });

  it('how many calls there were in a second is left out', () => {
    const say = (n: number): string =>
      `Your current request times equals to \`${n}\` in a second, above the limit \`40\`.`;
    const first = explain('Throttled', { ...failure, detail: say(41) }, []);
    expect(explain('Throttled', { ...failure, detail: say(57) }, [])).toBe(first);
  });

  it.each([
    'The image `img-5gn3j31i` does not exist.',
    'The instance `ins-1234abcd` is protected.',
    'The disk must have 50 GiB at least.',
    'operation (cvm:RunInstances) resource (qcs::cvm:ap-singapore:uin/100012345678:instance/*) has no permission',
    'connect ECONNREFUSED 127.0.0.1:443',
  ])('what says something is kept: %s', (detail) => {
    expect(explain('InvalidReference', { ...failure, detail }, [])).toContain(detail);
  });

  it('whatever request it was', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.uuid(), (one, other) => {
        const say = (id: string): string =>
          explain('ServerError', { ...failure, detail: `Failed, RequestId: ${id}` }, []);
        expect(say(one)).toBe(say(other));
      }),
    );
  });
});

describe('a permission that is missing is named', () => {
  it.each([
    ['RunInstances', 'You are not authorized to perform operation (cvm:RunInstances).', 'Allow cvm:RunInstances in'],
    ['RunInstances', 'You are not authorized to perform operation (tag:TagResources).', 'Allow tag:TagResources in'],
    ['RunInstances', 'not authorized', 'Allow cvm:RunInstances in'],
    ['DescribeInstances', 'see (https://example.org) for (RunInstances)', 'Allow cvm:DescribeInstances in'],
  ])('%s, told "%s": %s', (action, detail, text) => {
    const message = explain('PermissionDenied', { ...failure, action, detail }, []);
    expect(message).toContain(`may not call ${action}`);
    expect(message).toContain(text);
  });

  it('of another service is named with it', () => {
    const message = explain('PermissionDenied', { ...failure, action: 'TagResources', detail: 'not authorized' }, []);
    expect(message).toContain('Allow tag:TagResources in');
  });

  it.each([
    ['IpNotInWhitelist', "from this machine's address"],
    ['IpInBlacklist', "from this machine's address"],
    ['AuthFailure.CamRoleNameAuthenticateFailed', 'Check instance.camRole, and allow cam:PassRole'],
  ])('%s wants another step', (code, text) => {
    expect(explain('PermissionDenied', { ...failure, code, detail: '' }, [])).toContain(text);
  });
});
