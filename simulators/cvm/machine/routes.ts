import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../../../src/lib/clock.ts';
import { openaiModel, tagRow } from './model-card.ts';
import type { ModelServer } from './model-server.ts';
import { chat, generate, show } from './native.ts';
import { chatCompletions, sendOpenaiError } from './openai.ts';
import { type Exchange, goJson, JSON_NATIVE, JSON_OPENAI, send, sendEmpty } from './reply.ts';

type Handler = (exchange: Exchange, models: ModelServer, parameter: string) => void | Promise<void>;

const VERSION = '0.17.4';
const HOME: Handler = (exchange) => send(exchange, 200, 'text/plain; charset=utf-8', 'Ollama is running');
const VERSIONS: Handler = (exchange) => send(exchange, 200, JSON_NATIVE, goJson({ version: VERSION }));
const TAGS: Handler = (exchange, { model }) => send(exchange, 200, JSON_NATIVE, goJson({ models: [tagRow(model)] }));
const PROCESSES: Handler = (exchange, models) =>
  send(exchange, 200, JSON_NATIVE, goJson({ models: models.processes() }));
const MODELS: Handler = (exchange, { model }) =>
  send(exchange, 200, JSON_OPENAI, `${goJson({ object: 'list', data: [openaiModel(model)] })}\n`);
const MODEL: Handler = (exchange, models, name) => {
  try {
    models.demand(name);
  } catch (error) {
    sendOpenaiError(exchange, error);
    return;
  }
  send(exchange, 200, JSON_OPENAI, `${goJson(openaiModel(name))}\n`);
};

/** Path, then the handler of each method in the order in which `Allow` names them. `:name` is one segment. */
const ROUTES: readonly (readonly [path: string, methods: Readonly<Record<string, Handler>>])[] = [
  ['/', { HEAD: HOME, GET: HOME }],
  ['/api/version', { HEAD: VERSIONS, GET: VERSIONS }],
  ['/api/tags', { HEAD: TAGS, GET: TAGS }],
  ['/api/ps', { GET: PROCESSES }],
  ['/api/show', { POST: show }],
  ['/api/chat', { POST: chat }],
  ['/api/generate', { POST: generate }],
  ['/v1/models', { GET: MODELS }],
  ['/v1/models/:name', { GET: MODEL }],
  ['/v1/chat/completions', { POST: chatCompletions }],
];
const PATTERNS = ROUTES.map(([path, methods]) => ({
  pattern: new RegExp(`^${path.replace(':name', '([^/]+)')}$`),
  methods,
}));

/** Answers one request as Ollama's router does: CORS first, then the route, 405 with `Allow`, 404 as plain text. */
export function routeRequest(request: IncomingMessage, response: ServerResponse, models: ModelServer): void {
  const method = request.method ?? 'GET';
  const path = decode((request.url ?? '/').replace(/\?.*$/s, ''));
  const found = find(path);
  const handler = found?.methods[method];
  const allow: Header[] = found && !handler ? [['Allow', Object.keys(found.methods).join(', ')]] : [];
  const bare: Exchange = { request, response, clock: models.clock, headers: allow };

  const origin = crossOrigin(request);
  const exchange = origin === undefined ? bare : withHeaders(bare, [['Access-Control-Allow-Origin', origin], VARY]);
  if (origin !== undefined && !isAllowedOrigin(origin)) sendEmpty(bare, 403);
  else if (origin !== undefined && method === 'OPTIONS') sendEmpty(withHeaders(bare, preflight(origin)), 204);
  else if (!found) missing(exchange, path);
  else if (!handler) send(exchange, 405, 'text/plain', '405 method not allowed');
  // It rejects only when the client has gone away, and then there is nobody to tell.
  else Promise.resolve(handler(exchange, models, found.parameter)).catch(() => response.destroy());
}

/** The answer of a machine whose image is broken: the model cannot be started, whatever is asked. */
export function broken(request: IncomingMessage, response: ServerResponse, clock: Clock): void {
  const error = 'llama runner process has terminated: exit status 127';
  send({ request, response, clock, headers: [] }, 500, JSON_NATIVE, goJson({ error }));
}

type Header = readonly [string, string];
const VARY: Header = ['Vary', 'Origin'];

interface Found {
  readonly methods: Readonly<Record<string, Handler>>;
  readonly parameter: string;
}

function find(path: string): Found | undefined {
  for (const { pattern, methods } of PATTERNS) {
    const match = pattern.exec(path);
    if (match) return { methods, parameter: match[1] ?? '' };
  }
  return undefined;
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** A slash too many is redirected away, as the router does; anything else is not there. */
function missing(exchange: Exchange, path: string): void {
  const other = path.replace(/\/$/, '');
  if (!path.endsWith('/') || !find(other)) {
    send(exchange, 404, 'text/plain', '404 page not found');
    return;
  }
  const moved = withHeaders(exchange, [['Location', encodeURI(other)]]);
  if (exchange.request.method === 'GET') {
    send(moved, 301, 'text/html; charset=utf-8', `<a href="${encodeURI(other)}">Moved Permanently</a>.\n\n`);
  } else {
    sendEmpty(moved, 307);
  }
}

function withHeaders(exchange: Exchange, headers: readonly Header[]): Exchange {
  return { ...exchange, headers: [...exchange.headers, ...headers] };
}

function crossOrigin(request: IncomingMessage): string | undefined {
  const { origin, host } = request.headers;
  return origin === undefined || origin === `http://${host}` || origin === `https://${host}` ? undefined : origin;
}

/** OLLAMA_ORIGINS as it is by default. */
function isAllowedOrigin(origin: string): boolean {
  return (
    /^https?:\/\/(localhost|127\.0\.0\.1|0\.0\.0\.0)(:\d+)?$/.test(origin) ||
    /^(app|file|tauri|vscode-webview|vscode-file):\/\//.test(origin)
  );
}

const STAINLESS = [
  'Arch',
  'Async',
  'Custom-Poll-Interval',
  'Helper-Method',
  'Lang',
  'Os',
  'Package-Version',
  'Poll-Helper',
  'Retry-Count',
  'Runtime',
  'Runtime-Version',
  'Timeout',
];
const ALLOWED_HEADERS = [
  ...['Authorization', 'Content-Type', 'User-Agent', 'Accept', 'X-Requested-With', 'Openai-Beta'],
  ...STAINLESS.map((name) => `X-Stainless-${name}`),
].join(',');

function preflight(origin: string): Header[] {
  return [
    ['Access-Control-Allow-Headers', ALLOWED_HEADERS],
    ['Access-Control-Allow-Methods', 'GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS'],
    ['Access-Control-Allow-Origin', origin],
    ['Access-Control-Max-Age', '43200'],
    VARY,
    ['Vary', 'Access-Control-Request-Method'],
    ['Vary', 'Access-Control-Request-Headers'],
  ];
}
