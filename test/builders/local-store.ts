import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { parseSpec } from '../../src/api/parse.ts';
import { type LocalStore, type LocalStoreOptions, openLocalStore } from '../../src/store/local/local-store.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';
import { SizeKind } from './size-kind.ts';

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
        typeof content === 'string'
          ? content
          : content.map((object) => `---\n${stringify(object, { version: '1.1' })}`).join('');
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
