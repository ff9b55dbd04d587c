import { createRandom, type Random } from '../../../simulators/cvm/random.ts';
import type { Outcome } from './life.ts';
import { CELLS, type Cell, type CrashPlan, cellOf, type Hits, parsePlan, planText } from './points.ts';
import type { Task } from './worker.ts';

/** The most that pass between a restart and the next death. */
const LONGEST_GAP = 30;

/** Which seed is cut off where. */
export interface Seeds {
  /** How often each cell was hit. */
  readonly hits: Readonly<Hits>;
  /** Lives that ended before their first point came. */
  readonly missed: number;
  next(): Task | undefined;
  tell(task: Task, outcome: Outcome): void;
}

/**
 * First each point of a life in turn, as many as `reference` had; then whatever cell was hit least, at one of the times that
 * it comes up in a life. Two lives in five are cut off again, up to four times, soon after each restart.
 */
export function createSeeds(total: number, reference: Outcome): Seeds {
  const hits: Hits = {};
  const awaited: Hits = {};
  let missed = 0;
  let seed = 0;

  const scarcest = (): Cell => {
    const score = (cell: Cell): number => (hits[cell] ?? 0) + (awaited[cell] ?? 0);
    return CELLS.reduce((least, cell) => (score(cell) < score(least) ? cell : least));
  };
  const firstOf = (random: Random): CrashPlan['first'] => {
    if (seed <= reference.passed) return { nth: seed };
    const cell = scarcest();
    awaited[cell] = (awaited[cell] ?? 0) + 1;
    return { cell, nth: 1 + Math.floor(random() * (reference.passedOf[cell] ?? 1)) };
  };

  return {
    hits,
    get missed() {
      return missed;
    },
    next() {
      if (seed >= total) return undefined;
      seed += 1;
      const random = createRandom(seed * 7919);
      const more = random() < 0.4 ? 1 + Math.floor(random() * 4) : 0;
      const later = Array.from({ length: more }, () => 1 + Math.floor(random() * LONGEST_GAP));
      return { seed, plan: planText({ first: firstOf(random), later }) };
    },
    tell({ plan }, { deaths }) {
      const { cell } = parsePlan(plan).first;
      if (cell) awaited[cell] = (awaited[cell] ?? 0) - 1;
      if (deaths.length === 0) missed += 1;
      for (const death of deaths) hits[cellOf(death)] = (hits[cellOf(death)] ?? 0) + 1;
    },
  };
}
