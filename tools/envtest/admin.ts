import { Agent, type RequestOptions, request } from 'node:https';

export interface AdminRequest {
  /** Sent as JSON. */
  readonly body?: unknown;
  /** For patches: `application/merge-patch+json` and its like. Default `application/json`. */
  readonly contentType?: string;
  readonly signal?: AbortSignal;
}

export interface AdminAnswer<Body = unknown> {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The JSON that came, or the text where it was none. */
  readonly body: Body;
}

/** A plain way to talk to the API server, so that tests need no client of the program that they test. */
export interface AdminClient {
  /** Any status is an answer; only what is none throws. */
  request<Body = unknown>(
    method: string,
    path: string,
    token: string | undefined,
    options?: AdminRequest,
  ): Promise<AdminAnswer<Body>>;
  /** Ends its connections; the next request opens a new one. */
  disconnect(): void;
}

/** So long an answer may take; the API server gives up after 60 s itself. */
const TIMEOUT_MS = 65_000;

export function createAdminClient(url: string, ca: string): AdminClient {
  const open = (): Agent => new Agent({ keepAlive: true, ca });
  let agent = open();
  return {
    async request<Body>(method: string, path: string, token: string | undefined, options: AdminRequest = {}) {
      const { body, contentType = 'application/json', signal } = options;
      const payload = body === undefined ? undefined : JSON.stringify(body);
      const headers = {
        accept: 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(payload === undefined ? {} : { 'content-type': contentType, 'content-length': Buffer.byteLength(payload) }),
      };
      const limit = AbortSignal.timeout(TIMEOUT_MS);
      const ends = signal === undefined ? limit : AbortSignal.any([signal, limit]);
      const answer = await send(new URL(path, url), { method, headers, agent, signal: ends }, payload);
      return answer as AdminAnswer<Body>;
    },
    disconnect() {
      agent.destroy();
      agent = open();
    },
  };
}

function send(url: URL, options: RequestOptions, payload: string | undefined): Promise<AdminAnswer> {
  return new Promise((resolve, reject) => {
    const call = request(url, options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: parse(text) });
      });
    });
    call.on('error', reject);
    call.end(payload);
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
