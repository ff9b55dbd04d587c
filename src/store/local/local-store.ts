import { hostname } from 'node:os';
import { DatabaseSync } from 'node:sqlite';
import type { KindDefinition } from '../../api/kind.ts';
import { type KubeObject, type ObjectKey, toTime } from '../../api/meta.ts';
import type { Clock, EpochMs } from '../../lib/clock.ts';
import { createEventLog } from '../event-log.ts';
import { createObjectTable } from '../object-table.ts';
import { type KindRef, type Store, StoreError } from '../store.ts';
import { socketPath } from './control-protocol.ts';
import { type FolderReading, readManifestFiles } from './folder.ts';
import { createFolderLock, type FolderLock } from './folder-lock.ts';
import { createFolderWatch, type StoreLog } from './folder-watch.ts';
import { readMarker, resolveIdentity } from './identity.ts';
import { takeLock } from './lock.ts';
import type { ParseSpec } from './manifests.ts';
import type { ManifestProblem } from './problem.ts';
import { createResidents, loadObjects, UNMANAGED } from './residents.ts';
import { type Owner, readOwner } from './rows.ts';
import { openStateFile, type StateFile } from './state-file.ts';

/** Far above what a thousand pools with their histories need; a bound against a disk filled by mistake. */
const MAX_STATE_BYTES = 2 * 1024 ** 3;
/** As quick as a person expects an edited file to count; reading a few small files a second costs nothing. */
const POLL_MS = 1000;

export interface LocalStoreOptions {
  /** The folder of manifests. */
  readonly manifestsDir: string;
  /** The SQLite file; `.lock` and `.sock` lie beside it. */
  readonly statePath: string;
  readonly kinds: readonly KindDefinition[];
  readonly parse: ParseSpec;
  readonly clock: Clock;
  readonly log: StoreLog;
  /** What `AIOPS_CLOCK` said, so that others read the times of this state rightly. */
  readonly sharedClock?: string;
  /** `--installation-id`: a UUID that counts more than those found. */
  readonly installationId?: string;
  /** Objects whose manifest is gone are deleted. Default: they are kept and shown as unmanaged. */
  readonly prune?: boolean;
  /** How often the folder is looked at; default 1 s. */
  readonly pollMs?: number;
  /** The state file never grows beyond this; default 2 GiB. */
  readonly maxStateBytes?: number;
  /** Wraps the state file. For proofs that cut a process off between its writes; nothing else may use it. */
  readonly decorateState?: (state: StateFile) => StateFile;
}

/** The store of a standalone operator: a folder of YAML and one SQLite file, owned by this process until `close`. */
export interface LocalStore extends Store {
  /**
   * Deletes as kubectl does: finalizers run first. The manifest is remembered and does not bring the object back until
   * it says something else.
   * @throws {StoreError} `NotFound`, `Invalid` (Secrets and ConfigMaps are their manifests), `Unavailable`
   */
  delete(kind: KindRef, key: ObjectKey): Promise<void>;
  /**
   * Overrides the number of replicas until the manifest's own number changes.
   * @throws {StoreError} `NotFound`, `Invalid`, `Unavailable`
   */
  scale(kind: KindRef, key: ObjectKey, replicas: number): Promise<void>;
  /** When this state was begun anew for an installation that is older than it; what it recorded before is lost. */
  readonly stateLostAt: EpochMs | undefined;
  /** Whether a manifest describes the object. */
  managed(object: KubeObject): boolean;
  /** What is wrong with the manifests right now. */
  problems(): readonly ManifestProblem[];
  /** Looks at the folder at once. Resolves when everything that it says has been taken over. */
  refresh(): Promise<void>;
  /** Stops looking, writes what waits and gives the state up. Later writes fail with `Unavailable`. */
  close(): Promise<void>;
}

/**
 * Opens the store of this machine and reads the folder once.
 * @throws {StoreError} `Locked` (another process owns the state, or works on the folder with another state), `TooNew`,
 *   `Unavailable` (state file, or no folder at the very first start), `Invalid` (folder and state belong to different
 *   installations; the path of the state is too long for the socket beside it)
 */
export async function openLocalStore(options: LocalStoreOptions): Promise<LocalStore> {
  const { statePath } = options;
  // An operator that cannot be told anything is better refused before it does something.
  socketPath(statePath);
  const releaseState = takeLock(statePath);
  if (!releaseState) throw new StoreError('Locked', lockedMessage(statePath));
  const folderLock = createFolderLock(options);
  const release = (): void => {
    folderLock.release();
    releaseState();
  };
  try {
    const file = openStateFile(statePath, { maxBytes: options.maxStateBytes ?? MAX_STATE_BYTES });
    const state = options.decorateState?.(file) ?? file;
    try {
      return await openWith(options, state, folderLock, release);
    } catch (error) {
      state.close();
      throw error;
    }
  } catch (error) {
    release();
    throw error;
  }
}

async function openWith(
  options: LocalStoreOptions,
  state: StateFile,
  folderLock: FolderLock,
  release: () => void,
): Promise<LocalStore> {
  const { clock, manifestsDir, log } = options;
  const reading = await readManifestFiles(manifestsDir);
  const { installationId, isOlder, isFolderOurs } = identityOf(options, state.installationId, reading);
  // One that is not mounted yet gets no lock of ours; the watch takes it once the folder can be believed.
  const claim = isFolderOurs ? folderLock.claim() : undefined;
  if (claim?.is === 'taken') throw new StoreError('Locked', takenMessage(options, claim.statePath));
  state.claim(installationId, {
    pid: process.pid,
    host: hostname(),
    since: toTime(clock.now()),
    ...(options.sharedClock === undefined ? {} : { clock: options.sharedClock }),
  });

  const events = createEventLog(clock);
  const residentsOptions = { ...options, installationId, state, prune: options.prune ?? false };
  const loaded = loadObjects(residentsOptions);
  for (const id of loaded.origins.keys()) events.load(id, state.eventsOf(id));
  const table = createObjectTable({
    installationId,
    clock,
    backing: state,
    events,
    lastVersion: state.lastVersion,
    objects: loaded.objects,
    onListenerError: (error) => log.warn('a listener of the store failed', { error: String(error) }),
  });
  const residents = createResidents(residentsOptions, table, loaded);
  const watch = createFolderWatch({
    ...options,
    installationId,
    pollMs: options.pollMs ?? POLL_MS,
    ownsMarker: options.installationId !== undefined,
    lock: folderLock,
    table,
    residents,
    state,
    events,
  });
  watch.take(reading);
  residents.opened();
  watch.start();
  // Later than all that the folder has just brought back.
  const stateLostAt = isOlder ? clock.now() : undefined;

  return {
    ...table,
    async delete(kind, key) {
      residents.delete(kind, key);
    },
    async scale(kind, key, replicas) {
      residents.scale(kind, key, replicas);
    },
    stateLostAt,
    managed: (object) => object.metadata.annotations[UNMANAGED] === undefined,
    problems: watch.problems,
    refresh: watch.refresh,
    async close() {
      await watch.stop();
      state.close();
      release();
    },
  };
}

/** Who we are, whether we have been that for longer than this state exists, and whether the folder is known to be that one's. */
function identityOf(
  options: LocalStoreOptions,
  inState: string | undefined,
  reading: FolderReading,
): { readonly installationId: string; readonly isOlder: boolean; readonly isFolderOurs: boolean } {
  const { manifestsDir, statePath, installationId } = options;
  if (inState === undefined && !reading.isThere) {
    const message = `The folder of manifests ${manifestsDir} cannot be read; create it, or name another with --manifests.`;
    throw new StoreError('Unavailable', message);
  }
  let folder: string | undefined;
  try {
    folder = readMarker(manifestsDir);
  } catch (cause) {
    // Without the state the folder alone says who we are, and guessing would leave machines behind.
    if (inState === undefined && installationId === undefined) {
      throw new StoreError('Unavailable', `The identity in ${manifestsDir} cannot be read (${String(cause)}).`, {
        cause,
      });
    }
  }
  const resolved = resolveIdentity({
    manifestsDir,
    statePath,
    ...(installationId === undefined ? {} : { option: installationId }),
    ...(folder === undefined ? {} : { folder }),
    ...(inState === undefined ? {} : { state: inState }),
  });
  const isOlder = inState === undefined && (folder !== undefined || installationId !== undefined);
  const isChosen = inState === undefined || installationId !== undefined;
  return { installationId: resolved, isOlder, isFolderOurs: reading.isThere && (isChosen || folder === resolved) };
}

function lockedMessage(statePath: string): string {
  const who = ownerText(statePath) ?? 'another process';
  return `The state file ${statePath} belongs to ${who}. Stop that operator, or name another file with --state.`;
}

function takenMessage({ manifestsDir, statePath }: LocalStoreOptions, other: string | undefined): string {
  const owner = other === undefined ? undefined : ownerText(other);
  const theirs = other === undefined ? 'another state file' : `the state file ${other}`;
  return (
    `The manifests ${manifestsDir} are in use by an operator with ${theirs}${owner === undefined ? '' : ` (${owner})`}; this one ` +
    `has ${statePath}. A folder is one installation, and two operators on it would each buy its machines. ` +
    'Stop that operator, or name another folder with --manifests.'
  );
}

function ownerText(statePath: string): string | undefined {
  const owner = ownerOf(statePath);
  return owner && `process ${owner.pid} on ${owner.host}, since ${owner.since}`;
}

/** Best effort: the message is worth having without it. */
function ownerOf(statePath: string): Owner | undefined {
  try {
    const db = new DatabaseSync(statePath, { readOnly: true });
    try {
      return readOwner(db);
    } finally {
      db.close();
    }
  } catch {
    return undefined;
  }
}
