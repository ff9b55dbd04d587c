import { rm } from 'node:fs/promises';
import http from 'node:http';
import { join, resolve } from 'node:path';
import { type Plugin, rolldown } from 'rolldown';

const root = join(import.meta.dirname, '..');
/** Where the bundles go: `dist`, or the folder that is named. Older bundles there are removed. */
const dist = resolve(process.argv[2] ?? join(root, 'dist'));

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

/**
 * An `import` of node:http reads every member of it, and three of those load what `fetch` is made of: 20 ms and 3 MiB that the
 * operator has no use for. The bundles take the same module without them.
 */
const lightHttp: Plugin = {
  name: 'light-http',
  resolveId: (id) => (id === 'http' || id === 'node:http' ? '\0light-http' : null),
  load(id) {
    if (id !== '\0light-http') return null;
    const members = Object.entries(Object.getOwnPropertyDescriptors(http));
    const names = members.flatMap(([name, { get }]) => (get ? [] : [name]));
    return `const http = process.getBuiltinModule('node:http');
      export default http;
      export const { ${names.join(', ')} } = http;`;
  },
};

for (const { input, folder, name } of bundles) {
  await rm(join(dist, folder), { recursive: true, force: true });
  const build = await rolldown({
    cwd: root,
    input,
    platform: 'node',
    logLevel: 'warn',
    resolve: { alias },
    plugins: [lightHttp],
  });
  await build.write({
    dir: join(dist, folder),
    format: 'esm',
    minify: true,
    intro: (chunk) => (chunk.isEntry ? intro : ''),
    entryFileNames: name,
    chunkFileNames: '[name]-[hash].js',
  });
  await build.close();
  process.stdout.write(`built ${join(dist, folder, name)}\n`);
}
