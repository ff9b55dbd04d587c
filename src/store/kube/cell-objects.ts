import { z } from 'zod';
import type { KubeObject } from '../../api/meta.ts';
import { fingerprint } from '../../lib/hash.ts';
import { StoreError } from '../store.ts';
import type { Seal } from './cell-pieces.ts';
import type { Resource } from './resource.ts';

const ConfigMap: Resource = { apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps' };
const Secret: Resource = { apiVersion: 'v1', kind: 'Secret', plural: 'secrets' };

/** Raised when older programs could no longer read what is written. */
const FORMAT = 1;
const CELL_LABEL = 'aiops.org/state-cell';
const PART_LABEL = 'aiops.org/state-part';
const OWNER_LABEL = 'aiops.org/state-of';
const KEY_ANNOTATION = 'aiops.org/state-key';
const CONTENT_ANNOTATION = 'aiops.org/state';
const BYTES_KEY = 'gzip';
/** Leaves room for what is put behind it: a name of Kubernetes has at most 253 characters. */
const MAX_STEM = 180;

/** Which cell is meant, and where it lies. */
export interface CellPlace {
  readonly owner: KubeObject;
  readonly key: string;
  readonly resource: Resource;
  /** Of the owner's uid and the key: an owner of the same name that came later has other cells. */
  readonly hash: string;
  /** The name of the head; those of the pieces begin with it. */
  readonly name: string;
}

/** What a head says about its cell. */
export interface CellContent {
  /** Drawn anew for each write; part of the names of its pieces. */
  readonly generation: string;
  /** How many other objects hold the bytes; 0: the head itself. */
  readonly pieces: number;
  readonly seal: Seal;
}

/** A head or a piece as the API server sends it; `binaryData` of a ConfigMap, `data` of a Secret. */
export interface CellObject {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly binaryData?: Readonly<Record<string, string>>;
  readonly data?: Readonly<Record<string, string>>;
}

/** The JSON in the head's annotation. */
const Written = z.object({
  format: z.number(),
  generation: z.string(),
  pieces: z.int().min(0).max(64),
  sha256: z.string(),
  length: z.int().min(0),
});

export function placeOf(owner: KubeObject, key: string, isSensitive: boolean): CellPlace {
  const hash = fingerprint([owner.metadata.uid, key, isSensitive], 20);
  // A part of a name must not end in "-" or ".".
  const stem = owner.metadata.name.slice(0, MAX_STEM).replace(/[^a-z0-9]+$/, '');
  return { owner, key, resource: isSensitive ? Secret : ConfigMap, hash, name: `${stem}-state-${hash}` };
}

export function pieceName(place: CellPlace, generation: string, index: number): string {
  return `${place.name}-${generation}-${index}`;
}

/** Finds every piece of a cell, whichever write it belongs to. */
export function pieceSelector(place: CellPlace): string {
  return `${CELL_LABEL}=${place.hash},${PART_LABEL}=piece`;
}

/** A head to be created, or to replace the one of `version`. `bytes` are those that it holds itself. */
export function headBody(
  place: CellPlace,
  content: CellContent,
  bytes: Uint8Array | undefined,
  version: string | undefined,
): object {
  const { generation, pieces, seal } = content;
  const written: z.infer<typeof Written> = { format: FORMAT, generation, pieces, ...seal };
  const annotations = { [KEY_ANNOTATION]: place.key, [CONTENT_ANNOTATION]: JSON.stringify(written) };
  const metadata = { ...metadataOf(place, place.name, 'head'), annotations };
  return body(place, version === undefined ? metadata : { ...metadata, resourceVersion: version }, bytes);
}

export function pieceBody(place: CellPlace, name: string, bytes: Uint8Array): object {
  return { ...body(place, metadataOf(place, name, 'piece'), bytes), immutable: true };
}

/**
 * What a head says, `undefined` when that makes no sense.
 * @throws {StoreError} `TooNew`
 */
export function contentOf({ metadata }: CellObject): CellContent | undefined {
  const { data } = Written.safeParse(parseJson(metadata.annotations?.[CONTENT_ANNOTATION] ?? ''));
  if (!data) return undefined;
  const { format, generation, pieces, sha256, length } = data;
  if (format > FORMAT) {
    const message = `${metadata.name} holds state of format ${format}; this program reads up to ${FORMAT}. Run the newer one.`;
    throw new StoreError('TooNew', message);
  }
  return { generation, pieces, seal: { sha256, length } };
}

export function bytesOf({ binaryData, data }: CellObject): Uint8Array | undefined {
  const text = (binaryData ?? data)?.[BYTES_KEY];
  return text === undefined ? undefined : Buffer.from(text, 'base64');
}

function metadataOf({ owner, hash }: CellPlace, name: string, part: 'head' | 'piece'): object {
  const { apiVersion, kind, metadata } = owner;
  return {
    name,
    namespace: metadata.namespace,
    labels: {
      'app.kubernetes.io/managed-by': 'aiops-operator',
      [OWNER_LABEL]: metadata.uid,
      [CELL_LABEL]: hash,
      [PART_LABEL]: part,
    },
    ownerReferences: [
      { apiVersion, kind, name: metadata.name, uid: metadata.uid, controller: true, blockOwnerDeletion: true },
    ],
  };
}

function body({ resource }: CellPlace, metadata: object, bytes: Uint8Array | undefined): object {
  const { apiVersion, kind } = resource;
  if (!bytes) return { apiVersion, kind, metadata };
  const content = { [BYTES_KEY]: Buffer.from(bytes).toString('base64') };
  return { apiVersion, kind, metadata, [kind === 'Secret' ? 'data' : 'binaryData']: content };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
