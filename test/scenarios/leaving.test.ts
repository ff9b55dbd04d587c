import { describe, expect, it } from 'vitest';
import { callSimulator } from '../../simulators/cvm/test-call.ts';
import { breaking } from '../builders/broken-clouds.ts';
import { alive } from '../builders/cloud-judge.ts';
import { boughtBy, exodusesOf, misdeedsOf, NO_MISDEEDS } from '../builders/identity-judge.ts';
import { KEYS, MINUTE, operatorAs, poolsOf, untilReady } from '../builders/identity-world.ts';
import type { OperatorOptions, OperatorUnderTest } from '../builders/operator.ts';

const { secretId } = KEYS.first;
const DRAIN_S = 60;
const drain = { timeout: `${DRAIN_S}s` };
/** One that is told to go is released this long afterwards, if it still answers: what is released within it has left together. */
const TOGETHER = { windowMs: (DRAIN_S - 2) * 1000, readyAfterMs: 20_000 };

async function poolOf(size: number, changes: object = {}, options: OperatorOptions = {}): Promise<OperatorUnderTest> {
  const op = await operatorAs('first', { pool: { minimum: size, maximum: size, drain, ...changes } }, options);
  await untilReady(op, size);
  return op;
}

async function shrink(op: OperatorUnderTest, size: number): Promise<void> {
  op.write('pools.yaml', poolsOf('first', { pool: { minimum: size, maximum: size, drain } }));
  await op.until(`${size} are left`, () => alive(op.simulator).length === size, 60 * MINUTE);
  await op.advance(5 * MINUTE);
}

/** Their servers go down, as after a fault of the image; the machines stay. */
function silence(op: OperatorUnderTest, ids: readonly string[]): void {
  for (const id of ids) op.simulator.reclaim(id, { noticeMs: 300 * MINUTE, machineStopsEarlyMs: 300 * MINUTE - 1 });
}

describe('at most a quarter of the ready machines, or one, leave at once', () => {
  it.each([
    [20, 2],
    [7, 3],
    [3, 0],
  ])('scaling down from %i to %i', async (from, to) => {
    const op = await poolOf(from);
    await shrink(op, to);
    expect(exodusesOf(op.simulator, secretId, TOGETHER)).toEqual([]);
    const leave = { secretId, maxBought: from, maxReleased: from - to, alive: to };
    expect(misdeedsOf(op.simulator, leave)).toEqual(NO_MISDEEDS);
  });

  it('when the spec changes: none leaves for that alone, and the outdated ones leave first', async () => {
    const op = await poolOf(8, { maximum: 12 });
    const old = alive(op.simulator);
    const changed = { drain, instance: { systemDisk: { sizeGiB: 120 } } };
    op.write('pools.yaml', poolsOf('first', { pool: { minimum: 12, maximum: 12, ...changed } }));
    await untilReady(op, 12);
    await op.advance(20 * MINUTE);
    expect(alive(op.simulator)).toEqual(expect.arrayContaining([...old]));
    op.write('pools.yaml', poolsOf('first', { pool: { minimum: 4, maximum: 4, ...changed } }));
    await op.until('four are left', () => alive(op.simulator).length === 4, 60 * MINUTE);
    expect(alive(op.simulator).filter((id) => old.includes(id))).toEqual([]);
    expect(exodusesOf(op.simulator, secretId, TOGETHER)).toEqual([]);
  });

  it.each([
    ['a few', 4],
    ['almost half', 9],
    ['most', 16],
    ['all', 20],
  ])('when %s of twenty fall silent (%i)', async (_how, silent) => {
    const op = await poolOf(20);
    silence(op, alive(op.simulator).slice(0, silent));
    // They are given some minutes to come back; then a quarter goes at a time.
    await op.until(
      'all are replaced',
      () => alive(op.simulator).length === 20 && boughtBy(op.simulator, secretId).size === 20 + silent,
      60 * MINUTE,
    );
    await untilReady(op, 20);
    expect(exodusesOf(op.simulator, secretId, { ...TOGETHER, windowMs: 1000 })).toEqual([]);
    const leave = { secretId, maxBought: 20 + silent, maxReleased: silent, alive: 20 };
    expect(misdeedsOf(op.simulator, leave)).toEqual(NO_MISDEEDS);
  });

  it('is judged: one that releases all that it has, once it may release one, is caught', async () => {
    const held: { op?: OperatorUnderTest } = {};
    const edges = {
      decorateClouds: breaking((cloud) => ({
        release: (ids, signal) =>
          cloud.release(held.op ? [...new Set([...ids, ...alive(held.op.simulator)])] : ids, signal),
      })),
    };
    const op = await poolOf(8, {}, { edges });
    held.op = op;
    op.write('pools.yaml', poolsOf('first', { pool: { minimum: 7, maximum: 7, drain } }));
    await op.advance(5 * MINUTE);
    expect(exodusesOf(op.simulator, secretId, TOGETHER)).toEqual([expect.objectContaining({ ready: 8 })]);
    expect(boughtBy(op.simulator, secretId).size).toBeGreaterThan(8);
  });

  it('is judged: one that lets a third leave at a time is caught', async () => {
    const op = await poolOf(9);
    await op.advance(2 * MINUTE);
    for (const id of alive(op.simulator).slice(0, 3)) {
      expect(exodusesOf(op.simulator, secretId, TOGETHER)).toEqual([]);
      await callSimulator(op.simulator, 'TerminateInstances', { InstanceIds: [id] }, KEYS.first);
      await op.advance(5000);
    }
    expect(exodusesOf(op.simulator, secretId, TOGETHER)).toEqual([expect.objectContaining({ leaving: 3, ready: 9 })]);
  });
});
