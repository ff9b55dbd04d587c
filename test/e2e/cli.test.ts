import { type SpawnOptions, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };

const root = join(import.meta.dirname, '..', '..');
const aiops = join(root, 'bin', 'aiops');

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'aiops-e2e-cli-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs a program in a folder that is not the project's, with nothing of this process's settings. */
function run(
  program: string,
  args: readonly string[],
  options: SpawnOptions & { stdin?: string } = {},
): Promise<Ended> {
  const env = { PATH: process.env['PATH'], HOME: folder, ...options.env };
  const child = spawn(program, args, { cwd: folder, stdio: 'pipe', ...options, env });
  const written = { out: '', err: '' };
  child.stdout?.on('data', (chunk: Buffer) => {
    written.out += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    written.err += chunk.toString();
  });
  child.stdin?.end(options.stdin ?? '');
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, ...written }));
  });
}

describe('bin/aiops, from another folder', () => {
  it('tells its version', async () => {
    const { code, out, err } = await run(aiops, ['version']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(
      new RegExp(`^aiops ${manifest.version.replaceAll('.', '\\.')} \\(Node\\.js v24\\.\\d+\\.\\d+\\)\\n$`),
    );
  });

  it('works through a link', async () => {
    const link = join(folder, 'aiops');
    symlinkSync(aiops, link);
    expect((await run(link, ['version'])).out).toContain(manifest.version);
  });

  it('shows help for everything and for one command', async () => {
    const all = await run(aiops, ['--help']);
    expect(all).toMatchObject({ code: 0, err: '' });
    for (const name of ['run', 'get', 'describe', 'delete', 'scale', 'validate', 'plan', 'crds', 'version']) {
      expect(all.out).toMatch(new RegExp(`^ {2}${name} `, 'm'));
      const one = await run(aiops, [name, '--help']);
      expect(one).toMatchObject({ code: 0, err: '' });
      expect(one.out).toMatch(/^Examples:$/m);
    }
  });

  it('validates good manifests', async () => {
    const { code, out, err } = await run(aiops, ['validate', '-f', join(root, 'examples')]);
    expect(code).toBe(0);
    expect(out).toMatch(/^\d+ objects are valid\n$/);
    expect(err).not.toContain('error:');
  });

  it('refuses bad manifests with every problem and its place', async () => {
    writeFileSync(
      join(folder, 'bad.yaml'),
      'apiVersion: demo.aiops.org/v1\nkind: SpotPool\nmetadata:\n  name: a\nspec:\n  regoin: x\n',
    );
    const { code, out, err } = await run(aiops, ['validate', '-f', 'bad.yaml']);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(
      /^error: bad\.yaml:6:3: SpotPool default\/a: .*unknown field "regoin"; did you mean region\?$/m,
    );
    expect(err).toMatch(/^error: bad\.yaml:5:1: .*imageId is missing/m);
    expect(err).toMatch(/error: \d+ problems found; 0 objects are valid\n$/);
  });

  it('validates what is piped in', async () => {
    expect(await run(aiops, ['validate', '-f', '-'], { stdin: 'kind: [' })).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^error: stdin:1:\d+: not valid YAML/),
    });
  });

  it.each([
    { args: ['gte'], code: 2, err: "error: unknown command 'gte' (Did you mean get?)\n" },
    {
      args: ['get', 'pods'],
      code: 2,
      err: 'error: there is no kind "pods"; there is: spotpools, spotpool, sp; logpilots, logpilot, lp\n',
    },
    { args: ['run'], code: 2, err: "error: required option '--manifests <dir>' not specified\n" },
  ])('refuses $args in one line', async ({ args, code, err }) => {
    expect(await run(aiops, args)).toEqual({ code, out: '', err });
  });

  it('says what to do when there is no state', async () => {
    const err = `error: There is no state of aiops at ${folder}/.local/state/aiops/state.db; start the operator with "aiops run", or name its file with --state.\n`;
    expect(await run(aiops, ['get', 'spotpools'])).toEqual({ code: 1, out: '', err });
  });

  it('ends quietly when its reader does', async () => {
    const { err } = await run('/bin/sh', ['-c', '"$0" crds | head -n 1', aiops]);
    expect(err).toBe('');
  });

  it('prints errors in colour when told to, and else not', async () => {
    const { err } = await run(aiops, ['gte'], { env: { FORCE_COLOR: '1' } });
    expect(err.startsWith('\u001b[31merror:\u001b[39m ')).toBe(true);
  });

  it('loads little for a command that needs little', async () => {
    const trace = `import { registerHooks } from 'node:module';
registerHooks({ load(url, context, next) { process.stderr.write(url + '\\n'); return next(url, context); } });`;
    const hook = join(folder, 'trace.mjs');
    writeFileSync(hook, trace);
    const { code, err } = await run(aiops, ['version'], { env: { NODE_OPTIONS: `--import=${hook}` } });
    expect(code).toBe(0);
    const packages = new Set(err.match(/(?<=node_modules\/)[^/\n]+/g));
    expect([...packages]).toEqual(['commander']);
  });
});
