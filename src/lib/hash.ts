import { createHash } from 'node:crypto';

/** JSON with the keys of every object in order, so that equal values give equal text. `undefined` members vanish. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) => {
    if (member === null || typeof member !== 'object' || Array.isArray(member)) return member;
    return Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
  });
}

/** The first `length` hexadecimal digits of the SHA-256 of a value's canonical JSON. */
export function fingerprint(value: unknown, length = 16): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex').slice(0, length);
}
