import { Option } from 'commander';

/** `-f PATH`, which may be repeated: a file, a folder, or `-` for standard input. */
export function fileOption(what: string): Option {
  return new Option(
    '-f, --filename <path>',
    `${what}: a file, a folder, or - for standard input; may be repeated`,
  ).argParser((value: string, before: string[] | undefined) => [...(before ?? []), value]);
}
