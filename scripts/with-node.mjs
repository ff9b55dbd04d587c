// Runs a command that ends by itself (npm scripts, make check) on Node 24, whatever Node started this file (>= 20.11).
// Must parse on Node 20. Long-running programs use bin/aiops instead, which execs, so that signals arrive.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

const modules = join(dirname(import.meta.dirname), 'node_modules');
const [major, minor] = process.versions.node.split('.').map(Number);
const isOld = major < 24 || (major === 24 && minor < 12);
const bundled = join(modules, `node-${process.platform}-${process.arch}`, 'bin', 'node');
if (isOld && !existsSync(bundled)) {
  console.error(
    `Node.js >= 24.12 is needed, this is ${process.version}, and no bundled one is installed for ` +
      `${process.platform}-${process.arch}. Run npm ci (it brings Node 24 on Linux), or install Node.js 24.`,
  );
  process.exit(1);
}
const [command, ...args] = process.argv.slice(2);
if (command === undefined) {
  console.error('usage: node scripts/with-node.mjs COMMAND [ARG...]');
  process.exit(2);
}
const path = [isOld ? dirname(bundled) : dirname(process.execPath), join(modules, '.bin'), process.env.PATH];
const result = spawnSync(command, args, { stdio: 'inherit', env: { ...process.env, PATH: path.join(delimiter) } });
if (result.error) console.error(`could not run ${command}: ${result.error.message}`);
process.exit(result.status ?? 1);
