import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { z } from 'zod';
import type { KindDefinition } from '../../src/api/kind.ts';
import { parseSpec } from '../../src/api/parse.ts';
import { type LocalStore, type LocalStoreOptions, openLocalStore } from '../../src/store/local/local-store.ts';
import type { KindRef } from '../../src/store/store.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';

/** A kind for tests of stores: `{ size, replicas?, secretKey? }`. */
export const SizeKind: KindDefinition<{ size: number; replicas?: number; secretKey?: string }> = {
  group: 'demo.aiops.org',
  version: 'v1',
  kind: 'Size',
  plural: 'sizes',
  singular: 'size',
  shortNames: [],
  description: 'For tests.',
  specSchema: z.strictObject({
    size: z.int32().min(0).max(1000),
    replicas: z.int32().min(0).max(10).optional(),
    secretKey: z.string().meta({ format: 'password' }).optional(),
  }),
  statusSchema: z.object({}),
  rules: [],
  printerColumns: [],
  scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.size' },
  normalise: (spec) => spec,
};
export const sizeRef: KindRef = { apiVersion: 'demo.aiops.org/v1', kind: 'Size' };

/** A manifest of a Size in the default namespace. */
export function size(name: string, spec: Readonly<Record<string, unknown>>): object {
  return { ...sizeRef, metadata: { name }, spec };
}

/** A local store in folders of its own. */
export interface LocalStoreUnderTest {
  readonly store: LocalStore;
  readonly clock: FakeClock;
  /** Holds `manifests/` and `state.db`. */
  readonly root: string;
  readonly manifestsDir: string;
  readonly statePath: string;
  readonly logged: string[];
  /** Writes a manifest: text as it is, objects as documents of YAML. */
  write(file: string, content: string | readonly object[]): void;
  /** Opens a store on the same folders, as after a restart. The caller closes it, or the next `close` does. */
  restart(options?: Partial<LocalStoreOptions>): Promise<LocalStore>;
  /** Closes and removes everything. */
  close(): Promise<void>;
}

export async function startLocal(options: Partial<LocalStoreOptions> = {}): Promise<LocalStoreUnderTest> {
  const root = mkdtempSync(join(tmpdir(), 'aiops-store-'));
  const manifestsDir = join(root, 'manifests');
  const statePath = join(root, 'state.db');
  const clock = createFakeClock();
  const logged: string[] = [];
  const note = (message: string, fields: unknown): void => void logged.push(`${message} ${JSON.stringify(fields)}`);
  mkdirSync(manifestsDir);
  const open = (more: Partial<LocalStoreOptions> = {}): Promise<LocalStore> =>
    openLocalStore({
      manifestsDir,
      statePath,
      kinds: [SizeKind],
      parse: parseSpec,
      clock,
      log: { info: note, warn: note },
      ...options,
      ...more,
    });
  let current = await open();
  return {
    get store() {
      return current;
    },
    clock,
    root,
    manifestsDir,
    statePath,
    logged,
    write(file, content) {
      const text =
        typeof content === 'string' ? content : content.map((object) => `---\n${stringify(object)}`).join('');
      writeFileSync(join(manifestsDir, file), text);
    },
    async restart(more) {
      await current.close();
      current = await open(more);
      return current;
    },
    async close() {
      await current.close();
      rmSync(root, { recursive: true, force: true });
    },
  };
}
