import { channel } from 'node:diagnostics_channel';
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Counts the real I/O of this process that a fake clock must wait for. */
export interface IoWatch {
  /**
   * HTTP requests of `node:http` that are not over on both ends, and file operations, under way right now.
   * @throws {Error} naming them when there were some for half a minute without a break: something waits for time itself
   */
  busy(): number;
  stop(): void;
}

const STUCK_AFTER_MS = 30_000;
/** How Node calls single operations on files and names, as against things that stay open: `FSReqPromise`, `CloseReq`, … */
const OPERATION = /Req/;

/**
 * Watches clients and servers of this process. A request counts until its client is done with it and, when its server is in
 * this process too, until that is done as well: a server that holds a request whose client has given up is told of that a
 * moment later, and until then the request is still among those that it holds.
 * @param held requests that wait for time to pass; they do not count
 */
export function watchIo(held: () => number): IoWatch {
  let lastQuiet = performance.now();
  const open = new Set<ClientRequest>();
  /** By the port of the client's end. */
  const serving = new Map<number, ServerResponse>();

  const onClient = (message: unknown): void => {
    const { request } = message as { request: ClientRequest };
    let port: number | undefined;
    open.add(request);
    request.once('socket', (socket: Socket) => {
      const note = (): void => {
        port = socket.localPort;
      };
      if (socket.connecting) socket.once('connect', note);
      else note();
    });
    request.once('close', () => {
      const response = port === undefined ? undefined : serving.get(port);
      if (response) response.once('close', () => open.delete(request));
      else open.delete(request);
    });
  };
  const onServer = (message: unknown): void => {
    const { response, socket } = message as { request: IncomingMessage; response: ServerResponse; socket: Socket };
    const port = socket.remotePort;
    if (port === undefined) return;
    serving.set(port, response);
    response.once('close', () => {
      if (serving.get(port) === response) serving.delete(port);
    });
  };
  const channels = [
    [channel('http.client.request.created'), onClient],
    [channel('http.server.request.start'), onServer],
  ] as const;
  for (const [each, listener] of channels) each.subscribe(listener);

  return {
    busy() {
      const operations = process.getActiveResourcesInfo().filter((name) => OPERATION.test(name));
      const count = open.size + operations.length - held();
      if (count <= 0) lastQuiet = performance.now();
      else if (performance.now() - lastQuiet > STUCK_AFTER_MS) {
        const requests = [...open].map(({ method, host, path }) => `${method} ${host}${path}`);
        throw new Error(`I/O does not come to rest: ${[...requests, ...operations].join(', ')}; held: ${held()}`);
      }
      return count;
    },
    stop() {
      for (const [each, listener] of channels) each.unsubscribe(listener);
    },
  };
}
