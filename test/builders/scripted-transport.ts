import { type Clock, sleep } from '../../src/lib/clock.ts';
import { KubeError } from '../../src/store/kube/kube-error.ts';
import type { RawObject } from '../../src/store/kube/raw-object.ts';
import type { Resource } from '../../src/store/kube/resource.ts';
import type { KubeRequest, KubeStream, KubeTransport } from '../../src/store/kube/transport.ts';

/** The kind that scripted servers serve. */
export const WIDGET: Resource = { apiVersion: 'test.aiops.org/v1', kind: 'Widget', plural: 'widgets' };

/** How the server meets the next call instead of answering as it should. */
export type Fault =
  | { readonly is: 'error'; readonly error: KubeError; readonly afterMs?: number }
  /** Nothing ever comes. */
  | { readonly is: 'silence' }
  /** A list: this instead of the page. */
  | { readonly is: 'answer'; readonly body: unknown }
  /** A watch: 200 after a while, these lines, and the clean end. */
  | { readonly is: 'lines'; readonly lines: readonly string[]; readonly beforeMs?: number };

export interface Asked {
  readonly verb: 'list' | 'watch';
  readonly path: string;
  readonly query: Readonly<Record<string, string | undefined>>;
  readonly accept: string | undefined;
  readonly deadlineMs: number | undefined;
  /** On the monotonic clock. */
  readonly atMs: number;
}

/** A pretended API server for one kind, in memory and on a fake clock. Answers truthfully except for the faults it is told. */
export interface ScriptedServer {
  readonly transport: KubeTransport;
  /** Every page and every watch that was asked for. */
  readonly asked: readonly Asked[];
  /** The version of the newest change. */
  readonly version: string;
  /** What exists, ordered by name. */
  readonly objects: readonly RawObject[];
  readonly openWatches: number;
  /** Creates or changes an object in namespace `default`; `members` go into its metadata or beside it. */
  put(
    name: string,
    members?: Readonly<Record<string, unknown>>,
    metadata?: Readonly<Record<string, unknown>>,
  ): RawObject;
  /** Deletes an object, if it is there. */
  remove(name: string): void;
  /** Something else changes: the version rises, and no watch of this kind hears of it. */
  pass(versions?: number): void;
  /** Tells open watches the current version. */
  bookmark(): void;
  /** Sends a line to the open watches, whatever it is. */
  say(line: string): void;
  /** The last so many events, once more. */
  repeat(count: number): void;
  /** Ends the open watches, cleanly or with an error. */
  cut(error?: KubeError): void;
  /** Forgets the past: watches from before, and lists half-way through, are gone. */
  compact(): void;
  /** Open and coming watches lose what happens from now on, or no longer. */
  mute(isMute: boolean): void;
  /** A copy of the storage, which `restore` puts back. */
  backUp(): () => void;
  /** The next calls meet these faults, in order. */
  readonly faults: { readonly list: Fault[]; readonly watch: Fault[] };
  /** How many objects a page has at most; and an order of the pages other than the natural one. */
  pages: { size: number; reversed: boolean; doubled: boolean };
}

interface Event {
  readonly version: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: RawObject;
}
interface OpenWatch {
  readonly from: number;
  readonly send: (line: string) => void;
  readonly end: (error?: KubeError) => void;
}
interface Snapshot {
  readonly version: number;
  readonly pages: readonly (readonly RawObject[])[];
}

export function createScriptedServer(clock: Clock): ScriptedServer {
  const asked: Asked[] = [];
  const watches = new Set<OpenWatch>();
  const faults = { list: [] as Fault[], watch: [] as Fault[] };
  const pages = { size: 500, reversed: false, doubled: false };
  const snapshots = new Map<string, Snapshot>();
  let objects = new Map<string, RawObject>();
  let events: Event[] = [];
  let version = 100;
  let compactedAt = 0;
  let made = 0;
  let taking = 0;
  let isMute = false;

  const sorted = (): readonly RawObject[] =>
    [...objects.values()].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const lineOf = ({ type, object }: Event): string => JSON.stringify({ type, object });
  const send = (watch: OpenWatch, event: Event): void => {
    if (event.version > watch.from) watch.send(lineOf(event));
  };
  const emit = (type: Event['type'], object: RawObject): void => {
    const event = { version, type, object };
    events.push(event);
    if (!isMute) for (const watch of [...watches]) send(watch, event);
  };
  const note = (
    verb: Asked['verb'],
    { path, query = {}, accept }: KubeRequest | KubeStream,
    deadlineMs?: number,
  ): void => {
    asked.push({ verb, path, query, accept, deadlineMs, atMs: clock.monotonic() });
  };

  const snapshot = (): Snapshot => {
    const all = sorted();
    const cut = [];
    for (let at = 0; at < all.length; at += pages.size) cut.push(all.slice(at, at + pages.size));
    const ordered = pages.reversed ? cut.reverse() : cut;
    return { version, pages: pages.doubled ? ordered.flatMap((page) => [page, page]) : ordered };
  };
  const page = (query: KubeRequest['query'] = {}): unknown => {
    const [id = '', number = '0'] = (query['continue'] ?? '').split('/');
    if (id !== '' && !snapshots.has(id)) throw expired();
    const key = id || `snapshot-${++taking}`;
    const taken = snapshots.get(key) ?? snapshot();
    snapshots.set(key, taken);
    const next = Number(number) + 1;
    return {
      metadata: {
        resourceVersion: String(taken.version),
        ...(next < taken.pages.length ? { continue: `${key}/${next}` } : {}),
      },
      // Items of a list carry neither apiVersion nor kind.
      items: taken.pages[Number(number)]?.map(({ apiVersion: _, kind: __, ...item }) => item) ?? null,
    };
  };

  const fail = async (fault: Extract<Fault, { is: 'error' }>, signal: AbortSignal | undefined): Promise<never> => {
    if (fault.afterMs !== undefined) await sleep(clock, fault.afterMs, signal);
    throw fault.error;
  };
  const transport: KubeTransport = {
    server: 'https://scripted.test',
    close() {},
    async request<T>(request: KubeRequest, signal?: AbortSignal) {
      note('list', request);
      const fault = faults.list.shift();
      // The answer takes its way: who stops meanwhile hears of it.
      await untilAborted(Promise.resolve(), signal);
      if (fault?.is === 'silence')
        return sleep(clock, request.timeoutMs ?? 30_000, signal).then(() => Promise.reject(late()));
      if (fault?.is === 'error') await fail(fault, signal);
      return (fault?.is === 'answer' ? fault.body : structuredClone(page(request.query))) as T;
    },
    async stream(stream, onLine, signal) {
      note('watch', stream, stream.deadlineMs);
      const fault = faults.watch.shift();
      await untilAborted(Promise.resolve(), signal);
      if (fault?.is === 'silence') return sleep(clock, stream.deadlineMs, signal).then(() => Promise.reject(late()));
      if (fault?.is === 'error') await fail(fault, signal);
      const ended = Promise.withResolvers<void>();
      const end = (error?: KubeError): void => (error ? ended.reject(error) : ended.resolve());
      const say = (line: string): void => {
        try {
          // Also what was under way when the caller stopped.
          onLine(line);
        } catch (error) {
          ended.reject(error);
          watches.delete(watch);
        }
      };
      const watch = { from: Number(stream.query?.['resourceVersion']), send: say, end };
      const timeoutMs = Number(stream.query?.['timeoutSeconds']) * 1000;
      if (fault?.is === 'lines') await sleep(clock, fault.beforeMs ?? 0, signal);
      const cancel = clock.after(timeoutMs, () => end());
      stream.onOpen?.();
      if (fault?.is === 'lines') {
        for (const line of fault.lines) say(line);
        end();
      } else if (watch.from < compactedAt) {
        say(JSON.stringify({ type: 'ERROR', object: expiredStatus }));
        end();
      } else {
        watches.add(watch);
        if (!isMute) for (const event of [...events]) send(watch, event);
      }
      try {
        await untilAborted(ended.promise, signal);
      } finally {
        watches.delete(watch);
        cancel();
      }
    },
  };

  return {
    transport,
    asked,
    faults,
    pages,
    get version() {
      return String(version);
    },
    get objects() {
      return sorted();
    },
    get openWatches() {
      return watches.size;
    },
    put(name, members = {}, metadata = {}) {
      version += 1;
      const old = objects.get(name);
      const uid = old?.metadata.uid ?? `uid-${++made}`;
      const object: RawObject = {
        apiVersion: WIDGET.apiVersion,
        kind: WIDGET.kind,
        ...members,
        metadata: { name, namespace: 'default', uid, ...metadata, resourceVersion: String(version) },
      };
      objects.set(name, object);
      emit(old ? 'MODIFIED' : 'ADDED', object);
      return object;
    },
    remove(name) {
      const old = objects.get(name);
      if (!old) return;
      version += 1;
      objects.delete(name);
      emit('DELETED', { ...old, metadata: { ...old.metadata, resourceVersion: String(version) } });
    },
    pass(versions = 1) {
      version += versions;
    },
    bookmark() {
      const object = { kind: WIDGET.kind, metadata: { resourceVersion: String(version) } };
      for (const watch of [...watches]) watch.send(JSON.stringify({ type: 'BOOKMARK', object }));
    },
    say(line) {
      for (const watch of [...watches]) watch.send(line);
    },
    repeat(count) {
      for (const event of events.slice(-count)) for (const watch of [...watches]) watch.send(lineOf(event));
    },
    cut(error) {
      for (const watch of watches) watch.end(error);
      watches.clear();
    },
    compact() {
      compactedAt = version;
      events = [];
      snapshots.clear();
    },
    mute(mute) {
      isMute = mute;
    },
    backUp() {
      const kept = { objects: new Map(objects), events: [...events], version };
      return () => {
        objects = new Map(kept.objects);
        events = [...kept.events];
        version = kept.version;
        snapshots.clear();
      };
    },
  };
}

const expiredStatus = {
  kind: 'Status',
  status: 'Failure',
  message: 'too old resource version: 1 (100)',
  reason: 'Expired',
  code: 410,
};

function expired(): KubeError {
  return new KubeError('Expired', 'The provided continue parameter is too old', { code: 410 });
}

function late(): KubeError {
  return new KubeError('Timeout', 'no answer in time', { code: 0 });
}

async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  aborted.promise.catch(() => {});
  const stop = (): void => aborted.reject(signal?.reason);
  if (signal?.aborted) stop();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([aborted.promise, promise]);
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}
