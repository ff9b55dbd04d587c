import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../../test/builders/fake-clock.ts';
import { createTestAuthority, startKubeResponder } from '../../../test/builders/kube-responder.ts';
import { kubeFailure, OK, THINGS, until, useTransports } from '../../../test/builders/kube-transport.ts';
import { createEgress } from '../../lib/egress.ts';
import { loadKubeConfig } from './credentials.ts';
import { createHttpsTransport } from './https-transport.ts';
import type { KubeTransport } from './transport.ts';

const transports = useTransports();
const path = THINGS;

describe('who we are', () => {
  it('a new certificate or CA means new connections; what runs on old ones ends there', async () => {
    const [mine, next] = [await transports.authority.issue('mine'), await transports.authority.issue('next')];
    let finish = (): void => {};
    const { responder, transport, me } = await transports.start({
      clientCa: transports.authority.ca,
      me: { ...mine },
      reply: ({ method }) => {
        if (method === 'GET') return OK;
        return (answer) => {
          finish = () => answer.end('{"kind":"Slow"}');
        };
      },
    });
    await Promise.all([1, 2].map(() => transport.request({ method: 'GET', path })));
    const slow = transport.request({ method: 'PUT', path, body: {} });
    await until(() => responder.seen.length === 3);
    Object.assign(me, next);
    await transport.request({ method: 'GET', path });
    expect(responder.seen.map(({ clientName }) => clientName)).toEqual(['mine', 'mine', 'mine', 'next']);
    // The idle one went, the busy one stays until it is done.
    await until(() => responder.open() === 2);
    finish();
    expect(await slow).toEqual({ kind: 'Slow' });
    await until(() => responder.open() === 1);
    await transport.request({ method: 'GET', path });
    expect(responder.connections()).toBe(3);
  });

  it('a server with a certificate of a new authority is trusted as soon as ca.crt says so', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kube-ca-'));
    transports.closing.push(() => rmSync(folder, { recursive: true }));
    const clock = createFakeClock();
    for (const [name, text] of Object.entries({ token: 'one', 'ca.crt': transports.authority.ca }))
      writeFileSync(join(folder, name), text);
    const responder = await startKubeResponder(() => OK, { certificate: transports.certificate });
    transports.closing.push(() => responder.close());
    const env = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(responder.port) };
    const access = await loadKubeConfig({ env, clock, serviceAccountFolder: folder });
    const egress = createEgress({ mode: 'loopback' });
    const transport = createHttpsTransport({ access, egress, clock, random: () => 0, userAgent: 'test' });
    transports.closing.push(() => transport.close());
    await transport.request({ method: 'GET', path });

    const other = await createTestAuthority('other');
    responder.useCertificate(await other.issue('kube'));
    responder.resetAll();
    const error = await kubeFailure(transport.request({ method: 'GET', path }));
    expect(error).toMatchObject({ reason: 'Unreachable', code: 0 });
    expect(error.message).toMatch(/certificate/);
    writeFileSync(join(folder, 'ca.crt'), other.ca);
    await clock.advance(1000);
    expect(await transport.request({ method: 'GET', path })).toEqual({ kind: 'Thing' });
    writeFileSync(join(folder, 'token'), 'two');
    await clock.advance(60_000);
    await transport.request({ method: 'GET', path });
    expect(responder.seen.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer one',
      'Bearer one',
      'Bearer two',
    ]);
  });

  it('the server must bear the name that it is to have', async () => {
    const good = await transports.start({ me: { servername: 'kube.example' } });
    expect(await good.transport.request({ method: 'GET', path })).toEqual({ kind: 'Thing' });
    const bad = await transports.start({ me: { servername: 'other.example' } });
    expect((await kubeFailure(bad.transport.request({ method: 'GET', path }))).message).toMatch(/altnames/);
    const blind = await transports.start({ me: { ca: undefined, rejectUnauthorized: false } });
    expect(await blind.transport.request({ method: 'GET', path })).toEqual({ kind: 'Thing' });
    const unknown = await transports.start({ me: { ca: undefined } });
    expect((await kubeFailure(unknown.transport.request({ method: 'GET', path }))).message).toMatch(/certificate/);
  });

  it('a key that fits no certificate is an error, not the end of the process', async () => {
    const { transport } = await transports.start({ me: { cert: transports.certificate.cert, key: 'no key' } });
    expect(await kubeFailure(transport.request({ method: 'GET', path }))).toMatchObject({ reason: 'Unreachable' });
  });
});

describe('proxies', () => {
  async function proxyServer(): Promise<{ host: string; port: number; asked: string[] }> {
    const asked: string[] = [];
    const server = http.createServer((_request, answer) => answer.writeHead(405).end());
    server.on('connect', (request: http.IncomingMessage, socket: net.Socket) => {
      asked.push(`${request.url} ${request.headers['proxy-authorization'] ?? 'nobody'}`);
      const onward = net.connect(Number(request.url?.split(':')[1]), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        onward.pipe(socket).pipe(onward);
      });
      socket.on('error', () => onward.destroy());
      onward.on('error', () => socket.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    transports.closing.push(() => {
      server.closeAllConnections();
      server.close();
    });
    return { host: '127.0.0.1', port: (server.address() as AddressInfo).port, asked };
  }
  const named = (url: string): string => url.replace('127.0.0.1', 'kube.example');
  const resolve = async () => [{ address: '127.0.0.1', family: 4 }];

  it('HTTPS_PROXY is used, except where NO_PROXY says otherwise', async () => {
    const proxy = await proxyServer();
    const env = { HTTPS_PROXY: `http://me:pw@127.0.0.1:${proxy.port}` };
    const through = await transports.start({ server: named, egress: { mode: 'default', env, resolve } });
    await transportCalls(through.transport, 3);
    expect(proxy.asked).toEqual([`kube.example:${through.responder.port} Basic ${btoa('me:pw')}`]);
    const past = await transports.start({
      server: named,
      egress: { mode: 'default', env: { ...env, NO_PROXY: '.example' }, resolve },
    });
    await transportCalls(past.transport, 1);
    expect(proxy.asked).toHaveLength(1);
  });

  it('proxy-url of the cluster is used whatever the environment says, for a plain server too', async () => {
    const { host, port, asked } = await proxyServer();
    const access = { proxy: { host, port, secure: false, authorization: 'Basic abc' } };
    const env = { NO_PROXY: '*' };
    const secure = await transports.start({ access, egress: { env } });
    await transportCalls(secure.transport, 3);
    const plain = await transports.start({ access, egress: { env }, plain: true });
    await transportCalls(plain.transport, 3);
    expect(asked).toEqual([
      `127.0.0.1:${secure.responder.port} Basic abc`,
      `127.0.0.1:${plain.responder.port} Basic abc`,
    ]);
  });

  it('--connect-to leads elsewhere under the old name', async () => {
    const other = await startKubeResponder(() => OK, { certificate: transports.certificate });
    transports.closing.push(() => other.close());
    const { transport } = await transports.start({
      server: () => 'https://kube.example',
      egress: { connectTo: [`kube.example:443=127.0.0.1:${other.port}`] },
    });
    await transportCalls(transport, 1);
    expect(other.seen[0]?.headers.host).toBe('kube.example');
  });

  async function transportCalls(transport: KubeTransport, count: number): Promise<void> {
    for (let index = 0; index < count; index += 1)
      expect(await transport.request({ method: 'GET', path })).toEqual({ kind: 'Thing' });
  }
});
