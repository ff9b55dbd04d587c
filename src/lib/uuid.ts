import { createHash } from 'node:crypto';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether a text is a UUID in the usual spelling, lower case. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}

/**
 * A UUID made of a namespace and a name: the same two always give the same one (version 5, SHA-1). Source: RFC 9562, 5.5.
 * @throws {RangeError} when `namespace` is not a UUID
 */
export function uuid5(namespace: string, name: string): string {
  if (!isUuid(namespace)) throw new RangeError(`"${namespace}" is not a UUID`);
  const bytes = createHash('sha1')
    .update(Buffer.from(namespace.replaceAll('-', ''), 'hex'))
    .update(name)
    .digest()
    .subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
