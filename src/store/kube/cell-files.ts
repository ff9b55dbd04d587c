import { StoreError } from '../store.ts';
import {
  bytesOf,
  type CellContent,
  type CellObject,
  type CellPlace,
  contentOf,
  headBody,
  pieceBody,
  pieceName,
  pieceSelector,
} from './cell-objects.ts';
import { putTogether } from './cell-pieces.ts';
import { KubeError } from './kube-error.ts';
import { listPages } from './list-pages.ts';
import { findObject, METADATA_ONLY, ownerExists } from './owner.ts';
import { resourcePath } from './resource.ts';
import type { StateCellsOptions } from './state-cells.ts';

/** Without it a misspelt field would vanish silently. */
const STRICT = { fieldValidation: 'Strict' };

/** A piece that exists; its uid makes sure that no other of the same name is deleted. */
export interface PieceRef {
  readonly name: string;
  readonly uid: string;
}

/** A head to be written. */
export interface HeadSwitch {
  readonly content: CellContent;
  /** What the head holds itself. */
  readonly bytes: Uint8Array | undefined;
  /** The head that it replaces. */
  readonly over: CellObject | undefined;
  /** The pieces made for it, removed when it is refused. */
  readonly made: readonly PieceRef[];
}

/** The calls that reading and writing a cell consist of. All reject with `KubeError`, or as it says. */
export interface CellFiles {
  /** Whether the very owner, not one of the same name, exists. */
  hasOwner(place: CellPlace): Promise<boolean>;
  head(place: CellPlace, what: 'metadata' | 'whole'): Promise<CellObject | undefined>;
  pieces(place: CellPlace): Promise<readonly PieceRef[]>;
  /** `undefined` when a piece is missing or something else was sealed. */
  bytes(place: CellPlace, head: CellObject, content: CellContent): Promise<Uint8Array | undefined>;
  createPieces(place: CellPlace, generation: string, pieces: readonly Uint8Array[]): Promise<readonly PieceRef[]>;
  /** @returns the version of the new head. @throws {StoreError} `Conflict` */
  switchHead(place: CellPlace, next: HeadSwitch): Promise<string>;
  /** Removes what it can; the rest is left to the next write. */
  remove(place: CellPlace, pieces: readonly PieceRef[]): Promise<void>;
}

export function createCellFiles(
  options: Pick<StateCellsOptions, 'transport' | 'resourceOf' | 'log' | 'signal'>,
): CellFiles {
  const { transport, resourceOf, log, signal = new AbortController().signal } = options;

  const pathOf = ({ resource, owner }: CellPlace, name?: string): string =>
    resourcePath(resource, { namespace: owner.metadata.namespace, ...(name === undefined ? {} : { name }) });
  const find = (path: string, accept?: string): Promise<CellObject | undefined> =>
    findObject<CellObject>(transport, { path, ...(accept === undefined ? {} : { accept }) }, signal);
  const create = (place: CellPlace, body: object): Promise<CellObject> =>
    transport.request<CellObject>({ method: 'POST', path: pathOf(place), query: STRICT, body }, signal);

  const remove = async (place: CellPlace, pieces: readonly PieceRef[]): Promise<void> => {
    for (const { name, uid } of pieces) {
      const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid } };
      try {
        await transport.request({ method: 'DELETE', path: pathOf(place, name), body }, signal);
      } catch (error) {
        log.debug('piece of state not removed', { piece: name, error });
      }
    }
  };

  const files: CellFiles = {
    hasOwner: ({ owner }) => ownerExists(transport, resourceOf(owner), owner, signal),
    head: (place, what) => find(pathOf(place, place.name), what === 'metadata' ? METADATA_ONLY : undefined),
    async pieces(place) {
      let found: PieceRef[] = [];
      const begin = (): ((objects: readonly { readonly metadata: PieceRef }[]) => void) => {
        found = [];
        return (objects) => found.push(...objects.map(({ metadata: { name, uid } }) => ({ name, uid })));
      };
      const { namespace } = place.owner.metadata;
      const selection = {
        resource: place.resource,
        namespace,
        labelSelector: pieceSelector(place),
        metadataOnly: true,
      };
      await listPages(transport, selection, false, begin, signal);
      return found;
    },
    async bytes(place, head, { generation, pieces, seal }) {
      const parts: Uint8Array[] = [];
      for (let index = 0; index < Math.max(1, pieces); index++) {
        const holder = pieces === 0 ? head : await find(pathOf(place, pieceName(place, generation, index)));
        const part = holder && bytesOf(holder);
        if (!part) return undefined;
        parts.push(part);
      }
      return putTogether(seal, parts);
    },
    async createPieces(place, generation, pieces) {
      const made: PieceRef[] = [];
      for (const [index, bytes] of pieces.entries()) {
        const name = pieceName(place, generation, index);
        try {
          const { metadata } = await create(place, pieceBody(place, name, bytes));
          made.push({ name, uid: metadata.uid });
        } catch (error) {
          // Nobody else draws this name: a call whose answer was lost has been repeated.
          if (error instanceof KubeError && error.reason === 'AlreadyExists') continue;
          await remove(place, made);
          throw error;
        }
      }
      return made;
    },
    async switchHead(place, { content, bytes, over, made }) {
      const body = headBody(place, content, bytes, over?.metadata.resourceVersion);
      try {
        const written = over
          ? await transport.request<CellObject>(
              { method: 'PUT', path: pathOf(place, place.name), query: STRICT, body },
              signal,
            )
          : await create(place, body);
        return written.metadata.resourceVersion;
      } catch (error) {
        if (!(error instanceof KubeError) || !isRefused(error)) throw error;
        // A call repeated after a broken connection may be refused because its first try was carried out.
        const head = await files.head(place, 'metadata');
        if (head && contentOf(head)?.generation === content.generation) return head.metadata.resourceVersion;
        await remove(place, made);
        if (!isOutdated(error, over)) throw error;
        throw new StoreError('Conflict', `${place.name} was written meanwhile: read it again`, { cause: error });
      }
    },
    remove,
  };
  return files;
}

/** Surely not carried out. After any other failure the head may lead to the new pieces, and they must stay. */
function isRefused({ code }: KubeError): boolean {
  return code >= 400 && code < 500 && code !== 408;
}

/** Another head is there, or none any more. */
function isOutdated({ reason }: KubeError, over: CellObject | undefined): boolean {
  return reason === 'Conflict' || reason === 'AlreadyExists' || (over !== undefined && reason === 'NotFound');
}
