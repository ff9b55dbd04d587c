import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { generatedFiles, staleFiles, writeFiles } from './manifests.ts';

const CRD = 'config/crd/bases/demo.aiops.org_spotpools.yaml';

describe('the generated files', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'manifests-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('in this repository fit the schemas (else: make manifests)', () => {
    expect(staleFiles(dirname(import.meta.dirname))).toEqual([]);
  });

  it('are all missing from an empty folder, and none once they are written', () => {
    expect(staleFiles(folder)).toEqual(generatedFiles().map(({ path }) => path));
    expect(staleFiles(folder)).toContain(CRD);
    writeFiles(folder);
    expect(staleFiles(folder)).toEqual([]);
  });

  it('are named when one was changed by hand, and only that one is written again', () => {
    writeFiles(folder);
    appendFileSync(join(folder, CRD), '# mine\n');
    expect(staleFiles(folder)).toEqual([CRD]);
    expect(writeFiles(folder)).toEqual([CRD]);
    expect(readFileSync(join(folder, CRD), 'utf8')).not.toContain('# mine');
  });
});
