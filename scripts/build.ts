import { rm } from 'node:fs/promises';
import { rolldown } from 'rolldown';

// Two bundles, so that the container image holds no simulator.
const bundles = [
  { input: 'src/main.ts', dir: 'dist/aiops', name: 'main.js' },
  { input: 'simulators/cli.ts', dir: 'dist/simulators', name: 'cli.js' },
];

await rm('dist', { recursive: true, force: true });
for (const { input, dir, name } of bundles) {
  const build = await rolldown({ input, platform: 'node', logLevel: 'warn' });
  await build.write({ dir, format: 'esm', minify: true, entryFileNames: name, chunkFileNames: '[name]-[hash].js' });
  await build.close();
  process.stdout.write(`built ${dir}/${name}\n`);
}
