import { type Figure, machineSetup, rounded } from '../figure.ts';
import type { JournalEntry } from '../journal-entry.ts';
import { pool } from '../pool.ts';
import { withSimulatedOperator } from '../whole-operator.ts';
import { judgeStorm } from './judge.ts';
import {
  fillStock,
  MINUTES,
  OFFERS,
  POOL_SIZE,
  POOLS,
  REOPENED,
  REOPENS_AT_MINUTE,
  reopenZone,
  stormCloud,
} from './market.ts';
import { naiveStorm } from './naive.ts';

const MINUTE = 60_000;
const GOALS = { boughtShare: 0.99, minutesToUse: 5, failingCalls: 60 } as const;

/**
 * `bought-share`: of all machines that were ever to be had, more is better. `minutes-to-use-reopened`: until what a closed zone
 * reopened with was bought, less is better. `failing-calls`: RunInstances that failed, less is better; it counts only where the
 * other two hold. `failing-calls-retrying`: those of a client that retries every 30 s, to compare with.
 */
export async function* measure(): AsyncGenerator<Figure> {
  const verdict = judgeStorm(await operatorStorm());
  const setup = `${POOLS} pools of ${POOL_SIZE}, ${OFFERS.length} offerings, ${verdict.available - REOPENED} machines in stock, ${REOPENED} more in a closed zone from minute ${REOPENS_AT_MINUTE}, ${MINUTES} minutes; ${verdict.bought} bought`;
  const here = `whole operator on a fake clock, CVM simulator with its published rates, seed 1; ${machineSetup()}`;
  const { boughtShare, minutesToUseReopened: minutes } = verdict;
  yield {
    figure: 'bought-share',
    value: rounded(boughtShare, 4),
    unit: 'share',
    goal: GOALS.boughtShare,
    setup: `${setup}; ${here}`,
  };
  yield {
    figure: 'minutes-to-use-reopened',
    value: rounded(minutes, 2),
    unit: 'min',
    goal: GOALS.minutesToUse,
    setup: `until 99 % of the ${REOPENED} were bought; ${here}`,
  };
  const isUseful = boughtShare >= GOALS.boughtShare && minutes !== null && minutes <= GOALS.minutesToUse;
  yield {
    figure: 'failing-calls',
    value: isUseful ? verdict.failingCalls : null,
    unit: 'calls',
    goal: GOALS.failingCalls,
    setup: isUseful ? here : `not counted, since the other two figures miss their goals; ${here}`,
  };
  const naive = judgeStorm(await naiveStorm());
  yield {
    figure: 'failing-calls-retrying',
    value: naive.failingCalls,
    unit: 'calls',
    goal: null,
    setup: `simulated in the same cloud: each pool asks one offering for one machine every 30 s, the next one after a refusal; ${naive.bought} of ${naive.available} bought; ${machineSetup()}`,
  };
}

async function operatorStorm(): Promise<readonly JournalEntry[]> {
  const offerings = OFFERS.map(({ zone, subnetId }) => ({ availabilityZone: zone, subnetId }));
  const manifests = Array.from({ length: POOLS }, (_, index) => pool(`storm-${index + 1}`, POOL_SIZE, { offerings }));
  const run = {
    seed: 1,
    simulator: stormCloud(),
    manifests: (cloud: Parameters<typeof fillStock>[0]): readonly object[] => {
      fillStock(cloud);
      return manifests;
    },
  };
  return await withSimulatedOperator(run, async ({ cloud, advance }) => {
    await advance(REOPENS_AT_MINUTE * MINUTE);
    reopenZone(cloud);
    await advance((MINUTES - REOPENS_AT_MINUTE) * MINUTE);
    return [...cloud.journal.entries];
  });
}
