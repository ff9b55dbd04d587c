import type { IncomingMessage } from 'node:http';
import { type Clock, sleep } from '../../lib/clock.ts';
import type { Egress } from '../../lib/egress.ts';
import { EgressError } from '../../lib/egress-rules.ts';
import { createAgents } from './agents.ts';
import { readJson, readLines, readRefusal } from './answers.ts';
import type { Authorisation, KubeAccess } from './credentials.ts';
import { exchange, WireError } from './exchange.ts';
import { KubeError } from './kube-error.ts';
import { KubeConfigError } from './kubeconfig.ts';
import { createSlots } from './slots.ts';
import type { KubeRequest, KubeStream, KubeTransport } from './transport.ts';

/** One request that went out, for metrics. */
export interface CallInfo {
  /** HTTP method. */
  readonly verb: string;
  /** HTTP status; `<error>` when there was no answer, as client-go has it. */
  readonly code: string;
  /** Host and port of the API server. */
  readonly host: string;
  /** To the end of the answer; of a stream, to its beginning. */
  readonly ms: number;
  /** Whether it was sent before, by the transport itself. */
  readonly isRetry: boolean;
}

export interface HttpsTransportOptions {
  readonly access: KubeAccess;
  readonly egress: Egress;
  readonly clock: Clock;
  /** 0 up to but not 1; spreads retries. */
  readonly random: () => number;
  /** `aiops-operator/1.2.3 (linux/amd64)`. */
  readonly userAgent: string;
  readonly onCall?: (info: CallInfo) => void;
  /** Calls at a time, streams aside; default 8. */
  readonly maxSockets?: number;
}

const MAX_SOCKETS = 8;
/** The API server answers a watch at once, and a list before it has read all of it. */
const HEADERS_TIMEOUT_MS = 15_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** As in client-go. */
const MAX_RETRIES = 10;
const MAX_RETRY_AFTER_MS = 30_000;
/** `Retry-After: 0` must not become a hot loop. */
const MIN_RETRY_AFTER_MS = 100;

/** What request and stream have in common. */
interface Call<T> {
  readonly request: Pick<KubeRequest, 'path' | 'query' | 'accept' | 'contentType'> & { readonly method: string };
  readonly body: string | undefined;
  /** For one attempt. */
  readonly attemptMs: number;
  /** For everything, waits and retries included. */
  readonly wholeMs: number;
  readonly isStream: boolean;
  /** Reads an answer of 2xx. */
  readonly read: (answer: IncomingMessage, name: string, signal: AbortSignal) => Promise<T>;
}

/** Speaks HTTP/1.1 to one API server, over the product's own connections. */
export function createHttpsTransport(options: HttpsTransportOptions): KubeTransport {
  const { access, clock, random } = options;
  const base = new URL(access.server);
  const agents = createAgents(options.egress, access, options.maxSockets ?? MAX_SOCKETS);
  const slots = createSlots(options.maxSockets ?? MAX_SOCKETS);
  const running = new Set<AbortController>();
  let isClosed = false;

  /** One way there and back. */
  const attempt = async <T>(
    call: Call<T>,
    authorisation: Authorisation,
    signal: AbortSignal,
    { isRetry, isFresh }: { isRetry: boolean; isFresh: boolean },
  ): Promise<T> => {
    const name = nameOf(call);
    const leave = call.isStream ? () => {} : await slots.take(signal);
    if (isClosed) {
      leave();
      throw closedError(access);
    }
    const start = clock.monotonic();
    let code: string | undefined;
    const report = (): void =>
      options.onCall?.({
        verb: call.request.method,
        code: code ?? '<error>',
        host: base.host,
        ms: clock.monotonic() - start,
        isRetry,
      });
    try {
      const { calls, single } = agents.for(authorisation);
      const wire = {
        options: {
          ...targetOf(base, call),
          agent: call.isStream || isFresh ? single : calls,
          headers: headersOf(call, options.userAgent, authorisation),
        },
        body: call.body,
        clock,
        headersTimeoutMs: HEADERS_TIMEOUT_MS,
        timeoutMs: call.attemptMs,
        signal,
        call: name,
      };
      return await exchange(wire, async (answer) => {
        code = String(answer.statusCode ?? 0);
        if (call.isStream) report();
        const { statusCode = 0 } = answer;
        if (statusCode < 200 || statusCode > 299) throw await readRefusal(answer, name, clock.now());
        return call.read(answer, name, signal);
      });
    } finally {
      leave();
      if (!call.isStream || code === undefined) report();
    }
  };

  /** Repeats what may be repeated without asking the caller. */
  const persist = async <T>(call: Call<T>, signal: AbortSignal): Promise<T> => {
    const end = clock.monotonic() + call.wholeMs;
    let [hasRefreshed, isFresh, waits] = [false, false, 0];
    for (let isRetry = false; ; isRetry = true) {
      const authorisation = await unlessAborted(authorise(access, nameOf(call)), signal);
      try {
        return await attempt(call, authorisation, signal, { isRetry, isFresh });
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof BrokenOff) throw error.reason;
        if (error instanceof WireError && error.wasStale && !isFresh) {
          isFresh = true;
          continue;
        }
        const failure = error instanceof WireError ? unreachable(error, nameOf(call)) : error;
        if (!(failure instanceof KubeError)) throw failure;
        if (failure.code === 401) {
          if (hasRefreshed) throw notAccepted(failure, access);
          hasRefreshed = true;
          access.forget(authorisation);
          continue;
        }
        const delay = retryDelay(failure, random);
        if (delay === undefined || waits >= MAX_RETRIES || clock.monotonic() + delay >= end) throw failure;
        waits += 1;
        await sleep(clock, delay, signal);
      }
    }
  };

  /** Gives a call a signal of its own, which ends with it. */
  const perform = async <T>(call: Call<T>, parent: AbortSignal | undefined): Promise<T> => {
    if (parent?.aborted) throw parent.reason;
    if (isClosed) throw closedError(access);
    const own = new AbortController();
    const follow = (): void => own.abort(parent?.reason);
    const late = (): void =>
      own.abort(new KubeError('Timeout', `${nameOf(call)}: not done within ${call.wholeMs} ms`, { code: 0 }));
    parent?.addEventListener('abort', follow, { once: true });
    const cancel = call.wholeMs === Number.POSITIVE_INFINITY ? () => {} : clock.after(call.wholeMs, late);
    running.add(own);
    try {
      return await persist(call, own.signal);
    } finally {
      running.delete(own);
      cancel();
      parent?.removeEventListener('abort', follow);
    }
  };

  return {
    server: base.origin,
    request: async <T>(request: KubeRequest, signal?: AbortSignal) =>
      perform<T>(
        {
          request,
          body: request.body === undefined ? undefined : JSON.stringify(request.body),
          attemptMs: request.timeoutMs ?? REQUEST_TIMEOUT_MS,
          wholeMs: request.timeoutMs ?? Number.POSITIVE_INFINITY,
          isStream: false,
          read: async (answer, name) => (await readJson(answer, name)) as T,
        },
        signal,
      ),
    stream: async (stream: KubeStream, onLine, signal) =>
      perform(
        {
          request: { ...stream, method: 'GET' },
          body: undefined,
          attemptMs: Number.POSITIVE_INFINITY,
          wholeMs: stream.deadlineMs,
          isStream: true,
          read: async (answer, name, own) => {
            stream.onOpen?.();
            try {
              await readLines(answer, name, onLine, own);
            } catch (error) {
              throw new BrokenOff(error);
            }
          },
        },
        signal,
      ),
    close() {
      isClosed = true;
      for (const own of running) own.abort(closedError(access));
      agents.close();
    },
  };
}

/** A stream that had begun: some of its lines were handed over, so that it cannot be asked for again here. */
class BrokenOff {
  readonly reason: unknown;
  constructor(reason: unknown) {
    this.reason = reason;
  }
}

function nameOf({ request }: Call<unknown>): string {
  return `${request.method} ${request.path}`;
}

function targetOf(base: URL, { request }: Call<unknown>): Record<string, string | number> {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(request.query ?? {})) if (value !== undefined) query.set(key, value);
  const path = `${base.pathname.replace(/\/$/, '')}${request.path}`;
  return {
    protocol: base.protocol,
    host: base.hostname.replace(/^\[|\]$/g, ''),
    port: Number(base.port || (base.protocol === 'https:' ? 443 : 80)),
    method: request.method,
    path: query.size === 0 ? path : `${path}?${query}`,
  };
}

function headersOf(
  { request, body }: Call<unknown>,
  userAgent: string,
  { headers }: Authorisation,
): Record<string, string | string[]> {
  return {
    Accept: request.accept ?? 'application/json',
    'User-Agent': userAgent,
    ...(body === undefined
      ? {}
      : {
          'Content-Type': request.contentType ?? 'application/json',
          'Content-Length': String(Buffer.byteLength(body)),
        }),
    ...headers,
  };
}

/** How long to wait before the same is asked again; `undefined` when the caller has to decide. */
function retryDelay({ code, reason, retryAfterSeconds }: KubeError, random: () => number): number | undefined {
  // It comes with Retry-After, but the storage does not become newer by waiting: an informer must hear of it.
  if (retryAfterSeconds === undefined || reason === 'ResourceVersionTooLarge') return undefined;
  if (code !== 429 && code < 500) return undefined;
  const asked = Math.max(MIN_RETRY_AFTER_MS, retryAfterSeconds * 1000);
  return Math.min(MAX_RETRY_AFTER_MS, asked * (1 + random() / 4));
}

async function authorise(access: KubeAccess, call: string): Promise<Authorisation> {
  try {
    return await access.authorise();
  } catch (error) {
    if (!(error instanceof KubeConfigError)) throw error;
    throw new KubeError('Unauthorized', `${call}: ${error.message}`, { code: 0, cause: error });
  }
}

/** Ends the wait with the signal, not the work. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

function notAccepted(failure: KubeError, access: KubeAccess): KubeError {
  return new KubeError('Unauthorized', `${failure.message}: ${access.describe()} does not accept our credentials`, {
    code: 401,
  });
}

function closedError(access: KubeAccess): KubeError {
  return new KubeError('Unreachable', `the connection to ${access.server} was closed by ourselves`, { code: 0 });
}

const BY_ERRNO: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  ENOTFOUND: 'the name of the API server is not known',
  EAI_AGAIN: 'no name server answers',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ETIMEDOUT: 'no connection in time',
};

/** The cause is kept only where it is our own: those of Node's parser hold what the server sent. */
function unreachable({ cause }: WireError, call: string): KubeError {
  const { code = '', message = '' } = (cause ?? {}) as NodeJS.ErrnoException;
  const why = code.startsWith('HPE_') ? 'the answer is not HTTP' : (BY_ERRNO[code] ?? (message || code));
  return new KubeError('Unreachable', `${call}: ${why}`, {
    code: 0,
    ...(cause instanceof EgressError ? { cause } : {}),
  });
}
