import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { buildFolder, cacheFolder, olderBuilds, UNFINISHED } from './cache.ts';
import { type Host, locate, sourceFolder, thisHost, wantedBuild } from './find.ts';
import { goBuild, toDuration } from './go.ts';
import { withLock } from './lock.ts';
import { type ToolName, tools } from './table.ts';
import { readZipEntry } from './zip.ts';

export interface MakeOptions {
  readonly host?: Host;
  /** Told how it goes, a line at a time. */
  readonly say: (line: string) => void;
  readonly signal?: AbortSignal;
  /** How often a long build says how far it is; default 15 s. */
  readonly progressMs?: number;
}

/**
 * The path of a program, made first where it is not there: compiled, or unpacked. One is made at a time on this machine,
 * and it appears in the cache finished or not at all.
 * @throws {Error} with the reason and what would help
 */
export async function makeTool(name: ToolName, options: MakeOptions): Promise<string> {
  const { host = thisHost(), say, signal } = options;
  const found = locate(name, host);
  if (found !== undefined) return found;
  const cache = cacheFolder(host.env, host.home);
  const onWait = (): void => say(`${name}: another process is building into ${cache}; waiting for it`);
  return await withLock(join(cache, 'lock'), { signal, onWait }, async () => {
    const other = locate(name, host);
    if (other !== undefined) return other;
    await removeEach(
      cache,
      (await readdir(cache)).filter((entry) => entry.startsWith(UNFINISHED)),
    );
    return await makeAlone(name, cache, { ...options, host });
  });
}

async function makeAlone(name: ToolName, cache: string, options: MakeOptions & { host: Host }): Promise<string> {
  const { host, say } = options;
  const build = wantedBuild(name, host);
  if (build === undefined || (tools[name].from === 'go' && !isOnPath('go', host))) throw new Error(whyNotMade(name));
  const started = Date.now();
  const staging = await mkdtemp(join(cache, UNFINISHED));
  try {
    // Apart, since the compiler's temporary files are beside the program until it ends.
    const made = join(staging, 'made');
    await mkdir(made);
    await fill(name, { ...options, staging, made });
    await rename(made, build.folder);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  await removeEach(cache, olderBuilds(await readdir(cache), name, build.key));
  say(`${name}: ready after ${toDuration(Date.now() - started)}`);
  return join(buildFolder(cache, name, build.key), name);
}

async function fill(
  name: ToolName,
  options: MakeOptions & { readonly host: Host; readonly staging: string; readonly made: string },
): Promise<void> {
  const { host, say, signal, progressMs, staging, made } = options;
  const tool = tools[name];
  if (tool.from === 'npm') {
    const zip = await readFile(join(sourceFolder(name), tool.zip));
    await writeFile(join(made, name), readZipEntry(zip, tool.entry), { mode: 0o755 });
    return;
  }
  say(`${name}: building with Go, once for this version; expected: ${tool.expected}`);
  await goBuild({ name, tool, module: sourceFolder(name), staging, env: host.env, progressMs, say, signal });
  await rename(join(staging, name), join(made, name));
}

function whyNotMade(name: ToolName): string {
  const tool = tools[name];
  return tool.from === 'go'
    ? `${name}: not there, and cannot be built without Go: install Go 1.26 or later, or set KUBEBUILDER_ASSETS to a folder that has it`
    : `${name}: not there: run npm ci on ${tool.platform} (package ${tool.npm}), put it on PATH, or set KUBEBUILDER_ASSETS to a folder that has it`;
}

function isOnPath(program: string, host: Host): boolean {
  return (host.env['PATH'] ?? '').split(delimiter).some((folder) => host.isProgram(join(folder, program)));
}

async function removeEach(folder: string, entries: readonly string[]): Promise<void> {
  await Promise.all(entries.map((entry) => rm(join(folder, entry), { recursive: true, force: true })));
}
