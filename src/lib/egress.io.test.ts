import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls, { type TLSSocket } from 'node:tls';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { type AgentOptions, createEgress, type Egress, type TlsIdentity } from './egress.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function listen(server: net.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

const echo: http.RequestListener = (request, answer) => answer.end(`${request.headers.host} ${request.url}`);

/** A request through the agent: the body, or the error's text. */
function get(egress: Egress, url: string, options: Parameters<Egress['agent']>[1] = {}): Promise<string> {
  const { protocol } = new URL(url);
  const agent = egress.agent(protocol as 'http:' | 'https:', options);
  closing.push(() => agent.destroy());
  return new Promise((resolve) => {
    const request = (protocol === 'https:' ? https : http).get(url, { agent }, (answer) => {
      let text = `${answer.statusCode} `;
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      answer.on('end', () => resolve(text)).on('error', (error) => resolve(String(error)));
      if (answer.headers.location) text += `location ${answer.headers.location} `;
    });
    request.on('error', (error) => resolve(String(error)));
  });
}

async function viaUndici(egress: Egress, url: string): Promise<string> {
  const { request } = await import('undici');
  const dispatcher = await egress.dispatcher();
  closing.push(() => void dispatcher.destroy());
  return await request(url, { dispatcher }).then(
    async (answer) => `${answer.statusCode} ${await answer.body.text()}`,
    (error: unknown) => String(error),
  );
}

const ways: [string, (egress: Egress, url: string) => Promise<string>][] = [
  ['an agent', get],
  ['undici', viaUndici],
];

describe.each(ways)('through %s', (_name, ask) => {
  it('a mapped name goes elsewhere under its own name', async () => {
    const port = await listen(http.createServer(echo));
    const egress = createEgress({ mode: 'loopback', connectTo: [`gateway.example:80=127.0.0.1:${port}`] });
    expect(await ask(egress, 'http://gateway.example/x')).toBe('200 gateway.example /x');
  });

  it('loopback mode refuses every other name and address before it connects or asks a name server', async () => {
    const asked: string[] = [];
    const egress = createEgress({
      mode: 'loopback',
      resolve: async (host) => {
        asked.push(host);
        return [{ address: '127.0.0.1', family: 4 }];
      },
    });
    for (const url of [
      'http://gateway.example/',
      'http://192.0.2.1/',
      'http://169.254.0.23/',
      'http://[2001:db8::1]/',
    ]) {
      expect(await ask(egress, url)).toMatch(/EgressError: .*--egress loopback/);
    }
    expect(asked).toEqual([]);
  });

  it.each(['169.254.0.23', '169.254.169.254', '[fe80::1]', '100.100.100.200', '2852039166'])(
    'refuses %s',
    async (host) => {
      const egress = createEgress({ mode: 'default' });
      expect(await ask(egress, `http://${host}/latest/meta-data/`)).toMatch(/EgressError: .*link-local or metadata/);
    },
  );

  it('judges the answer of the name server, all of it', async () => {
    const port = await listen(http.createServer(echo));
    const egress = createEgress({
      mode: 'default',
      resolve: async () => [
        { address: '127.0.0.1', family: 4 },
        { address: '169.254.169.254', family: 4 },
      ],
    });
    expect(await ask(egress, `http://innocent.example:${port}/`)).toMatch(/EgressError: 169\.254\.169\.254/);
  });

  it('a name that resolves to something harmless is reached', async () => {
    const port = await listen(http.createServer(echo));
    const egress = createEgress({ mode: 'default', resolve: async () => [{ address: '127.0.0.1', family: 4 }] });
    expect(await ask(egress, `http://innocent.example:${port}/`)).toBe(`200 innocent.example:${port} /`);
  });
});

describe('answers', () => {
  it('lose their redirect before a client can follow it', async () => {
    const port = await listen(
      http.createServer((_request, answer) => answer.writeHead(302, { location: '/there' }).end()),
    );
    expect(await get(createEgress({ mode: 'loopback' }), `http://127.0.0.1:${port}/`)).toBe('302 ');
  });

  it('are cut off where they are too large, and a connection that is used again counts anew', async () => {
    const port = await listen(
      http.createServer((request, answer) =>
        answer.end('x'.repeat(Number(new URL(request.url ?? '', 'http://x').searchParams.get('n')))),
      ),
    );
    const egress = createEgress({ mode: 'loopback' });
    const agent = egress.agent('http:', { maxAnswerBytes: 100_000, maxSockets: 1 });
    closing.push(() => agent.destroy());
    const size = (n: number): Promise<number | string> =>
      new Promise((resolve) => {
        http
          .get(`http://127.0.0.1:${port}/?n=${n}`, { agent }, (answer) => {
            let read = 0;
            answer.on('data', (chunk: Buffer) => {
              read += chunk.length;
            });
            answer.on('end', () => resolve(read)).on('error', (error) => resolve(error.message));
          })
          .on('error', (error) => resolve(error.message));
      });
    expect([await size(60_000), await size(60_000), await size(60_000)]).toEqual([60_000, 60_000, 60_000]);
    expect(await size(3_000_000)).toMatch(/aborted|larger/);
  });

  it('may be as long as they like where that is wanted', async () => {
    const port = await listen(http.createServer((_request, answer) => answer.end('x'.repeat(20_000_000))));
    const text = await get(createEgress({ mode: 'loopback' }), `http://127.0.0.1:${port}/`, {
      maxAnswerBytes: Infinity,
    });
    expect(text).toHaveLength(20_000_004);
  });
});

describe('connections', () => {
  const asks = async (options: AgentOptions, pauseMs = 0): Promise<number> => {
    let made = 0;
    const server = http.createServer(echo).on('connection', () => {
      made += 1;
    });
    const port = await listen(server);
    closing.push(() => server.closeAllConnections());
    const agent = createEgress({ mode: 'loopback' }).agent('http:', options);
    closing.push(() => agent.destroy());
    for (let index = 0; index < 3; index += 1) {
      await new Promise<void>((resolve, reject) => {
        http
          .get({ host: '127.0.0.1', port, agent }, (answer) => answer.on('end', resolve).resume())
          .on('error', reject);
      });
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    return made;
  };

  it('are used again unless that is not wanted, or they were idle for too long', async () => {
    expect(await asks({})).toBe(1);
    expect(await asks({ keepAlive: false })).toBe(3);
    expect(await asks({ idleMs: 20 }, 80)).toBe(3);
    expect(await asks({ idleMs: 2000 }, 80)).toBe(1);
  });

  it('are given up when they take too long to make', async () => {
    const silent = await listen(net.createServer((socket) => void socket.on('error', () => {})));
    const began = performance.now();
    const text = await get(createEgress({ mode: 'loopback' }), `https://127.0.0.1:${silent}/`, {
      connectTimeoutMs: 100,
    });
    expect(text).toMatch(/no connection within 100 ms/);
    expect(performance.now() - began).toBeLessThan(2000);
  });
});

describe('TLS and proxies', () => {
  const folder = mkdtempSync(join(tmpdir(), 'egress-'));
  const file = (name: string): string => join(folder, name);
  afterAll(() => rmSync(folder, { recursive: true }));
  const hasOpenssl = tryTo(() =>
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
        '-keyout',
        file('key.pem'),
        '-out',
        file('cert.pem'),
        '-subj',
        '/CN=secure.example',
        '-addext',
        'subjectAltName=DNS:secure.example',
      ],
      { stdio: 'ignore' },
    ),
  );

  const secureServer = (): Promise<number> =>
    listen(https.createServer({ key: readFileSync(file('key.pem')), cert: readFileSync(file('cert.pem')) }, echo));

  async function proxyServer(refuse = false): Promise<{ port: number; asked: string[] }> {
    const asked: string[] = [];
    const server = http.createServer((_request, answer) => answer.writeHead(405).end());
    server.on('connect', (request: http.IncomingMessage, socket: net.Socket) => {
      asked.push(`${request.url} ${request.headers['proxy-authorization'] ?? 'nobody'}`);
      if (refuse) {
        socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
        return;
      }
      const onward = net.connect(Number(request.url?.split(':')[1]), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        onward.pipe(socket).pipe(onward);
      });
      socket.on('error', () => onward.destroy());
      onward.on('error', () => socket.destroy());
    });
    return { port: await listen(server), asked };
  }

  // Where everything must run, its absence is a failure.
  const mayBeSkipped = process.env['CI'] !== 'true' && process.env['REQUIRE_ALL'] !== '1';
  describe.skipIf(!hasOpenssl && mayBeSkipped)('with a certificate (needs the command openssl)', () => {
    const extraCa = (): string => readFileSync(file('cert.pem'), 'utf8');

    it.each(ways)('through %s the extra CA is trusted, for the name that was asked for', async (_name, ask) => {
      const port = await secureServer();
      const connectTo = [`secure.example:443=127.0.0.1:${port}`, `other.example:443=127.0.0.1:${port}`];
      const egress = createEgress({ mode: 'loopback', connectTo, extraCa: extraCa() });
      expect(await ask(egress, 'https://secure.example/x')).toBe('200 secure.example /x');
      expect(await ask(egress, 'https://other.example/')).toMatch(/altnames/);
      expect(await ask(createEgress({ mode: 'loopback', connectTo }), 'https://secure.example/')).toMatch(
        /self-signed/,
      );
    });

    it.each(ways)('through %s https goes through the proxy, as far as NO_PROXY lets it', async (_name, ask) => {
      const port = await secureServer();
      const proxy = await proxyServer();
      const env = { HTTPS_PROXY: `http://me:secret@127.0.0.1:${proxy.port}` };
      const resolve = async () => [{ address: '127.0.0.1', family: 4 }];
      const through = createEgress({ mode: 'default', extraCa: extraCa(), env, resolve });
      expect(await ask(through, `https://secure.example:${port}/x`)).toBe(`200 secure.example:${port} /x`);
      expect(proxy.asked).toEqual([`secure.example:${port} Basic ${btoa('me:secret')}`]);
      const past = createEgress({
        mode: 'default',
        extraCa: extraCa(),
        env: { ...env, NO_PROXY: '.example' },
        resolve,
      });
      expect(await ask(past, `https://secure.example:${port}/y`)).toBe(`200 secure.example:${port} /y`);
      expect(proxy.asked).toHaveLength(1);
    });

    it('through an agent its own identity takes the place of what holds for everybody', async () => {
      const seen: unknown[] = [];
      const server = https.createServer(
        {
          key: readFileSync(file('key.pem')),
          cert: readFileSync(file('cert.pem')),
          requestCert: true,
          rejectUnauthorized: false,
        },
        (request, answer) => {
          const socket = request.socket as TLSSocket;
          seen.push([socket.servername, socket.getPeerCertificate().subject?.CN]);
          answer.end('hello');
        },
      );
      const url = `https://127.0.0.1:${await listen(server)}/`;
      const [cert, key] = [extraCa(), readFileSync(file('key.pem'), 'utf8')];
      const egress = createEgress({ mode: 'loopback' });
      const ask = (identity: TlsIdentity): Promise<string> => get(egress, url, { tls: identity });
      expect(await ask({ ca: cert, servername: 'secure.example', cert, key })).toBe('200 hello');
      expect(seen).toEqual([['secure.example', 'secure.example']]);
      expect(await ask({ ca: cert })).toMatch(/altnames/);
      expect(await ask({ servername: 'secure.example' })).toMatch(/self-signed/);
      expect(await ask({ rejectUnauthorized: false })).toBe('200 hello');
      // The extra CA does not widen what a caller's own one trusts.
      const wide = createEgress({ mode: 'loopback', extraCa: cert });
      expect(await get(wide, url, { tls: { servername: 'secure.example' } })).toBe('200 hello');
      expect(await get(wide, url, { tls: { servername: 'secure.example', ca: tls.rootCertificates[0] } })).toMatch(
        /certificate/,
      );
    });

    it('through an agent a key that cannot be read is an error of the request', async () => {
      const egress = createEgress({ mode: 'loopback' });
      const url = `https://127.0.0.1:${await secureServer()}/`;
      expect(await get(egress, url, { tls: { cert: 'none', key: 'none' } })).toMatch(/PEM/);
    });

    it('through an agent its own proxy is used for everything, and judged by the same rules', async () => {
      const proxy = await proxyServer();
      const port = await listen(http.createServer(echo));
      const env = { HTTPS_PROXY: 'http://127.0.0.1:1', NO_PROXY: '*' };
      const egress = createEgress({ mode: 'loopback', env });
      const own = { proxy: { host: '127.0.0.1', port: proxy.port, secure: false } };
      expect(await get(egress, `http://127.0.0.1:${port}/x`, own)).toBe(`200 127.0.0.1:${port} /x`);
      expect(await get(egress, 'http://192.0.2.1/', own)).toMatch(/EgressError/);
      const outside = { proxy: { host: '192.0.2.1', port: 3128, secure: false } };
      expect(await get(egress, `http://127.0.0.1:${port}/x`, outside)).toMatch(/EgressError/);
      expect(proxy.asked).toEqual([`127.0.0.1:${port} nobody`]);
    });

    it.each(ways)('through %s the proxy is no way around the rules', async (_name, ask) => {
      const proxy = await proxyServer();
      const env = { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` };
      expect(await ask(createEgress({ mode: 'default', env }), 'https://169.254.0.23/')).toMatch(/EgressError/);
      expect(await ask(createEgress({ mode: 'loopback', env }), 'https://secure.example/')).toMatch(/EgressError/);
      expect(proxy.asked).toEqual([]);
    });

    it.each(ways)('through %s a proxy that refuses is named without its password', async (_name, ask) => {
      const proxy = await proxyServer(true);
      const env = { HTTPS_PROXY: `http://me:secret@127.0.0.1:${proxy.port}` };
      const text = await ask(createEgress({ mode: 'default', env }), 'https://secure.example/');
      expect(text).toContain(`the proxy 127.0.0.1:${proxy.port} refused a tunnel to secure.example:443 (HTTP 407)`);
      expect(text).not.toContain('secret');
    });
  });
});

function tryTo(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}
