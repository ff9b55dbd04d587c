import { describe, expect, it } from 'vitest';
import { kinds } from '../../src/api/kinds.ts';
import { corpusOf } from './corpus.ts';
import { coverageOf, coverageTable, shortCells } from './coverage.ts';
import { ourVerdict, weAccept } from './verdict.ts';

describe('the corpus of manifests', () => {
  const corpus = corpusOf(kinds);
  const judged = corpus.map((one) => ({ one, verdict: ourVerdict(one.manifest, one.cell.kind) }));

  it('holds at least 2,000, of which 40 to 60 % are refused', () => {
    expect(corpus.length).toBeGreaterThanOrEqual(2000);
    const refused = judged.filter(({ verdict }) => !verdict.isAccepted).length / corpus.length;
    expect(refused).toBeGreaterThanOrEqual(0.4);
    expect(refused).toBeLessThanOrEqual(0.6);
  });

  it('hits each side of each bound and each rule ten times', () => {
    const coverage = coverageOf(kinds, judged);
    process.stdout.write(`${coverageTable(coverage)}\n`);
    expect(shortCells(coverage)).toEqual([]);
  });

  it('is the same in every run', () => {
    expect(JSON.stringify(corpusOf(kinds).map(({ manifest }) => manifest))).toBe(
      JSON.stringify(corpus.map(({ manifest }) => manifest)),
    );
  });

  it('is judged field by field as it is judged as a text', () => {
    const some = judged.filter((_, index) => index % 20 === 0);
    const differing = some.filter(
      ({ one, verdict }) => weAccept(JSON.stringify(one.manifest), kinds) !== verdict.isAccepted,
    );
    expect(differing.map(({ one }) => one.manifest)).toEqual([]);
  });
});
