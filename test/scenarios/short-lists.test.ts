import { describe, expect, it } from 'vitest';
import type { ShortListOrder } from '../../simulators/cvm/controls.ts';
import { believingLists } from '../builders/broken-clouds.ts';
import { alive } from '../builders/cloud-judge.ts';
import { boughtBy, misdeedsOf, NO_MISDEEDS } from '../builders/identity-judge.ts';
import { ACCOUNT, KEYS, MINUTE, operatorAs, peopleBuy, poolsOf, untilReady } from '../builders/identity-world.ts';
import type { OperatorOptions, OperatorUnderTest } from '../builders/operator.ts';

const { secretId } = KEYS.first;
const POOL = { minimum: 3, maximum: 5 } as const;

/** A pool of three; then lists lack machines for so long, while `meanwhile` happens; then all is well again. */
async function shortFor(
  minutes: number,
  order: (ids: readonly string[]) => ShortListOrder,
  meanwhile: (op: OperatorUnderTest) => Promise<void>,
  options: OperatorOptions = {},
): Promise<OperatorUnderTest> {
  const op = await operatorAs('first', { pool: POOL }, options);
  await untilReady(op, 3);
  const restore = op.simulator.shortenLists({ times: 'always', ...order(alive(op.simulator)) });
  const end = op.clock.now() + minutes * MINUTE;
  await op.advance(5 * MINUTE);
  await meanwhile(op);
  await op.advance(end - op.clock.now());
  restore();
  await op.advance(10 * MINUTE);
  return op;
}

const orders = {
  'its oldest machine': (ids: readonly string[]) => ({ ids: ids.slice(0, 1) }),
  'all of its machines': (ids: readonly string[]) => ({ ids }),
  'the last row': () => ({ count: 1 }),
  'every row': () => ({ count: 1000 }),
} as const;

interface Meanwhile {
  readonly what: string;
  readonly happens: (op: OperatorUnderTest) => Promise<void>;
  readonly bought: number;
  readonly alive: number;
}

const meanwhiles: readonly Meanwhile[] = [
  { what: 'nothing happens', happens: async () => {}, bought: 3, alive: 3 },
  {
    what: 'it starts again',
    async happens(op) {
      await op.stop();
      await op.advance(MINUTE);
      await op.start();
    },
    bought: 3,
    alive: 3,
  },
  {
    what: 'a machine is really lost',
    async happens(op) {
      op.simulator.reclaim(alive(op.simulator)[1] ?? '', { noticeMs: 0 });
      await op.advance(MINUTE);
      await untilReady(op, 3);
    },
    bought: 4,
    alive: 3,
  },
  {
    what: 'it grows',
    async happens(op) {
      op.write('pools.yaml', poolsOf('first', { pool: { ...POOL, minimum: 5 } }));
      await untilReady(op, 5);
    },
    bought: 5,
    alive: 5,
  },
  {
    what: 'a purchase has no answer',
    async happens(op) {
      op.simulator.addFault({ action: 'RunInstances', kind: 'hang-after' });
      op.write('pools.yaml', poolsOf('first', { pool: { ...POOL, minimum: 4 } }));
      await op.until('it was made', () => boughtBy(op.simulator, secretId).size > 3, MINUTE);
    },
    bought: 4,
    alive: 4,
  },
];

describe('a list that comes back short for an hour', () => {
  const cases = Object.entries(orders).flatMap(([lacks, order]) =>
    meanwhiles.map((each) => ({ lacks, order, ...each })),
  );
  it.each(cases)('lacks $lacks, and $what: nothing is bought twice, released or claimed', async (each) => {
    const op = await shortFor(60, each.order, each.happens);
    expect(misdeedsOf(op.simulator, { secretId, maxBought: each.bought, alive: each.alive })).toEqual(NO_MISDEEDS);
    expect(op.pool('pool')?.status?.ready).toBe(each.alive);
  });

  it('(the cloud ignores tokens) lacks every row, and a purchase has no answer: it is not made twice', async () => {
    const growing = meanwhiles.find(({ what }) => what === 'a purchase has no answer');
    const simulator = { ...ACCOUNT, assumptions: { clientToken: 'ignored' } } as const;
    const op = await shortFor(60, orders['every row'], growing?.happens ?? (async () => {}), { simulator });
    expect(misdeedsOf(op.simulator, { secretId, maxBought: 4, alive: 4 })).toEqual(NO_MISDEEDS);
  });

  it.each(Object.entries(orders))(
    'is judged: one that believes a list without %s buys twice',
    async (_lacks, order) => {
      const edges = { decorateClouds: believingLists };
      const op = await shortFor(15, order, async () => {}, { edges });
      expect(misdeedsOf(op.simulator, { secretId, maxBought: 3, alive: 3 }).bought).not.toEqual([]);
    },
  );
});

describe('machines that the cloud denies for an hour, in lists and when asked by id', () => {
  it.each([
    ['one', 1, 4],
    ['all', 3, 5],
  ])(
    '%s of three: taken for gone and replaced once; back again, they are its own, and only what is beyond maximum goes',
    async (_how, count, left) => {
      const op = await operatorAs('first', { pool: POOL });
      await untilReady(op, 3);
      const foreign = await peopleBuy(op, { count: 3 });
      const hidden = alive(op.simulator).slice(0, count);
      const restore = op.simulator.shortenLists({ times: 'always', byIdToo: true, ids: hidden });
      await op.advance(60 * MINUTE);
      expect(boughtBy(op.simulator, secretId).size).toBe(3 + count);
      expect(alive(op.simulator).filter((id) => hidden.includes(id))).toEqual(hidden);
      restore();
      await op.advance(30 * MINUTE);
      expect(alive(op.simulator).filter((id) => !foreign.includes(id))).toHaveLength(left);
      const leave = { secretId, maxBought: 3 + count, maxReleased: 3 + count - left, alive: left };
      expect(misdeedsOf(op.simulator, leave)).toEqual(NO_MISDEEDS);
      expect(op.pool('pool')?.status?.ready).toBe(left);
    },
  );
});
