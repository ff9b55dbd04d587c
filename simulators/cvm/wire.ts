import type { IncomingMessage } from 'node:http';
import { ApiError, type Language } from './api-error.ts';
import type { SignedRequest } from './signature.ts';
import { unflatten } from './validate.ts';

/** Largest body of a request signed with TC3. */
const MAX_BODY_BYTES = 10 * 1024 * 1024;
const MAX_QUERY_BYTES = 32 * 1024;

/** An API request, as it was understood; nothing has been checked. */
export interface WireCall {
  readonly request: SignedRequest;
  /** V1: the parameters that are signed, flat. Absent: TC3. */
  readonly signedParams: Readonly<Record<string, string>> | undefined;
  readonly action: string;
  readonly version: string;
  readonly region: string;
  readonly token: string;
  readonly language: Language;
  readonly traceId: string | undefined;
  /** Parameters of the action; unreadable JSON is an error of its own. */
  readonly params: unknown;
  /** Whether the parameters came as texts (query, form). */
  readonly isText: boolean;
}

/** Parameters of a V1 request that belong to the protocol, not to the action. */
const COMMON = [
  'Action',
  'Version',
  'Region',
  'Timestamp',
  'Nonce',
  'SecretId',
  'Signature',
  'SignatureMethod',
  'Token',
  'Language',
  'RequestClient',
];

/** Splits a request target, which may be in absolute form as a proxy gets it. */
export function splitTarget(target: string): { path: string; query: string } {
  const local = /^https?:\/\/[^/?]*/i.test(target) ? target.replace(/^https?:\/\/[^/?]*/i, '') : target;
  const mark = local.indexOf('?');
  const path = mark < 0 ? local : local.slice(0, mark);
  return { path: path === '' ? '/' : path, query: mark < 0 ? '' : local.slice(mark + 1) };
}

/** Reads a body. @throws {ApiError} `RequestSizeLimitExceeded` */
export async function readBody(message: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of message as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes <= MAX_BODY_BYTES) pieces.push(piece);
  }
  if (bytes > MAX_BODY_BYTES) throw tooLarge();
  return Buffer.concat(pieces);
}

function tooLarge(): ApiError {
  return new ApiError('RequestSizeLimitExceeded', 'The request is too large.', '请求包超过限制大小。');
}

/** Understands a request of either signature kind. @throws {ApiError} for what cannot be read at all */
export function readCall(message: IncomingMessage, body: Buffer): WireCall {
  const { path, query } = splitTarget(message.url ?? '/');
  const headers = Object.fromEntries(
    Object.entries(message.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(',') : value]),
  );
  const request: SignedRequest = { method: message.method ?? 'GET', path, query, headers, body };
  if (request.method !== 'GET' && request.method !== 'POST') {
    throw new ApiError('UnsupportedProtocol', 'Only GET and POST are supported.', '仅支持GET与POST请求。');
  }
  if (request.method === 'GET' && query.length > MAX_QUERY_BYTES) throw tooLarge();
  const isForm = /^application\/x-www-form-urlencoded/i.test(headers['content-type'] ?? '');
  const flat =
    request.method === 'GET'
      ? toFlat(query)
      : isForm && !headers['authorization']
        ? toFlat(body.toString('utf8'))
        : undefined;
  const traceId = headers['x-tc-traceid'];
  if (flat && !headers['authorization'] && flat['Signature'] !== undefined) {
    const own = Object.fromEntries(Object.entries(flat).filter(([name]) => !COMMON.includes(name)));
    return {
      request,
      signedParams: flat,
      action: flat['Action'] ?? '',
      version: flat['Version'] ?? '',
      region: flat['Region'] ?? '',
      token: flat['Token'] ?? '',
      language: toLanguage(flat['Language']),
      traceId,
      params: unflatten(own),
      isText: true,
    };
  }
  return {
    request,
    signedParams: undefined,
    action: headers['x-tc-action'] ?? '',
    version: headers['x-tc-version'] ?? '',
    region: headers['x-tc-region'] ?? '',
    token: headers['x-tc-token'] ?? '',
    language: toLanguage(headers['x-tc-language']),
    traceId,
    params: flat ? unflatten(flat) : readJson(body),
    isText: flat !== undefined,
  };
}

function toFlat(text: string): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(text));
}

function toLanguage(text: string | undefined): Language {
  return text === 'en-US' ? 'en-US' : 'zh-CN';
}

/** Stands for a body that is not JSON, so that the signature is checked before anybody complains about it. */
export const UNREADABLE = Symbol('unreadable');

function readJson(body: Buffer): unknown {
  if (body.length === 0) return {};
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : UNREADABLE;
  } catch {
    return UNREADABLE;
  }
}
