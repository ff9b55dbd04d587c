import { crc32, inflateRawSync } from 'node:zlib';

const END = 0x06054b50;
const ENTRY = 0x02014b50;
const STORED = 0;
const DEFLATED = 8;

/**
 * One file out of a zip archive, checked against its CRC-32. Archives above 4 GiB and encrypted ones are not read.
 * Source: APPNOTE.TXT, "Central directory structure" and "End of central directory record".
 * @throws {Error} when the archive is damaged or has no such file; the message says which
 */
export function readZipEntry(zip: Buffer, name: string): Buffer {
  const end = findEnd(zip);
  let at = zip.readUInt32LE(end + 16);
  const names: string[] = [];
  for (let left = zip.readUInt16LE(end + 10); left > 0; left--) {
    if (zip.readUInt32LE(at) !== ENTRY) throw new Error(`zip: no directory entry at byte ${at}`);
    const nameEnd = at + 46 + zip.readUInt16LE(at + 28);
    const entry = zip.toString('utf8', at + 46, nameEnd);
    if (entry === name) return unpack(zip, at, name);
    names.push(entry);
    at = nameEnd + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  throw new Error(`zip: no file "${name}"; there is ${names.join(', ') || 'nothing'}`);
}

/** The archive ends with this record and a comment of unknown length, so it is looked for from the back. */
function findEnd(zip: Buffer): number {
  const first = Math.max(0, zip.length - 22 - 0xffff);
  for (let at = zip.length - 22; at >= first; at--) {
    if (zip.readUInt32LE(at) === END && at + 22 + zip.readUInt16LE(at + 20) === zip.length) return at;
  }
  throw new Error('zip: the end of the archive is missing');
}

function unpack(zip: Buffer, entry: number, name: string): Buffer {
  const method = zip.readUInt16LE(entry + 10);
  const isEncrypted = (zip.readUInt16LE(entry + 8) & 1) === 1;
  if (isEncrypted || (method !== STORED && method !== DEFLATED)) {
    throw new Error(
      `zip: "${name}" is ${isEncrypted ? 'encrypted' : `packed by method ${method}`}; only 0 and 8 are read`,
    );
  }
  const expected = zip.readUInt32LE(entry + 16);
  const local = zip.readUInt32LE(entry + 42);
  // The name and the extra field stand in the file's own header too, and their lengths may differ there.
  const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
  const packed = zip.subarray(start, start + zip.readUInt32LE(entry + 20));
  const content = method === STORED ? packed : inflateRawSync(packed);
  if (crc32(content) !== expected) throw new Error(`zip: "${name}" is damaged: its CRC-32 is not the one written`);
  return content;
}
