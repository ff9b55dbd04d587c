import { parseArgs } from 'node:util';
import { isEverythingRequired, locate } from './find.ts';
import { type ToolName, tools, toToolName } from './table.ts';

const USAGE = `usage: node tools/build.ts [--or-skip] NAME...
  NAME       ${Object.keys(tools).join(', ')}
  --or-skip  end well when one cannot be made, unless CI=true, REQUIRE_ALL=1 or REQUIRE_ENVTEST=1
`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { 'or-skip': { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  if (positionals.length === 0) throw new RangeError(USAGE);
  const abort = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => abort.abort(new Error(`stopped by ${signal}`)));
  }
  const isMissingFine = values['or-skip'] && !isEverythingRequired(process.env);
  for (const name of positionals.map(toToolName)) {
    try {
      const path = locate(name) ?? (await make(name, abort.signal));
      process.stdout.write(`${name} ${path}\n`);
    } catch (error) {
      if (!isMissingFine || abort.signal.aborted) throw error;
      process.stderr.write(`${toMessage(error)}\nWhat needs ${name} will be skipped.\n`);
    }
  }
}

/** What making needs is loaded here only: where all is there, as before every test run, this is done in a blink. */
async function make(name: ToolName, signal: AbortSignal): Promise<string> {
  const { makeTool } = await import('./make.ts');
  return await makeTool(name, { say: (line) => process.stderr.write(`${line}\n`), signal });
}

function toMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

if (import.meta.main) {
  main().catch((error: unknown) => {
    process.stderr.write(`${toMessage(error)}\n`);
    process.exitCode = 1;
  });
}
