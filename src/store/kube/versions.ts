/**
 * Orders two resourceVersions of one kind: negative when `a` is the older one, 0 when they are equal. They are counters
 * written without leading zeros, so the longer one is the newer one. Versions of different kinds must not be compared.
 * Source: Kubernetes API concepts, "Resource versions".
 */
export function compareVersions(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}

export function isNewer(version: string, than: string): boolean {
  return compareVersions(version, than) > 0;
}

/** The newer of both. */
export function newest(a: string, b: string): string {
  return isNewer(b, a) ? b : a;
}
