import { existsSync, readdirSync } from 'node:fs';
import type { Bench } from './figure.ts';

// Runs the benches: all of them, or the one named by the first argument or by B. Prints a line of JSON for each figure.

const folder = new URL('.', import.meta.url);
const names = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && existsSync(new URL(`${entry.name}/bench.ts`, folder)))
  .map((entry) => entry.name)
  .toSorted();

const wanted = process.argv[2] || process.env['B'] || undefined;
if (wanted !== undefined && !names.includes(wanted)) {
  process.stderr.write(`bench: there is no bench "${wanted}"; there are: ${names.join(', ')}\n`);
  process.exit(2);
}

let failed = 0;
for (const bench of wanted === undefined ? names : [wanted]) {
  try {
    const { measure } = (await import(new URL(`${bench}/bench.ts`, folder).href)) as Bench;
    for await (const { figure, value, unit, goal, setup } of measure()) {
      process.stdout.write(`${JSON.stringify({ bench, figure, value, unit, goal, setup })}\n`);
    }
  } catch (error) {
    failed += 1;
    process.stderr.write(`bench: ${bench} could not be measured: ${error instanceof Error ? error.message : error}\n`);
  }
}
// What a failed bench may have left open does not keep the others' result waiting.
process.exit(failed === 0 ? 0 : 1);
