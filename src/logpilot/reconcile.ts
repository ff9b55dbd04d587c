import { mergeConditions, type Verdict } from '../api/conditions.ts';
import { type LogPilot, LogPilotKind } from '../api/logpilot.ts';
import type { ObjectKey } from '../api/meta.ts';
import type { Clock } from '../lib/clock.ts';
import type { KindRef, Store } from '../store/store.ts';

/** What a LogPilot needs of the world: a place to write its status. Nothing outside is called. */
export interface LogPilotEdges {
  readonly store: Pick<Store, 'get' | 'writeStatus'>;
  readonly clock: Clock;
  /** Whether this process is still the one that writes. */
  readonly mayAct: () => boolean;
}

const Kind: KindRef = { apiVersion: `${LogPilotKind.group}/${LogPilotKind.version}`, kind: LogPilotKind.kind };

const NOT_YET_SERVED: Verdict = {
  type: 'Ready',
  status: 'Unknown',
  reason: 'NotYetServed',
  message:
    'This version keeps LogPilots and does not serve them: no logs are read, no model is asked and nobody is told. ' +
    'A later version will begin with this object as it is.',
};

/**
 * Says on the object that it is kept and not served. What an older operator wrote as `preTimeStamp` stays, so that reading
 * can go on from there.
 * @throws {StoreError} what `writeStatus` throws
 */
export async function reconcileLogPilot(key: ObjectKey, { store, clock, mayAct }: LogPilotEdges): Promise<void> {
  const pilot = await store.get<LogPilot>(Kind, key);
  if (!pilot || pilot.metadata.deletionTimestamp !== undefined || !mayAct()) return;
  const { generation } = pilot.metadata;
  await store.writeStatus(pilot, {
    ...pilot.status,
    observedGeneration: generation,
    conditions: mergeConditions(pilot.status?.conditions ?? [], [NOT_YET_SERVED], generation, clock.now()),
  });
}
