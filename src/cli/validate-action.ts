import { problemText } from '../store/local/problem.ts';
import { CliError } from './cli-error.ts';
import { type CliIo, complaint } from './io.ts';
import { readNamedManifests } from './manifest-files.ts';
import { warningsOf } from './manifest-warnings.ts';
import { counted } from './text.ts';

/** Reports every problem and warning. @throws {CliError} when there is a problem, or nothing to check */
export async function validate(paths: readonly string[], io: CliIo): Promise<void> {
  const { documents, problems } = await readNamedManifests(paths, io);
  for (const problem of problems) io.stderr(complaint(io, 'error', problemText(problem)));
  for (const warning of warningsOf(documents)) io.stderr(complaint(io, 'warning', problemText(warning)));
  if (problems.length > 0) {
    throw new CliError(`${counted(problems.length, 'problem')} found; ${validText(documents.length)}`);
  }
  // An empty pipe is what a broken generator leaves behind: never a success.
  if (documents.length === 0) throw new CliError('there is no manifest in what was given');
  io.stdout(`${validText(documents.length)}\n`);
}

function validText(count: number): string {
  return `${counted(count, 'object')} ${count === 1 ? 'is' : 'are'} valid`;
}
