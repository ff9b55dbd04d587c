import { readFileSync } from 'node:fs';
import type http from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../../test/builders/fake-clock.ts';
import type { KubeReply } from '../../../test/builders/kube-responder.ts';
import { kubeFailure, OK, statusReply, THINGS, until, useTransports } from '../../../test/builders/kube-transport.ts';
import { KubeError } from './kube-error.ts';
import type { KubeTransport } from './transport.ts';

const transports = useTransports();
const path = THINGS;
const never = new AbortController().signal;

describe('a stream', () => {
  /** Writes the pieces one after the other, then does `then`. */
  const pieces =
    (parts: readonly (string | Buffer)[], then: (answer: http.ServerResponse) => void): KubeReply =>
    (answer) => {
      answer.writeHead(200);
      const next = (index: number): void => {
        if (index === parts.length) then(answer);
        else answer.write(parts[index], () => setTimeout(next, 5, index + 1));
      };
      next(0);
    };
  const read = async (transport: KubeTransport, fields: object = {}): Promise<{ lines: string[]; end: unknown }> => {
    const lines: string[] = [];
    const end = await transport
      .stream({ path, query: { watch: '1' }, deadlineMs: 60_000, ...fields }, (line) => lines.push(line), never)
      .then(
        () => 'ended',
        (error: unknown) => error,
      );
    return { lines, end };
  };

  it('gives whole lines, cut anywhere, and ends well', async () => {
    const text = Buffer.from('{"a":"雪"}\n\n{"b":2}\n');
    const parts = [...text].map((byte) => Buffer.from([byte]));
    const { responder, transport, calls } = await transports.start({
      reply: () => pieces(parts, (answer) => answer.end()),
    });
    let opened = 0;
    expect(await read(transport, { onOpen: () => (opened += 1) })).toEqual({
      lines: ['{"a":"雪"}', '', '{"b":2}'],
      end: 'ended',
    });
    expect([opened, responder.seen[0]?.url, responder.seen[0]?.headers.connection]).toEqual([
      1,
      `${path}?watch=1`,
      'close',
    ]);
    expect(calls.map(({ verb, code }) => [verb, code])).toEqual([['GET', '200']]);
  });

  it.each<[string, KubeReply, string[], RegExp]>([
    [
      'ends in the middle of a line',
      pieces(['a\nb'], (answer) => answer.end()),
      ['a'],
      /ended in the middle of a line/,
    ],
    ['is cut between lines', pieces(['a\n'], (answer) => answer.destroy()), ['a'], /broke off/],
    [
      'has a line that is too long',
      pieces(['a\n', 'x'.repeat(17 * 1024 * 1024)], () => {}),
      ['a'],
      /a line is longer than 16777216 bytes/,
    ],
  ])('that %s fails after the lines that came', async (_name, reply, lines, message) => {
    const { responder, transport } = await transports.start({ reply: () => reply });
    const seen = await read(transport);
    expect(seen.lines).toEqual(lines);
    expect(seen.end).toBeInstanceOf(KubeError);
    expect(String(seen.end)).toMatch(message);
    await until(() => responder.open() === 0);
  });

  it('ends when its reader throws, with what it throws', async () => {
    const { responder, transport } = await transports.start({ reply: () => pieces(['a\nb\nc\n'], () => {}) });
    const lines: string[] = [];
    const error = new TypeError('not what I wanted');
    const streamed = transport.stream(
      { path, deadlineMs: 60_000 },
      (line) => {
        lines.push(line);
        if (line === 'b') throw error;
      },
      never,
    );
    await expect(streamed).rejects.toBe(error);
    expect(lines).toEqual(['a', 'b']);
    await until(() => responder.open() === 0);
  });

  it('gives no line more once it is aborted, in the middle of a piece too', async () => {
    const { responder, transport } = await transports.start({ reply: () => pieces(['a\nb\nc\n'], () => {}) });
    const controller = new AbortController();
    const lines: string[] = [];
    const streamed = transport.stream(
      { path, deadlineMs: 60_000 },
      (line) => {
        lines.push(line);
        if (line === 'b') controller.abort(new Error('enough'));
      },
      controller.signal,
    );
    await expect(streamed).rejects.toThrow('enough');
    expect(lines).toEqual(['a', 'b']);
    await until(() => responder.open() === 0);
  });

  it('is refused like a call', async () => {
    const { transport } = await transports.start({
      reply: () => statusReply(410, { reason: 'Expired', message: 'too old' }),
    });
    expect((await read(transport)).end).toMatchObject({ name: 'KubeError', reason: 'Expired', code: 410 });
  });

  it('is cut when it lives too long, and not by anything else', async () => {
    const clock = createFakeClock();
    const { responder, transport } = await transports.start({
      reply: () => pieces(['a\n'], () => {}),
      options: { clock },
    });
    const done = read(transport, { deadlineMs: 200_000 });
    await until(() => responder.seen.length === 1);
    await wait(30);
    await clock.advance(199_999);
    expect(responder.open()).toBe(1);
    await clock.advance(1);
    expect(await done).toMatchObject({ lines: ['a'], end: { reason: 'Timeout', code: 0 } });
    await until(() => responder.open() === 0);
  });

  it('may be longer than any answer', async () => {
    const part = `${'x'.repeat(1024 * 1024 - 1)}\n`;
    const { transport } = await transports.start({
      plain: true,
      reply: () => pieces(Array(80).fill(part), (answer) => answer.end()),
    });
    let count = 0;
    await transport.stream({ path, deadlineMs: 60_000 }, () => (count += 1), never);
    expect(count).toBe(80);
  });

  it('has a connection of its own and takes no place of a call', async () => {
    const { responder, transport } = await transports.start({
      reply: ({ url }) => (url.endsWith('watch=1') ? pieces(['a\n'], () => {}) : OK),
      options: { maxSockets: 1 },
    });
    const streams = Array.from({ length: 5 }, () => read(transport));
    await until(() => responder.seen.length === 5);
    await transport.request({ method: 'GET', path });
    expect(responder.connections()).toBe(6);
    transport.close();
    for (const { end } of await Promise.all(streams)) expect(end).toMatchObject({ reason: 'Unreachable' });
  });

  const canSeeTimers = process.platform === 'linux';
  it.skipIf(!canSeeTimers)(
    'asks after 15 s of silence whether the other side is there (needs Linux to see it)',
    async () => {
      const { responder, transport } = await transports.start({ reply: () => pieces(['a\n'], () => {}) });
      const done = read(transport);
      await until(() => responder.seen.length === 1);
      await wait(30);
      expect(keepAliveTimers(responder.port)).toEqual([expect.closeTo(15_000, -3)]);
      transport.close();
      await done;
    },
  );
});

/** Milliseconds until the system asks after the peer, of each of our connections to a port. Source: proc(5), `/proc/net/tcp`. */
function keepAliveTimers(port: number): number[] {
  const remote = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[2] === remote && fields[3] === '01' && fields[5]?.startsWith('02:'))
    .map((fields) => Number.parseInt(fields[5]?.slice(3) ?? '', 16) * 10);
}

describe('closing', () => {
  it('cuts everything, leaves no connection, and answers later calls with an error', async () => {
    const { responder, transport } = await transports.start({
      reply: ({ method }) => (method === 'GET' ? OK : () => {}),
    });
    await Promise.all([1, 2, 3].map(() => transport.request({ method: 'GET', path })));
    const running = kubeFailure(transport.request({ method: 'PUT', path, body: {} }));
    await until(() => responder.seen.length === 4);
    transport.close();
    transport.close();
    expect(await running).toMatchObject({ reason: 'Unreachable', message: expect.stringContaining('was closed') });
    await until(() => responder.open() === 0);
    expect((await kubeFailure(transport.request({ method: 'GET', path }))).message).toMatch(/was closed/);
  });

  it('keeps no connection that was being made', async () => {
    const { responder, transport } = await transports.start();
    const asked = kubeFailure(transport.request({ method: 'GET', path }));
    await new Promise((resolve) => setImmediate(resolve));
    transport.close();
    await asked;
    await wait(50);
    expect(responder.open()).toBe(0);
  });
});
