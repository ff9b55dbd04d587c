// Stands in for the package of the same name in the bundles (see build.ts).
export const URL = globalThis.URL;
