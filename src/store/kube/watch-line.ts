import { KubeError } from './kube-error.ts';
import { errorFromStatus } from './status-error.ts';

/** One line of a watch. `object` is as it came. */
export type WatchLine =
  | { readonly is: 'put' | 'deleted'; readonly object: unknown }
  | { readonly is: 'bookmark'; readonly version: string }
  | { readonly is: 'error'; readonly error: KubeError };

/**
 * Reads one line of a watch. An error that the server sends after its 200 is a line like the others.
 * @throws {KubeError} `Failed` when it is no line of a watch; the message holds nothing of the line, which may be a Secret
 */
export function parseWatchLine(line: string): WatchLine {
  const { type, object } = parse(line);
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
      return { is: 'put', object };
    case 'DELETED':
      return { is: 'deleted', object };
    case 'BOOKMARK':
      return { is: 'bookmark', version: versionOf(object) };
    case 'ERROR':
      return { is: 'error', error: errorFromStatus(object) };
    default:
      throw unreadable('has no type that is known');
  }
}

function parse(line: string): { readonly type?: unknown; readonly object?: unknown } {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // The error of JSON.parse quotes the text, so it must not go on as a cause.
    throw unreadable(`of ${line.length} characters is not JSON`);
  }
  if (value === null || typeof value !== 'object') throw unreadable('is not an object');
  return value;
}

function versionOf(object: unknown): string {
  const version = (object as { metadata?: { resourceVersion?: unknown } } | undefined)?.metadata?.resourceVersion;
  if (typeof version !== 'string' || version === '') throw unreadable('is a bookmark without a version');
  return version;
}

function unreadable(what: string): KubeError {
  return new KubeError('Failed', `A line of the watch ${what}`, { code: 0 });
}
