import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Selection } from './list-pages.ts';
import type { Outcome } from './reflector.ts';
import { resourcePath } from './resource.ts';
import type { KubeStream, KubeTransport } from './transport.ts';
import { toKubeError } from './trouble.ts';
import { isNewer } from './versions.ts';
import { parseWatchLine, type WatchLine } from './watch-line.ts';

/** A watch that has lived so long after the server's 200 works, even when it brings nothing. */
const PROVEN_AFTER_MS = 1000;
/**
 * How long the server keeps a watch: shorter than client-go's 5 to 10 minutes, because cloud balancers drop flows that
 * were idle for 240 to 350 s, and spread, so that not all come back at once.
 */
const SHORTEST_S = 180;
const LONGEST_S = 240;
/** When the server has not ended the watch so long after it should have, nobody is there. */
const MARGIN_S = 15;

export interface WatchOptions {
  readonly transport: KubeTransport;
  readonly selection: Selection;
  /** What came after this version is told. */
  readonly version: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  /** The server has answered. */
  readonly heard: () => void;
  /** Takes over a line; returns its version. What it throws ends the watch. */
  readonly take: (line: WatchLine) => string;
  /** Called once, when the watch works. */
  readonly proven: () => void;
  /** When to call `compare`, from the server's 200 on. */
  readonly compareInMs: number;
  /** Holds the watch against a list. @returns why it must be left, if it must */
  readonly compare: (signal: AbortSignal) => Promise<'Drift' | 'Compare' | undefined>;
}

/** One watch, from its request to its end. @throws only the reason of `signal` */
export async function watchOnce(options: WatchOptions, signal: AbortSignal): Promise<Outcome> {
  const { clock, log } = options;
  const own = new AbortController();
  const stop = (): void => own.abort(signal.reason);
  const timers: (() => void)[] = [];
  let version = options.version;
  let isProven = false;
  let isComparing = false;
  let left: 'Drift' | 'Compare' | undefined;

  const prove = (): void => {
    if (!isProven && !own.signal.aborted) options.proven();
    isProven = true;
  };
  const compare = async (): Promise<void> => {
    isComparing = true;
    // It rejects only when the watch has ended.
    left = await options.compare(own.signal).catch(() => undefined);
    if (own.signal.aborted) return;
    isComparing = false;
    if (left) own.abort(new Error('the watch cannot be relied upon'));
  };
  const onOpen = (): void => {
    options.heard();
    timers.push(clock.after(PROVEN_AFTER_MS, prove));
    // Not earlier: what a watch has missed shows only against a list asked for while it was open.
    timers.push(clock.after(options.compareInMs, () => void compare()));
  };
  const onLine = (line: string): void => {
    if (own.signal.aborted) return;
    const next = options.take(parseWatchLine(line));
    // What has been told before proves nothing: a server that repeats itself and hangs up would be asked without a pause.
    if (!isNewer(next, version)) return;
    version = next;
    prove();
  };
  const end = () => ({ version, isProven, wasComparing: isComparing });

  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    await options.transport.stream(streamOf(options, onOpen), onLine, own.signal);
    return { is: 'watch closed', ...end() };
  } catch (error) {
    if (left) return { is: 'watch left', reason: left };
    signal.throwIfAborted();
    return { is: 'watch broken', ...end(), error: toKubeError(error, log) };
  } finally {
    for (const cancel of timers) cancel();
    signal.removeEventListener('abort', stop);
    own.abort();
  }
}

function streamOf({ selection, version, random }: WatchOptions, onOpen: () => void): KubeStream {
  const { resource, namespace, labelSelector, metadataOnly } = selection;
  const timeoutSeconds = SHORTEST_S + Math.floor(random() * (LONGEST_S - SHORTEST_S + 1));
  return {
    path: resourcePath(resource, namespace === undefined ? {} : { namespace }),
    query: {
      watch: '1',
      allowWatchBookmarks: 'true',
      resourceVersion: version,
      timeoutSeconds: String(timeoutSeconds),
      labelSelector,
    },
    ...(metadataOnly ? { accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1' } : {}),
    deadlineMs: (timeoutSeconds + MARGIN_S) * 1000,
    onOpen,
  };
}
