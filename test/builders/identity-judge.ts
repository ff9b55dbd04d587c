import type { CallEntry } from '../../simulators/cvm/journal.ts';
import type { CvmSimulator } from '../../simulators/cvm/simulator.ts';
import type { InstanceView } from '../../simulators/cvm/state.ts';

// Says what an operator did to machines, from the simulator's own books alone: nothing here knows the operator.

/** Whom to judge, and what was right for it to do. */
export interface Leave {
  /** Its key: all of its calls are made with it, and nobody else's. */
  readonly secretId: string;
  /** In all, however often it was started. */
  readonly maxBought: number;
  /** Own machines that are to be alive in the end; absent: any number. */
  readonly alive?: number;
  /** Own machines that it had reason to release; default none. */
  readonly maxReleased?: number;
}

/** What it did beyond that, in words. */
export interface Misdeeds {
  readonly bought: readonly string[];
  readonly released: readonly string[];
  readonly claimed: readonly string[];
}

export const NO_MISDEEDS: Misdeeds = { bought: [], released: [], claimed: [] };

/** Calls that change nothing. */
const LOOKS = /^(Describe|Inquiry)/;

export function misdeedsOf(cloud: CvmSimulator, leave: Leave): Misdeeds {
  const { secretId, maxBought, maxReleased = 0 } = leave;
  const calls = callsOf(cloud, secretId);
  const own = boughtBy(cloud, secretId);
  const touched = calls
    .filter(({ action }) => !LOOKS.test(action) && action !== 'RunInstances')
    .flatMap((call) => idsIn(call).map((id) => ({ id, action: call.action })));
  const foreign = touched.filter(({ id }) => !own.has(id));
  const released = new Set(
    touched.filter(({ id, action }) => action === 'TerminateInstances' && own.has(id)).map(({ id }) => id),
  );
  const alive = machinesOf(cloud).filter((machine) => own.has(machine.id) && isAlive(machine)).length;
  const isShort = leave.alive !== undefined && alive < leave.alive;
  const isOver = leave.alive !== undefined && alive > leave.alive;
  return {
    bought: [
      ...(own.size > maxBought ? [`${own.size} machines were bought, ${maxBought} would have been right`] : []),
      ...(isOver ? [`${alive} machines are alive in the end, ${leave.alive} would be right`] : []),
    ],
    released:
      released.size > maxReleased
        ? [`${[...released].join(', ')} were released, ${maxReleased} machines might have been`]
        : [],
    claimed: [
      ...foreign.map(({ id, action }) => `${action} of ${id}, which is somebody else's`),
      ...(isShort ? [`only ${alive} of ${leave.alive} own machines live: somebody else's were counted`] : []),
    ],
  };
}

/** Ids of the machines that were bought with a key. */
export function boughtBy(cloud: CvmSimulator, secretId: string): ReadonlySet<string> {
  const purchases = callsOf(cloud, secretId).filter(({ action }) => action === 'RunInstances');
  return new Set(purchases.flatMap(({ instanceIds }) => instanceIds));
}

/** What anybody could see of machines that no operator may change: compare before and after. */
export function portraitOf(cloud: CvmSimulator, ids: readonly string[]): readonly object[] {
  return machinesOf(cloud)
    .filter(({ id }) => ids.includes(id))
    .map(({ id, name, tags, state, endedAt }) => ({ id, name, tags, state, endedAt }));
}

/** One order to release machines, and what was there to release. */
export interface Exodus {
  readonly at: number;
  readonly leaving: number;
  /** Machines of the key that had been running for `readyAfterMs` and lived, `windowMs` before. */
  readonly ready: number;
}

/**
 * Where more than `max(1, 25 %)` of the machines that could be ready were told to go within `windowMs`: the time that one that
 * leaves is given to finish, so that those of one window leave together.
 */
export function exodusesOf(
  cloud: CvmSimulator,
  secretId: string,
  { windowMs, readyAfterMs }: { readonly windowMs: number; readonly readyAfterMs: number },
): readonly Exodus[] {
  const own = boughtBy(cloud, secretId);
  const toldAt = new Map<string, number>();
  for (const call of callsOf(cloud, secretId)) {
    if (call.action !== 'TerminateInstances' || call.result !== 'ok') continue;
    for (const id of idsIn(call)) if (!toldAt.has(id)) toldAt.set(id, call.at);
  }
  const readySince = new Map<string, number>();
  for (const entry of cloud.journal.entries) {
    const isRunning = entry.kind === 'event' && entry.event === 'instance' && entry.to === 'RUNNING';
    if (isRunning && own.has(entry.id)) readySince.set(entry.id, entry.at + readyAfterMs);
  }
  const endOf = new Map(machinesOf(cloud).map(({ id, endedAt }) => [id, endedAt]));
  const isReadyAt = (id: string, at: number): boolean => {
    const end = Math.min(toldAt.get(id) ?? Number.POSITIVE_INFINITY, endOf.get(id) ?? Number.POSITIVE_INFINITY);
    return (readySince.get(id) ?? Number.POSITIVE_INFINITY) <= at && end > at;
  };
  return [...new Set(toldAt.values())].flatMap((at) => {
    const before = at - windowMs;
    const leaving = [...toldAt].filter(([id, told]) => told > before && told <= at && isReadyAt(id, before)).length;
    const ready = [...own].filter((id) => isReadyAt(id, before)).length;
    return leaving > Math.max(1, Math.floor(ready / 4)) ? [{ at, leaving, ready }] : [];
  });
}

function callsOf(cloud: CvmSimulator, secretId: string): readonly CallEntry[] {
  return cloud.journal.entries.filter(
    (entry): entry is CallEntry => entry.kind === 'call' && entry.secretId === secretId,
  );
}

/** Ids that a call names, whatever the field, also when it was refused. */
function idsIn({ body, instanceIds }: CallEntry): readonly string[] {
  return [...new Set([...instanceIds, ...(JSON.stringify(body).match(/\bins-[a-z0-9]{4,}/g) ?? [])])];
}

function machinesOf(cloud: CvmSimulator): readonly InstanceView[] {
  const { instances, gone } = cloud.state();
  return [...gone, ...instances];
}

function isAlive({ state, endedAt }: InstanceView): boolean {
  return endedAt === undefined && state !== 'LAUNCH_FAILED';
}
