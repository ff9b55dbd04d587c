/** Where a value stands in an object: `['offerings', 0, 'maxPrice']`. */
export type FieldPath = readonly (string | number)[];

/** One thing that is wrong with what a user wrote. */
export interface Problem {
  readonly path: (string | number)[];
  /** One line: the field, the value (never a secret) and what is allowed. */
  readonly message: string;
}

/** Longer texts say nothing more about what is wrong, and fill the screen. */
const LONGEST_SHOWN = 60;

/** `offerings[0].maxPrice`; names that are not plain words come as `tags["a b"]`. The empty path is `spec`. */
export function pathText(path: FieldPath): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(part)) text += `[${quoted(part)}]`;
    else text += text === '' ? part : `.${part}`;
  }
  return text === '' ? 'spec' : text;
}

/** A value as a message shows it: on one line, cut when it is long, and of lists and maps only what they are. */
export function valueText(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (value === null) return 'null';
  switch (typeof value) {
    case 'string':
      return quoted(value);
    case 'object':
      return 'a map';
    case 'undefined':
      return 'nothing';
    default:
      return String(value);
  }
}

/** The user and the password in an address. */
const USERINFO = /:\/\/[^/?#@]+@/;

function quoted(written: string): string {
  const text = written.replace(USERINFO, '://***@');
  const characters = [...text];
  if (characters.length <= LONGEST_SHOWN) return JSON.stringify(text);
  return `${JSON.stringify(characters.slice(0, LONGEST_SHOWN).join(''))}… (${characters.length} characters)`;
}

/** The value at a path, or `undefined` where there is none. Own properties only. */
export function valueAt(root: unknown, path: FieldPath): unknown {
  let value = root;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string | number, unknown>)[part];
  }
  return value;
}
