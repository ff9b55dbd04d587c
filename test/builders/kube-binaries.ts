import { describe, it } from 'vitest';
import { isEverythingRequired, whyMissing } from '../../tools/find.ts';
import type { ToolName } from '../../tools/table.ts';

/**
 * `describe` for tests that need the real API server, and by option kubectl or helm. Where a program is missing they are
 * skipped, naming what would help; where everything must run (`CI=true`, `REQUIRE_ALL=1`, `REQUIRE_ENVTEST=1`) that is a
 * failure.
 */
export function describeWithServers(title: string, tests: () => void, others: readonly ToolName[] = []): void {
  const why = whyMissing(['kube-apiserver', 'etcd', ...others]);
  if (why === undefined) {
    describe(title, tests);
    return;
  }
  if (!isEverythingRequired(process.env)) {
    describe.skip(`${title} (${why})`, tests);
    return;
  }
  describe(title, () => {
    it(why, () => {
      throw new Error(`${title}: ${why}`);
    });
  });
}
