import { beforeEach, describe, expect, it } from 'vitest';
import type { FakeClock } from '../../test/builders/fake-clock.ts';
import { createFakeClock } from '../../test/builders/fake-clock.ts';
import { offering } from '../../test/builders/launch-order.ts';
import { spec } from '../../test/builders/spotpool.ts';
import type { Cloud } from '../cloud/cloud.ts';
import type { MemoryCloud } from '../cloud/memory.ts';
import { createMemoryCloud } from '../cloud/memory.ts';
import type { Price, PriceBook } from './prices.ts';
import { createPriceBook, hourlyTotal } from './prices.ts';

const MINUTE = 60_000;
let clock: FakeClock;
let memory: MemoryCloud;
let book: PriceBook;
beforeEach(() => {
  clock = createFakeClock();
  memory = createMemoryCloud({ clock, random: () => 0 });
  book = createPriceBook(clock);
});

const ask = (
  changes: Record<string, unknown> = {},
  account = 'account',
  signal = AbortSignal.any([]),
  maxAgeMs?: number,
): Promise<Price> => book.priceOf(account, memory.cloud, spec(changes), offering(), signal, maxAgeMs);
const askFresh = (maxAgeMs: number): Promise<Price> => ask({}, 'account', undefined, maxAgeMs);
const asked = (): number => memory.calls.length;

describe('a price', () => {
  it('is that of machine, disk and bandwidth together', async () => {
    const price = await ask();
    expect(price.isKnown && hourlyTotal(price.price)).toBe(270_000);
  });

  it('is asked once for all pools that buy the same, and again after ten minutes', async () => {
    await Promise.all([ask(), ask({ minimum: 0, securityGroupIds: ['sg-other'] })]);
    await clock.advance(10 * MINUTE - 1);
    await ask();
    expect(asked()).toBe(1);
    await clock.advance(1);
    await ask();
    expect(asked()).toBe(2);
  });

  it.each([
    { name: 'another disk', again: () => ask({ instance: { systemDisk: { sizeGiB: 200 } } }) },
    { name: 'another bandwidth', again: () => ask({ instance: { publicBandwidthMbps: 0 } }) },
    { name: 'another account', again: () => ask({}, 'another') },
  ])('is asked anew for $name', async ({ again }) => {
    await ask();
    await again();
    expect(asked()).toBe(2);
  });

  it('that may not be asked is not asked again for a while', async () => {
    memory.weather.refuse('price', 'PermissionDenied');
    expect(await ask()).toMatchObject({ isKnown: false, error: { reason: 'PermissionDenied' } });
    await ask();
    expect(asked()).toBe(1);
  });

  it.each(['Unreachable', 'ServerError', 'Throttled'] as const)(
    'that failed with %s is asked again after a minute',
    async (reason) => {
      memory.weather.refuse('price', reason);
      expect(await ask()).toMatchObject({ isKnown: false });
      await clock.advance(MINUTE - 1);
      expect(await ask()).toMatchObject({ isKnown: false });
      expect(asked()).toBe(1);
      await clock.advance(1);
      expect(await ask()).toMatchObject({ isKnown: true });
    },
  );

  it('is asked anew before its time when it may not be so old', async () => {
    await ask();
    await clock.advance(MINUTE);
    await askFresh(MINUTE + 1);
    expect(asked()).toBe(1);
    memory.weather.setPrice('GN7.2XLARGE32', 400_000);
    expect(await askFresh(MINUTE)).toMatchObject({ price: { machine: 400_000 } });
    expect(await ask()).toMatchObject({ price: { machine: 400_000 } });
    expect(asked()).toBe(2);
    await clock.advance(10 * MINUTE);
    await askFresh(Number.POSITIVE_INFINITY);
    expect(asked()).toBe(3);
  });

  it('that could not be asked anew before its time stays as it was until then', async () => {
    await ask();
    await clock.advance(9 * MINUTE);
    memory.weather.refuse('price', 'Unreachable', 2);
    expect(await askFresh(0)).toMatchObject({ isKnown: true });
    expect(await askFresh(0)).toMatchObject({ isKnown: true });
    expect(asked()).toBe(2);
    await clock.advance(MINUTE);
    expect(await ask()).toMatchObject({ isKnown: false });
  });

  it('that is late holds nobody up, and is there when it has come', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    let calls = 0;
    const slow: Cloud = {
      ...memory.cloud,
      async price(...args) {
        calls += 1;
        await promise;
        return memory.cloud.price(...args);
      },
    };
    const askSlow = (): Promise<Price> => book.priceOf('slow', slow, spec({}), offering(), AbortSignal.any([]));
    const first = askSlow();
    await clock.advance(1000);
    expect(await first).toMatchObject({ isKnown: false, error: { reason: 'Unreachable' } });
    // Whoever asks meanwhile waits no more at all.
    const second = askSlow();
    await clock.advance(1);
    expect(await second).toMatchObject({ isKnown: false });
    resolve();
    await clock.advance(1000);
    expect(await askSlow()).toMatchObject({ isKnown: true });
    expect(calls).toBe(1);
  });

  it('that was cut off is not known, and asked again', async () => {
    expect(await ask({}, 'account', AbortSignal.abort())).toMatchObject({ isKnown: false });
    expect(await ask()).toMatchObject({ isKnown: true });
  });

  it('is forgotten first when it was asked longest ago', async () => {
    book = createPriceBook(clock, 2);
    for (const account of ['a', 'b', 'c']) await ask({}, account);
    await ask({}, 'c');
    expect(asked()).toBe(3);
    await ask({}, 'a');
    expect(asked()).toBe(4);
  });
});
