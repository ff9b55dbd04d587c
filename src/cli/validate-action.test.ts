import { describe, expect, it } from 'vitest';
import { createFakeIo, runCli } from '../../test/builders/cli.ts';

const good = `apiVersion: demo.aiops.org/v1
kind: SpotPool
metadata: {name: a}
spec:
  region: ap-singapore
  availabilityZone: ap-singapore-2
  instanceType: GN7.2XLARGE32
  minimum: 1
  maximum: 2
  subnetId: subnet-gfrv79s2
  vpcId: vpc-86f66zht
  securityGroupIds: [sg-aglabemo]
  imageId: img-5gn3j31i
`;
const pilot = `apiVersion: log.aiops.org/v1
kind: LogPilot
metadata: {name: a}
spec:
  lokiURL: http://127.0.0.1:3100
  lokiPromQL: '{app="a"}'
  llmEndpoint: http://127.0.0.1:11434/v1
  llmModel: qwen2:7b
`;
const withSecret = `${good}  credentialsSecretRef: {name: keys}\n`;
const secret = (entries: string): string =>
  `---\napiVersion: v1\nkind: Secret\nmetadata: {name: keys}\nstringData: {${entries}}\n`;
const validate = (stdin: string): ReturnType<typeof runCli> => runCli(['validate', '-f', '-'], createFakeIo({ stdin }));

describe('validate', () => {
  it.each([
    ['one object', good, '1 object is valid\n'],
    [
      'a LogPilot and its Secret',
      `${pilot}  llmTokenSecretRef: {name: keys}\n  feishuWebhookSecretRef: {name: keys}\n${secret('token: t, webhook: w')}`,
      '2 objects are valid\n',
    ],
    ['a pool and its Secret', withSecret + secret('secretId: i, secretKey: k'), '2 objects are valid\n'],
  ])('accepts %s', async (_name, stdin, out) => {
    expect(await validate(stdin)).toEqual({ code: 0, out, err: '' });
  });

  it.each([
    [
      'keys in the manifest',
      `${good}  secretId: AKIDsecret\n  secretKey: verysecret\n`,
      'spec.secretKey: everyone who may read this object can read the key; put it into a Secret (credentialsSecretRef)',
    ],
    [
      'a Secret that is elsewhere',
      withSecret,
      'spec.credentialsSecretRef.name: Secret default/keys is not among these manifests',
    ],
    [
      'a Secret without the key',
      withSecret + secret('secretId: i'),
      'spec.credentialsSecretRef.name: Secret default/keys has no entry "secretKey"',
    ],
  ])('warns of %s and accepts it', async (_name, stdin, warning) => {
    const { code, err } = await validate(stdin);
    expect({ code, err }).toEqual({ code: 0, err: `warning: stdin:1:1: SpotPool default/a: ${warning}\n` });
    expect(err).not.toMatch(/AKIDsecret|verysecret/);
  });

  it.each([
    [
      'secrets in the manifest',
      `${pilot}  llmToken: sk-verysecret\n  feishuWebhook: https://open.feishu.cn/verysecret\n`,
      [
        'spec.llmToken: everyone who may read this object can read it; put it into a Secret (llmTokenSecretRef)',
        'spec.feishuWebhook: everyone who may read this object can read it; put it into a Secret (feishuWebhookSecretRef)',
      ],
    ],
    [
      'a Secret without the entry',
      `${pilot}  feishuWebhookSecretRef: {name: keys}\n${secret('hook: x')}`,
      ['spec.feishuWebhookSecretRef.name: Secret default/keys has no entry "webhook"'],
    ],
    [
      'an empty webhook',
      `${pilot}  feishuWebhook: ""\n`,
      ['spec.feishuWebhook: is empty: nobody will be told of anything'],
    ],
  ])('warns of %s of a LogPilot and accepts it', async (_name, stdin, warnings) => {
    const { code, err } = await validate(stdin);
    const lines = warnings.map((warning) => `warning: stdin:1:1: LogPilot default/a: ${warning}\n`);
    expect({ code, err }).toEqual({ code: 0, err: lines.join('') });
    expect(err).not.toContain('verysecret');
  });

  it.each(['', '# a comment\n---\n'])('does not take the empty %j for a success', async (stdin) => {
    expect(await validate(stdin)).toEqual({ code: 1, out: '', err: 'error: there is no manifest in what was given\n' });
  });

  it('tells every problem at once, each with its place', async () => {
    const stdin = `${good.replace('minimum: 1', 'minimum: 3').replace('region: ap-singapore', 'region: ap-singapore\n  regoin: x')}---\nkind: Pod\n---\n{`;
    const { code, out, err } = await validate(stdin);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    const lines = err.trimEnd().split('\n');
    expect(lines.filter((line) => /^error: stdin:\d+:\d+: /.test(line))).toHaveLength(4);
    expect(err).toMatch(/error: stdin:6:3: .*regoin.*did you mean region\?/);
    expect(err).toMatch(/error: stdin:9:3: .*minimum must not be greater than maximum/);
    expect(lines.at(-1)).toBe('error: 4 problems found; 0 objects are valid');
  });

  it('names two documents that describe one object', async () => {
    const { code, err } = await validate(`${good}---\n${good}`);
    expect(code).toBe(1);
    expect(err).toContain('SpotPool default/a: is described twice');
  });
});
