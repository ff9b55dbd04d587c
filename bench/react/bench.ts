import { defaultWorld } from '../../simulators/cvm/default-world.ts';
import { createRandom } from '../../simulators/cvm/random.ts';
import { type Figure, machineSetup, rounded } from '../figure.ts';
import type { JournalEntry } from '../journal-entry.ts';
import { pool } from '../pool.ts';
import { withSimulatedOperator } from '../whole-operator.ts';
import { judgeReact, quantile } from './judge.ts';

const POOLS = 25;
const POOL_SIZE = 4;
const LOSSES = 1000;
/** From one loss to the next, drawn evenly: far from any rhythm of the operator's. */
const GAP_MS = [2000, 8000] as const;
const FILLING_MS = 10 * 60_000;
const LAST_WAIT_MS = 5 * 60_000;
/** The default of `checkInterval`. */
const INTERVAL_MS = 20_000;
const PLENTY = 100_000;

/**
 * From the moment that the cloud has taken a machine until its replacement is ordered: `p50` and `p99` in seconds, and in
 * intervals of the poll that must notice it. Less is better.
 */
export async function* measure(): AsyncGenerator<Figure> {
  const { lost, waitsMs } = judgeReact(await losses());
  if (waitsMs.length < LOSSES)
    throw new Error(`of ${lost} machines that were lost only ${waitsMs.length} were replaced`);
  const setup =
    `${lost} losses without notice, ${POOLS} pools of ${POOL_SIZE}, poll every ${INTERVAL_MS / 1000} s; simulated time (whole operator on a ` +
    `fake clock, CVM simulator), seed 1; ${machineSetup()}`;
  for (const [name, share, most] of [
    ['p50', 0.5, 1],
    ['p99', 0.99, 2],
  ] as const) {
    const ms = quantile(waitsMs, share);
    yield { figure: name, value: rounded(ms / 1000, 1), unit: 's', goal: (most * INTERVAL_MS) / 1000, setup };
    yield { figure: `${name}-per-interval`, value: rounded(ms / INTERVAL_MS, 2), unit: 'intervals', goal: most, setup };
  }
}

async function losses(): Promise<readonly JournalEntry[]> {
  const world = defaultWorld();
  const simulator = {
    accounts: [{ keys: [{ secretId: 'xxx', secretKey: 'xxx' }], balance: PLENTY, spotQuotaCores: PLENTY }],
    world: {
      ...world,
      offers: world.offers.map((offer) => ({ ...offer, stock: { SPOTPAID: PLENTY, POSTPAID_BY_HOUR: 0 } })),
      subnets: world.subnets.map((subnet) => ({ ...subnet, free: PLENTY })),
    },
  };
  const place = { availabilityZone: 'ap-singapore-2', subnetId: 'subnet-gfrv79s2' };
  // The brake on launches is not what is measured.
  const limits = { launchesPerHour: 10_000 };
  const manifests = Array.from({ length: POOLS }, (_, index) =>
    pool(`react-${index}`, POOL_SIZE, { ...place, limits }),
  );
  const random = createRandom(2);
  return await withSimulatedOperator({ seed: 1, simulator, manifests: () => manifests }, async ({ cloud, advance }) => {
    await advance(FILLING_MS);
    for (let loss = 0; loss < LOSSES; loss += 1) {
      cloud.reclaim(cloud.pickSpot({}), { noticeMs: 0 });
      await advance(Math.round(GAP_MS[0] + random() * (GAP_MS[1] - GAP_MS[0])));
    }
    await advance(LAST_WAIT_MS);
    return [...cloud.journal.entries];
  });
}
