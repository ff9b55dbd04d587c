import type { CallEntry, JournalEntry } from '../../../simulators/cvm/journal.ts';
import type { WorldState } from '../../../simulators/cvm/state.ts';

// Says what really happened in a life, from the simulator's own books alone: nothing here knows the operator.

/** What the pool's owner asked for, from an instant on. */
export interface Wish {
  readonly at: number;
  readonly machines: number;
}

/** What a life is judged by. */
export interface Case {
  /** The key by which the operator calls; every other key is somebody else. */
  readonly key: string;
  readonly maximum: number;
  /** In the order of their times; the last one is 0: the pool was deleted. */
  readonly wishes: readonly Wish[];
}

/** One of our machines, as the journal tells it. */
export interface Owned {
  readonly id: string;
  readonly boughtAt: number;
  readonly offering: string;
  readonly imageId: string;
  state: string;
  isNoticed: boolean;
  /** When it ran first; absent: it has not. */
  ranAt?: number;
  /** When the cloud gave up making it. */
  failedAt?: number;
}

const ALIVE = new Set(['PENDING', 'RUNNING', 'STARTING', 'STOPPING', 'STOPPED', 'REBOOTING']);
/** Actions that change nothing. */
const ASKS = /^(Describe|Inquir)/;
/** A purchase may be under way while the wish changes. */
const UNDER_WAY_MS = 1000;

/** It exists and costs money. */
export const isAlive = ({ state }: Owned): boolean => ALIVE.has(state);
/** It counts towards the size: alive, and not under a reclaim notice. */
export const counts = (machine: Owned): boolean => isAlive(machine) && !machine.isNoticed;

/** Reads the journal on and on, and keeps what our machines are doing. */
export interface Ledger {
  readonly machines: ReadonlyMap<string, Owned>;
  /** Damage so far, in words that name it. */
  readonly damage: readonly string[];
  /** Takes what has been written since the last time. */
  read(entries: readonly JournalEntry[]): void;
}

export function createLedger({ key, maximum, wishes }: Case): Ledger {
  const machines = new Map<string, Owned>();
  const damage: string[] = [];
  let next = 0;

  const report = (at: number, text: string): void => void damage.push(`${new Date(at).toISOString()} ${text}`);
  const wishAt = (at: number): number =>
    Math.max(
      0,
      ...wishes
        .filter(
          (wish, index) => wish.at <= at && (wishes[index + 1]?.at ?? Number.POSITIVE_INFINITY) >= at - UNDER_WAY_MS,
        )
        .map((wish) => wish.machines),
    );
  /** When fewer were wished for than before, the last time. */
  const loweredAt = (at: number): number =>
    wishes.findLast((wish, index) => wish.at <= at && wish.machines < (wishes[index - 1]?.machines ?? 0))?.at ?? 0;

  const buy = (entry: CallEntry): void => {
    // The same answer to the same token is no second purchase.
    const fresh = entry.instanceIds.filter((id) => !machines.has(id));
    for (const id of fresh) machines.set(id, newMachine(id, entry));
    if (fresh.length === 0) return;
    const here = [...machines.values()].filter(counts);
    if (here.length > maximum)
      report(entry.at, `too many: ${here.map(({ id }) => id).join(', ')} alive, maximum ${maximum}`);
    const wish = wishAt(entry.at);
    // Machines too many since the wish became smaller are on their way out; they are no reason not to buy.
    const lowered = loweredAt(entry.at);
    const old = here.filter(({ boughtAt }) => boughtAt <= lowered).length;
    const had = Math.min(wish, old) + here.length - old;
    if (had > wish) {
      report(
        entry.at,
        `double purchase: ${fresh.join(', ')} bought (token ${entry.clientToken}): ${had} for a wish of ${wish}`,
      );
    }
  };
  const checkForeign = (entry: CallEntry): void => {
    const strangers = entry.instanceIds.filter((id) => !machines.has(id));
    if (strangers.length > 0) report(entry.at, `foreign machine touched: ${entry.action} of ${strangers.join(', ')}`);
  };
  const take = (entry: JournalEntry): void => {
    if (entry.kind === 'call') {
      if (entry.secretId !== key || ASKS.test(entry.action)) return;
      if (entry.action === 'RunInstances') buy(entry);
      else checkForeign(entry);
    } else {
      const machine = machines.get(entry.id);
      if (entry.event === 'notice' && machine) machine.isNoticed = true;
      if (entry.event === 'instance') change(entry.id, entry.to, entry.at);
    }
  };
  const change = (id: string, to: string, at: number): void => {
    const machine = machines.get(id);
    if (!machine) return;
    machine.state = to;
    if (to === 'RUNNING') machine.ranAt ??= at;
    if (to === 'LAUNCH_FAILED') machine.failedAt = at;
  };

  return {
    machines,
    damage,
    read(entries) {
      for (; next < entries.length; next += 1) {
        const entry = entries[next];
        if (entry) take(entry);
      }
    },
  };
}

/** `zone/type/subnet/charge type` of a purchase. */
export function offeringOf({ body }: CallEntry): string {
  const { Placement, InstanceType, VirtualPrivateCloud, InstanceChargeType } = body as {
    readonly Placement?: { readonly Zone?: string };
    readonly InstanceType?: string;
    readonly InstanceChargeType?: string;
    readonly VirtualPrivateCloud?: { readonly SubnetId?: string };
  };
  return [Placement?.Zone, InstanceType, VirtualPrivateCloud?.SubnetId, InstanceChargeType].join('/');
}

function newMachine(id: string, entry: CallEntry): Owned {
  const { ImageId = '' } = entry.body as { readonly ImageId?: string };
  return { id, boughtAt: entry.at, offering: offeringOf(entry), imageId: ImageId, state: 'PENDING', isNoticed: false };
}

/** What is wrong with the world once the pool is gone: by the list of machines, and by what the account pays. */
export function judgeEnd({ machines }: Ledger, state: WorldState): readonly string[] {
  const views = [...state.instances, ...state.gone];
  const left = views.filter(
    ({ id, endedAt, state: now }) => machines.has(id) && endedAt === undefined && ALIVE.has(now),
  );
  const strangers = views.filter(({ id }) => !machines.has(id));
  const lost = strangers.filter(({ endedAt, endCause }) => endedAt !== undefined && endCause !== 'launch-failed');
  const pays = state.accounts.reduce((sum, { perHour }) => sum + Number(perHour), 0);
  const mayPay = strangers.reduce((sum, { perHour }) => sum + Number(perHour), 0);
  return [
    ...left.map(({ id, name, perHour }) => `leak: ${id} (${name}) is still there and costs ${perHour} an hour`),
    ...lost.map(({ id, name, endCause }) => `foreign machine gone: ${id} (${name}), by ${endCause}`),
    ...(Math.abs(pays - mayPay) > 1e-6
      ? [`leak: the account pays ${pays} an hour, others' machines cost ${mayPay}`]
      : []),
  ];
}
