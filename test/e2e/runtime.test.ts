import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AIOPS, cleanEnv, processes, ROOT, run, start } from './process.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'aiops-runtime-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Every Node.js that this machine has, the one of the tests included. */
function installedNodes(): readonly string[] {
  const all = [process.execPath, ...(process.env['PATH'] ?? '').split(delimiter).map((path) => join(path, 'node'))];
  return [...new Set(all.filter((path) => existsSync(path)).map((path) => realpathSync(path)))];
}

/** Files that fake an old Node.js: `--import` this one, so that no old one needs to be installed. */
function fakeVersion(version: string): string {
  const file = join(folder, 'fake-version.mjs');
  writeFileSync(
    file,
    `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } });
     Object.defineProperty(process, 'version', { value: 'v${version}' });`,
  );
  return file;
}

/** A PATH with what bin/aiops needs of the system, and no Node.js but `node`, a shell script, when given. */
function pathWithout(node?: string): string {
  const path = join(folder, 'path');
  mkdirSync(path);
  for (const tool of ['sh', 'uname', 'tr', 'dirname', 'readlink']) {
    const found = (process.env['PATH'] ?? '').split(delimiter).find((place) => existsSync(join(place, tool)));
    if (found === undefined) throw new Error(`${tool} is not in PATH`);
    symlinkSync(join(found, tool), join(path, tool));
  }
  if (node !== undefined) {
    writeFileSync(join(path, 'node'), `#!/bin/sh\n${node}\n`);
    chmodSync(join(path, 'node'), 0o755);
  }
  return path;
}

/** A folder with bin/aiops and nothing else of the clone. */
function bareInstallation(): string {
  cpSync(AIOPS, join(folder, 'bin/aiops'));
  return join(folder, 'bin/aiops');
}

describe('the runtime', () => {
  it('is Node.js 24 in tests', () => {
    expect(process.version).toMatch(/^v24\./);
  });

  it.each(installedNodes())('is brought by scripts/with-node.mjs when %s starts it', async (node) => {
    const { code, stdout, stderr } = await run([node, 'scripts/with-node.mjs', 'node', '-p', 'process.version'], {
      cwd: ROOT,
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^v24\./);
  });

  it('comes from the packages when the Node.js of the system is too old', async () => {
    const { code, stdout } = await run(
      [process.execPath, '--import', fakeVersion('20.11.0'), 'scripts/with-node.mjs', 'node', '-p', 'process.execPath'],
      { cwd: ROOT },
    );
    expect({ code, stdout: stdout.trim() }).toEqual({
      code: 0,
      stdout: expect.stringContaining(join(ROOT, 'node_modules')),
    });
  });

  it.each([
    { name: 'no command', args: [], code: 2, message: 'usage: node scripts/with-node.mjs COMMAND' },
    {
      name: 'a command that is not there',
      args: ['no-such-command'],
      code: 1,
      message: 'could not run no-such-command',
    },
    { name: 'a command that fails', args: ['node', '-e', 'process.exit(7)'], code: 7, message: '' },
  ])('with-node.mjs with $name ends with code $code and says why', async ({ args, code, message }) => {
    const ended = await run([process.execPath, 'scripts/with-node.mjs', ...args], { cwd: ROOT });
    expect(ended.code).toBe(code);
    expect(ended.stderr).toContain(message);
  });

  it('is asked for in one line where with-node.mjs finds none', async () => {
    cpSync(join(ROOT, 'scripts/with-node.mjs'), join(folder, 'scripts/with-node.mjs'));
    const { code, stderr } = await run([
      process.execPath,
      '--import',
      fakeVersion('22.3.0'),
      join(folder, 'scripts/with-node.mjs'),
      'node',
    ]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^Node\.js >= 24\.12 .* v22\.3\.0.*npm ci.*\n$/),
    });
  });

  it('is too old for npm ci below 20.11, and check-node.mjs says so', async () => {
    const check = (version: string) =>
      run([process.execPath, '--import', fakeVersion(version), join(ROOT, 'scripts/check-node.mjs')]);
    expect(await check('20.11.0')).toMatchObject({ code: 0, stderr: '' });
    expect(await check('20.10.9')).toMatchObject({ code: 1, stderr: expect.stringContaining('>= 20.11') });
  });
});

describe('bin/aiops', () => {
  it('works through a symlink, and through a symlink to a symlink that is relative', async () => {
    mkdirSync(join(folder, 'bin'));
    symlinkSync(AIOPS, join(folder, 'bin/first'));
    symlinkSync('bin/first', join(folder, 'second'));
    for (const link of ['bin/first', 'second']) {
      const { code, stdout } = await run([join(folder, link), 'version'], { cwd: tmpdir() });
      expect({ link, code, stdout }).toMatchObject({ link, code: 0, stdout: expect.stringMatching(/^aiops /) });
    }
  });

  it('becomes the program itself: no shell is left between, and a signal ends it in order', async () => {
    mkdirSync(join(folder, 'manifests'));
    const flags = ['--manifests', join(folder, 'manifests'), '--state', join(folder, 'state.db')];
    const operator = start([AIOPS, 'run', ...flags, '--metrics-port', '0', '--health-port', '0']);
    try {
      await operator.sees(/"msg":"started"/);
      const rows = processes();
      expect(rows.find(({ pid }) => pid === operator.pid)?.command).toMatch(/node (--\S+ )*\S*main\.ts run/);
      expect(rows.filter(({ parent }) => parent === operator.pid)).toEqual([]);
    } finally {
      process.kill(operator.pid, 'SIGTERM');
    }
    expect(await operator.ended).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(operator.stdout()).toContain('"msg":"stopped"');
  });

  it.each([
    { name: 'there is no Node.js', node: undefined },
    { name: 'it is a minor version too old', node: 'echo v24.11.9' },
    { name: 'it is a major version too old', node: 'echo v20.20.0' },
    { name: 'it does not run', node: 'exit 1' },
  ])('says what to do when $name', async ({ node }) => {
    const path = pathWithout(node);
    const { code, stdout, stderr } = await run([bareInstallation(), 'version'], { env: cleanEnv({ PATH: path }) });
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^aiops: Node\.js >= 24\.12 is needed\. Run 'npm ci' in .*\n$/),
    });
  });

  it.each(['v24.12.0', 'v24.13.1', 'v25.0.0'])('takes the Node.js of the system when it is %s', async (version) => {
    const path = pathWithout(`[ "$1" = --version ] && echo ${version} || echo "$@"`);
    cpSync(join(ROOT, 'package.json'), join(folder, 'dist/aiops/main.js'));
    const { code, stdout } = await run([bareInstallation(), 'get', 'sp'], { env: cleanEnv({ PATH: path }) });
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${realpathSync(folder)}/dist/aiops/main.js get sp\n` });
  });

  it('asks for the packages where they are missing', async () => {
    mkdirSync(join(folder, 'src'));
    writeFileSync(join(folder, 'src/main.ts'), '');
    const env = cleanEnv({ PATH: `${dirname(process.execPath)}${delimiter}${process.env['PATH']}` });
    const { code, stderr } = await run([bareInstallation(), 'version'], { env });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining("packages are missing. Run 'npm ci'"),
    });
  });

  it('says which part an installation lacks', async () => {
    const env = cleanEnv({ PATH: `${dirname(process.execPath)}${delimiter}${process.env['PATH']}` });
    const { code, stderr } = await run([bareInstallation(), 'demo'], { env });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^aiops: 'demo' is not part of this installation \(.*cli\.js is missing\)\n$/),
    });
  });
});
