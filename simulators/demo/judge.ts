import type { CallEntry, InstanceEntry, JournalEntry } from '../cvm/journal.ts';

/** What a pool may have at most, by `namespace/name`. */
export type Maxima = ReadonlyMap<string, number>;

/** What the journal says of a run. */
export interface Verdict {
  readonly bought: number;
  readonly reclaimed: number;
  readonly released: number;
  /** Machines that their pool has let go, or whose pool is gone, and which still cost money. */
  readonly leaked: readonly string[];
  /** What must not have happened, in words that name the machine. Empty: all is well. */
  readonly faults: readonly string[];
}

/** The tag by which the operator marks whose a machine is. */
const POOL_TAG = 'aiops.org/pool';
const ALIVE = new Set(['PENDING', 'RUNNING', 'STARTING', 'STOPPING', 'STOPPED', 'REBOOTING']);

interface Machine {
  readonly id: string;
  readonly pool: string;
  state: string;
  /** Under a reclaim notice it no longer counts: its replacement may overlap with it. */
  isNoticed: boolean;
}

/**
 * Judges a run by what the simulated cloud wrote down, and by nothing that the operator says of itself. Reports a pool that
 * had more machines at once than its maximum, a token that bought twice, and machines left by pools that are gone.
 */
export function judge(
  entries: readonly JournalEntry[],
  maxima: Maxima,
  isGone: (pool: string, id: string) => boolean,
): Verdict {
  const machines = new Map<string, Machine>();
  const faults: string[] = [];
  const counts = { bought: 0, reclaimed: 0 };
  const released = new Set<string>();
  const buyers = new Map<string, string>();
  for (const entry of entries) {
    if (entry.kind === 'call') {
      noteCall(entry, machines, buyers, faults, counts);
      if (entry.action === 'TerminateInstances' && entry.result === 'ok')
        for (const id of entry.instanceIds) released.add(id);
    } else if (entry.event === 'notice') {
      const machine = machines.get(entry.id);
      if (machine) machine.isNoticed = true;
    } else if (entry.event === 'instance') {
      noteChange(entry, machines, counts);
    }
    checkSizes(machines, maxima, entry.at, faults);
  }
  const left = [...machines.values()].filter(({ id, state, pool }) => ALIVE.has(state) && isGone(pool, id));
  const leaked = left.map(({ id }) => id);
  faults.push(...left.map(({ id, pool }) => `${id} was leaked: ${pool} has let it go and it is still there`));
  return { ...counts, released: released.size, leaked, faults };
}

function noteCall(
  entry: CallEntry,
  machines: Map<string, Machine>,
  buyers: Map<string, string>,
  faults: string[],
  counts: { bought: number },
): void {
  if (entry.action !== 'RunInstances' || entry.instanceIds.length === 0) return;
  const pool = poolOf(entry.body);
  if (pool === undefined) return;
  for (const id of entry.instanceIds) {
    const known = machines.get(id);
    const buyer = buyers.get(id);
    // The same answer to the same token is no second purchase.
    if (known && buyer !== undefined) continue;
    buyers.set(id, entry.clientToken);
    machines.set(id, { id, pool, state: known?.state ?? 'PENDING', isNoticed: false });
    counts.bought += 1;
  }
  // A machine that the cloud has taken away meanwhile is rightly bought again, under the token of its purchase.
  const ofToken = [...buyers]
    .filter(([id, token]) => token === entry.clientToken && ALIVE.has(machines.get(id)?.state ?? ''))
    .map(([id]) => id);
  const count = Number((entry.body as { InstanceCount?: number }).InstanceCount ?? 1);
  if (ofToken.length > count) faults.push(`${ofToken.join(', ')} were bought twice with one token`);
}

function poolOf(body: unknown): string | undefined {
  const { TagSpecification } = body as { TagSpecification?: { Tags?: { Key: string; Value: string }[] }[] };
  return TagSpecification?.flatMap(({ Tags }) => Tags ?? []).find(({ Key }) => Key === POOL_TAG)?.Value;
}

function noteChange(entry: InstanceEntry, machines: Map<string, Machine>, counts: { reclaimed: number }): void {
  const machine = machines.get(entry.id);
  if (!machine) return;
  if (entry.cause === 'reclaim' && ALIVE.has(entry.from)) counts.reclaimed += 1;
  machine.state = entry.to;
}

function checkSizes(machines: ReadonlyMap<string, Machine>, maxima: Maxima, at: number, faults: string[]): void {
  for (const [pool, maximum] of maxima) {
    const alive = [...machines.values()].filter(
      (machine) => machine.pool === pool && ALIVE.has(machine.state) && !machine.isNoticed,
    );
    const last = alive.at(-1);
    if (alive.length <= maximum || !last) continue;
    const text = `${last.id} is one too many: ${pool} has ${alive.length} machines alive and a maximum of ${maximum}`;
    if (!faults.some((fault) => fault.startsWith(`${last.id} is one too many`)))
      faults.push(`${text} (${new Date(at).toISOString()})`);
  }
}
