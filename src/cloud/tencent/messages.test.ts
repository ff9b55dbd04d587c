import { expect, it } from 'vitest';
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
