import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRedactor, isSecretField, MASK } from './redact.ts';

describe('secrets known by their looks', () => {
  const key = `AKID${'z8krbsJ5yKBZQpn7'.repeat(2)}`;
  it.each([
    ['a Tencent key id', `keys ${key} refused`, `keys AKID${MASK} refused`],
    [
      'a TC3 header',
      `Authorization: TC3-HMAC-SHA256 Credential=${key}/2026-11-01/cvm/tc3_request, SignedHeaders=content-type;host, Signature=10b1a37a done`,
      `Authorization: TC3-HMAC-SHA256 ${MASK} done`,
    ],
    ['a bearer token', 'Authorization: Bearer eyJhbGci.OiJIUzI1NiJ9', `Authorization: Bearer ${MASK}`],
    ['basic authentication', 'authorization: basic dXNlcjpwYXNz', `authorization: basic ${MASK}`],
    ['an OpenAI key', 'key sk-proj-abcdefgh12345678 is wrong', `key sk-${MASK} is wrong`],
    ['a RAGFlow key', 'ragflow-I0NmRjMWVjNDk2MzEx', `ragflow-${MASK}`],
    [
      'a Feishu hook',
      'https://open.feishu.cn/open-apis/bot/v2/hook/1f2e-3d4c?x=1',
      `https://open.feishu.cn/open-apis/bot/v2/hook/${MASK}?x=1`,
    ],
    ['a login in a URL', 'http://admin:hunter2@kong:8001/x', `http://${MASK}@kong:8001/x`],
    ['a parameter of a URL', 'GET /x?a=1&access_token=abc&b=2', `GET /x?a=1&access_token=${MASK}&b=2`],
    ['a private key', 'x -----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY----- y', `x ${MASK} y`],
    ['the beginning of a private key', '-----BEGIN PRIVATE KEY-----\nabc', MASK],
    ['a line of YAML', 'secretKey: Gu5t9xGARNpq86cd98joQYCN3', `secretKey: ${MASK}`],
    ['a field of JSON', '{"secretKey":"Gu5t9xGA", "a":1}', `{"secretKey":"${MASK}", "a":1}`],
    ['a field of JSON in JSON', '{\\"password\\":\\"hunter\\"}', `{\\"password\\":\\"${MASK}\\"}`],
    ['an environment variable', 'TENCENTCLOUD_SECRET_KEY=abcdef', `TENCENTCLOUD_SECRET_KEY=${MASK}`],
  ])('%s', (_name, text, clean) => {
    const redactor = createRedactor();
    expect(redactor.text(text)).toBe(clean);
    expect(redactor.text(clean)).toBe(clean);
  });

  it.each([
    'spec.secretKey: must not be empty',
    'secretId and secretKey must be given together',
    'client_token=0a1b2c3d',
    'image img-5gn3j31i is unknown in ap-singapore',
    'https://cvm.tencentcloudapi.com/?Action=RunInstances&Version=2017-03-12',
    'http://127.0.0.1:8001/upstreams',
    'prompt tokens 512, total 1024',
  ])('leaves alone: %s', (text) => {
    expect(createRedactor().text(text)).toBe(text);
  });
});

describe('a learned secret', () => {
  const secret = 'p"a/s\\s wörd?';
  const spelled: [string, string][] = [
    ['as it is', secret],
    ['in JSON', JSON.stringify(secret)],
    ['in a URL', encodeURIComponent(secret)],
    ['in base64', Buffer.from(secret).toString('base64')],
    ['in base64url', Buffer.from(secret).toString('base64url')],
  ];
  it.each(spelled)('is masked %s', (_name, text) => {
    const redactor = createRedactor();
    redactor.learn(`${secret}\n`);
    expect(redactor.text(`<${text}>`)).toMatch(/^<"?\*\*\*=*"?>$/);
  });

  it('that holds another is masked whole', () => {
    const redactor = createRedactor();
    redactor.learn('abcdef');
    redactor.learn('abcdefghij');
    expect(redactor.text('abcdefghij abcdef')).toBe(`${MASK} ${MASK}`);
  });

  it('of less than six characters is ignored: a placeholder is no secret', () => {
    const redactor = createRedactor();
    redactor.learn('xxx');
    expect(redactor.text('xxx')).toBe('xxx');
  });

  it('gives way after 1,024 newer ones, unless it was learned again', () => {
    const redactor = createRedactor();
    redactor.learn('the first one');
    redactor.learn('the second one');
    for (let index = 0; index < 1022; index++) redactor.learn(`number ${index}`);
    redactor.learn('the first one');
    redactor.learn('one too many');
    expect(redactor.text('the first one, the second one')).toBe(`${MASK}, the second one`);
  });

  it('never stays in a text, whatever stands around it', () => {
    const secretText = fc
      .string({ unit: 'grapheme', minLength: 8, maxLength: 40 })
      .filter((text) => text.trim().length >= 8 && !text.includes('*'));
    fc.assert(
      fc.property(
        secretText,
        fc.array(fc.string({ unit: 'grapheme' }), { minLength: 2, maxLength: 5 }),
        (given, parts) => {
          const redactor = createRedactor();
          redactor.learn(given);
          expect(redactor.text(parts.join(given)).includes(given.trim())).toBe(false);
        },
      ),
    );
  });
});

it('is quick on text made to be slow', () => {
  const redactor = createRedactor();
  const started = performance.now();
  for (const piece of [
    '?token',
    'token',
    'secret_',
    'a-',
    'secret:',
    '-----BEGIN PRIVATE KEY-----',
    'TC3-HMAC-SHA256 Credential= ',
    'x://',
    'Bearer ',
    "secret: '",
  ]) {
    redactor.text(piece.repeat(65_536 / piece.length));
  }
  expect(performance.now() - started).toBeLessThan(2000);
});

describe('a field is secret by its name', () => {
  it.each([
    'secretKey',
    'secret_id',
    'SecretKey',
    'llmToken',
    'token',
    'X-Api-Key',
    'password',
    'Authorization',
    'set-cookie',
    'feishuWebhook',
    'privateKey',
    'credentials',
  ])('%s', (name) => {
    expect(isSecretField(name, 'value')).toBe(true);
  });
  it.each(['credentialsSecretRef', 'secretName', 'clientToken', 'tokens', 'key', 'name', 'pool', 'monkey'])(
    'not %s',
    (name) => {
      expect(isSecretField(name, 'value')).toBe(false);
    },
  );
  it('unless its value cannot be one', () => {
    expect([undefined, null, true].map((value) => isSecretField('password', value))).toEqual([false, false, false]);
    expect([isSecretField('promptToken', 12), isSecretField('password', 12)]).toEqual([false, true]);
  });
});
