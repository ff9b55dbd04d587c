import type { EpochMs } from '../../lib/clock.ts';
import { createRedactor } from '../../telemetry/redact.ts';
import { KubeError, type KubeReason } from './kube-error.ts';

/** What an error is about, and what stood outside the `Status`. */
export interface StatusContext {
  /** For the message: `GET /api/v1/pods`. Default: `the API server`. */
  readonly call?: string;
  /** From the header `Retry-After`; the one in the Status gives way to it. */
  readonly retryAfterSeconds?: number | undefined;
}

/** An answer that is not what was asked for. */
export interface FailedAnswer {
  readonly code: number;
  /** The header `Retry-After`. */
  readonly retryAfter?: string | undefined;
  /** As it came; an end that is missing does no harm. */
  readonly body: string;
  readonly call: string;
}

/** Reasons of the server that are taken over, and those that mean the same. Source: `metav1.StatusReason`. */
const REASONS: Readonly<Record<string, KubeReason>> = {
  NotFound: 'NotFound',
  AlreadyExists: 'AlreadyExists',
  Conflict: 'Conflict',
  Invalid: 'Invalid',
  BadRequest: 'BadRequest',
  Unauthorized: 'Unauthorized',
  Forbidden: 'Forbidden',
  Gone: 'Gone',
  Expired: 'Expired',
  TooManyRequests: 'TooManyRequests',
  UnsupportedMediaType: 'UnsupportedMediaType',
  Timeout: 'Timeout',
  ServerTimeout: 'Timeout',
};

/** What a code means when the server gives no reason, or one that is not known here. */
const BY_CODE: Readonly<Record<number, KubeReason>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Gone',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  429: 'TooManyRequests',
  504: 'Timeout',
};

const MAX_MESSAGE = 1024;
const MAX_TEXT = 200;
const MAX_CAUSES = 20;

/**
 * What a `Status` of Kubernetes says, as an error. It may come as an answer or as the object of a watch's `ERROR` event.
 * @param status whatever was received; what it lacks is made up for by `code`
 * @param code the HTTP status; default is the one in the Status
 */
export function errorFromStatus(status: unknown, code?: number, context: StatusContext = {}): KubeError {
  const fields = fieldsOf(status);
  const details = fieldsOf(fields['details']);
  const answered = code ?? numberOf(fields['code']) ?? 0;
  const causes = (Array.isArray(details['causes']) ? details['causes'] : []).map(fieldsOf);
  const reason = causes.some((cause) => cause['reason'] === 'ResourceVersionTooLarge')
    ? 'ResourceVersionTooLarge'
    : (reasonOf(textOf(fields['reason'])) ?? BY_CODE[answered] ?? 'Failed');
  const { call = 'the API server', retryAfterSeconds = secondsOf(details['retryAfterSeconds']) } = context;
  const said = clean(textOf(fields['message']), MAX_MESSAGE) || textOf(fields['reason']) || 'no reason given';
  return new KubeError(reason, `${call}: ${said} (${reason}, ${answered})`, {
    code: answered,
    causes: causes.slice(0, MAX_CAUSES).map(causeText),
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  });
}

/** What an answer with an error says, whether or not it is a `Status`. */
export function errorFromAnswer({ code, retryAfter, body, call }: FailedAnswer, now: EpochMs): KubeError {
  const context = { call, retryAfterSeconds: parseRetryAfter(retryAfter, now) };
  const status = parseStatus(body);
  if (status !== undefined) return errorFromStatus(status, code, context);
  if (code === 404) {
    return new KubeError('NotInstalled', `${call}: the API server does not have this kind (404)`, { code });
  }
  const hint = code >= 300 && code < 400 ? 'redirects are not followed' : clean(body, MAX_TEXT) || 'no reason given';
  return errorFromStatus({ message: hint }, code, context);
}

/**
 * Reads `Retry-After`: seconds, or a date.
 * @returns seconds from `now`, `undefined` without a readable header
 */
export function parseRetryAfter(header: string | undefined, now: EpochMs): number | undefined {
  const text = header?.trim() ?? '';
  if (/^\d{1,9}$/.test(text)) return Number(text);
  const date = /^[A-Za-z]{3}, /.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, Math.ceil((date - now) / 1000));
}

function reasonOf(word: string): KubeReason | undefined {
  return Object.hasOwn(REASONS, word) ? REASONS[word] : undefined;
}

type Fields = Readonly<Record<string, unknown>>;

function parseStatus(body: string): Fields | undefined {
  if (!body.trimStart().startsWith('{')) return undefined;
  try {
    const parsed = fieldsOf(JSON.parse(body));
    return parsed['kind'] === 'Status' ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function causeText(cause: Fields): string {
  const field = textOf(cause['field']);
  const message = clean(textOf(cause['message']), MAX_TEXT) || textOf(cause['reason']);
  return field === '' ? message : `${field}: ${message}`;
}

/** Text of others on one line, bounded, without what looks like a secret: a server may quote what it was sent. */
function clean(text: string, length: number): string {
  const line = createRedactor()
    .text(text.slice(0, 4 * length))
    .replace(/\s+/g, ' ')
    .trim();
  return line.length > length ? `${line.slice(0, length - 1)}…` : line;
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) ? value : undefined;
}

function secondsOf(value: unknown): number | undefined {
  const seconds = numberOf(value);
  return seconds !== undefined && seconds > 0 ? seconds : undefined;
}
