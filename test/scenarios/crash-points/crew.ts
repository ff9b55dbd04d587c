import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Outcome } from './life.ts';
import type { Report, Task } from './worker.ts';

/** Threads that live lives side by side. */
export interface Crew {
  /**
   * Lives every life that `next` gives, until it gives none.
   * @param tell called with each outcome, in the order in which they are done
   * @throws {Error} naming the life that could not be lived to its end
   */
  live(next: () => Task | undefined, tell: (task: Task, outcome: Outcome) => void): Promise<void>;
  close(): Promise<void>;
}

/** More threads than this only wait for each other's file system. */
const MOST_THREADS = 8;

export function openCrew(): Crew {
  const size = Math.min(availableParallelism(), MOST_THREADS);
  // The flags of whoever runs this thread are not for the others.
  const workers = Array.from(
    { length: size },
    () => new Worker(new URL('./worker.ts', import.meta.url), { execArgv: [] }),
  );
  const ask = (worker: Worker, task: Task): Promise<Report> =>
    new Promise((resolve, reject) => {
      const settle = (report: Report): void => {
        worker.off('error', reject);
        resolve(report);
      };
      worker.once('message', settle);
      worker.once('error', reject);
      worker.postMessage(task);
    });
  return {
    async live(next, tell) {
      const workOn = async (worker: Worker): Promise<void> => {
        for (let task = next(); task; task = next()) {
          const report = await ask(worker, task);
          if ('error' in report) throw new Error(`life ${task.seed}@${task.plan} broke off: ${report.error}`);
          tell(task, report.outcome);
        }
      };
      await Promise.all(workers.map(workOn));
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}
