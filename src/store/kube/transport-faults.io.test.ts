import { getEventListeners } from 'node:events';
import type http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../../test/builders/fake-clock.ts';
import {
  type KubeReply,
  type KubeResponder,
  reset,
  startKubeResponder,
} from '../../../test/builders/kube-responder.ts';
import {
  kubeFailure,
  OK,
  statusReply,
  THINGS,
  type TransportSetting,
  until,
  useTransports,
} from '../../../test/builders/kube-transport.ts';

const transports = useTransports();
const path = THINGS;

describe('a connection that breaks', () => {
  it.each(['GET', 'POST'] as const)('when it is used again, %s is sent once more at once', async (method) => {
    let isBroken = false;
    const { responder, transport, calls } = await transports.start({
      reply: () => {
        if (!isBroken) return OK;
        isBroken = false;
        return (_answer, socket) => reset(socket);
      },
    });
    await transport.request({ method: 'GET', path });
    isBroken = true;
    expect(await transport.request({ method, path, ...(method === 'POST' ? { body: { name: 'a' } } : {}) })).toEqual({
      kind: 'Thing',
    });
    expect(responder.seen.map((one) => one.method)).toEqual(['GET', method, method]);
    expect(responder.connections()).toBe(2);
    expect(calls.map(({ code }) => code)).toEqual(['200', '<error>', '200']);
  });

  it('twice is for the caller', async () => {
    const { responder, transport } = await transports.start({
      reply: (_call, index) => (index === 0 ? OK : (_answer, socket) => reset(socket)),
    });
    await transport.request({ method: 'GET', path });
    expect(await kubeFailure(transport.request({ method: 'GET', path }))).toMatchObject({
      reason: 'Unreachable',
      code: 0,
    });
    expect(responder.seen).toHaveLength(3);
  });

  it('when it was new is for the caller', async () => {
    const { responder, transport } = await transports.start({ reply: () => (_answer, socket) => reset(socket) });
    expect(await kubeFailure(transport.request({ method: 'POST', path, body: {} }))).toMatchObject({
      reason: 'Unreachable',
    });
    expect(responder.seen).toHaveLength(1);
  });

  it('after the first byte of an answer is for the caller: the call may have had its effect', async () => {
    const { responder, transport } = await transports.start({
      reply: (_call, index) =>
        index === 0 ? OK : (_answer, socket) => socket.write('HTTP/1.1 20', () => socket.destroy()),
    });
    await transport.request({ method: 'GET', path });
    expect(await kubeFailure(transport.request({ method: 'POST', path, body: {} }))).toMatchObject({
      reason: 'Unreachable',
    });
    expect(responder.seen).toHaveLength(2);
  });

  it('while nobody used it is not noticed', async () => {
    const { responder, transport } = await transports.start();
    await Promise.all(Array.from({ length: 8 }, () => transport.request({ method: 'GET', path })));
    responder.resetAll();
    await Promise.all(Array.from({ length: 8 }, () => transport.request({ method: 'POST', path, body: {} })));
  });

  it.each<[string, (answer: http.ServerResponse) => void]>([
    ['by length', (answer) => answer.writeHead(200, { 'content-length': 100 }).write('{"a":')],
    ['by chunks', (answer) => answer.writeHead(200).write('{"a":1}')],
  ])('in the middle of an answer is for the caller (%s)', async (_name, write) => {
    const { responder, transport } = await transports.start({
      reply: () => (answer, socket) => {
        write(answer);
        setTimeout(() => socket.destroy(), 10);
      },
    });
    const error = await kubeFailure(transport.request({ method: 'GET', path }));
    expect(error).toMatchObject({ reason: 'Unreachable', code: 0 });
    expect(error.message).toMatch(/broke off/);
    expect(responder.seen).toHaveLength(1);
  });

  it('and whatever is no HTTP is for the caller, without what was sent', async () => {
    const { transport } = await transports.start({
      reply: () => (_answer, socket) => socket.end('secret-nonsense\r\n\r\n'),
    });
    const error = await kubeFailure(transport.request({ method: 'GET', path }));
    expect(error.message).toMatch(/the answer is not HTTP/);
    expect(error.cause).toBeUndefined();
  });

  it('or cannot be made is told apart', async () => {
    const free = await startKubeResponder(() => OK);
    await free.close();
    const refused = await transports.start({ server: () => `https://127.0.0.1:${free.port}` });
    expect((await kubeFailure(refused.transport.request({ method: 'GET', path }))).message).toMatch(
      /connection refused/,
    );
    expect(refused.calls[0]?.code).toBe('<error>');
    const forbidden = await transports.start({ server: () => 'https://169.254.169.254', egress: { mode: 'default' } });
    expect((await kubeFailure(forbidden.transport.request({ method: 'GET', path }))).message).toMatch(
      /link-local or metadata/,
    );
    const outside = await transports.start({ server: () => 'https://192.0.2.1' });
    expect((await kubeFailure(outside.transport.request({ method: 'GET', path }))).message).toMatch(
      /--egress loopback/,
    );
  });
});

describe('time', () => {
  const hang: KubeReply = () => {};

  it('for the headers ends after 15 s', async () => {
    const clock = createFakeClock();
    const { responder, transport } = await transports.start({ reply: () => hang, options: { clock } });
    const asked = kubeFailure(transport.request({ method: 'GET', path }));
    await until(() => responder.seen.length === 1);
    await clock.advance(14_999);
    expect(responder.open()).toBe(1);
    await clock.advance(1);
    expect(await asked).toMatchObject({
      reason: 'Timeout',
      code: 0,
      message: `GET ${path}: no answer within 15000 ms`,
    });
    await until(() => responder.open() === 0);
    expect(clock.waiting).toBe(0);
  });

  it.each([
    [undefined, 30_000],
    [5000, 5000],
  ])('for a body, with %s given, ends after %i ms', async (timeoutMs, expected) => {
    const clock = createFakeClock();
    let begun = false;
    const { responder, transport } = await transports.start({
      reply: () => (answer) => {
        answer.writeHead(200).write('{');
        begun = true;
      },
      options: { clock },
    });
    const asked = kubeFailure(transport.request({ method: 'GET', path, ...(timeoutMs ? { timeoutMs } : {}) }));
    await until(() => begun);
    await wait(20);
    await clock.advance(expected);
    expect(await asked).toMatchObject({ reason: 'Timeout', code: 0 });
    await until(() => responder.open() === 0);
  });

  it('that is given counts the wait for a place and for credentials too', async () => {
    const clock = createFakeClock();
    const { responder, transport } = await transports.start({ reply: () => hang, options: { clock, maxSockets: 1 } });
    const first = kubeFailure(transport.request({ method: 'GET', path }));
    await until(() => responder.seen.length === 1);
    const second = kubeFailure(transport.request({ method: 'PUT', path, timeoutMs: 5000 }));
    await clock.advance(5000);
    expect(await second).toMatchObject({ reason: 'Timeout' });
    await clock.advance(10_000);
    await first;
    expect(responder.seen).toHaveLength(1);

    const slow = await transports.start({ access: { authorise: () => new Promise(() => {}) }, options: { clock } });
    const third = kubeFailure(slow.transport.request({ method: 'GET', path, timeoutMs: 5000 }));
    await clock.advance(5000);
    expect(await third).toMatchObject({ reason: 'Timeout' });
  });

  it('for a TLS handshake that never ends is 5 s', async () => {
    const server = net.createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const sockets: net.Socket[] = [];
    server.on('connection', (socket) => sockets.push(socket.on('error', () => {})));
    transports.closing.push(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const { transport } = await transports.start({
      server: () => `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    });
    const began = performance.now();
    const error = await kubeFailure(transport.request({ method: 'GET', path }));
    expect(error).toMatchObject({ reason: 'Unreachable' });
    expect(error.message).toMatch(/no connection within 5000 ms/);
    expect(performance.now() - began).toBeGreaterThan(4500);
  });
});

describe('the signal of the caller', () => {
  const reason = new Error('enough');

  it.each<[string, TransportSetting, (world: { responder: KubeResponder }) => Promise<unknown>]>([
    ['before anything', {}, async () => {}],
    ['while credentials are fetched', { access: { authorise: () => new Promise(() => {}) } }, () => wait(10)],
    [
      'while it waits for headers',
      { reply: () => () => {} },
      ({ responder }) => until(() => responder.seen.length === 1),
    ],
    [
      'while it reads',
      { reply: () => (answer) => answer.writeHead(200).write('{') },
      ({ responder }) => until(() => responder.seen.length === 1).then(() => wait(20)),
    ],
    [
      'while it waits to ask again',
      { reply: () => statusReply(429, {}, { 'retry-after': '20' }) },
      ({ responder }) => until(() => responder.seen.length === 1).then(() => wait(20)),
    ],
  ])('ends a call %s', async (_name, setting, begun) => {
    const world = await transports.start(setting);
    const controller = new AbortController();
    if (_name === 'before anything') controller.abort(reason);
    const asked = world.transport.request({ method: 'GET', path }, controller.signal).catch((error: unknown) => error);
    await begun(world);
    controller.abort(reason);
    expect(await asked).toBe(reason);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
    if (_name.includes('headers') || _name.includes('reads')) await until(() => world.responder.open() === 0);
  });

  it('ends a call while it connects, or waits for a place', async () => {
    const server = net.createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const sockets: net.Socket[] = [];
    server.on('connection', (socket) => sockets.push(socket.on('error', () => {})));
    transports.closing.push(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const { transport } = await transports.start({
      server: () => `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
      options: { maxSockets: 1 },
    });
    const controller = new AbortController();
    const asked = [1, 2].map(() =>
      transport.request({ method: 'GET', path }, controller.signal).catch((error: unknown) => error),
    );
    await until(() => sockets.length === 1);
    controller.abort(reason);
    expect(await Promise.all(asked)).toEqual([reason, reason]);
    expect(sockets).toHaveLength(1);
  });

  it('keeps nothing of thousands of calls', async () => {
    const { transport } = await transports.start({ plain: true });
    const { signal } = new AbortController();
    const warnings: Error[] = [];
    const note = (warning: Error): void => void warnings.push(warning);
    process.on('warning', note);
    for (let index = 0; index < 100; index += 1) {
      await Promise.all(Array.from({ length: 30 }, () => transport.request({ method: 'GET', path }, signal)));
    }
    await wait(0);
    process.off('warning', note);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    expect(warnings).toEqual([]);
  });
});
