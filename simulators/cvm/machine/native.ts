import { type Ask, complete, loadOnly, type Piece, type Totals } from './completion.ts';
import { OllamaError } from './errors.ts';
import { showModel } from './model-card.ts';
import type { ModelServer } from './model-server.ts';
import {
  clientSignal,
  type Exchange,
  goJson,
  JSON_NATIVE,
  JSON_OPENAI,
  NDJSON,
  openStream,
  readBody,
  send,
} from './reply.ts';
import { type Fields, type GoType, parseBody, toKeepAlive, toMessages, toOptions } from './requests.ts';

/** What `/api/chat` and `/api/generate` do differently: where the text stands, and what ends the answer. */
interface Shape {
  text(text: string): object;
  end(totals: Totals): object;
}

const CHAT: Shape = {
  text: (content) => ({ message: { role: 'assistant', content } }),
  end: () => ({}),
};
const GENERATE: Shape = {
  text: (response) => ({ response }),
  end: (totals) => ({ context: totals.context() }),
};

const COMMON: Readonly<Record<string, GoType>> = {
  model: 'string',
  stream: 'bool',
  truncate: 'bool',
  options: 'map[string]interface {}',
};

/** `POST /api/chat`. */
export async function chat(exchange: Exchange, models: ModelServer): Promise<void> {
  await guarded(exchange, async (signal) => {
    const body = await read(exchange, 'api.ChatRequest', { ...COMMON, messages: '[]api.Message' });
    if ((body['model'] ?? '') === '') throw new OllamaError(400, 'model is required');
    models.demand(body['model']);
    const messages = toMessages(body['messages']);
    const ask = toAsk(models, body, { messages, earlier: [] });
    if (messages.length === 0) return await loadOrUnload(exchange, models, body, ask, CHAT, signal);
    await answer(exchange, models, body, ask, CHAT, signal);
  });
}

/** `POST /api/generate`. */
export async function generate(exchange: Exchange, models: ModelServer): Promise<void> {
  await guarded(exchange, async (signal) => {
    const body = await read(exchange, 'api.GenerateRequest', {
      ...COMMON,
      prompt: 'string',
      system: 'string',
      context: '[]int',
    });
    models.demand(body['model']);
    const prompt = String(body['prompt'] ?? '');
    const system = String(body['system'] ?? '');
    const messages = [...(system ? [{ role: 'system', content: system }] : []), { role: 'user', content: prompt }];
    const earlier = (body['context'] ?? []) as readonly number[];
    const ask = toAsk(models, body, { messages, earlier });
    if (prompt === '') return await loadOrUnload(exchange, models, body, ask, GENERATE, signal);
    await answer(exchange, models, body, ask, GENERATE, signal);
  });
}

/** `POST /api/show`. */
export async function show(exchange: Exchange, models: ModelServer): Promise<void> {
  await guarded(exchange, async () => {
    const body = await read(exchange, 'api.ShowRequest', { model: 'string', name: 'string' });
    const name = body['model'] ?? body['name'] ?? '';
    if (name === '') throw new OllamaError(400, 'model is required');
    models.demand(name);
    send(exchange, 200, JSON_NATIVE, goJson(showModel(models.model)));
  });
}

async function read(exchange: Exchange, kind: string, types: Readonly<Record<string, GoType>>): Promise<Fields> {
  const raw = await readBody(exchange.request);
  if (raw.trim() === '') throw new OllamaError(400, 'missing request body');
  return parseBody(raw, kind, types);
}

function toAsk(models: ModelServer, body: Fields, prompt: Pick<Ask, 'messages' | 'earlier'>): Ask {
  return {
    ...prompt,
    ...toOptions(body['options'], models.defaults),
    keepAliveMs: toKeepAlive(body['keep_alive'], models.defaults.keepAliveMs),
    format: body['format'],
    truncate: body['truncate'] !== false,
  };
}

/** Turns errors into Ollama's answer and gives the work a signal that ends it when the client goes away. */
async function guarded(exchange: Exchange, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const signal = clientSignal(exchange);
  try {
    await work(signal);
  } catch (error) {
    if (signal.aborted || !(error instanceof OllamaError)) throw error;
    send(exchange, error.status, JSON_NATIVE, goJson({ error: error.message }));
  }
}

async function loadOrUnload(
  exchange: Exchange,
  models: ModelServer,
  body: Fields,
  ask: Ask,
  shape: Shape,
  signal: AbortSignal,
): Promise<void> {
  const unload = ask.keepAliveMs === 0;
  if (unload) models.writer.scheduler.expire();
  else await loadOnly(models.writer, ask, signal);
  const created_at = models.stamp();
  const done = { done: true, done_reason: unload ? 'unload' : 'load' };
  send(exchange, 200, JSON_NATIVE, goJson({ model: body['model'], created_at, ...shape.text(''), ...done }));
}

async function answer(
  exchange: Exchange,
  models: ModelServer,
  body: Fields,
  ask: Ask,
  shape: Shape,
  signal: AbortSignal,
): Promise<void> {
  const pieces = complete(models.writer, ask, signal);
  const line = (rest: object): string => goJson({ model: body['model'], created_at: models.stamp(), ...rest });
  if (body['stream'] !== false) return await stream(exchange, pieces, line, shape);
  let text = '';
  for await (const piece of pieces) {
    if (piece.kind === 'text') text += piece.text;
    else send(exchange, 200, JSON_NATIVE, line({ ...shape.text(text), ...finish(piece.totals, shape) }));
  }
}

async function stream(
  exchange: Exchange,
  pieces: AsyncGenerator<Piece, void>,
  line: (rest: object) => string,
  shape: Shape,
): Promise<void> {
  const { response } = exchange;
  try {
    for await (const piece of pieces) {
      if (!response.headersSent) openStream(exchange, NDJSON);
      const rest =
        piece.kind === 'text'
          ? { ...shape.text(piece.text), done: false }
          : { ...shape.text(''), ...finish(piece.totals, shape) };
      response.write(`${line(rest)}\n`);
    }
    response.end();
  } catch (error) {
    // Once the stream has a writer, Ollama names the type without a charset; a full queue is found before that.
    if (!(error instanceof OllamaError) || error.status === 503) throw error;
    send(exchange, error.status, JSON_OPENAI, goJson({ error: error.message }));
  }
}

function finish(totals: Totals, shape: Shape): object {
  return {
    done: true,
    done_reason: totals.reason,
    ...shape.end(totals),
    total_duration: totals.totalNs,
    load_duration: totals.loadNs,
    prompt_eval_count: totals.promptTokens,
    prompt_eval_duration: totals.promptNs,
    eval_count: totals.answerTokens,
    eval_duration: totals.answerNs,
  };
}
