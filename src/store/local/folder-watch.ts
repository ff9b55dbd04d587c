import type { KindDefinition } from '../../api/kind.ts';
import type { Clock } from '../../lib/clock.ts';
import { canonicalJson, fingerprint } from '../../lib/hash.ts';
import type { EventLog } from '../event-log.ts';
import type { ObjectTable } from '../object-table.ts';
import type { RecordedEvent } from '../store.ts';
import { type FolderReading, readManifestFiles } from './folder.ts';
import type { FolderLock } from './folder-lock.ts';
import { readMarker, writeMarker } from './identity.ts';
import { type Manifests, type ParseSpec, readManifests } from './manifests.ts';
import { isPlainKind } from './plain-kinds.ts';
import { type ManifestProblem, problemText } from './problem.ts';
import type { Residents } from './residents.ts';
import type { StateFile } from './state-file.ts';

/** As many as anyone reads; the rest is counted in the last one. */
const MAX_PROBLEMS = 1000;

/** Where the store says what a person should see; constant messages with fields. */
export interface StoreLog {
  info(message: string, fields: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields: Readonly<Record<string, unknown>>): void;
}

export interface FolderWatchOptions {
  readonly manifestsDir: string;
  readonly installationId: string;
  /** Writes our identity over another one in the folder: the user has said who we are. */
  readonly ownsMarker: boolean;
  readonly lock: FolderLock;
  readonly kinds: readonly KindDefinition[];
  readonly parse: ParseSpec;
  readonly clock: Clock;
  readonly log: StoreLog;
  readonly pollMs: number;
  readonly table: ObjectTable;
  readonly residents: Residents;
  readonly state: StateFile;
  readonly events: EventLog;
}

/** Looks at the folder again and again, and has the objects follow it. */
export interface FolderWatch {
  /** Takes over what was read, and keeps track of what is wrong. Never throws. */
  take(reading: FolderReading): void;
  start(): void;
  refresh(): Promise<void>;
  stop(): Promise<void>;
  problems(): readonly ManifestProblem[];
}

export function createFolderWatch(options: FolderWatchOptions): FolderWatch {
  const { manifestsDir, clock, log, table, residents, state, events } = options;
  let problems: readonly ManifestProblem[] = [];
  let savedProblems: string | undefined;
  let parsed: { readonly print: string; readonly manifests: Manifests } | undefined;
  let mayWriteMarker = options.ownsMarker;
  let whyNotLocked: string | undefined;
  let running: Promise<void> = Promise.resolve();
  let cancel = (): void => {};
  let isStopped = false;

  /** Reading YAML is the dear part: the same files are not parsed twice. */
  const parse = (reading: FolderReading): Manifests => {
    const print = fingerprint(reading.files, 64);
    const owners = residents.owners();
    if (parsed?.print !== print) parsed = { print, manifests: readManifests(reading.files, { ...options, owners }) };
    return parsed.manifests;
  };

  /** Why another operator has the better right to the folder; warns once when nothing can keep two apart. */
  const yieldTo = (): string | undefined => {
    const claim = options.lock.claim();
    if (claim.is === 'taken') {
      const theirs = claim.statePath === undefined ? 'another state file' : `the state file ${claim.statePath}`;
      return `is in use by an operator with ${theirs}; nothing in it is taken over. Stop one of the two`;
    }
    const why = claim.is === 'impossible' ? claim.why : undefined;
    if (why !== undefined && why !== whyNotLocked) {
      const note =
        'nothing keeps a second operator with another state file from working on it, which would buy a second time';
      log.warn('manifests not locked', { manifests: manifestsDir, error: why, note });
    }
    whyNotLocked = why;
    return undefined;
  };
  /** Why the folder must not be believed, or `undefined` once our identity lies in it. */
  const distrust = (reading: FolderReading, manifests: Manifests): string | undefined => {
    const marker = readMarker(manifestsDir);
    if (marker === options.installationId) return yieldTo();
    if (marker !== undefined && !mayWriteMarker) {
      return `belongs to installation ${marker}, this is ${options.installationId}; nothing in it is taken over. Bring the right folder back, or start again with --installation-id`;
    }
    const isEmptied = reading.files.length === 0 && [...table.all()].length > 0;
    if (marker === undefined && !mayWriteMarker && (isEmptied || !residents.recognises(manifests.documents))) {
      return 'holds none of the known manifests and no identity: perhaps it is not mounted; nothing is deleted. Bring the manifests back';
    }
    return yieldTo();
  };
  const keepMarker = (): readonly ManifestProblem[] => {
    try {
      if (readMarker(manifestsDir) !== options.installationId) writeMarker(manifestsDir, options.installationId);
      mayWriteMarker = false;
      return [];
    } catch (error) {
      const message = `The identity of this installation cannot be kept in ${manifestsDir} (${reasonOf(error)}); note it and use --installation-id ${options.installationId} if the state file is ever lost.`;
      return [{ file: '', message }];
    }
  };

  const follow = (reading: FolderReading): readonly ManifestProblem[] => {
    if (!reading.isThere) return [...reading.problems, ...residents.remarks([])].map(withConsolation);
    const manifests = parse(reading);
    const doubt = distrust(reading, manifests);
    if (doubt !== undefined)
      return [{ file: '', message: `The folder ${manifestsDir} ${doubt}.` }, ...residents.remarks([])];
    const markerProblems = keepMarker();
    const faults = [...reading.problems, ...manifests.problems];
    residents.follow({ ...manifests, faultyFiles: new Set(faults.map(({ file }) => file)) });
    return [...markerProblems, ...faults, ...residents.remarks(manifests.documents)];
  };

  const take = (reading: FolderReading): void => {
    let found: readonly ManifestProblem[];
    try {
      found = follow(reading);
    } catch (error) {
      found = [...reading.problems, { file: '', message: reasonOf(error) }];
    }
    announce(bounded(found));
    flush();
  };

  const announce = (found: readonly ManifestProblem[]): void => {
    const before = new Set(problems.map(problemText));
    const after = new Set(found.map(problemText));
    for (const problem of found) {
      if (before.has(problemText(problem))) continue;
      log.warn('manifest problem', { problem: problemText(problem) });
      const object = problem.object === undefined ? undefined : objectNamed(table, problem.object);
      if (object) table.recordEvent(object, { type: 'Warning', reason: 'InvalidManifest', note: problemText(problem) });
    }
    for (const text of before) if (!after.has(text)) log.info('manifest problem solved', { problem: text });
    problems = found;
  };

  /** Writes what may wait: the next round tries again when the disk is full. */
  const flush = (): void => {
    try {
      const text = canonicalJson(problems);
      if (text !== savedProblems) state.saveProblems(problems);
      savedProblems = text;
      const waiting = new Map<string, readonly RecordedEvent[]>();
      for (const id of events.unsaved) {
        const object = table.find(id);
        if (object && !isPlainKind(object.apiVersion, object.kind)) waiting.set(id, events.of(id));
      }
      if (waiting.size > 0) state.saveEvents(waiting);
      events.markSaved();
    } catch (error) {
      log.warn('state file not written', { error: reasonOf(error) });
    }
  };

  const look = async (): Promise<void> => {
    const reading = await readManifestFiles(manifestsDir);
    if (!isStopped) take(reading);
  };
  const refresh = (): Promise<void> => {
    running = running.then(look);
    return running;
  };
  const schedule = (): void => {
    cancel = clock.after(options.pollMs, () => {
      void refresh().then(() => {
        if (!isStopped) schedule();
      });
    });
  };

  return {
    take,
    start: schedule,
    refresh,
    async stop() {
      if (isStopped) return;
      isStopped = true;
      cancel();
      await running;
      flush();
    },
    problems: () => problems,
  };
}

function objectNamed(table: ObjectTable, name: string): ReturnType<ObjectTable['find']> {
  for (const [, object] of table.all()) {
    if (`${object.kind} ${object.metadata.namespace}/${object.metadata.name}` === name) return object;
  }
  return undefined;
}

function withConsolation(problem: ManifestProblem): ManifestProblem {
  if (problem.file !== '' || problem.object !== undefined) return problem;
  return { ...problem, message: `${problem.message} Nothing is deleted; objects go on as they are until it is back.` };
}

function bounded(problems: readonly ManifestProblem[]): readonly ManifestProblem[] {
  if (problems.length <= MAX_PROBLEMS) return problems;
  const left = problems.length - MAX_PROBLEMS + 1;
  return [...problems.slice(0, MAX_PROBLEMS - 1), { file: '', message: `${left} more problems are not shown.` }];
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
