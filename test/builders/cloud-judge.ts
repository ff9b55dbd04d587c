import type { CallEntry } from '../../simulators/cvm/journal.ts';
import type { CvmSimulator } from '../../simulators/cvm/simulator.ts';
import type { InstanceView } from '../../simulators/cvm/state.ts';

// Says what really happened, from the simulator's own books alone: nothing here knows the operator.

/** A machine that costs money: made, not failed, not yet told to go. */
function isAlive({ state, endedAt }: InstanceView): boolean {
  return endedAt === undefined && state !== 'LAUNCH_FAILED';
}

function isOf(pool: string | undefined): (machine: InstanceView) => boolean {
  return ({ tags, name }) =>
    pool === undefined || name.startsWith(`${pool}-`) || tags.some(({ Value }) => Value === `default/${pool}`);
}

/** Ids of the machines that are alive, oldest first. */
export function alive(cloud: CvmSimulator, pool?: string): readonly string[] {
  return cloud
    .state()
    .instances.filter(isAlive)
    .filter(isOf(pool))
    .map(({ id }) => id);
}

/** Every machine that was ever made. */
export function everBought(cloud: CvmSimulator, pool?: string): readonly InstanceView[] {
  const { instances, gone } = cloud.state();
  return [...gone, ...instances].filter(isOf(pool));
}

/** The most machines that were alive at one time. */
export function mostAlive(cloud: CvmSimulator, pool?: string): number {
  const steps = everBought(cloud, pool)
    .filter(({ state, endCause }) => state !== 'LAUNCH_FAILED' && endCause !== 'launch-failed')
    .flatMap(({ createdAt, endedAt = Number.POSITIVE_INFINITY }) => [
      { at: createdAt, by: 1 },
      { at: endedAt, by: -1 },
    ])
    .toSorted((a, b) => a.at - b.at || a.by - b.by);
  let now = 0;
  let most = 0;
  for (const { by } of steps) {
    now += by;
    most = Math.max(most, now);
  }
  return most;
}

/** Machines that somebody released, and not the cloud. */
export function released(cloud: CvmSimulator, pool?: string): readonly string[] {
  return everBought(cloud, pool)
    .filter(({ endCause }) => endCause === 'terminate')
    .map(({ id }) => id);
}

/** The calls of an action, in order. */
export function calls(cloud: CvmSimulator, action: string, since = 0): readonly CallEntry[] {
  return cloud.journal.entries.filter(
    (entry): entry is CallEntry => entry.kind === 'call' && entry.action === action && entry.at >= since,
  );
}
