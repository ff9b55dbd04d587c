import { describe, expect, it } from 'vitest';
import { alive, everBought, released } from '../../builders/cloud-judge.ts';
import { type OperatorUnderTest, startOperator } from '../../builders/operator.ts';
import { isReady, loseOne, MINUTE, pool } from './frame.ts';
import { allowed, policies } from './policies.ts';

/** All that keys of the operator ever need. */
const OPERATOR = allowed('The pool itself', 'Prices', 'Stock', 'A role for the machines');
const KEY = 'xxx';
const NEAR = ['ap-singapore-2', 'GN7.2XLARGE32', 'SPOTPAID'] as const;
const FAR = ['ap-singapore-3', 'GN7.2XLARGE32', 'SPOTPAID'] as const;
const spec = (changes: object = {}): object => pool({ instance: { camRole: 'machine' }, ...changes });

/** A pool with exactly these permissions from the start. */
async function poolWith(actions: readonly string[]): Promise<OperatorUnderTest> {
  const op = await startOperator();
  op.simulator.setPermissions(KEY, actions);
  op.write('pool.yaml', [spec()]);
  return op;
}

/** Answers of the cloud that say that something was not allowed. */
const denials = (op: OperatorUnderTest): readonly string[] =>
  op.simulator.journal.entries.flatMap((entry) =>
    entry.kind === 'call' && /^(Unauthorized|AuthFailure)/.test(entry.result)
      ? [`${entry.action} ${entry.result}`]
      : [],
  );

function stock(op: OperatorUnderTest, machines: number): void {
  op.simulator.setStock(...NEAR, machines);
  op.simulator.setStock(...FAR, machines);
}

describe('with exactly the policies of docs/permissions.md', () => {
  it('a pool lives its whole life: it comes up, loses a machine, is sold out, grows, shrinks and goes', async () => {
    const op = await poolWith(OPERATOR);
    await op.until('the pool is ready', () => isReady(op));
    loseOne(op);
    await op.until('the loss is made up for', () => everBought(op.simulator).length === 3 && isReady(op));
    stock(op, 0);
    loseOne(op);
    await op.advance(15 * MINUTE);
    expect(op.condition('pool', 'CapacityAvailable')?.status).toBe('False');
    stock(op, 5);
    await op.until('stock is noticed', () => isReady(op), 16 * MINUTE);
    await op.scale('pool', 3);
    await op.until('it has grown', () => op.pool('pool')?.status?.ready === 3);
    await op.scale('pool', 2);
    await op.until('it has shrunk', () => released(op.simulator).length === 1, 3 * MINUTE);
    expect(Number(op.pool('pool')?.status?.hourlyCost)).toBeGreaterThan(0.5);
    expect(op.condition('pool', 'Stalled')?.status).toBe('False');
    expect(op.condition('pool', 'PermissionsSufficient')).toBeUndefined();
    await op.delete('pool');
    await op.until('it is gone', () => op.pool('pool') === undefined, 10 * MINUTE);
    expect(alive(op.simulator)).toEqual([]);
    expect(denials(op)).toEqual([]);
  });

  it('the page names each action once, and only such as the operator or a command calls', async () => {
    const named = [...policies.values()].flat();
    expect(new Set(named).size).toBe(named.length);
    expect(named.toSorted()).toEqual([
      'cam:PassRole',
      'cvm:DescribeAccountQuota',
      'cvm:DescribeInstances',
      'cvm:DescribeZoneInstanceConfigInfos',
      'cvm:InquiryPriceRunInstances',
      'cvm:RunInstances',
      'cvm:TerminateInstances',
      'tag:TagResources',
    ]);
  });
});

/** What a pool says without an action, and what it goes on doing. */
interface Loss {
  readonly missing: string;
  /** Conditions that name the action. */
  readonly conditions: readonly string[];
  readonly isReplaced: boolean;
  readonly isReleased: boolean;
}

const losses: readonly Loss[] = [
  { missing: 'cvm:DescribeInstances', conditions: ['Stalled True'], isReplaced: false, isReleased: false },
  { missing: 'cvm:RunInstances', conditions: ['Stalled True'], isReplaced: false, isReleased: true },
  { missing: 'cam:PassRole', conditions: ['Stalled True'], isReplaced: false, isReleased: true },
  {
    missing: 'cvm:TerminateInstances',
    conditions: ['Stalled True', 'PermissionsSufficient False'],
    isReplaced: true,
    isReleased: false,
  },
  {
    missing: 'cvm:InquiryPriceRunInstances',
    conditions: ['PermissionsSufficient False'],
    isReplaced: true,
    isReleased: true,
  },
  {
    missing: 'cvm:DescribeZoneInstanceConfigInfos',
    conditions: ['PermissionsSufficient False'],
    isReplaced: true,
    isReleased: true,
  },
];

/** Conditions of the pool whose message names the action, as `TYPE STATUS`. */
const naming = (op: OperatorUnderTest, action: string): readonly string[] =>
  (op.pool('pool')?.status?.conditions ?? [])
    .filter(({ reason, message }) => reason === 'PermissionDenied' && message.includes(action))
    .map(({ type, status }) => `${type} ${status}`);

describe('with one action less', () => {
  it('every action of a pool is tried', () => {
    expect(losses.map(({ missing }) => missing).toSorted()).toEqual(OPERATOR.toSorted());
  });

  it.each(losses)('$missing: a condition names it, and the rest goes on', async (loss) => {
    const { missing, conditions, isReplaced, isReleased } = loss;
    const op = await poolWith(OPERATOR);
    await op.until('the pool is ready', () => isReady(op));
    op.simulator.setPermissions(
      KEY,
      OPERATOR.filter((action) => action !== missing),
    );
    // Until prices that are known are asked again; one zone is sold out, so that stock is asked for too.
    await op.advance(11 * MINUTE);
    op.simulator.setStock(...NEAR, 0);
    loseOne(op);
    await op.advance(2 * MINUTE);
    const bought = everBought(op.simulator).length;
    expect(bought).toBe(isReplaced ? 3 : 2);
    op.write('pool.yaml', [spec({ minimum: 0, maximum: 0 })]);
    await op.until('a condition names it', () => naming(op, missing).length > 0, 2 * MINUTE);
    await op.advance(2 * MINUTE);
    expect(alive(op.simulator)).toHaveLength(isReleased ? 0 : bought - 1);
    op.write('pool.yaml', [spec()]);
    await op.advance(MINUTE);
    expect(naming(op, missing)).toEqual(expect.arrayContaining([...conditions]));
    expect(op.condition('pool', 'CredentialsValid')?.status).not.toBe('False');

    op.simulator.setStock(...NEAR, 10);
    op.simulator.setPermissions(KEY, OPERATOR);
    await op.until('it is noticed', () => isReady(op) && naming(op, missing).length === 0, 17 * MINUTE);
    expect(alive(op.simulator)).toHaveLength(2);
  });
});
