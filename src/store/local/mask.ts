import type { KindDefinition } from '../../api/kind.ts';
import { type Shape, shapeOf } from '../../api/shape.ts';
import { isRecord } from './metadata.ts';

/** What stands where a key was. */
export const MASK = '***';

/** Fields that hold a key themselves, whatever their schema says. Those that name where one is (`tokenKey`) do not match. */
const HOLDS_A_KEY = /^(secretId|secretKey|.*token|.*password|.*apiKey|.*webhook)$/i;

/** The user and the password in an address: `https://user:password@host`. */
const USERINFO = /^([a-z][a-z0-9+.-]*:\/\/)[^/?#@]+@/i;

/** A copy of a spec as users write it, with every inline key replaced: what may lie on a disk and be shown. */
export function maskKeys(kind: KindDefinition, raw: unknown): unknown {
  return masked(raw, shapeOf(kind.specSchema), false);
}

function masked(value: unknown, shape: Shape | undefined, isKey: boolean): unknown {
  if (Array.isArray(value)) return value.map((item) => masked(item, shape?.items, isKey));
  if (typeof value === 'string' && !isKey) return value.replace(USERINFO, `$1${MASK}@`);
  if (!isRecord(value)) return isKey && value !== null ? MASK : value;
  const members = Object.entries(value).map(([name, member]) => {
    const inside = shape?.fields.get(name) ?? shape?.items;
    const named = typeof member === 'string' && HOLDS_A_KEY.test(name);
    return [name, masked(member, inside, isKey || named || inside?.isSecret === true)];
  });
  return Object.fromEntries(members);
}

/** Whether something was replaced in a spec, so that it is not the whole of what a user wrote. */
export function isMasked(raw: unknown): boolean {
  const text = JSON.stringify(raw) ?? '';
  return text.includes(JSON.stringify(MASK)) || text.includes(`://${MASK}@`);
}
