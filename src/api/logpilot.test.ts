import { describe, expect, it } from 'vitest';
import { LogPilotKind } from './logpilot.ts';
import { parseSpec } from './parse.ts';

const good = {
  lokiURL: 'http://127.0.0.1:3100',
  lokiPromQL: '{namespace="payments"} |= "error"',
  llmEndpoint: 'http://127.0.0.1:11434/v1',
  llmToken: 'token',
  llmModel: 'qwen2:7b',
  feishuWebhook: 'https://open.feishu.cn/open-apis/bot/v2/hook/0000',
};
const without = (...names: string[]): Record<string, unknown> =>
  Object.fromEntries(Object.entries(good).filter(([name]) => !names.includes(name)));
const problemsOf = (spec: unknown): string[] => {
  const parsed = parseSpec(LogPilotKind, spec);
  return parsed.ok ? [] : parsed.problems.map(({ message }) => message);
};

/** For each rule, by its message: specs that keep it and specs that break this rule and no other. */
const examples: Record<string, { keep: object[]; break: object[] }> = {
  'llmToken and llmTokenSecretRef exclude each other; keep llmTokenSecretRef': {
    keep: [good, without('llmToken'), { ...without('llmToken'), llmTokenSecretRef: { name: 's' } }],
    break: [
      { ...good, llmTokenSecretRef: { name: 's' } },
      { ...good, llmToken: '', llmTokenSecretRef: { name: 's' } },
    ],
  },
  'feishuWebhook and feishuWebhookSecretRef exclude each other; keep feishuWebhookSecretRef': {
    keep: [{ ...without('feishuWebhook'), feishuWebhookSecretRef: { name: 's' } }],
    break: [{ ...good, feishuWebhookSecretRef: { name: 's' } }],
  },
  'feishuWebhook or feishuWebhookSecretRef is missing: nobody would be told': {
    keep: [{ ...good, feishuWebhook: '' }],
    break: [without('feishuWebhook')],
  },
};

describe.each(LogPilotKind.rules)('the rule "$message"', ({ message }) => {
  it.each(examples[message]?.keep ?? [{}])('is kept by %j', (spec) => expect(problemsOf(spec)).toEqual([]));
  it.each(examples[message]?.break ?? [{}])('is broken by %j', (spec) => {
    expect(problemsOf(spec)).toEqual([expect.stringMatching(new RegExp(`^${message}`))]);
  });
});

describe('where a secret is', () => {
  it.each([
    { name: 'in the spec', spec: good, token: { from: 'inline', value: 'token' } },
    { name: 'nowhere, when it is left out', spec: without('llmToken'), token: { from: 'none' } },
    { name: 'nowhere, when it is empty', spec: { ...good, llmToken: '' }, token: { from: 'none' } },
    {
      name: 'in the usual entry of a Secret',
      spec: { ...without('llmToken'), llmTokenSecretRef: { name: 's' } },
      token: { from: 'secret', name: 's', key: 'token' },
    },
    {
      name: 'in another entry of a Secret',
      spec: { ...without('llmToken'), llmTokenSecretRef: { name: 's', key: 'k' } },
      token: { from: 'secret', name: 's', key: 'k' },
    },
  ])('$name', ({ spec, token }) => {
    expect(parseSpec(LogPilotKind, spec)).toMatchObject({ ok: true, spec: { llmToken: token } });
  });

  it('is the entry "webhook" for the webhook', () => {
    const spec = { ...without('feishuWebhook'), feishuWebhookSecretRef: { name: 's' } };
    expect(parseSpec(LogPilotKind, spec)).toMatchObject({
      ok: true,
      spec: { feishuWebhook: { from: 'secret', name: 's', key: 'webhook' } },
    });
  });
});

it.each(['lokiURL', 'lokiPromQL', 'llmEndpoint', 'llmModel'])('%s is required, and not empty', (field) => {
  expect(problemsOf(without(field))).toEqual([expect.stringContaining(`${field} is missing`)]);
  expect(problemsOf({ ...good, [field]: '' })).toEqual([expect.stringContaining(`${field}: "" is empty`)]);
});

it.each(['llmToken', 'feishuWebhook'])('never shows the value of %s', (field) => {
  const [problem] = problemsOf({ ...good, [field]: `verysecret${'x'.repeat(10_000)}` });
  expect(problem).toContain('(not shown)');
  expect(problem).not.toContain('verysecret');
});

it('never shows the password in an address', () => {
  const [problem] = problemsOf({ ...good, lokiURL: 'ftp://user:verysecret@loki' });
  expect(problem).toContain('lokiURL: "ftp://***@loki"');
});

it.each(['ftp://loki', 'loki:3100', 'http://', 'http://loki 3100', 'http://loki:3100\n'])(
  '%j is no address of a server',
  (lokiURL) => expect(problemsOf({ ...good, lokiURL })).toEqual([expect.stringContaining('lokiURL')]),
);
