import { toTime } from '../api/meta.ts';
import type { OfferingStatus } from '../api/spotpool.ts';
import type { Offering, Stock } from '../cloud/cloud.ts';
import { offeringId } from '../cloud/cloud.ts';
import type { EpochMs } from '../lib/clock.ts';
import { LARGEST_ORDER } from './order.ts';

/** Spot stock comes back in minutes; asking sooner only spends API quota. Ours, not Tencent's. */
const FIRST_BACKOFF_MS = 3 * 60_000;
/** An offering that stays empty is still asked twice an hour: stock data may lag or lie. */
const LONGEST_BACKOFF_MS = 30 * 60_000;

/** What is remembered of one way to buy. */
export interface OfferingMemo {
  /** Not asked before this time; 0 when it may be asked. */
  readonly blockedUntil: EpochMs;
  readonly reason: string;
  readonly message: string;
  /** How long the last block was; the next one is twice as long. 0 after a success. */
  readonly backoffMs: number;
  readonly lastTriedAt: EpochMs;
  /** The stock data has said "sold out" since the block began: only then does "selling" mean that stock came back. */
  readonly isSoldOutConfirmed: boolean;
  /** The largest purchase that is tried next; absent: no limit. */
  readonly tryCount?: number;
  /** Whether that limit grows with each success, as after a block, when nobody knows how much has come back. */
  readonly isGrowing?: boolean;
}

const FRESH: OfferingMemo = {
  blockedUntil: 0,
  reason: 'NotTried',
  message: '',
  backoffMs: 0,
  lastTriedAt: 0,
  isSoldOutConfirmed: false,
};

/**
 * The memory after a purchase was refused for want of stock (or quota). Each refusal in a row doubles the wait, 3 to 30
 * minutes. The next try asks for one machine, so that an offering that is still empty costs one failed call.
 */
export function afterRefusal(
  memo: OfferingMemo,
  refusal: { reason: string; message: string },
  now: EpochMs,
): OfferingMemo {
  const backoffMs = Math.min(LONGEST_BACKOFF_MS, memo.backoffMs === 0 ? FIRST_BACKOFF_MS : memo.backoffMs * 2);
  const retry = { tryCount: 1, isGrowing: true };
  return {
    ...refusal,
    blockedUntil: now + backoffMs,
    backoffMs,
    lastTriedAt: now,
    isSoldOutConfirmed: false,
    ...retry,
  };
}

/**
 * The memory after a purchase that brought fewer machines than it asked for: there are no more now. That is as good as a
 * refusal, and costs none.
 */
export function afterShortage(
  memo: OfferingMemo,
  brought: { bought: number; wanted: number },
  now: EpochMs,
): OfferingMemo {
  const message = `Of ${brought.wanted} machines ${brought.bought} were left.`;
  return afterRefusal(afterSuccess(memo, now), { reason: 'SoldOut', message }, now);
}

/** Whether so many may be asked for now. */
export function isFree(memo: OfferingMemo, count: number, now: EpochMs): boolean {
  return memo.blockedUntil <= now && count <= (memo.tryCount ?? count);
}

/** The memory after a purchase of several was refused: it says only that there are fewer than that. */
export function afterPartialRefusal(memo: OfferingMemo, count: number, now: EpochMs): OfferingMemo {
  return { ...memo, tryCount: Math.max(1, Math.floor(count / 2)), isGrowing: false, lastTriedAt: now };
}

/**
 * The memory after a purchase. A limit that a refusal has set stays: where ten were refused and five were had, five may be
 * had again. A limit left by a block doubles until it is none.
 */
export function afterSuccess(memo: OfferingMemo, now: EpochMs): OfferingMemo {
  const bought: OfferingMemo = { ...FRESH, reason: 'Bought', lastTriedAt: now };
  const { tryCount, isGrowing = false } = memo;
  if (tryCount === undefined) return bought;
  if (!isGrowing) return { ...bought, tryCount };
  return tryCount * 2 >= LARGEST_ORDER ? bought : { ...bought, tryCount: tryCount * 2, isGrowing };
}

/** The memory after the stock data was read. A block ends early when stock that was gone is there again. */
export function afterStock(memo: OfferingMemo, isSelling: boolean, now: EpochMs): OfferingMemo {
  if (memo.blockedUntil <= now) return memo;
  if (!isSelling) return memo.isSoldOutConfirmed ? memo : { ...memo, isSoldOutConfirmed: true };
  if (!memo.isSoldOutConfirmed) return memo;
  return { ...memo, blockedUntil: now, reason: 'BackInStock', message: 'The cloud says that it is selling again.' };
}

/**
 * Which offerings are sold out, shared by all pools of the same account and region. Restored from the pools' status after
 * a restart. A bid of its own (`maxPrice`) makes an offering a different one: a refused bid says nothing of other bids.
 */
export interface OfferingMemory {
  get(account: string, offering: Offering): OfferingMemo;
  set(account: string, offering: Offering, memo: OfferingMemo): void;
  /** Takes what a pool's status says when that is newer than what is known. */
  restore(account: string, offering: Offering, status: OfferingStatus): void;
  /** Ends blocks whose stock came back. */
  learnStock(account: string, offerings: readonly Offering[], stock: readonly Stock[], now: EpochMs): void;
}

/** At most `limit` offerings are remembered; the least recently set is forgotten first, which costs one refused purchase. */
export function createOfferingMemory(limit = 10_000): OfferingMemory {
  const memos = new Map<string, OfferingMemo>();
  const keyOf = (account: string, offering: Offering): string =>
    `${account} ${offeringId(offering)} ${offering.maxPrice ?? ''}`;
  const get = (account: string, offering: Offering): OfferingMemo => memos.get(keyOf(account, offering)) ?? FRESH;
  const set = (account: string, offering: Offering, memo: OfferingMemo): void => {
    const key = keyOf(account, offering);
    memos.delete(key);
    memos.set(key, memo);
    const oldest = memos.size > limit ? memos.keys().next().value : undefined;
    if (oldest !== undefined) memos.delete(oldest);
  };
  return {
    get,
    set,
    restore(account, offering, status) {
      const triedAt = status.lastTriedAt === undefined ? 0 : Date.parse(status.lastTriedAt);
      if (get(account, offering).lastTriedAt >= triedAt) return;
      set(account, offering, {
        blockedUntil: status.blockedUntil === undefined ? 0 : Date.parse(status.blockedUntil),
        reason: status.reason,
        message: status.message ?? '',
        backoffMs: (status.backoffSeconds ?? 0) * 1000,
        lastTriedAt: triedAt,
        isSoldOutConfirmed: false,
        ...(status.tryCount === undefined ? {} : { tryCount: status.tryCount, isGrowing: true }),
      });
    },
    learnStock(account, offerings, stock, now) {
      for (const offering of offerings) {
        const row = stock.find(
          ({ zone, instanceType, chargeType }) =>
            zone === offering.zone && instanceType === offering.instanceType && chargeType === offering.chargeType,
        );
        if (row) set(account, offering, afterStock(get(account, offering), row.isSelling, now));
      }
    },
  };
}

/** A memory as the status shows it. */
export function toOfferingStatus(
  offering: Offering,
  memo: OfferingMemo,
  hourlyCost: string | undefined,
  now: EpochMs,
): OfferingStatus {
  const isBlocked = memo.blockedUntil > now;
  return {
    offering: offeringId(offering),
    state: isBlocked ? 'Blocked' : 'Available',
    reason: memo.reason,
    ...(memo.message === '' ? {} : { message: memo.message.slice(0, 1024) }),
    ...(isBlocked ? { blockedUntil: toTime(memo.blockedUntil) } : {}),
    ...(memo.backoffMs === 0 ? {} : { backoffSeconds: Math.round(memo.backoffMs / 1000) }),
    ...(memo.lastTriedAt === 0 ? {} : { lastTriedAt: toTime(memo.lastTriedAt) }),
    ...(memo.tryCount === undefined ? {} : { tryCount: memo.tryCount }),
    ...(hourlyCost === undefined ? {} : { hourlyCost }),
  };
}
