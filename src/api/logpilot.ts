import { z } from 'zod';
import { ConditionList } from './conditions.ts';
import type { CelRule, KindDefinition, PrinterColumn } from './kind.ts';
import type { KubeObject } from './meta.ts';

/** Any address that an HTTP client can call. What lies behind it is not known before it is called. */
const url = (what: string): z.ZodString =>
  z
    .string()
    .max(2048)
    .regex(/^https?:\/\/[^ \t\n\r]+$/)
    .describe(what);
/** `format: password` keeps the value out of error messages, and tells editors what it is. */
const secret = (what: string, maxLength: number): z.ZodString =>
  z.string().max(maxLength).describe(what).meta({ format: 'password' });
const secretRef = (entry: string, what: string): z.ZodType =>
  z
    .strictObject({
      name: z.string().min(1).max(253).describe('A Secret in the same namespace.'),
      key: z.string().min(1).max(253).default(entry).describe('The entry that holds it.'),
    })
    .describe(what);

const LogPilotSpecInput = z
  .strictObject({
    lokiURL: url('Where Loki answers, for instance http://loki.monitoring:3100.'),
    lokiPromQL: z
      .string()
      .min(1)
      .max(16_384)
      .describe('Which lines are read, as a LogQL log query: {namespace="payments"} |= "error".'),
    llmEndpoint: url('Where the OpenAI-compatible model server answers, /v1 included where it has that.'),
    llmToken: secret(
      'The token of the model server, readable by everyone who may read this object. Empty: none. Better: llmTokenSecretRef.',
      8192,
    ).optional(),
    llmTokenSecretRef: secretRef('token', 'Where the token of the model server is.').optional(),
    llmModel: z.string().min(1).max(256).describe('The model that is asked, for instance qwen2:7b.'),
    feishuWebhook: secret(
      'The webhook of the bot in the Feishu group. Who has it may write to the group. Empty: nobody is told. Better: feishuWebhookSecretRef.',
      2048,
    ).optional(),
    feishuWebhookSecretRef: secretRef('webhook', 'Where the webhook of the bot is.').optional(),
  })
  .describe('Which logs are read, who judges them and who is told.');

interface SpecInput {
  readonly lokiURL: string;
  readonly lokiPromQL: string;
  readonly llmEndpoint: string;
  readonly llmToken?: string;
  readonly llmTokenSecretRef?: { readonly name: string; readonly key: string };
  readonly llmModel: string;
  readonly feishuWebhook?: string;
  readonly feishuWebhookSecretRef?: { readonly name: string; readonly key: string };
}

/** Where a secret of a LogPilot is: in the spec itself, in a Secret of its namespace, or nowhere. */
export type LogPilotSecret =
  | { readonly from: 'inline'; readonly value: string }
  | { readonly from: 'secret'; readonly name: string; readonly key: string }
  | { readonly from: 'none' };

/** A spec with its defaults, and one way to say where a secret is. */
export interface LogPilotSpec {
  readonly lokiURL: string;
  readonly lokiPromQL: string;
  readonly llmEndpoint: string;
  readonly llmToken: LogPilotSecret;
  readonly llmModel: string;
  readonly feishuWebhook: LogPilotSecret;
}

function normaliseLogPilot(input: SpecInput): LogPilotSpec {
  const { llmToken, llmTokenSecretRef, feishuWebhook, feishuWebhookSecretRef, ...rest } = input;
  return {
    ...rest,
    llmToken: secretOf(llmToken, llmTokenSecretRef),
    feishuWebhook: secretOf(feishuWebhook, feishuWebhookSecretRef),
  };
}

function secretOf(inline = '', ref?: { readonly name: string; readonly key: string }): LogPilotSecret {
  if (ref !== undefined) return { from: 'secret', ...ref };
  return inline === '' ? { from: 'none' } : { from: 'inline', value: inline };
}

const rules: readonly CelRule[] = [
  {
    rule: '!(has(self.llmToken) && has(self.llmTokenSecretRef))',
    message: 'llmToken and llmTokenSecretRef exclude each other; keep llmTokenSecretRef',
    fieldPath: '.llmToken',
  },
  {
    rule: '!(has(self.feishuWebhook) && has(self.feishuWebhookSecretRef))',
    message: 'feishuWebhook and feishuWebhookSecretRef exclude each other; keep feishuWebhookSecretRef',
    fieldPath: '.feishuWebhook',
  },
  {
    rule: 'has(self.feishuWebhook) || has(self.feishuWebhookSecretRef)',
    message: 'feishuWebhook or feishuWebhookSecretRef is missing: nobody would be told',
  },
];

const LogPilotStatus = z
  .object({
    observedGeneration: z.int().optional().describe('The generation of the spec that this status speaks of.'),
    preTimeStamp: z
      .string()
      .max(32)
      .optional()
      .describe(
        'Up to when lines have been read: nanoseconds since 1970. Whole seconds of an older operator are kept.',
      ),
    conditions: ConditionList.optional().describe('Ready.'),
  })
  .describe('How far it has come.');
export type LogPilotStatus = z.infer<typeof LogPilotStatus>;

export type LogPilot = KubeObject<LogPilotSpec, LogPilotStatus>;

const printerColumns: readonly PrinterColumn[] = [
  {
    name: 'Ready',
    type: 'string',
    jsonPath: '.status.conditions[?(@.type=="Ready")].status',
    description: 'Whether logs are being read',
  },
  {
    name: 'Status',
    type: 'string',
    jsonPath: '.status.conditions[?(@.type=="Ready")].reason',
    description: 'Why it is ready or not',
  },
  { name: 'Model', type: 'string', jsonPath: '.spec.llmModel', description: 'The model that is asked' },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Time since it was made' },
  { name: 'Query', type: 'string', jsonPath: '.spec.lokiPromQL', description: 'Which lines are read', priority: 1 },
  {
    name: 'ReadTo',
    type: 'string',
    jsonPath: '.status.preTimeStamp',
    description: 'Up to when lines have been read',
    priority: 1,
  },
];

export const LogPilotKind: KindDefinition<LogPilotSpec> = {
  group: 'log.aiops.org',
  version: 'v1',
  kind: 'LogPilot',
  plural: 'logpilots',
  singular: 'logpilot',
  shortNames: ['lp'],
  description: 'Reads new log lines, asks a model what is wrong, and tells a Feishu group about it once.',
  specSchema: LogPilotSpecInput,
  statusSchema: LogPilotStatus,
  rules,
  printerColumns,
  normalise: normaliseLogPilot,
};
