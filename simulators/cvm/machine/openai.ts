import { type Ask, complete, type Piece, type Totals } from './completion.ts';
import { OllamaError } from './errors.ts';
import type { ModelServer } from './model-server.ts';
import {
  clientSignal,
  EVENTS,
  type Exchange,
  goJson,
  JSON_NATIVE,
  JSON_OPENAI,
  openStream,
  readBody,
  send,
} from './reply.ts';
import { type Fields, isObject, parseBody, toMessages, toOptions } from './requests.ts';

const TYPES = {
  model: 'string',
  messages: '[]openai.Message',
  stream: 'bool',
  max_tokens: 'int',
  temperature: 'float64',
} as const;

/** The OpenAI side's default `temperature`. */
const TEMPERATURE = 1;

/** `POST /v1/chat/completions`. Any bearer token is accepted, and none. */
export async function chatCompletions(exchange: Exchange, models: ModelServer): Promise<void> {
  const signal = clientSignal(exchange);
  let body: Fields;
  try {
    body = parseBody(await readBody(exchange.request), 'openai.ChatCompletionRequest', TYPES);
    if (toMessages(body['messages']).length === 0) throw new OllamaError(400, "[] is too short - 'messages'");
  } catch (error) {
    // Refused before the chat handler sees it: another type, another end of line.
    if (!(error instanceof OllamaError)) throw error;
    return send(exchange, error.status, JSON_NATIVE, openaiError(error.message, 'invalid_request_error'));
  }
  try {
    if ((body['model'] ?? '') === '') throw new OllamaError(400, 'model is required');
    models.demand(body['model']);
    const pieces = complete(models.writer, toAsk(models, body), signal);
    const frame = { id: models.completionId(), model: body['model'], models };
    if (body['stream'] === true) await stream(exchange, pieces, frame, wantsUsage(body));
    else await whole(exchange, pieces, frame);
  } catch (error) {
    if (signal.aborted) throw error;
    sendOpenaiError(exchange, error);
  }
}

/** Sends an error of the handlers in the OpenAI spelling. Rethrows what is not an `OllamaError`. */
export function sendOpenaiError(exchange: Exchange, error: unknown): void {
  if (!(error instanceof OllamaError)) throw error;
  send(exchange, error.status, JSON_OPENAI, `${openaiError(error.message, 'api_error')}\n`);
}

function openaiError(message: string, type: string): string {
  return goJson({ error: { message, type, param: null, code: null } });
}

function toAsk(models: ModelServer, body: Fields): Ask {
  const { max_tokens: num_predict, temperature, stop } = body;
  return {
    ...toOptions(
      { temperature: temperature ?? TEMPERATURE, stop, ...(num_predict == null ? {} : { num_predict }) },
      models.defaults,
    ),
    messages: toMessages(body['messages']),
    keepAliveMs: models.defaults.keepAliveMs,
    format: formatOf(body['response_format']),
    truncate: true,
    earlier: [],
  };
}

/** A `json_schema` without a schema is no constraint. */
function formatOf(wanted: unknown): unknown {
  if (!isObject(wanted)) return undefined;
  if (wanted['type'] === 'json_object') return 'json';
  const named = wanted['json_schema'];
  return wanted['type'] === 'json_schema' && isObject(named) ? named['schema'] : undefined;
}

function wantsUsage(body: Fields): boolean {
  return isObject(body['stream_options']) && body['stream_options']['include_usage'] === true;
}

interface Frame {
  readonly id: string;
  readonly model: unknown;
  readonly models: ModelServer;
}

function envelope({ id, model, models }: Frame, object: string): object {
  const created = Math.floor(models.clock.now() / 1000);
  return { id, object, created, model, system_fingerprint: 'fp_ollama' };
}

async function whole(exchange: Exchange, pieces: AsyncGenerator<Piece, void>, frame: Frame): Promise<void> {
  let content = '';
  for await (const piece of pieces) {
    if (piece.kind === 'text') {
      content += piece.text;
      continue;
    }
    const message = { role: 'assistant', content };
    const choices = [{ index: 0, message, finish_reason: piece.totals.reason }];
    const answer = { ...envelope(frame, 'chat.completion'), choices, usage: usage(piece.totals) };
    send(exchange, 200, JSON_OPENAI, `${goJson(answer)}\n`);
  }
}

async function stream(
  exchange: Exchange,
  pieces: AsyncGenerator<Piece, void>,
  frame: Frame,
  withUsage: boolean,
): Promise<void> {
  const { response } = exchange;
  const event = (rest: object): void => {
    response.write(`data: ${goJson({ ...envelope(frame, 'chat.completion.chunk'), ...rest })}\n\n`);
  };
  for await (const piece of pieces) {
    if (!response.headersSent) openStream(exchange, EVENTS);
    const isText = piece.kind === 'text';
    const delta = { role: 'assistant', content: isText ? piece.text : '' };
    event({ choices: [{ index: 0, delta, finish_reason: isText ? null : piece.totals.reason }] });
    if (!isText && withUsage) event({ choices: [], usage: usage(piece.totals) });
  }
  response.end('data: [DONE]\n\n');
}

function usage({ promptTokens, answerTokens }: Totals): object {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: answerTokens,
    total_tokens: promptTokens + answerTokens,
  };
}
