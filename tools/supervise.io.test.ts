import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { processes, type Row, type Running, start, until } from '../test/e2e/process.ts';
import { supervise } from './supervise.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'aiops-supervise-'));
  writeFileSync(join(folder, 'data'), '');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Everything that has to do with the folder, the starting process aside. */
function others(but: number): readonly Row[] {
  return processes().filter(({ pid, command }) => pid !== but && command.includes(folder));
}

/** A process that starts `tail` on a file of the folder and then does `next`. */
function starter(next: string): Running {
  const program = `import { supervise } from ${JSON.stringify(join(import.meta.dirname, 'supervise.ts'))};
    const folder = ${JSON.stringify(folder)};
    const child = await supervise('tail', ['-f', folder + '/data'], { env: process.env, output: 2, folder });
    console.log('started ' + child.pid);
    ${next}`;
  return start([process.execPath, '--input-type=module', '-e', program], { detached: true });
}

async function started(next: string): Promise<{ starter: Running; child: number }> {
  const running = starter(next);
  const [, pid] = await running.sees(/started (\d+)/);
  return { starter: running, child: Number(pid) };
}

const FOR_EVER = 'setInterval(() => {}, 1000);';

describe('a program', () => {
  it.each([
    ['is killed', 'SIGKILL'],
    ['is asked to end and has no answer to that', 'SIGTERM'],
  ] as const)('goes with its folder when the process that started it %s', async (_, signal) => {
    const { starter: running, child } = await started(FOR_EVER);
    expect(others(running.pid).map(({ pid }) => pid)).toContain(child);
    process.kill(running.pid, signal);
    await until('no process is left', () => others(running.pid).length === 0, 5000);
    expect(existsSync(folder)).toBe(false);
  });

  it('goes when the whole group of the process that started it is killed', async () => {
    const { starter: running } = await started(FOR_EVER);
    process.kill(-running.pid, 'SIGKILL');
    await until('no process is left', () => others(running.pid).length === 0, 5000);
    expect(existsSync(folder)).toBe(false);
  });

  it('goes when it stands still itself', async () => {
    const { starter: running, child } = await started(FOR_EVER);
    process.kill(child, 'SIGSTOP');
    process.kill(running.pid, 'SIGKILL');
    await until('no process is left', () => others(running.pid).length === 0, 5000);
  });

  it('does not keep the process that started it alive, and goes with it', async () => {
    const { starter: running } = await started('');
    expect(await running.ended).toMatchObject({ code: 0 });
    await until('no process is left', () => others(running.pid).length === 0, 5000);
  });

  it('keeps the process that started it alive while its end is waited for', async () => {
    const { starter: running } = await started(`child.kill('SIGTERM');
      console.log((await child.untilEnd()).signal);`);
    expect(await running.ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/\nSIGTERM\n$/) });
  });

  it('lives on while the process that started it, and its group, is stopped or interrupted', async () => {
    const { starter: running, child } = await started(`process.on('SIGINT', () => {}); ${FOR_EVER}`);
    process.kill(-running.pid, 'SIGINT');
    process.kill(-running.pid, 'SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(others(running.pid).map(({ pid }) => pid)).toContain(child);
    process.kill(running.pid, 'SIGKILL');
    await until('no process is left', () => others(running.pid).length === 0, 5000);
  });

  it('that ends by itself takes its guard with it and leaves the folder to us', async () => {
    const child = await supervise('sh', ['-c', 'exit 3', folder], { env: process.env, output: 'pipe', folder });
    expect(await child.untilEnd()).toEqual({ code: 3, signal: null });
    expect(child.exit).toEqual({ code: 3, signal: null });
    child.kill('SIGKILL');
    await until('no process is left', () => others(process.pid).length === 0, 5000);
    expect(existsSync(folder)).toBe(true);
  });

  it('is one that we can end, with arguments that arrive as they are', async () => {
    const words = ['a b', '$HOME', '"', '*', ''];
    const child = await supervise('sh', ['-c', 'printf "<%s>" "$@"; exec sleep 60', 'sh', ...words], {
      env: process.env,
      output: 'pipe',
    });
    const text = await new Promise((resolve) => child.stdout?.once('data', (data) => resolve(String(data))));
    expect(text).toBe('<a b><$HOME><"><*><>');
    child.kill('SIGTERM');
    expect(await child.untilEnd()).toEqual({ code: null, signal: 'SIGTERM' });
  });

  it('that there is not ends at once', async () => {
    const child = await supervise(join(folder, 'nothing'), [], { env: process.env, output: 'pipe' });
    expect(await child.untilEnd()).toEqual({ code: 127, signal: null });
  });
});
