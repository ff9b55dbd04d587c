import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { AIOPS, cleanEnv, processes, ROOT, type Running, run, start, until } from './process.ts';

const USUAL_PORT = 7070;
/** The operator of the demo, and the commands of its tour, name this folder. */
const DEMO_FOLDER = join(ROOT, '.demo');

let demo: Running | undefined;
afterEach(async () => {
  demo?.child.kill('SIGKILL');
  demo = undefined;
  await until('the operator of the demo has ended', () => left().length === 0);
});

function startDemo(env: NodeJS.ProcessEnv = {}): Running {
  // A group of its own, as a terminal gives to each command.
  demo = start([AIOPS, 'demo'], { cwd: ROOT, env: cleanEnv(env), detached: true });
  return demo;
}

/** Commands of processes that belong to a demo. */
const left = (): readonly string[] =>
  processes().flatMap(({ command }) => (command.includes(`${DEMO_FOLDER}/`) ? [command] : []));

const isListening = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });

/** Waits for the block of commands. @returns those, and the simulator's port */
async function commandsOf(shown: Running): Promise<{ readonly port: number; readonly commands: readonly string[] }> {
  const [, block = ''] = await shown.sees(/try this, (.*)\nCtrl-C stops everything\.\n/s, 60_000);
  const [, port] = await shown.sees(/http:\/\/127\.0\.0\.1:(\d+)/);
  return {
    port: Number(port),
    commands: block.split('\n').flatMap((line) => /^ {2}(bin\/aiops .*)$/.exec(line)?.[1] ?? []),
  };
}

const runLine = (line: string) => {
  const [program = '', ...args] = line.split(' ');
  return run([join(ROOT, program), ...args], { cwd: ROOT });
};

describe('the tour', () => {
  it('ends with what it saw, in lines that a person can read', async () => {
    const { code, stdout, stderr } = await startDemo({ DEMO_FOR: '20s' }).ended;
    expect({ code, stderr, end: stdout.slice(-2000) }).toMatchObject({ code: 0, stderr: '' });
    const last = /\ndemo: ok bought (\d+), reclaimed (\d+), released (\d+), leaked 0\n$/.exec(stdout);
    const [bought, reclaimed, released] = (last ?? []).slice(1).map(Number);
    expect({ bought, released, end: stdout.slice(-300) }).toMatchObject({ bought: (reclaimed ?? 0) + (released ?? 0) });
    expect(reclaimed).toBeGreaterThanOrEqual(2);
    expect(released).toBeGreaterThanOrEqual(3);
    const told = stdout.split('\n').filter((line) => /^\d/.test(line));
    expect(told.length).toBeGreaterThan(50);
    for (const line of told) expect(line).toMatch(/^\d\d:\d\d:\d\d {2}(cloud|operator|demo) {2,}\S/);
    for (const word of ['SoldOut', 'InsufficientBalance', 'Draining', 'spotpool-first" deleted'])
      expect(stdout).toContain(word);
    // It does itself what it tells others to do.
    const { commands } = await commandsOf(demo as Running);
    for (const command of commands.slice(2)) expect(stdout).toContain(`$ ${command}\n`);
    expect(left()).toEqual([]);
  });

  it.each([
    { sabotage: 'leak', blame: /^demo: broken: ins-\w+ was leaked: default\/spotpool-/m },
    { sabotage: 'double', blame: /^demo: broken: ins-\w+ is one too many: default\/spotpool-/m },
  ])(
    'fails and names the machine when the operator is broken by DEMO_SABOTAGE=$sabotage',
    async ({ sabotage, blame }) => {
      const { code, stdout } = await startDemo({ DEMO_FOR: '20s', DEMO_SABOTAGE: sabotage }).ended;
      expect({ code, stdout }).toEqual({ code: 1, stdout: expect.stringMatching(blame) });
      expect(stdout).not.toContain('demo: ok');
      expect(stdout.trimEnd().split('\n').at(-1)).toMatch(/^demo: broken bought \d+, /);
      expect(left()).toEqual([]);
    },
  );

  it('that is interrupted says that it proves nothing', async () => {
    const shown = startDemo({ DEMO_FOR: '20s' });
    await shown.sees(/\$ bin\/aiops simulate reclaim/, 60_000);
    process.kill(-shown.pid, 'SIGINT');
    const { code, stdout } = await shown.ended;
    expect({ code, end: stdout.split('\n').at(-2) }).toEqual({
      code: 130,
      end: 'demo: stopped by SIGINT before its end; this proves nothing',
    });
    expect(left()).toEqual([]);
  });

  it.each([
    { env: { DEMO_FOR: '60' }, message: 'error: DEMO_FOR "60" is not a duration' },
    { env: { DEMO_SABOTAGE: 'maybe' }, message: 'error: DEMO_SABOTAGE "maybe": write leak or double' },
  ])('is refused in one line with $env', async ({ env, message }) => {
    const { code, stdout, stderr } = await startDemo(env).ended;
    expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: '', stderr: expect.stringMatching(/^[^\n]+\n$/) });
    expect(stderr).toContain(message);
  });
});

describe('the demo without a tour', () => {
  it('prints commands that work when a person runs them one after the other', async () => {
    const { commands } = await commandsOf(startDemo());
    expect(commands.length).toBeGreaterThanOrEqual(12);
    for (const command of commands) {
      const { code, stdout, stderr } = await runLine(command);
      expect({ command, code, stdout, stderr }).toEqual({
        command,
        code: 0,
        stdout: expect.stringMatching(/\S/),
        stderr: '',
      });
    }
    const look = commands[0] ?? '';
    await until(
      'only spotpool-sample is left, and filled',
      async () => {
        const { stdout } = await runLine(look);
        return !stdout.includes('spotpool-first') && /^spotpool-sample +2 +2 +2 +2 /m.test(stdout);
      },
      90_000,
    );
    expect(left()).not.toEqual([]);

    const second = await run([AIOPS, 'demo'], { cwd: ROOT });
    expect(second).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^error: a demo runs in \S+ already; stop/),
    });
    expect((await runLine(look)).code).toBe(0);
  });

  it.each([
    { name: 'SIGINT to the demo', signal: 'SIGINT', toGroup: false },
    { name: 'Ctrl-C, which reaches its whole group', signal: 'SIGINT', toGroup: true },
    { name: 'SIGTERM', signal: 'SIGTERM', toGroup: false },
  ] as const)('leaves nothing behind after $name', async ({ signal, toGroup }) => {
    const shown = startDemo();
    const { port } = await commandsOf(shown);
    expect(await isListening(port)).toBe(true);
    process.kill(toGroup ? -shown.pid : shown.pid, signal);
    const { code, stdout, stderr } = await shown.ended;
    expect({ code, stderr, end: stdout.split('\n').at(-2) }).toEqual({ code: 0, stderr: '', end: 'stopping' });
    expect(left()).toEqual([]);
    expect(await isListening(port)).toBe(false);
  });

  it('takes its operator along when it is killed', async () => {
    const shown = startDemo();
    const { port } = await commandsOf(shown);
    shown.child.kill('SIGKILL');
    await until('the operator has ended by itself', () => left().length === 0, 15_000);
    expect(await isListening(port)).toBe(false);
  });

  it('takes another port when its own is taken, and its commands say which', async () => {
    const squatter = await occupy(USUAL_PORT);
    try {
      const { port, commands } = await commandsOf(startDemo());
      expect(port).not.toBe(USUAL_PORT);
      const reclaim = commands.find((command) => command.includes('simulate reclaim')) ?? '';
      expect(reclaim).toMatch(new RegExp(` --sim http://127\\.0\\.0\\.1:${port}$`));
      expect(await runLine(reclaim)).toMatchObject({ code: 0, stderr: '' });
      expect(demo?.stdout()).toContain('usual port is taken');
    } finally {
      squatter?.close();
    }
  });
});

/** Takes the port, unless somebody else has it already, which does as well. */
function occupy(port: number): Promise<Server | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
