import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import type { Tool } from './table.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where programs are kept between runs: outside the repository, so that every checkout and branch shares them. */
export function cacheFolder(env: Environment, home: string): string {
  if (env['AIOPS_TOOLS_CACHE']) return resolve(env['AIOPS_TOOLS_CACHE']);
  return join(env['XDG_CACHE_HOME'] || join(home, '.cache'), 'aiops-operator', 'tools');
}

/** What a program is made of: a change in any of these makes another program. */
export interface Ingredients {
  /** For Go: the texts of go.mod and go.sum. For npm: the version of the package. */
  readonly sources: readonly string[];
  readonly tool: Tool;
  /** `process.platform` and `process.arch`, as in `linux-x64`. */
  readonly platform: string;
}

/** Tells apart builds of one tool; 16 hexadecimal digits. How long a build is expected to take does not count. */
export function cacheKey({ sources, tool, platform }: Ingredients): string {
  const { expected: _, ...made } = { expected: undefined, ...tool };
  return createHash('sha256')
    .update(JSON.stringify([sources, made, platform]))
    .digest('hex')
    .slice(0, 16);
}

/** The folder of one build, named so that the builds of one tool can be found; the program in it has its plain name. */
export function buildFolder(cache: string, name: string, key: string): string {
  return join(cache, `${name}-${key}`);
}

/** Those of the cache's `entries` that are finished builds of `name` other than the one called `key`. */
export function olderBuilds(entries: readonly string[], name: string, key: string): readonly string[] {
  const isBuild = new RegExp(`^${name}-[0-9a-f]{16}$`);
  return entries.filter((entry) => isBuild.test(entry) && entry !== `${name}-${key}`);
}

/** A build in the making is called so, with something random behind it; what a killed process left is known by it. */
export const UNFINISHED = '.unfinished-';

/** Go's names for the machine that Node.js runs on. */
export function goTarget(platform: string, arch: string): { readonly GOOS: string; readonly GOARCH: string } {
  const arches: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };
  return { GOOS: platform === 'win32' ? 'windows' : platform, GOARCH: arches[arch] ?? arch };
}
