import { type LogPilot, LogPilotKind } from '../../src/api/logpilot.ts';
import { parseSpec } from '../../src/api/parse.ts';
import { reconcileLogPilot } from '../../src/logpilot/reconcile.ts';
import { createMemoryStore } from '../../src/store/memory.ts';
import { createFakeClock } from '../builders/fake-clock.ts';
import { describeUnserved, type RawSpec, type UnservedRow } from './frame.ts';

const base: RawSpec = {
  lokiURL: 'http://127.0.0.1:3100',
  lokiPromQL: '{app="a"}',
  llmEndpoint: 'http://127.0.0.1:11434/v1',
  llmModel: 'qwen2:7b',
  feishuWebhook: 'https://open.feishu.cn/open-apis/bot/v2/hook/0000',
};

const fromSecret: RawSpec = { feishuWebhook: undefined, feishuWebhookSecretRef: { name: 'bot' } };
const withToken: RawSpec = { llmTokenSecretRef: { name: 'model' } };

const rows: readonly UnservedRow[] = [
  { leaf: 'lokiURL', values: [base['lokiURL'], 'https://loki.example.com'] },
  { leaf: 'lokiPromQL', values: [base['lokiPromQL'], '{app="b"} |= "error"'] },
  { leaf: 'llmEndpoint', values: [base['llmEndpoint'], 'https://models.example.com/v1'] },
  { leaf: 'llmToken', values: [undefined, 'token'] },
  { leaf: 'llmTokenSecretRef.name', values: ['model', 'other'], base: withToken },
  { leaf: 'llmTokenSecretRef.key', values: [undefined, 'other'], base: withToken },
  { leaf: 'llmModel', values: [base['llmModel'], 'qwen2.5-coder:1.5b'] },
  { leaf: 'feishuWebhook', values: [base['feishuWebhook'], ''] },
  { leaf: 'feishuWebhookSecretRef.name', values: ['bot', 'other'], base: fromSecret },
  { leaf: 'feishuWebhookSecretRef.key', values: [undefined, 'other'], base: fromSecret },
];

const ref = { apiVersion: 'log.aiops.org/v1', kind: 'LogPilot' };
const key = { namespace: 'default', name: 'a' };

async function say(raw: RawSpec): Promise<Record<string, string>> {
  const parsed = parseSpec(LogPilotKind, raw);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const clock = createFakeClock();
  const store = createMemoryStore({ clock });
  store.apply({ ...ref, metadata: key, spec: parsed.spec });
  await reconcileLogPilot(key, { store, clock, mayAct: () => true });
  const pilot = await store.get<LogPilot>(ref, key);
  const conditions = pilot?.status?.conditions ?? [];
  return Object.fromEntries(conditions.map(({ type, status, reason }) => [type, `${status} ${reason}`]));
}

describeUnserved(LogPilotKind, { base, rows, say });
