import { createHash } from 'node:crypto';
import type { EpochMs } from '../../../src/lib/clock.ts';

/** The default model: Qwen2.5-Coder 1.5B Instruct, Q4_K_M; its figures are those of the recordings. */
export const DEFAULT_MODEL = 'qwen2.5-coder:1.5b';
const DIGEST = '7225572096b5617554d2ffd126eaa0269e48a7d08336ef87302a070dd9fb14c2';
const FILE_BYTES = 1_117_321_342;
/** Memory with a window of 4096 tokens, and what each token of the window adds (keys and values of 28 layers). */
const MEMORY_BYTES = 1_097_538_048;
const MEMORY_PER_TOKEN = 28_672;
/** When the image was made. */
const MODIFIED_AT = '2026-10-20T06:12:33.135404681Z';

const DETAILS = {
  parent_model: '',
  format: 'gguf',
  family: 'qwen2',
  families: ['qwen2'],
  parameter_size: '1.8B',
  quantization_level: 'Q4_K_M',
} as const;

const TEMPLATE =
  '{{- range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n';

function digestOf(model: string): string {
  return model === DEFAULT_MODEL ? DIGEST : createHash('sha256').update(model).digest('hex');
}

/** A row of `/api/tags`. */
export function tagRow(model: string): object {
  return {
    name: model,
    model,
    modified_at: MODIFIED_AT,
    size: FILE_BYTES,
    digest: digestOf(model),
    details: DETAILS,
  };
}

/** A row of `/api/ps`; with `gpu` the whole model lies in the GPU's memory, without it nothing does. */
export function processRow(model: string, contextLength: number, expiresAt: string, gpu: boolean): object {
  const size = MEMORY_BYTES + (contextLength - 4096) * MEMORY_PER_TOKEN;
  return {
    name: model,
    model,
    size,
    digest: digestOf(model),
    details: DETAILS,
    expires_at: expiresAt,
    size_vram: gpu ? size : 0,
    context_length: contextLength,
  };
}

/** What `/api/show` says of the model, but for the licence and the list of tensors. */
export function showModel(model: string): object {
  return {
    modelfile: `FROM ${model}\nTEMPLATE """${TEMPLATE}"""\nPARAMETER stop <|im_end|>\nPARAMETER stop <|im_start|>\n`,
    parameters: 'stop                           "<|im_end|>"\nstop                           "<|im_start|>"',
    template: TEMPLATE,
    details: DETAILS,
    model_info: {
      'general.architecture': 'qwen2',
      'general.parameter_count': 1_777_088_000,
      'qwen2.block_count': 28,
      'qwen2.context_length': 32_768,
      'qwen2.embedding_length': 1536,
    },
    capabilities: ['completion'],
    modified_at: MODIFIED_AT,
  };
}

/** An entry of `/v1/models`. */
export function openaiModel(model: string): object {
  return { id: model, object: 'model', created: Math.floor(Date.parse(MODIFIED_AT) / 1000), owned_by: 'library' };
}

/** RFC 3339 with nanoseconds as Go writes it: without trailing zeros. `nanos` are those within the millisecond. */
export function goTime(at: EpochMs, nanos: number): string {
  const whole = Math.floor(at);
  const fraction = `${String(((whole % 1000) + 1000) % 1000).padStart(3, '0')}${String(nanos).padStart(6, '0')}`;
  const trimmed = fraction.replace(/0+$/, '');
  return `${new Date(whole).toISOString().slice(0, 19)}${trimmed === '' ? '' : `.${trimmed}`}Z`;
}
