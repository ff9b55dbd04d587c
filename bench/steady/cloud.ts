import { defaultWorld } from '../../simulators/cvm/default-world.ts';
import { createRandom } from '../../simulators/cvm/random.ts';
import { startCvmSimulator } from '../../simulators/cvm/simulator.ts';

// The cloud of the steady bench, in a process of its own: tells its parent where it is, takes machines away when told to.

/** What the parent may say. */
export type Order = { readonly losePerMinute: number } | { readonly ask: 'state' };
/** What it is told. */
export type Report =
  | { readonly url: string; readonly machinePort: number }
  /** Machines that run, and the number of the last entry of the journal. */
  | { readonly running: number; readonly seq: number };

const PLENTY = 1_000_000;
const BOOT_MS = 3000;

const world = defaultWorld();
const simulator = await startCvmSimulator({
  machines: 'shared',
  // A machine that is gone is on no list: there are never more rows than machines that the pools may have.
  assumptions: { reclaimed: 'vanishes' },
  accounts: [{ keys: [{ secretId: 'xxx', secretKey: 'xxx' }], balance: 100 * PLENTY, spotQuotaCores: PLENTY }],
  timing: { pending: [2000, 6000] },
  world: {
    ...world,
    offers: world.offers.map((offer) => ({ ...offer, stock: { SPOTPAID: PLENTY, POSTPAID_BY_HOUR: 0 } })),
    subnets: world.subnets.map((subnet) => ({ ...subnet, free: PLENTY })),
    images: world.images.map((image) => ({ ...image, readyAfterMs: BOOT_MS })),
  },
});
const running = new Set<string>();
simulator.journal.watch((entry) => {
  if (entry.kind !== 'event' || entry.event !== 'instance') return;
  if (entry.to === 'RUNNING') running.add(entry.id);
  else running.delete(entry.id);
});

const random = createRandom(1);
function loseOne(): void {
  const ids = [...running];
  const id = ids[Math.floor(random() * ids.length)];
  if (id !== undefined) simulator.reclaim(id, { noticeMs: 0 });
}

/** However busy this process is, so many are gone by then. */
function loseSteadily(perMinute: number): void {
  const began = performance.now();
  let lost = 0;
  setInterval(() => {
    const due = Math.floor(((performance.now() - began) / 60_000) * perMinute);
    for (; lost < due; lost += 1) loseOne();
  }, 100);
}

const tell = (report: Report): void => void process.send?.(report);
process.on('message', (order: Order) => {
  if ('losePerMinute' in order) loseSteadily(order.losePerMinute);
  else tell({ running: running.size, seq: simulator.journal.entries.at(-1)?.seq ?? 0 });
});
process.once('disconnect', () => process.exit());
tell({ url: simulator.url, machinePort: simulator.machinePort });
