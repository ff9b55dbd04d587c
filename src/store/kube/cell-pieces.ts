import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';

/** A ConfigMap may hold 1 MiB, and in JSON its bytes grow by a third. */
const MAX_PIECE_BYTES = 512 * 1024;
/** What one cell may hold, before compression. Default ours: sixteen pieces at worst. */
export const MAX_CELL_BYTES = 8 * 1024 * 1024;

/** How to know that bytes put together again are the ones that were taken apart. */
export interface Seal {
  /** Of the bytes before compression, in hexadecimal. */
  readonly sha256: string;
  /** Number of bytes before compression. */
  readonly length: number;
}

/** Compresses `bytes` and cuts the result into pieces of at most 512 KiB; there is always at least one. */
export async function takeApart(bytes: Uint8Array): Promise<{ readonly seal: Seal; readonly pieces: Uint8Array[] }> {
  const packed = await promisify(gzip)(bytes);
  const count = Math.ceil(packed.length / MAX_PIECE_BYTES);
  const pieces = Array.from({ length: count }, (_, index) =>
    packed.subarray(index * MAX_PIECE_BYTES, (index + 1) * MAX_PIECE_BYTES),
  );
  return { seal: sealOf(bytes), pieces };
}

/** The bytes that were taken apart, or `undefined` when these pieces, in this order, are not what was sealed. */
export async function putTogether(seal: Seal, pieces: readonly Uint8Array[]): Promise<Uint8Array | undefined> {
  let bytes: Uint8Array;
  try {
    // The limit keeps a forged piece from filling the memory.
    bytes = await promisify(gunzip)(Buffer.concat(pieces), { maxOutputLength: MAX_CELL_BYTES });
  } catch {
    return undefined;
  }
  const { sha256, length } = sealOf(bytes);
  return sha256 === seal.sha256 && length === seal.length ? bytes : undefined;
}

function sealOf(bytes: Uint8Array): Seal {
  return { sha256: createHash('sha256').update(bytes).digest('hex'), length: bytes.length };
}
