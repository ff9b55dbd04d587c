import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A manifest that was written by hand, and what must be said of it. */
export interface HardCase {
  readonly name: string;
  readonly text: string;
  /** Why it is so. */
  readonly why: string;
  /** Whether standalone mode accepts it, and whether the API server does. They differ only by design. */
  readonly here: boolean;
  readonly there: boolean;
}

/** The manifests in `cases/`; the first line of each says what must become of it. @throws {Error} when it does not */
export function hardCases(): readonly HardCase[] {
  const folder = join(import.meta.dirname, 'cases');
  return readdirSync(folder)
    .toSorted()
    .map((file) => {
      const text = readFileSync(join(folder, file), 'utf8');
      const head = /^# (accept|refuse)(?: here, (accept|refuse) there)?: (.+?)\r?\n/.exec(text);
      if (head === null)
        throw new Error(
          `${file} must begin with "# accept: WHY", "# refuse: WHY" or "# accept here, refuse there: WHY"`,
        );
      const [, here = '', there = here, why = ''] = head;
      return { name: file.replace(/\.yaml$/, ''), text, why, here: here === 'accept', there: there === 'accept' };
    });
}
