import { Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../lib/duration.ts';
import type { HistoryOptions, Since } from './history-action.ts';
import type { CliIo } from './io.ts';
import { addNamespaceOption, addStateOption } from './state-options.ts';

const EXAMPLES = `
One line for each decision, the latest last: when, what, which machines, how
they were bought and for how much by the hour, and what made the pool decide so.
The last 50 are kept, also while the operator is stopped; a refusal that came
again and again is one line with its count. Everything is in the operator's log
too, as lines with the message "decision".

Examples:
  aiops history my-pool
  aiops history my-pool --since 24h
  aiops history sp/my-pool --since 2026-11-01T03:00:00Z -o json`;

/** `aiops history`. */
export function historyCommand(io: CliIo): Command {
  const command = new Command('history')
    .description('tell what a pool has decided, and why: "why was a machine bought at 03:12?"')
    .helpGroup('Look:')
    .argument('<pool>', 'the name of a pool, or sp/NAME')
    .addOption(
      new Option(
        '--since <time>',
        'not what is older than this: 24h, 30m, or an instant as 2026-11-01T03:00:00Z',
      ).argParser(since),
    )
    .addOption(new Option('-o, --output <format>', 'output format').choices(['yaml', 'json']))
    .addHelpText('after', EXAMPLES);
  return addStateOption(addNamespaceOption(command), io).action(async (pool: string, options: HistoryOptions) => {
    const { history } = await import('./history-action.ts');
    await history(pool, options, io);
  });
}

/** Source of the second form: RFC 3339, 5.6. */
const INSTANT = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

function since(text: string): Since {
  const at = INSTANT.test(text) ? Date.parse(text.replace(' ', 'T').toUpperCase()) : Number.NaN;
  if (!Number.isNaN(at)) return { at };
  try {
    return { agoMs: parseDuration(text) };
  } catch {
    throw new InvalidArgumentError('Write a duration as 30m or 24h, or an instant as 2026-11-01T03:00:00Z.');
  }
}
