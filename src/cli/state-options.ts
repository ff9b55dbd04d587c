import { realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { type Command, Option } from 'commander';
import type { CliIo } from './io.ts';

/** `--state FILE`: where a standalone operator keeps what it knows. */
export function addStateOption(command: Command, { env }: Pick<CliIo, 'env'>): Command {
  return command.addOption(
    new Option('--state <file>', 'the state file of the operator')
      .default(withoutLinks(statePathOf(env)), '$AIOPS_STATE, else aiops/state.db in $XDG_STATE_HOME or ~/.local/state')
      .argParser(withoutLinks),
  );
}

/**
 * Lock, socket and stop switch lie beside the state: whoever comes over another link must find the same ones. A path that
 * does not exist yet is resolved as far as it does.
 */
function withoutLinks(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const folder = dirname(path);
    return folder === path ? path : join(withoutLinks(folder), basename(path));
  }
}

/** Source of the fallbacks: XDG Base Directory Specification; relative paths in its variables are to be ignored. */
function statePathOf(env: CliIo['env']): string {
  const { AIOPS_STATE: named = '', XDG_STATE_HOME: folder = '', HOME: home = '' } = env;
  if (named !== '') return named;
  const base = isAbsolute(folder) ? folder : join(home === '' ? homedir() : home, '.local', 'state');
  return join(base, 'aiops', 'state.db');
}

/** `-n NAMESPACE`; an empty one, as an unset variable gives it, is the default, as for kubectl. */
export function addNamespaceOption(command: Command): Command {
  return command.option('-n, --namespace <namespace>', 'the namespace', (text) => text || 'default', 'default');
}
