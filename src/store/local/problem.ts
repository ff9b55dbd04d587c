/** Something wrong with a manifest, or with the folder itself. Never holds the value of a secret. */
export interface ManifestProblem {
  /** As the user named it; `''` for the folder as a whole. */
  readonly file: string;
  /** Both from 1; absent when the file as a whole is meant. */
  readonly line?: number;
  readonly column?: number;
  /** `SpotPool default/a`, when that much could be read. */
  readonly object?: string;
  /** `metadata.name`, when one field is meant and the message does not name it itself. */
  readonly path?: string;
  /** What is wrong, and what is allowed. */
  readonly message: string;
}

/** `pools.yaml:3:7: SpotPool default/a: metadata.labels.x: must be …`, as compilers and editors have it. */
export function problemText(problem: ManifestProblem): string {
  const { file, line, column, object, path, message } = problem;
  const place = [file, line, column].filter((part) => part !== undefined && part !== '').join(':');
  return [place, object, path, message].filter((part) => part !== undefined && part !== '').join(': ');
}
