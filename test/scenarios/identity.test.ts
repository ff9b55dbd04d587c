import { cpSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Ownership } from '../../src/cloud/cloud.ts';
import { type Breaking, claimingAll, forgetting, ignoringStrangers } from '../builders/broken-clouds.ts';
import { alive } from '../builders/cloud-judge.ts';
import { boughtBy, misdeedsOf, NO_MISDEEDS } from '../builders/identity-judge.ts';
import {
  KEYS,
  loseState,
  MINUTE,
  OFFERING,
  operatorAs,
  peopleBuy,
  poolsOf,
  untilReady,
} from '../builders/identity-world.ts';
import type { OperatorOptions, OperatorUnderTest } from '../builders/operator.ts';

const first = KEYS.first.secretId;
const second = KEYS.second.secretId;
const MARKER = '.aiops-installation';

/** How an operator is broken, once there is one. */
type Break = (op: () => OperatorUnderTest) => Breaking;

const takesAll: Break = (op) => claimingAll(() => ownerOf(op()), OFFERING);
const seesNoStranger: Break = (op) => ignoringStrangers(() => installationOf(op()));

function broken(how: Break | undefined, op: () => OperatorUnderTest): Pick<OperatorOptions, 'edges'> {
  return how ? { edges: { decorateClouds: how(op) } } : {};
}

function installationOf(op: OperatorUnderTest): string {
  return String(op.logged.findLast(({ msg }) => msg === 'starting')?.['installation']);
}

function ownerOf(op: OperatorUnderTest): Ownership {
  return { installation: installationOf(op), poolUid: op.pool('pool')?.metadata.uid ?? '', pool: 'default/pool' };
}

/** What two operators may be found to have done; the first is never broken. */
async function together(
  pools: { readonly ofFirst: string; readonly ofSecond: string },
  how?: Break,
): Promise<readonly [OperatorUnderTest, OperatorUnderTest]> {
  const one = await operatorAs('first', { [pools.ofFirst]: { minimum: 2, maximum: 4 } });
  await untilReady(one, 2, pools.ofFirst);
  const held: { two?: OperatorUnderTest } = {};
  const self = (): OperatorUnderTest => {
    if (!held.two) throw new Error('the second operator has not started');
    return held.two;
  };
  const two = await operatorAs('second', {}, { beside: one, ...broken(how, self) });
  held.two = two;
  two.write('pools.yaml', poolsOf('second', { [pools.ofSecond]: { minimum: 1, maximum: 1 } }));
  await two.advance(20 * MINUTE);
  return [one, two];
}

describe('two operators in one account', () => {
  it('with different pools live side by side: neither touches what is the other one’s', async () => {
    const [one, two] = await together({ ofFirst: 'ours', ofSecond: 'theirs' });
    expect(misdeedsOf(two.simulator, { secretId: second, maxBought: 1, alive: 1 })).toEqual(NO_MISDEEDS);

    const [lost = ''] = boughtBy(two.simulator, second);
    two.simulator.reclaim(lost, { noticeMs: 0 });
    one.write('pools.yaml', poolsOf('first', { ours: { minimum: 4, maximum: 4 } }));
    await untilReady(one, 4, 'ours');
    one.write('pools.yaml', poolsOf('first', { ours: { minimum: 1, maximum: 1 } }));
    await one.until('three are released', () => alive(one.simulator, 'ours').length === 1, 20 * MINUTE);
    await two.delete('theirs');
    await two.until('the pool is gone', () => !two.pool('theirs'), 20 * MINUTE);
    await one.advance(30 * MINUTE);
    expect(two.isRunning).toBe(true);
    const leaveOfFirst = { secretId: first, maxBought: 4, maxReleased: 3, alive: 1 };
    expect(misdeedsOf(one.simulator, leaveOfFirst)).toEqual(NO_MISDEEDS);
    const leaveOfSecond = { secretId: second, maxBought: 2, maxReleased: 1, alive: 0 };
    expect(misdeedsOf(one.simulator, leaveOfSecond)).toEqual(NO_MISDEEDS);
  });

  it('with the same pool: the later one buys nothing and says why, the earlier one goes on', async () => {
    const [one, two] = await together({ ofFirst: 'pool', ofSecond: 'pool' });
    expect(two.condition('pool', 'IdentityConflict')).toMatchObject({
      status: 'True',
      message: expect.stringContaining(`belong to installation ${installationOf(one)}`),
    });
    const [lost = ''] = alive(one.simulator);
    one.simulator.reclaim(lost, { noticeMs: 0 });
    await untilReady(one, 2);
    await one.advance(20 * MINUTE);
    expect(one.condition('pool', 'IdentityConflict')?.status).not.toBe('True');
    expect(misdeedsOf(one.simulator, { secretId: first, maxBought: 3, alive: 2 })).toEqual(NO_MISDEEDS);
    expect(misdeedsOf(one.simulator, { secretId: second, maxBought: 0, alive: 0 })).toEqual(NO_MISDEEDS);
  });

  it('with the same pool, started at one moment: neither buys more than once, and nothing is released', async () => {
    const one = await operatorAs('first', {});
    const two = await operatorAs('second', {}, { beside: one });
    for (const [op, as] of [
      [one, 'first'],
      [two, 'second'],
    ] as const)
      op.write('pools.yaml', poolsOf(as, { pool: { minimum: 1, maximum: 3 } }));
    await one.advance(60 * MINUTE);
    for (const secretId of [first, second])
      expect(misdeedsOf(one.simulator, { secretId, maxBought: 1 })).toEqual(NO_MISDEEDS);
    const blocked = [one, two].filter((op) => op.condition('pool', 'IdentityConflict')?.status === 'True');
    expect(blocked.length).toBeGreaterThanOrEqual(1);
    expect([one.isRunning, two.isRunning]).toEqual([true, true]);
  });

  it('is judged: one that sees no stranger buys', async () => {
    const [blind] = await together({ ofFirst: 'pool', ofSecond: 'pool' }, seesNoStranger);
    expect(misdeedsOf(blind.simulator, { secretId: second, maxBought: 0, alive: 0 }).bought).not.toEqual([]);
  });

  it('is judged: one that takes all machines for its own releases those of the other', async () => {
    const [one] = await together({ ofFirst: 'ours', ofSecond: 'pool' }, takesAll);
    expect(misdeedsOf(one.simulator, { secretId: second, maxBought: 1, alive: 1 }).claimed).not.toEqual([]);
  });
});

/** The folder and not the state is copied to another place; an operator of another identity runs there instead of the first. */
async function restoredElsewhere(how?: Break): Promise<OperatorUnderTest> {
  const one = await operatorAs('first', { pool: { minimum: 3, maximum: 3 } });
  await untilReady(one, 3);
  await one.stop();
  const held: { two?: OperatorUnderTest } = {};
  const self = (): OperatorUnderTest => held.two ?? one;
  const two = await operatorAs('second', {}, { beside: one, ...broken(how, self) });
  held.two = two;
  two.write('pools.yaml', poolsOf('second', { pool: { minimum: 1, maximum: 1 } }));
  await two.advance(20 * MINUTE);
  return two;
}

describe('a folder that is restored under another identity', () => {
  const leave = { secretId: second, maxBought: 0, alive: 0 };

  it('buys and releases nothing, also when the first one is back', async () => {
    const one = await operatorAs('first', { pool: { minimum: 2, maximum: 3 } });
    await untilReady(one, 2);
    await one.stop();
    const two = await operatorAs('second', { pool: { minimum: 2, maximum: 3 } }, { beside: one });
    await two.advance(30 * MINUTE);
    await one.start();
    await one.advance(30 * MINUTE);
    expect(two.condition('pool', 'IdentityConflict')?.status).toBe('True');
    expect(misdeedsOf(one.simulator, leave)).toEqual(NO_MISDEEDS);
    expect(misdeedsOf(one.simulator, { secretId: first, maxBought: 2, alive: 2 })).toEqual(NO_MISDEEDS);
  });

  it('takes the machines in again once it is told who it is', async () => {
    const one = await operatorAs('first', { pool: { minimum: 2, maximum: 3 } });
    await untilReady(one, 2);
    const { statePath } = one;
    await one.stop();
    loseState(one);
    rmSync(`${one.manifestsDir}/${MARKER}`);
    await one.start();
    await one.advance(30 * MINUTE);
    expect(one.condition('pool', 'IdentityConflict')?.status).toBe('True');
    const id = one.condition('pool', 'IdentityConflict')?.message?.match(/belong to installation ([0-9a-f-]{36})/)?.[1];
    await one.stop();
    expect(one.statePath).toBe(statePath);
    await one.start({ settings: { installationId: id ?? '' } });
    await untilReady(one, 2);
    await one.advance(30 * MINUTE);
    expect(one.condition('pool', 'IdentityConflict')?.status).not.toBe('True');
    expect(misdeedsOf(one.simulator, { secretId: first, maxBought: 2, alive: 2 })).toEqual(NO_MISDEEDS);
  });

  it.each([
    ['before it has machines', 0],
    ['while it has machines', 2],
  ])('with another uid of the pool, %s: buys and releases nothing', async (_when, own) => {
    const op = await operatorAs('first', { pool: { minimum: own, maximum: 3 } });
    await untilReady(op, own);
    const tags = { 'aiops.org/installation': installationOf(op), 'aiops.org/pool': 'default/pool' };
    const uid = { 'aiops.org/pool-uid': '00000000-0000-5000-8000-000000000000' };
    await peopleBuy(op, { count: 2, name: 'pool-0a1b2c3d-xyz', tags: { ...tags, ...uid } });
    await op.advance(MINUTE);
    op.write('pools.yaml', poolsOf('first', { pool: { minimum: 3, maximum: 3 } }));
    await op.advance(60 * MINUTE);
    expect(op.condition('pool', 'IdentityConflict')?.message).toContain(uid['aiops.org/pool-uid']);
    expect(misdeedsOf(op.simulator, { secretId: first, maxBought: own, alive: own })).toEqual(NO_MISDEEDS);
  });

  it('is judged: one that sees no stranger buys', async () => {
    const blind = await restoredElsewhere(seesNoStranger);
    expect(misdeedsOf(blind.simulator, leave).bought).not.toEqual([]);
  });

  it('is judged: one that takes all machines for its own releases some', async () => {
    const greedy = await restoredElsewhere(takesAll);
    expect(misdeedsOf(greedy.simulator, leave).claimed).not.toEqual([]);
  });
});

describe('a state file that is lost', () => {
  const moments = [
    ['when a purchase was planned and not written', { method: 'price', when: 'after' }],
    ['when it was written and not sent', { method: 'launch', when: 'before' }],
    ['when it was sent and not heard of', { method: 'launch', when: 'after' }],
  ] as const;
  const lags = [
    ['soon', { appear: [0, 3000], tags: [1000, 10_000] }],
    ['late', { appear: [25_000, 25_000], tags: [4 * MINUTE, 4 * MINUTE] }],
  ] as const;

  async function lostInPurchase(
    moment: (typeof moments)[number][1],
    timing: (typeof lags)[number][1],
    how?: Breaking,
  ): Promise<OperatorUnderTest> {
    const simulator = { accounts: [{ keys: [KEYS.first], balance: 100_000 }], timing };
    const edges = how ? { edges: { decorateClouds: how } } : {};
    const op = await operatorAs('first', {}, { simulator, ...edges });
    op.abandonWhen(({ method, when }) => method === moment.method && when === moment.when);
    op.write('pools.yaml', poolsOf('first', { pool: { minimum: 2, maximum: 3 } }));
    await op.until('it is killed', () => !op.isRunning, MINUTE);
    loseState(op);
    await op.start();
    await untilReady(op, 2);
    await op.advance(20 * MINUTE);
    return op;
  }

  const cases = moments.flatMap(([what, moment]) => lags.map(([lag, timing]) => ({ what, lag, moment, timing })));
  it.each(cases)('$what (lists and tags come $lag): bought once', async ({ moment, timing }) => {
    const op = await lostInPurchase(moment, timing);
    expect(misdeedsOf(op.simulator, { secretId: first, maxBought: 2, alive: 2 })).toEqual(NO_MISDEEDS);
  });

  it('again and again while it lives: machines are found again', async () => {
    const op = await operatorAs('first', { pool: { minimum: 3, maximum: 5 } });
    await untilReady(op, 3);
    for (const end of [() => op.stop(), () => op.abandon(), () => op.stop()]) {
      await end();
      loseState(op);
      await op.start();
      await untilReady(op, 3);
      await op.advance(20 * MINUTE);
    }
    expect(misdeedsOf(op.simulator, { secretId: first, maxBought: 3, alive: 3 })).toEqual(NO_MISDEEDS);
  });

  it('is judged: one that does not look for its machines buys twice', async () => {
    let lives = 0;
    const op = await lostInPurchase(
      { method: 'launch', when: 'after' },
      { appear: [0, 3000], tags: [1000, 10_000] },
      (clouds) => {
        lives += 1;
        return forgetting(() => lives > 1)(clouds);
      },
    );
    expect(misdeedsOf(op.simulator, { secretId: first, maxBought: 2, alive: 2 }).bought).not.toEqual([]);
  });
});

describe('a folder of manifests that is away for an hour', () => {
  const aways: readonly [string, (dir: string) => void][] = [
    ['gone', () => {}],
    ['an empty folder, as one that is not mounted', (dir) => mkdirSync(dir)],
    [
      'the folder of another installation',
      (dir) => {
        mkdirSync(dir);
        writeFileSync(`${dir}/${MARKER}`, '11111111-1111-4111-8111-111111111111\n');
        cpSync(`${dir}-aside/pools.yaml`, `${dir}/pools.yaml`);
      },
    ],
  ];
  const cases = aways.flatMap(([what, put]) => [false, true].map((prune) => ({ what, put, prune })));

  it.each(cases)('$what (prune: $prune): nothing is released or bought twice', async ({ put, prune }) => {
    const op = await operatorAs('first', { pool: { minimum: 2, maximum: 3 } }, { settings: { prune } });
    await untilReady(op, 2);
    renameSync(op.manifestsDir, `${op.manifestsDir}-aside`);
    put(op.manifestsDir);
    await op.advance(30 * MINUTE);
    expect(op.problems()).not.toEqual([]);
    op.simulator.reclaim(alive(op.simulator)[0] ?? '', { noticeMs: 0 });
    await untilReady(op, 2);
    await op.advance(30 * MINUTE);
    rmSync(op.manifestsDir, { recursive: true, force: true });
    renameSync(`${op.manifestsDir}-aside`, op.manifestsDir);
    await op.until('it is back', () => op.problems().length === 0, MINUTE);
    await op.advance(20 * MINUTE);
    expect(misdeedsOf(op.simulator, { secretId: first, maxBought: 3, alive: 2 })).toEqual(NO_MISDEEDS);
    op.write('pools.yaml', poolsOf('first', { pool: { minimum: 3, maximum: 3 } }));
    await untilReady(op, 3);
  });

  it('over a restart: machines are left alone until it is back', async () => {
    const op = await operatorAs('first', { pool: { minimum: 2, maximum: 3 } }, { settings: { prune: true } });
    await untilReady(op, 2);
    await op.stop();
    renameSync(op.manifestsDir, `${op.manifestsDir}-aside`);
    await op.start();
    await op.advance(60 * MINUTE);
    renameSync(`${op.manifestsDir}-aside`, op.manifestsDir);
    await untilReady(op, 2);
    await op.advance(20 * MINUTE);
    expect(misdeedsOf(op.simulator, { secretId: first, maxBought: 2, alive: 2 })).toEqual(NO_MISDEEDS);
  });

  it('is judged: a pool whose file is deleted with --prune is released', async () => {
    const op = await operatorAs('first', { pool: { minimum: 2, maximum: 3 } }, { settings: { prune: true } });
    await untilReady(op, 2);
    op.remove('pools.yaml');
    await op.advance(20 * MINUTE);
    expect(misdeedsOf(op.simulator, { secretId: first, maxBought: 2, alive: 2 }).released).not.toEqual([]);
  });
});
