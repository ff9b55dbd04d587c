import http from 'node:http';
import type { AddressInfo } from 'node:net';

/** One request as it arrived. */
export interface SeenRequest {
  readonly action: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Record<string, unknown>;
}

/** What to answer: the members of `Response`, an error by code, or anything at all by hand. */
export type Reply =
  | { readonly response: Record<string, unknown> }
  | { readonly error: string; readonly message?: string }
  | ((answer: http.ServerResponse) => void);

export interface CvmResponder {
  readonly url: string;
  readonly port: number;
  readonly seen: SeenRequest[];
  /** Requests whose answer has not been sent; for a fake clock's `busy`. */
  busy(): number;
  close(): Promise<void>;
}

/** A server that speaks the CVM API's envelope and knows nothing of machines: what the simulator does not say on purpose. */
export async function startCvmResponder(reply: (request: SeenRequest, index: number) => Reply): Promise<CvmResponder> {
  const seen: SeenRequest[] = [];
  let open = 0;
  const server = http.createServer((request, answer) => {
    open += 1;
    answer.once('close', () => {
      open -= 1;
    });
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8');
      const one = {
        action: String(request.headers['x-tc-action'] ?? ''),
        headers: request.headers,
        body: text.startsWith('{') ? JSON.parse(text) : {},
      };
      seen.push(one);
      send(answer, reply(one, seen.length - 1));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    seen,
    busy: () => open,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

function send(answer: http.ServerResponse, reply: Reply): void {
  if (typeof reply === 'function') {
    reply(answer);
    return;
  }
  const response = 'error' in reply ? { Error: { Code: reply.error, Message: reply.message ?? 'no' } } : reply.response;
  answer.writeHead(200, { 'content-type': 'application/json' });
  answer.end(JSON.stringify({ Response: { ...response, RequestId: 'request-1' } }));
}
