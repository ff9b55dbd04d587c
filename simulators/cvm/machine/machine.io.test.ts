import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect, createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../../src/lib/clock.ts';
import { createFakeClock, type FakeClock } from '../../../test/builders/fake-clock.ts';
import { drive } from './judge/replay.ts';
import { type Machine, type MachineOptions, startMachine } from './machine.ts';

const MODEL = 'qwen2.5-coder:1.5b';
const started: Machine[] = [];
afterEach(async () => {
  for (const machine of started.splice(0)) await machine.stop();
});

async function start(
  options: Partial<MachineOptions> = {},
): Promise<{ machine: Machine; clock: FakeClock; url: string }> {
  const clock = createFakeClock();
  const machine = await startMachine({ address: '127.0.0.1', port: 0, clock, random: () => 0.5, ...options });
  started.push(machine);
  return { machine, clock, url: `http://127.0.0.1:${machine.port}` };
}

function post(url: string, body: object): Promise<Response> {
  return fetch(url, { method: 'POST', body: JSON.stringify({ model: MODEL, ...body }) });
}

const chat = (content: string, more: object = {}): object => ({ messages: [{ role: 'user', content }], ...more });
const count = chat('Count from one to five.', { stream: false });

/** Opens a stream and waits for its first piece. */
async function openStory(
  machine: Machine,
  clock: FakeClock,
): Promise<{ received: IncomingMessage; leave: () => void }> {
  const sent = request({ host: machine.address, port: machine.port, method: 'POST', path: '/api/chat' });
  sent.on('error', () => {});
  sent.end(JSON.stringify({ model: MODEL, ...chat('Write a long story.') }));
  const [received] = (await drive(once(sent, 'response'), clock)) as [IncomingMessage];
  await once(received, 'readable');
  return { received, leave: () => sent.destroy() };
}

describe('power off', () => {
  it('resets a client in the middle of a stream, at once', async () => {
    const { machine, clock } = await start();
    const { received } = await openStory(machine, clock);
    const broken = once(received, 'error');
    received.resume();
    await machine.stop();
    expect(await broken).toMatchObject([{ code: 'ECONNRESET' }]);
  });

  it('says no goodbye: the connection is reset, not closed in order', async () => {
    const { machine } = await start();
    const socket = connect(machine.port, machine.address);
    socket.write('GET / HTTP/1.1\r\nHost: machine\r\n\r\n');
    await once(socket, 'data');
    const broken = once(socket, 'end').then(() => 'closed in order');
    broken.catch(() => {});
    await machine.stop();
    await expect(broken).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  it('resets who waits for an answer, and refuses who comes later', async () => {
    const { machine, url } = await start();
    const waiting = post(`${url}/api/chat`, count);
    waiting.catch(() => {});
    await fetch(`${url}/api/ps`);
    await machine.stop();
    await expect(waiting).rejects.toMatchObject({
      cause: { code: expect.stringMatching(/ECONNRESET|UND_ERR_SOCKET/) },
    });
    await expect(fetch(url)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
  });

  it('leaves no timer behind, may be repeated, and gives the port back', async () => {
    const { machine, clock } = await start();
    await openStory(machine, clock);
    await Promise.all([machine.stop(), machine.stop()]);
    await machine.stop();
    await clock.settle();
    expect(clock.waiting).toBe(0);
    started.push(await startMachine({ address: '127.0.0.1', port: machine.port, clock, random: () => 0 }));
  });
});

describe('starting', () => {
  it('refuses an address that is taken', async () => {
    const { machine, clock } = await start();
    const again = startMachine({ address: '127.0.0.1', port: machine.port, clock, random: () => 0 });
    await expect(again).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  it('does not listen before it has booted', async () => {
    const { clock, url } = await start({ bootMs: 30_000 });
    await clock.advance(29_999);
    await expect(fetch(url)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
    await clock.advance(1);
    expect(await (await eventually(() => fetch(url))).text()).toBe('Ollama is running');
  });

  it('tries again when the port was taken meanwhile', async () => {
    const { machine, clock, url } = await start({ bootMs: 1000 });
    const squatter = createServer((socket) => socket.destroy()).listen(machine.port, '127.0.0.1');
    await once(squatter, 'listening');
    await clock.advance(1000);
    await new Promise((resolve) => squatter.close(resolve));
    await eventually(async () => {
      await clock.advance(1000);
      await fetch(url);
    });
  });

  it('never listens when it is stopped while it boots', async () => {
    const { machine, clock, url } = await start({ bootMs: 1000 });
    await machine.stop();
    await clock.advance(5000);
    await expect(fetch(url)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
  });

  it('gives the port back even when it is stopped in the moment in which it begins to listen', async () => {
    let boot = (): void => {};
    const clock: Clock = {
      ...createFakeClock(),
      after(_ms, run) {
        boot = run;
        return () => {};
      },
    };
    const { machine } = await start({ bootMs: 1000, clock });
    boot();
    await machine.stop();
    started.push(await startMachine({ address: '127.0.0.1', port: machine.port, clock, random: () => 0 }));
  });

  it('answers 500 to everything when the image is broken', async () => {
    const { url } = await start({ brokenImage: true });
    for (const path of ['/', '/api/tags', '/v1/models', '/nope']) expect((await fetch(url + path)).status).toBe(500);
  });

  it('knows the model of its image, and no other', async () => {
    const { url } = await start({ model: 'llama3:latest' });
    const tags = (await (await fetch(`${url}/api/tags`)).json()) as { models: { name: string }[] };
    expect(tags.models.map(({ name }) => name)).toEqual(['llama3:latest']);
    expect((await fetch(`${url}/v1/models/llama3`)).status).toBe(200);
    expect((await post(`${url}/api/show`, {})).status).toBe(404);
  });
});

/** Real I/O takes real time: asks again until it works. */
async function eventually<T>(work: () => Promise<T>): Promise<T> {
  for (let left = 100; ; left -= 1) {
    try {
      return await work();
    } catch (error) {
      if (left === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

describe('serving', () => {
  it('answers one after the other', async () => {
    const { clock, url } = await start();
    const ends: number[] = [];
    const ask = async (): Promise<void> => {
      await (await post(`${url}/api/chat`, count)).text();
      ends.push(clock.now());
    };
    await drive(Promise.all([ask(), ask(), ask()]), clock);
    // Eleven tokens at 25 a second are 440 ms.
    expect((ends[1] ?? 0) - (ends[0] ?? 0)).toBeGreaterThanOrEqual(440);
    expect((ends[2] ?? 0) - (ends[1] ?? 0)).toBeGreaterThanOrEqual(440);
  });

  it('goes on with the next when a client leaves', async () => {
    const { machine, clock, url } = await start();
    const { leave } = await openStory(machine, clock);
    const before = clock.now();
    const next = post(`${url}/api/chat`, count);
    leave();
    expect((await drive(next, clock)).status).toBe(200);
    expect(clock.now() - before).toBeLessThan(2000);
  });

  it('refuses when too many wait, in both spellings', async () => {
    const { machine, clock, url } = await start({ maxQueue: 0, loadMs: 0 });
    void machine;
    const native = await drive(post(`${url}/api/chat`, count), clock);
    const error = 'server busy, please try again.  maximum pending requests exceeded';
    expect([native.status, await native.json()]).toEqual([503, { error }]);
    const openai = await drive(post(`${url}/v1/chat/completions`, count), clock);
    const body = { error: { message: error, type: 'api_error', param: null, code: null } };
    expect([openai.status, await openai.json()]).toEqual([503, body]);
  });

  it('keeps its pace on the clock that it was given', async () => {
    const { clock, url } = await start({ loadMs: 0, tokensPerSecond: 10, promptTokensPerSecond: 14 });
    const before = clock.now();
    const answer = await drive(post(`${url}/api/chat`, count), clock);
    const { eval_duration, prompt_eval_duration } = (await answer.json()) as Record<string, number>;
    expect(clock.now() - before).toBeGreaterThanOrEqual(2100);
    expect(prompt_eval_duration).toBeGreaterThanOrEqual(1e9);
    expect(eval_duration).toBeGreaterThanOrEqual(1.1e9);
    expect(eval_duration).toBeLessThan(1.2e9);
  });

  it('ends before a stop word', async () => {
    const { clock, url } = await start();
    const answer = await drive(post(`${url}/v1/chat/completions`, { ...count, temperature: 0, stop: ' three' }), clock);
    const { choices } = (await answer.json()) as { choices: { message: { content: string }; finish_reason: string }[] };
    expect(choices[0]).toMatchObject({ message: { content: 'One, two,' }, finish_reason: 'stop' });
  });

  it('says in /api/ps whether the model lies on the GPU', async () => {
    const { clock, url } = await start({ gpu: true });
    await drive(post(`${url}/api/generate`, {}), clock);
    const { models } = (await (await fetch(`${url}/api/ps`)).json()) as {
      models: { size: number; size_vram: number }[];
    };
    expect(models[0]?.size_vram).toBe(models[0]?.size);
  });
});

describe('at the edges of HTTP', () => {
  const CASES: [name: string, path: string, init: RequestInit, status: number, body: string, headers: object][] = [
    ['no body', '/api/chat', { method: 'POST' }, 400, '{"error":"missing request body"}', {}],
    ['no model', '/api/generate', { method: 'POST', body: '{}' }, 404, '{"error":"model \'\' not found"}', {}],
    ['a slash too many', '/api/tags/', { redirect: 'manual' }, 301, '', { location: '/api/tags' }],
    ['an allowed origin', '/', { headers: { Origin: 'http://localhost:3000' } }, 200, '', { vary: 'Origin' }],
    ['another origin', '/', { headers: { Origin: 'https://example.com' } }, 403, '', { 'content-length': '0' }],
    ['no CORS', '/api/chat', { method: 'OPTIONS' }, 405, '405 method not allowed', { allow: 'POST' }],
  ];
  it.each(CASES)('%s', async (_name, path, init, status, body, headers) => {
    const { url } = await start();
    const answer = await fetch(url + path, init);
    expect(answer.status).toBe(status);
    expect(Object.fromEntries(answer.headers)).toMatchObject(headers);
    if (body) expect(await answer.text()).toBe(body);
  });

  it('refuses a wrong format inside a stream with the plain JSON type', async () => {
    const { clock, url } = await start();
    const answer = await drive(post(`${url}/api/chat`, { ...chat('Hi.'), format: 'xml' }), clock);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([500, 'application/json']);
  });
});
