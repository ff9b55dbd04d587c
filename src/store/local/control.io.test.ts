import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type LocalStoreUnderTest, startLocal } from '../../../test/builders/local-store.ts';
import { size, sizeRef } from '../../../test/builders/size-kind.ts';
import { systemClock } from '../../lib/clock.ts';
import { serveControl } from './control.ts';
import { callControl } from './control-client.ts';
import type { ControlRequest } from './control-protocol.ts';

const key = { namespace: 'default', name: 'a' };
let local: LocalStoreUnderTest;
let stop: AbortController;
let serving: Promise<void> | undefined;
const logged: unknown[] = [];

beforeEach(async () => {
  local = await startLocal();
  stop = new AbortController();
  serving = undefined;
  local.write('a.yaml', [size('a', { size: 1 })]);
  await local.store.refresh();
});
afterEach(async () => {
  stop.abort();
  await serving?.catch(() => {});
  await local.close();
});

const socket = (): string => `${local.statePath}.sock`;
const call = (request: ControlRequest): Promise<{ pid: number }> =>
  callControl({ statePath: local.statePath, clock: systemClock }, request);
const serve = async (): Promise<void> => {
  const log = { info: (...line: unknown[]) => void logged.push(line) };
  serving = serveControl(local.statePath, local.store, { signal: stop.signal, log });
  await expect.poll(() => Promise.race([serving, call({ op: 'ping' })]).catch(() => undefined)).toBeDefined();
};
/** What comes back for raw bytes, until the other side hangs up or a line is complete. */
const raw = (text: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const connection = connect(socket(), () => connection.write(text));
    let answer = '';
    connection.on('data', (chunk) => {
      answer += String(chunk);
      if (answer.includes('\n')) connection.destroy();
    });
    connection.on('close', () => resolve(answer));
    connection.on('error', reject);
  });

describe('the control socket', () => {
  it('answers, deletes and scales for this user only', async () => {
    await serve();
    expect(statSync(socket()).mode & 0o777).toBe(0o600);
    expect(await call({ op: 'ping' })).toEqual({ pid: process.pid });
    await call({ op: 'scale', ...sizeRef, ...key, replicas: 3 });
    expect(await local.store.get(sizeRef, key)).toMatchObject({ spec: { replicas: 3 } });
    await call({ op: 'delete', ...sizeRef, ...key });
    expect(await local.store.get(sizeRef, key)).toBeUndefined();
    expect(logged).toContainEqual(['control request', { op: 'delete', ...sizeRef, ...key }]);
  });

  it('hands the reason of a refusal through', async () => {
    await serve();
    const missing = call({ op: 'delete', ...sizeRef, ...key, name: 'nobody' });
    await expect(missing).rejects.toMatchObject({ name: 'StoreError', reason: 'NotFound' });
    await expect(missing).rejects.toThrow('Size default/nobody does not exist');
    await expect(call({ op: 'scale', ...sizeRef, ...key, replicas: -1 })).rejects.toMatchObject({ reason: 'Invalid' });
  });

  it.each([
    ['no JSON', 'hello\n', /not a line of JSON/],
    ['an unknown request', '{"op":"stop"}\n', /knows no request \\"stop\\", only ping, delete, scale/],
    ['no request at all', '[]\n', /knows no request/],
    ['a request with a field missing', '{"op":"scale"}\n', /\\"scale\\" is not understood[\s\S]*replicas/],
    ['a line that is too long', 'x'.repeat(70_000), /at most 65536 bytes/],
  ])('answers %s with an error', async (_name, text, message) => {
    await serve();
    expect(await raw(text)).toMatch(message);
    expect(await call({ op: 'ping' })).toEqual({ pid: process.pid });
  });

  it('answers several requests of one connection in their order, however they are cut', async () => {
    await serve();
    const answers = await new Promise<string>((resolve, reject) => {
      const connection = connect(socket(), async () => {
        for (const part of ['{"op":"pi', 'ng"}\n{"op":"x"}\n', '{"op":"ping"}\n']) connection.write(part);
      });
      let text = '';
      connection.on('error', reject);
      connection.on('data', (chunk) => {
        text += String(chunk);
        if (text.split('\n').length > 3) connection.destroy();
      });
      connection.on('close', () => resolve(text));
    });
    const lines = answers
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { ok: boolean }).ok);
    expect(lines).toEqual([true, false, true]);
  });

  it('says how to start the operator when none is running', async () => {
    await expect(call({ op: 'ping' })).rejects.toThrow(
      `No operator is running on ${local.statePath}; start it with "aiops run".`,
    );
    await serve();
    stop.abort();
    await serving;
    expect(existsSync(socket())).toBe(false);
    await expect(call({ op: 'ping' })).rejects.toMatchObject({ reason: 'Unavailable' });
  });

  it('replaces the socket of a process that was killed', async () => {
    const script = `require('net').createServer().listen(${JSON.stringify(socket())}, () => console.log('on'))`;
    const child = spawn(process.execPath, ['--eval', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(existsSync(socket())).toBe(true);
    await expect(call({ op: 'ping' })).rejects.toThrow('No operator is running');
    await serve();
    expect(await call({ op: 'ping' })).toEqual({ pid: process.pid });
  });

  it('removes nothing that is not a socket', async () => {
    writeFileSync(socket(), 'precious');
    chmodSync(socket(), 0o600);
    const start = serveControl(local.statePath, local.store, { signal: stop.signal, log: { info() {} } });
    await expect(start).rejects.toThrow(/is in the way: it is not a socket/);
    expect(existsSync(socket())).toBe(true);
  });

  it('names --state when the path is too long for a socket', async () => {
    const statePath = join(local.root, 'x'.repeat(110));
    const message = /has \d+ bytes, and a Unix socket takes 107; name a shorter one with --state/;
    await expect(callControl({ statePath, clock: systemClock }, { op: 'ping' })).rejects.toThrow(message);
    await expect(serveControl(statePath, local.store, { signal: stop.signal, log: { info() {} } })).rejects.toThrow(
      message,
    );
  });
});
