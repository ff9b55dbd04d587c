import type { Clock } from '../../../src/lib/clock.ts';
import type { Writer } from './completion.ts';
import { OllamaError } from './errors.ts';
import type { MachineOptions } from './machine.ts';
import { DEFAULT_MODEL, goTime, processRow } from './model-card.ts';
import type { Defaults } from './requests.ts';
import { createScheduler } from './scheduler.ts';

/** Everything behind the HTTP side of one machine. */
export interface ModelServer {
  readonly clock: Clock;
  readonly model: string;
  readonly writer: Writer;
  readonly defaults: Defaults;
  /** The time in Ollama's spelling; never the same twice. */
  stamp(): string;
  /** `chatcmpl-` and up to three digits, as Ollama's ids are. */
  completionId(): string;
  /** Rows of `/api/ps`. */
  processes(): readonly object[];
  /** @throws {OllamaError} 404 when the image holds no such model */
  demand(model: unknown): void;
  stop(): void;
}

/** Puts a machine's model together; settings as in `MachineOptions`. */
export function createModelServer(options: MachineOptions): ModelServer {
  const { clock, random, model = DEFAULT_MODEL, contextLength = 4096, keepAliveMs = 300_000 } = options;
  const { loadMs = 1500, parallel = 1, maxQueue = 512, tokensPerSecond = 25, promptTokensPerSecond = 500 } = options;
  const scheduler = createScheduler({ clock, loadMs, parallel, maxQueue });
  let last = { ms: 0, nanos: 0 };
  const nanosWithin = (ms: number): number => {
    const nanos = ms === last.ms ? last.nanos + 1 + Math.floor(random() * 1000) : Math.floor(random() * 500_000);
    last = { ms, nanos: Math.min(nanos, 999_999) };
    return last.nanos;
  };
  return {
    clock,
    model,
    writer: { clock, random, scheduler, tokensPerSecond, promptTokensPerSecond, asked: new Map(), lastPrompt: '' },
    defaults: { contextLength, keepAliveMs: keepAliveMs < 0 ? Number.POSITIVE_INFINITY : keepAliveMs },
    stamp() {
      const now = Math.floor(clock.now());
      return goTime(now, nanosWithin(now));
    },
    completionId: () => `chatcmpl-${Math.floor(random() * 999)}`,
    processes() {
      const loaded = scheduler.loaded();
      if (!loaded) return [];
      const expires = goTime(loaded.expiresAt, Math.floor(loaded.expiresAt) % 999_983);
      return [processRow(model, loaded.contextLength, expires, options.gpu ?? false)];
    },
    demand(asked) {
      // A name without a tag means the tag `latest`.
      if (asked === model || `${String(asked)}:latest` === model) return;
      throw new OllamaError(404, `model '${String(asked ?? '')}' not found`);
    },
    stop: () => scheduler.stop(),
  };
}
