import { channel } from 'node:diagnostics_channel';
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Counts the real I/O of this process that a fake clock must wait for. */
export interface IoWatch {
  /** HTTP requests of `node:http` that are not over on both ends, and file operations, under way right now. */
  busy(): number;
  stop(): void;
}

/** File work of `node:fs/promises`; looking up a name, should anything do that. */
const COUNTED = new Set(['FSReqPromise', 'FSReqCallback', 'FILEHANDLECLOSEREQ', 'GetAddrInfoReqWrap']);

/**
 * Watches clients and servers of this process. A request counts until its client is done with it and, when its server is in
 * this process too, until that is done as well: a server that holds a request whose client has given up is told of that a
 * moment later, and until then the request is still among those that it holds.
 */
export function watchIo(): IoWatch {
  const open = new Set<ClientRequest>();
  /** By the port of the client's end. */
  const serving = new Map<number, ServerResponse>();

  const onClient = (message: unknown): void => {
    const { request } = message as { request: ClientRequest };
    let port: number | undefined;
    open.add(request);
    request.once('socket', (socket: Socket) => {
      if (!socket.connecting) port = socket.localPort;
      else socket.once('connect', () => (port = socket.localPort));
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
    busy: () => open.size + process.getActiveResourcesInfo().filter((name) => COUNTED.has(name)).length,
    stop() {
      for (const [each, listener] of channels) each.unsubscribe(listener);
    },
  };
}
