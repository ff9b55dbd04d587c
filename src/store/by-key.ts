interface Named {
  readonly metadata: { readonly namespace?: string; readonly name: string };
}

/** Compares objects by namespace and then by name, as stores list them. */
export function byKey({ metadata: a }: Named, { metadata: b }: Named): number {
  return order(a.namespace ?? '', b.namespace ?? '') || order(a.name, b.name);
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
