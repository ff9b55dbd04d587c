import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ManifestDocument } from './manifests.ts';
import { type FolderPlanInput, type Known, planFolder } from './plan.ts';

const document = (id: string, hash = '1', file = 'f'): ManifestDocument => ({
  id,
  file,
  line: 1,
  apiVersion: 'demo.aiops.org/v1',
  kind: 'Size',
  metadata: { name: id, namespace: 'default', labels: {}, annotations: {} },
  hash,
  specHash: hash,
});
const known = (more: Partial<Known> = {}): Known => ({
  source: 'f',
  hash: '1',
  isUnmanaged: false,
  isMasked: false,
  isPlain: false,
  ...more,
});
interface World {
  readonly documents?: readonly ManifestDocument[];
  readonly known?: Readonly<Record<string, Known>>;
  readonly deletions?: Readonly<Record<string, string>>;
  readonly faultyFiles?: readonly string[];
  readonly faultyIds?: readonly string[];
  readonly prune?: boolean;
}
const input = (world: World): FolderPlanInput => ({
  seen: {
    documents: world.documents ?? [],
    faultyFiles: new Set(world.faultyFiles),
    faultyIds: new Set(world.faultyIds),
  },
  known: new Map(Object.entries(world.known ?? {})),
  deletions: new Map(Object.entries(world.deletions ?? {})),
  prune: world.prune ?? false,
});
const plan = (world: World): string[] =>
  planFolder(input(world)).map((step) => `${step.kind} ${'document' in step ? step.document.id : step.id}`);

describe('planFolder', () => {
  const cases: { name: string; world: World; steps: string[] }[] = [
    { name: 'a new document creates', world: { documents: [document('a')] }, steps: ['create a'] },
    { name: 'the same document does nothing', world: { documents: [document('a')], known: { a: known() } }, steps: [] },
    {
      name: 'a changed one updates',
      world: { documents: [document('a', '2')], known: { a: known() } },
      steps: ['update a'],
    },
    {
      name: 'a moved one updates',
      world: { documents: [document('a', '1', 'g')], known: { a: known() } },
      steps: ['update a'],
    },
    {
      name: 'one that is back updates',
      world: { documents: [document('a')], known: { a: known({ isUnmanaged: true }) } },
      steps: ['update a'],
    },
    {
      name: 'keys that come back update',
      world: { documents: [document('a')], known: { a: known({ isMasked: true }) } },
      steps: ['update a'],
    },
    { name: 'a deleted one stays away', world: { documents: [document('a')], deletions: { a: '1' } }, steps: [] },
    {
      name: 'a deleted one that changed creates',
      world: { documents: [document('a', '2')], deletions: { a: '1' } },
      steps: ['create a'],
    },
    { name: 'one that is gone is released', world: { known: { a: known() } }, steps: ['release a'] },
    { name: 'one that was released stays so', world: { known: { a: known({ isUnmanaged: true }) } }, steps: [] },
    {
      name: 'one that is gone is pruned where that is wanted',
      world: { known: { a: known() }, prune: true },
      steps: ['prune a'],
    },
    {
      name: 'a released one is pruned where that is wanted',
      world: { known: { a: known({ isUnmanaged: true }) }, prune: true },
      steps: ['prune a'],
    },
    { name: 'a Secret goes with its document', world: { known: { s: known({ isPlain: true }) } }, steps: ['drop s'] },
    {
      name: 'a faulty file keeps what it held',
      world: { known: { a: known(), s: known({ isPlain: true }) }, faultyFiles: ['f'], prune: true },
      steps: [],
    },
    {
      name: 'a faulty document keeps its object',
      world: { known: { a: known({ source: 'g' }) }, faultyFiles: ['f'], faultyIds: ['a'], prune: true },
      steps: [],
    },
    {
      name: 'another faulty file keeps nothing',
      world: { known: { a: known() }, faultyFiles: ['g'] },
      steps: ['release a'],
    },
  ];
  it.each(cases)('$name', ({ world, steps }) => expect(plan(world)).toEqual(steps));

  it('takes nothing away that a document describes or a fault may mean, and settles', () => {
    const id = fc.constantFrom('a', 'b', 'c');
    const hash = fc.constantFrom('1', '2');
    const file = fc.constantFrom('f', 'g');
    const worlds = fc.record({
      documents: fc.uniqueArray(
        fc.tuple(id, hash, file).map((args) => document(...args)),
        { selector: (d) => d.id },
      ),
      known: fc.dictionary(
        id,
        fc.record({ source: file, hash, isUnmanaged: fc.boolean(), isMasked: fc.boolean(), isPlain: fc.boolean() }),
      ),
      deletions: fc.dictionary(id, hash),
      faultyFiles: fc.array(file),
      faultyIds: fc.array(id),
      prune: fc.boolean(),
    });
    fc.assert(
      fc.property(worlds, (world) => {
        const steps = planFolder(input(world));
        const after = new Map<string, Known>(Object.entries(world.known));
        for (const step of steps) {
          if (step.kind === 'create' || step.kind === 'update') {
            const { id: name, hash: content, file: source } = step.document;
            after.set(name, known({ source, hash: content, isPlain: after.get(name)?.isPlain ?? false }));
            continue;
          }
          expect(world.documents.map((d) => d.id)).not.toContain(step.id);
          expect(world.faultyIds).not.toContain(step.id);
          expect(world.faultyFiles).not.toContain(after.get(step.id)?.source);
          if (step.kind === 'release') after.set(step.id, { ...(after.get(step.id) ?? known()), isUnmanaged: true });
          else after.delete(step.id);
        }
        expect(planFolder({ ...input(world), known: after })).toEqual([]);
      }),
    );
  });
});
