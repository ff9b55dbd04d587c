import type http from 'node:http';
import type { z } from 'zod';
import { type Clock, sleep, withDeadline } from '../../lib/clock.ts';
import type { Egress } from '../../lib/egress.ts';
import { EgressError } from '../../lib/egress-rules.ts';
import type { CloudCredentials } from '../cloud.ts';
import { CloudError, type CloudReason } from '../errors.ts';
import { classify, isForAllActions, mayHelpToRefreshKeys } from './classify.ts';
import { canForget } from './credentials.ts';
import type { Limiter } from './limiter.ts';
import { explain } from './messages.ts';

/** A service of the vendor's, as its host and CAM policies name it. */
export type Service = 'cvm' | 'tag';

/** Where the calls of all accounts go, and what they share. */
export interface Transport {
  /** Host with port, as the SDK wants it, without scheme. */
  readonly endpoints: Readonly<Record<Service, string>>;
  readonly protocol: 'http:' | 'https:';
  readonly agent: http.Agent;
  readonly egress: Egress;
  readonly clock: Clock;
  /** 0 up to but not 1; spreads retries. */
  readonly random: () => number;
  readonly timeouts: Timeouts;
  readonly onCall: OnCall;
}

/** How long one attempt may take, in milliseconds on the clock. */
export interface Timeouts {
  readonly readMs: number;
  readonly buyMs: number;
}

/** Told of every attempt. `code` is `OK`, the vendor's code, or our reason where no readable answer came. */
export type OnCall = (action: string, code: string, ms: number) => void;

/** `read` is repeated when that is harmless and may help, `buy` never. What may be done twice with one effect counts as `read`. */
export type CallKind = 'read' | 'buy';

export interface Call<T> {
  /** Whose action it is; default `cvm`. */
  readonly service?: Service;
  readonly action: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly answer: z.ZodType<T>;
  readonly kind: CallKind;
  /** What to answer when the vendor says with an error that things are so already. */
  readonly whenDone?: T;
  /** Asked after the wait for the rate limit; when it says no, nothing is sent and the call fails with {@link NotSent}. */
  readonly mayGo?: (() => boolean) | undefined;
}

/** Makes calls in one region with one set of keys. */
export interface Client {
  readonly region: string;
  /** @throws {CloudError}; the signal's own reason once it is aborted */
  call<T>(call: Call<T>, signal: AbortSignal): Promise<T>;
}

/** A call that was given up before it was sent. */
export class NotSent extends Error {
  override readonly name = 'NotSent';
}

const READ_ATTEMPTS = 3;
const FIRST_RETRY_MS = 500;

interface Keys {
  readonly secretId: string;
  readonly secretKey: string;
  readonly token?: string;
}

export function createClient(options: {
  transport: Transport;
  limiter: Limiter;
  credentials: CloudCredentials;
  region: string;
}): Client {
  const { transport, limiter, credentials, region } = options;
  const { clock, random, onCall } = transport;

  const attempt = async <T>(call: Call<T>, signal: AbortSignal): Promise<T> => {
    const keys = await credentials.getCredentials(signal);
    const admission = await limiter.acquire(call.action, signal);
    if (call.mayGo?.() === false) throw new NotSent(`${call.action} was given up before it was sent`);
    const start = clock.monotonic();
    const report = (code: string): void => onCall(call.action, code, clock.monotonic() - start);
    try {
      const answer = await send(transport, region, keys, call, signal);
      limiter.succeeded(admission);
      report('OK');
      return answer;
    } catch (error) {
      // Whoever stopped us wants their own reason back, not a story about the network.
      if (signal.aborted) throw signal.reason;
      const failure = toFailure(error);
      const reason = failure.reason ?? classify(call.action, failure.code);
      report(failure.code || reason);
      if (reason === 'Throttled') limiter.throttled(admission, isForAllActions(failure.code));
      if (reason === 'Done' && call.whenDone !== undefined) return call.whenDone;
      const known = reason === 'Done' ? 'Unexpected' : reason;
      const about = { action: call.action, region, source: credentials.source, ...failure };
      const message = explain(known, about, [keys.secretId, keys.secretKey, keys.token ?? '']);
      throw new CloudError(known, message, {
        action: call.action,
        code: failure.code,
        requestId: failure.requestId,
        cause: failure.cause,
      });
    }
  };

  return {
    region,
    async call(call, signal) {
      let hasRefreshed = false;
      for (let tried = 1; ; tried += 1) {
        try {
          return await attempt(call, signal);
        } catch (error) {
          if (!(error instanceof CloudError)) throw error;
          const isStale = mayHelpToRefreshKeys(error.code) && canForget(credentials);
          if (isStale) credentials.forget();
          if (call.kind === 'buy') throw error;
          if (isStale && !hasRefreshed) {
            hasRefreshed = true;
            continue;
          }
          if (!mayHelpToRepeat(error) || tried >= READ_ATTEMPTS) throw error;
          // A throttled call waits in the limiter, with everybody else.
          if (error.reason !== 'Throttled')
            await sleep(clock, FIRST_RETRY_MS * 2 ** tried * (0.5 + random() / 2), signal);
        }
      }
    },
  };
}

function mayHelpToRepeat(error: CloudError): boolean {
  if (error.cause instanceof EgressError) return false;
  return error.reason === 'ServerError' || error.reason === 'Unreachable' || error.reason === 'Throttled';
}

/** Without an HTTP answer, or with one that is not readable, nothing says whether the call had its effect. */
class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
}

async function send<T>(
  transport: Transport,
  region: string,
  keys: Keys,
  call: Call<T>,
  parent: AbortSignal,
): Promise<T> {
  const { endpoints, protocol, agent, egress, clock, timeouts } = transport;
  const service = call.service ?? 'cvm';
  const endpoint = endpoints[service];
  const url = new URL(`${protocol}//${endpoint}`);
  egress.assertTarget(url.hostname, Number(url.port || (protocol === 'https:' ? 443 : 80)));
  const openSdk = await loadSdk(service);
  const ms = call.kind === 'buy' ? timeouts.buyMs : timeouts.readMs;
  const raw = await withDeadline(clock, ms, parent, async (signal) => {
    // A client holds no connection, only its settings: those change with the keys.
    const sdk = openSdk({
      credential: { ...keys },
      region,
      profile: {
        language: 'en-US',
        // The deadline is ours (0 switches the SDK's off). With an agent given, it looks at no proxy variable.
        httpProfile: { endpoint, protocol: `${protocol}//`, reqMethod: 'POST', reqTimeout: 0, agent },
      },
    });
    try {
      // Uncompressed: the agent's limit counts what arrives, and a small answer must not become a large one.
      return await sdk.request(call.action, call.body, { signal, headers: { 'Accept-Encoding': 'identity' } });
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw error;
    }
  });
  const parsed = call.answer.safeParse(raw);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new NoAnswer(`the answer does not fit: Response.${issue?.path.join('.')}: ${issue?.message}`);
}

type Sdk = import('tencentcloud-sdk-nodejs-common').CommonClient;
type OpenSdk = (config: ConstructorParameters<typeof import('tencentcloud-sdk-nodejs-common').CommonClient>[2]) => Sdk;

const TAG_VERSION = '2018-08-13';

/** Loaded on the first call: the SDK costs 50 ms and 26 MiB, and a start without a pool needs none of it. */
async function loadSdk(service: Service): Promise<OpenSdk> {
  if (service === 'tag') {
    // One action needs no client of its own.
    const { CommonClient } = await import('tencentcloud-sdk-nodejs-common');
    return (config) => new CommonClient(config.profile?.httpProfile?.endpoint ?? '', TAG_VERSION, config);
  }
  const { Client: Sdk } = await import('tencentcloud-sdk-nodejs-cvm/tencentcloud/services/cvm/v20170312/cvm_client.js');
  return (config) => new Sdk(config);
}

interface CallFailure {
  /** Given where there is no code to look up. */
  readonly reason?: CloudReason;
  readonly code: string;
  readonly requestId: string;
  readonly detail: string;
  readonly cause: unknown;
}

/** Tells the SDK's exceptions apart; it wraps some failures, and lets others through as `FetchError` or `TypeError`. */
function toFailure(error: unknown): CallFailure {
  const { code, requestId, httpCode, name } = error as Record<string, unknown>;
  const detail = error instanceof Error ? error.message : String(error);
  // Network errors have a `code` too, but no request.
  if (typeof requestId === 'string' && typeof code === 'string' && code !== '') {
    return { code, requestId, detail, cause: undefined };
  }
  const blank = { code: '', requestId: '' };
  if (typeof httpCode === 'number') {
    const text = `HTTP ${httpCode}${detail === '' ? '' : ` ${detail}`}`;
    const hint = httpCode >= 300 && httpCode < 400 ? ': redirects are not followed' : '';
    return {
      ...blank,
      reason: httpCode >= 500 ? 'ServerError' : 'Unreachable',
      detail: `${text}${hint}`,
      cause: undefined,
    };
  }
  const isSafeToKeep = error instanceof EgressError || error instanceof NoAnswer || name === 'TimeoutError';
  return { ...blank, reason: 'Unreachable', detail, cause: isSafeToKeep ? error : undefined };
}
