import { expect, it } from 'vitest';
import { z } from 'zod';
import { SizeKind } from '../../../test/builders/size-kind.ts';
import { LogPilotKind } from '../../api/logpilot.ts';
import { SpotPoolKind } from '../../api/spotpool.ts';
import { isMasked, maskKeys } from './mask.ts';

it('masks keys by schema and by name, at any depth, and nothing that only names a key', () => {
  const raw = {
    secretId: 'AKID',
    secretKey: 'k',
    region: 'ap-singapore',
    llmToken: 't',
    feishuWebhook: 'https://x',
    nested: [{ password: 'p', clientApiKey: 'c' }],
    credentialsSecretRef: { name: 's', secretIdKey: 'i', secretKeyKey: 'k', tokenKey: 't' },
    llmTokenSecretRef: { name: 's', key: 'k' },
    replicas: 3,
    secretName: null,
  };
  expect(maskKeys(SpotPoolKind, raw)).toEqual({
    ...raw,
    secretId: '***',
    secretKey: '***',
    llmToken: '***',
    feishuWebhook: '***',
    nested: [{ password: '***', clientApiKey: '***' }],
  });
});

it('masks everything inside a field that the schema calls a password', () => {
  const specSchema = z.object({ pins: z.array(z.number()).meta({ format: 'password' }), size: z.number() });
  expect(maskKeys({ ...SizeKind, specSchema }, { pins: [1, 2], size: 1 })).toEqual({ pins: ['***', '***'], size: 1 });
});

it.each([
  ['http://user:pass@loki:3100/x?y=z@w', 'http://***@loki:3100/x?y=z@w'],
  ['https://token@loki', 'https://***@loki'],
  ['http://loki:3100/a@b', 'http://loki:3100/a@b'],
  ['{app="a"} |= "http://user:pass@x"', '{app="a"} |= "http://user:pass@x"'],
])('of the address %s keeps %s', (lokiURL, kept) => {
  const masked = maskKeys(LogPilotKind, { lokiURL });
  expect(masked).toEqual({ lokiURL: kept });
  expect(isMasked(masked)).toBe(kept !== lokiURL);
});

it('knows a spec that is not the whole of what was written', () => {
  expect(isMasked({ secretKey: '***' })).toBe(true);
  expect(isMasked({ lokiPromQL: '{app="a"} |= "***"' })).toBe(false);
});
