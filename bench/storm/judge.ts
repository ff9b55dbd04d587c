// What a storm's journal says. Stands on nothing of the operator: it reads entries as the simulated cloud writes them.

import type { JournalEntry } from '../journal-entry.ts';

export interface StormVerdict {
  /** Machines that were there to be bought, over the whole time. */
  readonly available: number;
  readonly bought: number;
  readonly boughtShare: number;
  /** From the last rise of a stock until all but a hundredth of that rise was bought; `null`: never. */
  readonly minutesToUseReopened: number | null;
  /** RunInstances that were answered with an error, or not at all. */
  readonly failingCalls: number;
}

interface Rise {
  readonly offer: string;
  readonly at: number;
  readonly by: number;
  bought: number;
  usedUpAt: number | undefined;
}

/** How much of a stock that has come back must be bought before it counts as used. */
const USED_SHARE = 0.99;

/**
 * Judges a storm by its journal alone. The stock of each offer must be told by `stock` events from the start; a released
 * machine that goes back into stock would be counted twice, so a storm has none.
 */
export function judgeStorm(entries: readonly JournalEntry[]): StormVerdict {
  const left = new Map<string, number>();
  let available = 0;
  let bought = 0;
  let failingCalls = 0;
  let rise: Rise | undefined;
  for (const entry of entries) {
    if (entry.event === 'stock') {
      const offer = entry.id ?? '';
      const by = Number(entry.detail) - (left.get(offer) ?? 0);
      left.set(offer, Number(entry.detail));
      available += by;
      if (by > 0) rise = { offer, at: entry.at, by, bought: 0, usedUpAt: undefined };
    }
    if (entry.kind !== 'call' || entry.action !== 'RunInstances') continue;
    if (entry.result !== 'ok') {
      failingCalls += 1;
      continue;
    }
    const count = entry.instanceIds?.length ?? 0;
    const offer = offerOf(entry.body);
    bought += count;
    left.set(offer, (left.get(offer) ?? 0) - count);
    if (rise?.offer === offer) {
      rise.bought += count;
      if (rise.bought >= rise.by * USED_SHARE) rise.usedUpAt ??= entry.at;
    }
  }
  return {
    available,
    bought,
    boughtShare: available === 0 ? 0 : bought / available,
    minutesToUseReopened: rise?.usedUpAt === undefined ? null : (rise.usedUpAt - rise.at) / 60_000,
    failingCalls,
  };
}

/** `zone/type/charge type`, as the ids of stock events are. */
function offerOf(body: unknown): string {
  const { Placement, InstanceType, InstanceChargeType } = body as {
    readonly Placement?: { readonly Zone?: string };
    readonly InstanceType?: string;
    readonly InstanceChargeType?: string;
  };
  return `${Placement?.Zone}/${InstanceType}/${InstanceChargeType ?? 'POSTPAID_BY_HOUR'}`;
}
