import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { rolldown } from 'rolldown';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');

// Two bundles, so that the container image holds no simulator.
const bundles = [
  { input: 'src/main.ts', folder: 'aiops', name: 'main.js' },
  { input: 'simulators/cli.ts', folder: 'simulators', name: 'cli.js' },
];

// node-fetch asks for whatwg-url only where Node.js has no URL of its own; its tables would cost 0.4 MB and start-up time.
const alias = { 'whatwg-url': join(root, 'scripts/whatwg-url.mjs') };

// Node.js hides deprecated calls inside node_modules from users; in a bundle it takes them for ours. Compiled code is kept
// beside the bundle, where only who may change the bundle may change it; where nobody may, nothing is kept.
const intro = `process.noDeprecation = true;
process.getBuiltinModule('node:module').enableCompileCache({ directory: import.meta.dirname + '/.compiled', portable: true });`;

await rm(dist, { recursive: true, force: true });
for (const { input, folder, name } of bundles) {
  const build = await rolldown({ cwd: root, input, platform: 'node', logLevel: 'warn', resolve: { alias } });
  await build.write({
    dir: join(dist, folder),
    format: 'esm',
    minify: true,
    intro: (chunk) => (chunk.isEntry ? intro : ''),
    entryFileNames: name,
    chunkFileNames: '[name]-[hash].js',
  });
  await build.close();
  process.stdout.write(`built dist/${folder}/${name}\n`);
}
