import { type KubeObject, keyText } from '../../api/meta.ts';
import { type Clock, sleep } from '../../lib/clock.ts';
import { secureRandom } from '../../lib/random.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { type KindRef, type StateCell, StoreError } from '../store.ts';
import { createCellFiles } from './cell-files.ts';
import { type CellContent, type CellObject, type CellPlace, contentOf, placeOf } from './cell-objects.ts';
import { MAX_CELL_BYTES, takeApart } from './cell-pieces.ts';
import type { Resource } from './resource.ts';
import { inStoreTerms } from './store-error.ts';
import type { KubeTransport } from './transport.ts';

/** How often one cell is written at most: each write is a few calls, and etcd keeps every version for a while. */
const MIN_WRITE_INTERVAL_MS = 10_000;
/** Of so many cells it is remembered when they were written; the one used longest ago gives way. */
const MAX_REMEMBERED = 4096;

export interface StateCellsOptions {
  readonly transport: KubeTransport;
  readonly clock: Clock;
  readonly log: Logger;
  /** Where objects of a kind are found, to ask whether an owner still exists. */
  readonly resourceOf: (kind: KindRef) => Resource;
  /** Default: 10,000. */
  readonly minWriteIntervalMs?: number;
  /** Ends waiting and running calls; they reject with its reason. */
  readonly signal?: AbortSignal;
  /** In [0, 1). */
  readonly random?: () => number;
}

/** Opens the cell of an object and a key. With `sensitive` it lies in Secrets instead of ConfigMaps. */
export type StateCells = (object: KubeObject, key: string, options?: { readonly sensitive?: boolean }) => StateCell;

/** What is remembered of a cell between writes. */
interface Memory {
  /** Settles when the last write in line has ended. */
  line: Promise<unknown>;
  /** On the monotonic clock. */
  writtenAt: number | undefined;
  /** The version of a head whose bytes are lost: it counts as nothing. */
  damaged: string | undefined;
  waiting: number;
}

/**
 * Cells of bytes kept in objects that belong to their owner: a head, and pieces of at most 512 KiB when it cannot hold all.
 * The pieces of a write have new names and are there before the head is switched to them, so that a crash leaves the old
 * bytes or the new ones; what it leaves lying about is removed by the next write. The version is the `resourceVersion`
 * of the head. Bytes that were lost (somebody deleted a piece) are logged and read as `undefined`.
 *
 * Writes of one cell follow each other, at least `minWriteIntervalMs` apart; one that can only conflict does not wait.
 * They reject with {StoreError} `Conflict`, `NotFound` (the owner is gone), `Invalid` (above 8 MiB), `Unavailable`; reads
 * with `Unavailable`, `TooNew`.
 */
export function createStateCells(options: StateCellsOptions): StateCells {
  const { clock, signal, log, random = secureRandom, minWriteIntervalMs = MIN_WRITE_INTERVAL_MS } = options;
  const memories = new Map<string, Memory>();
  const files = createCellFiles(options);

  const remember = ({ hash }: CellPlace): Memory => {
    const memory = memories.get(hash) ?? {
      line: Promise.resolve(),
      writtenAt: undefined,
      damaged: undefined,
      waiting: 0,
    };
    memories.delete(hash);
    memories.set(hash, memory);
    for (const [oldest, { waiting }] of memories) {
      if (memories.size <= MAX_REMEMBERED) break;
      if (waiting === 0 && oldest !== hash) memories.delete(oldest);
    }
    return memory;
  };

  /** The head, if a writer who knows `expected` may replace what there is. */
  const claim = async (place: CellPlace, expected: string | undefined): Promise<CellObject | undefined> => {
    if (!(await files.hasOwner(place))) {
      const { kind, metadata } = place.owner;
      throw new StoreError(
        'NotFound',
        `${kind} ${keyText(metadata)} (uid ${metadata.uid}) is gone, and its state with it`,
      );
    }
    const head = await files.head(place, 'metadata');
    const version = head?.metadata.resourceVersion;
    const current = version === remember(place).damaged ? undefined : version;
    if (current !== expected) throw conflict(place, expected, current);
    return head;
  };

  const writeNow = async (place: CellPlace, bytes: Uint8Array, expected: string | undefined): Promise<string> => {
    const head = await claim(place, expected);
    // Listed before the head is switched: whoever builds on the new head has names that cannot be on this list.
    const leftovers = await files.pieces(place);
    const { seal, pieces } = await takeApart(bytes);
    const generation = Math.floor(random() * 2 ** 47)
      .toString(16)
      .padStart(12, '0');
    const content: CellContent = { generation, seal, pieces: pieces.length > 1 ? pieces.length : 0 };
    const made = pieces.length > 1 ? await files.createPieces(place, generation, pieces) : [];
    const inHead = pieces.length > 1 ? undefined : pieces[0];
    const version = await files.switchHead(place, { content, bytes: inHead, over: head, made });
    await files.remove(place, leftovers);
    return version;
  };

  const takeTurn = async (place: CellPlace, bytes: Uint8Array, expected: string | undefined): Promise<string> => {
    const memory = remember(place);
    const waitMs = memory.writtenAt === undefined ? 0 : memory.writtenAt + minWriteIntervalMs - clock.monotonic();
    if (waitMs > 0) {
      await claim(place, expected);
      await sleep(clock, waitMs, signal);
    }
    const version = await writeNow(place, bytes, expected);
    memory.writtenAt = clock.monotonic();
    memory.damaged = undefined;
    return version;
  };

  const read = async (place: CellPlace): ReturnType<StateCell['read']> => {
    if (!(await files.hasOwner(place))) return undefined;
    let torn: string | undefined;
    for (;;) {
      const head = await files.head(place, 'whole');
      if (!head) return undefined;
      const version = head.metadata.resourceVersion;
      const content = contentOf(head);
      const bytes = content && (await files.bytes(place, head, content));
      if (bytes) return { bytes, version };
      if (torn === version) {
        remember(place).damaged = version;
        log.warn('state lost', { object: keyText(place.owner.metadata), key: place.key, head: place.name });
        return undefined;
      }
      if (torn !== undefined) {
        throw new StoreError('Unavailable', `${place.name} was written twice while it was read. Read again.`);
      }
      // Its pieces may just have been replaced.
      torn = version;
    }
  };

  return (object, key, { sensitive = false } = {}) => {
    const place = placeOf(object, key, sensitive);
    return {
      read: () => inStoreTerms(read(place)),
      async write(bytes, expected) {
        if (bytes.length > MAX_CELL_BYTES) {
          const message = `state "${key}" of ${keyText(object.metadata)} has ${bytes.length} bytes; at most ${MAX_CELL_BYTES} are allowed`;
          throw new StoreError('Invalid', message);
        }
        const memory = remember(place);
        // A Buffer's own `slice` would share its memory.
        const own = new Uint8Array(bytes);
        memory.waiting += 1;
        const turn = memory.line.then(() => inStoreTerms(takeTurn(place, own, expected)));
        memory.line = turn.catch(() => {});
        try {
          return await turn;
        } finally {
          memory.waiting -= 1;
        }
      },
    };
  };
}

function conflict(place: CellPlace, expected: string | undefined, current: string | undefined): StoreError {
  const said = (version: string | undefined): string => (version === undefined ? 'nothing' : `version ${version}`);
  const message = `${place.name} holds ${said(current)}, not ${said(expected)}: read it again`;
  return new StoreError('Conflict', message);
}
