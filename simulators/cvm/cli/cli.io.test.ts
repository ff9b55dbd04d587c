import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import type { CvmSimulator } from '../simulator.ts';
import { startCvmSimulator } from '../simulator.ts';
import { callSimulator, runRequest } from '../test-call.ts';

const ENTRY = fileURLToPath(new URL('../../cli.ts', import.meta.url));

const children: ChildProcess[] = [];
const simulators: CvmSimulator[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await Promise.all(simulators.splice(0).map((simulator) => simulator.close()));
});

function start(
  args: readonly string[],
  env: Record<string, string> = {},
): { child: ChildProcess; output: () => string } {
  const child = spawn(process.execPath, [ENTRY, 'simulate', ...args], { env: { ...process.env, ...env } });
  children.push(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
    });
  }
  return { child, output: () => text };
}

async function run(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ code: number; output: string }> {
  const { child, output } = start(args, env);
  const [code] = (await once(child, 'close')) as [number];
  return { code, output: output() };
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20));
}

async function simulator(): Promise<CvmSimulator> {
  const opened = await startCvmSimulator({ machines: false });
  simulators.push(opened);
  return opened;
}

describe('aiops simulate cvm', () => {
  it('serves the accounts it was given, prints its journal and ends cleanly on SIGTERM', async () => {
    const { child, output } = start(['cvm', '--port', '0', '--account', 'AKIDa:s:1', '--clock-factor', '50']);
    await until(() => output().includes('metadata'));
    const url = /at (http:\S+)/.exec(output())?.[1] ?? '';
    const target = { url, endpoint: url.replace('http://', '') } as CvmSimulator;
    const answer = await callSimulator(target, 'RunInstances', runRequest(), { secretId: 'AKIDa', secretKey: 's:1' });
    expect(answer.Error).toBeUndefined();
    await until(() => output().includes('PENDING -> RUNNING'));
    expect(output()).toContain(`AKIDa calls RunInstances in ap-singapore: ok ${answer['InstanceIdSet'][0]}`);
    child.kill('SIGTERM');
    expect(await once(child, 'close')).toEqual([0, null]);
  });

  it('shares the clock of AIOPS_CLOCK', async () => {
    const start_ = Date.UTC(2030, 0, 1);
    const { output } = start(['cvm', '--port', '0'], { AIOPS_CLOCK: `${Date.now()},${start_},1` });
    await until(() => output().includes('metadata'));
    const url = /at (http:\S+)/.exec(output())?.[1] ?? '';
    const state = (await (await fetch(`${url}/_sim/state`)).json()) as { now: number };
    expect(state.now - start_).toBeLessThan(30_000);
    expect(state.now).toBeGreaterThanOrEqual(start_);
  });

  it.each([
    [['--port', '70000'], {}, /port is a whole number/],
    [['--account', 'nokey'], {}, /written ID:KEY/],
    [['--assume', 'clientToken=maybe'], {}, /it can be honoured/],
    [['--clock-factor', '0'], {}, /above 0/],
    [['--port', '0'], { AIOPS_CLOCK: '1,2' }, /AIOPS_CLOCK is "1,2"/],
    [['--port', '0', '--clock-factor', '2'], { AIOPS_CLOCK: '1,2,3' }, /leave --clock-factor out/],
  ])('refuses %j without a stack trace', async (args, env, message) => {
    const { code, output } = await run(['cvm', ...args], env as Record<string, string>);
    expect(code).not.toBe(0);
    expect(output).toMatch(message);
    expect(output).not.toMatch(/\n\s+at /);
  });

  it('says so when the port is taken', async () => {
    const taken = await simulator();
    const { code, output } = await run(['cvm', '--port', String(taken.port)]);
    expect([code, output]).toEqual([1, expect.stringMatching(/EADDRINUSE.*choose another --port/)]);
  });
});

describe('commands against a running simulator', () => {
  it('sell out, empty the account and show what happened', async () => {
    const opened = await simulator();
    const env = { AIOPS_SIM: opened.url };
    expect(await run(['stock', 'ap-singapore-2', 'GN7.2XLARGE32', '0'], env)).toEqual({
      code: 0,
      output: 'ap-singapore-2 has 0 GN7.2XLARGE32 (SPOTPAID) left\n',
    });
    expect((await callSimulator(opened, 'RunInstances', runRequest())).Error?.Code).toBe('LimitExceeded.SpotQuota');
    expect((await run(['balance', '0'], env)).output).toBe('the balance is 0\n');
    expect((await run(['state'], env)).output).toContain('account xxx: balance 0');
    expect((await run(['journal', '--sim', opened.url])).output).toContain(
      'xxx calls RunInstances in ap-singapore: LimitExceeded',
    );
  });

  it('reclaim a machine', async () => {
    const opened = await simulator();
    const [id] = (await callSimulator(opened, 'RunInstances', runRequest({ InstanceName: 'mine-1' })))['InstanceIdSet'];
    const { output } = await run(['reclaim', '--pool', 'mine', '--notice', '2m', '--sim', opened.url]);
    expect(output).toBe(`${id} will be reclaimed in 120 s\n`);
  });

  it.each([
    [['stock', 'ap-moon-1', 'GN7.2XLARGE32', '0'], /zone "ap-moon-1" is not one of ap-singapore-1/],
    [['stock', 'ap-singapore-2', 'GN7.2XLARGE32', 'many'], /whole number from 0/],
    [['reclaim'], /no spot machine to reclaim/],
    [['reclaim', '--notice', 'soon'], /"soon" is not a duration/],
    [['state', '--sim', 'http://127.0.0.1:9'], /no simulator answers at http:\/\/127.0.0.1:9/],
    [['state', '--sim', 'nowhere'], /write a URL/],
  ])('%j is refused without a stack trace', async (args, message) => {
    const opened = await simulator();
    const { code, output } = await run(args, { AIOPS_SIM: opened.url });
    expect(code).not.toBe(0);
    expect(output).toMatch(message);
    expect(output).not.toMatch(/\n\s+at /);
  });
});
