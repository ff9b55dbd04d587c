import { defineConfig } from 'vitest/config';

const node = { environment: 'node' as const };

export default defineConfig({
  test: {
    reporters: ['default', './scripts/summary-reporter.ts'],
    projects: [
      // Pure: no process, port or file is touched, so the files can share one context.
      {
        test: {
          ...node,
          name: 'unit',
          include: ['{src,simulators,scripts,bench,tools}/**/*.test.ts', 'test/{fields,parity}/**/*.test.ts'],
          exclude: ['**/*.io.test.ts', '**/*.contract.test.ts'],
          isolate: false,
          // For properties that try many cases while the other core builds something.
          testTimeout: 20_000,
        },
      },
      // The suites that every implementation of a port must pass, and everything that opens files and sockets.
      {
        test: {
          ...node,
          name: 'contract',
          include: [
            '{src,simulators}/**/*.contract.test.ts',
            '{src,simulators,scripts,tools}/**/*.io.test.ts',
            'test/parity/**/*.io.test.ts',
          ],
          testTimeout: 30_000,
        },
      },
      // The whole operator against simulators on a fake clock.
      { test: { ...node, name: 'scenario', include: ['test/scenarios/**/*.test.ts'], testTimeout: 60_000 } },
      // Real processes, started as a user starts them.
      { test: { ...node, name: 'e2e', include: ['test/e2e/**/*.test.ts'], testTimeout: 180_000 } },
    ],
  },
});
