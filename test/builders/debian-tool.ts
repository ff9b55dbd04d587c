import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, it } from 'vitest';

/**
 * `describe` for tests that need programs of Debian. Where one is missing they are skipped, naming what would help; where
 * everything must run (`CI=true`, `REQUIRE_ALL=1`) that is a failure.
 */
export function describeWithTools(tools: readonly string[], title: string, tests: () => void): void {
  const missing = tools.filter((tool) => !isThere(tool));
  if (missing.length === 0) {
    describe(title, tests);
    return;
  }
  const help = `needs ${missing.join(', ')}: run tools/debian.sh as root`;
  if (process.env['CI'] !== 'true' && process.env['REQUIRE_ALL'] !== '1') {
    describe.skip(`${title} (${help})`, tests);
    return;
  }
  describe(title, () => {
    it(help, () => {
      throw new Error(`${title} ${help}`);
    });
  });
}

function isThere(tool: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, tool), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
