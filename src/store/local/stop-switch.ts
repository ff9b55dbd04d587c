import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { toTime } from '../../api/meta.ts';
import type { EpochMs } from '../../lib/clock.ts';
import { StoreError } from '../store.ts';

/** Since when everything is stopped, and who said so. */
export interface Stopped {
  /** RFC 3339. */
  readonly since: string;
  readonly by?: string;
}

/**
 * Whether an operator may change anything outside. It is a file beside the state (`<state>.stopped`), so that it can be
 * thrown while the operator hangs or is away, and holds across restarts and a lost state.
 */
export interface StopSwitch {
  /** Costs one look at the file system while it is off. @throws {StoreError} `Unavailable` when it cannot be known */
  read(): Stopped | undefined;
  /** Keeps what the first one said. Safe on the disk when it returns. @throws {StoreError} `Unavailable` */
  set(by: string | undefined, now: EpochMs): void;
  /** @throws {StoreError} `Unavailable` */
  clear(): void;
}

const MAX_BY = 128;
const Marker = z.object({ since: z.iso.datetime({ offset: true }), by: z.string().max(MAX_BY).optional() });

export function openStopSwitch(statePath: string): StopSwitch {
  const path = `${statePath}.stopped`;
  const guarded = <T>(work: () => T): T => {
    try {
      return work();
    } catch (cause) {
      const code = cause instanceof Error && 'code' in cause ? cause.code : cause;
      throw new StoreError('Unavailable', `The switch ${path} cannot be read or changed (${code}).`, { cause });
    }
  };
  const read = (): Stopped | undefined => {
    const found = statSync(path, { throwIfNoEntry: false });
    return found && (contentOf(path) ?? { since: toTime(found.mtimeMs) });
  };
  return {
    read: () => guarded(read),
    set(by, now) {
      guarded(() => {
        if (read()) return;
        const marker: Stopped = { since: toTime(now), ...(by === undefined ? {} : { by: by.slice(0, MAX_BY) }) };
        writeWhole(path, `${JSON.stringify(marker)}\n`);
        syncFolder(path);
      });
    },
    clear() {
      guarded(() => {
        rmSync(path, { force: true });
        syncFolder(path);
      });
    },
  };
}

/** `undefined`: what it says cannot be understood, but it is there, and that is what counts. */
function contentOf(path: string): Stopped | undefined {
  try {
    const { since, by } = Marker.parse(JSON.parse(readFileSync(path, 'utf8')));
    return { since, ...(by === undefined ? {} : { by }) };
  } catch {
    return undefined;
  }
}

function writeWhole(path: string, text: string): void {
  const draft = `${path}.${process.pid}`;
  const file = openSync(draft, 'w', 0o644);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(draft, path);
}

/** A name in a folder outlives a crash of the machine only when the folder has been written too. */
function syncFolder(path: string): void {
  const folder = openSync(dirname(path), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
