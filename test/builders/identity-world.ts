import { rmSync } from 'node:fs';
import { callSimulator, runRequest } from '../../simulators/cvm/test-call.ts';
import type { Offering } from '../../src/cloud/cloud.ts';
import { type OperatorOptions, type OperatorUnderTest, startOperator } from './operator.ts';
import { poolManifest } from './pool-manifest.ts';

export const MINUTE = 60_000;

/** Keys of one account, told apart in its books: the operator under test, a second one, and people. */
export const KEYS = {
  first: { secretId: 'AKIDfirstoperator', secretKey: 'secret-of-the-first' },
  second: { secretId: 'AKIDsecondoperator', secretKey: 'secret-of-the-second' },
  people: { secretId: 'AKIDpeoplepeople', secretKey: 'secret-of-the-people' },
} as const;

/** Where all machines of these tests are. */
export const OFFERING: Offering = {
  zone: 'ap-singapore-2',
  subnetId: 'subnet-gfrv79s2',
  instanceType: 'GN7.2XLARGE32',
  chargeType: 'SPOTPAID',
};

/** One account with room for all. */
export const ACCOUNT: NonNullable<OperatorOptions['simulator']> = {
  accounts: [{ keys: [KEYS.first, KEYS.second, KEYS.people], balance: 100_000, spotQuotaCores: 10_000 }],
};

/** An operator in that account, whose pools take the key `as`. */
export async function operatorAs(
  as: keyof typeof KEYS,
  pools: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  options: OperatorOptions = {},
): Promise<OperatorUnderTest> {
  const manifests = { 'pools.yaml': poolsOf(as, pools) };
  const op = await startOperator({ seed: as === 'first' ? 1 : 2, simulator: ACCOUNT, manifests, ...options });
  op.simulator.setStock('ap-singapore-2', 'GN7.2XLARGE32', 'SPOTPAID', 200);
  return op;
}

export function poolsOf(
  as: keyof typeof KEYS,
  pools: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
): readonly object[] {
  return Object.entries(pools).map(([name, changes]) => poolManifest(name, { ...KEYS[as], ...changes }));
}

/** Waits until the pool has `count` machines that answer. */
export async function untilReady(op: OperatorUnderTest, count: number, pool = 'pool'): Promise<void> {
  await op.until(`${count} of ${pool} answer`, () => op.pool(pool)?.status?.ready === count, 20 * MINUTE);
}

/** The state file is gone: what was written down is lost, the folder of manifests is still there. The operator must not run. */
export function loseState(op: OperatorUnderTest): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(op.statePath + suffix, { force: true });
}

/** People buy machines, beside all operators. @returns their ids */
export async function peopleBuy(
  op: OperatorUnderTest,
  order: {
    readonly count: number;
    readonly name?: string;
    readonly tags?: Readonly<Record<string, string>>;
    readonly type?: string;
  },
): Promise<readonly string[]> {
  const { count, name = 'people', tags = {}, type = 'S5.MEDIUM4' } = order;
  const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
  const body = runRequest({
    InstanceType: type,
    InstanceCount: count,
    InstanceName: name,
    ...(Tags.length === 0 ? {} : { TagSpecification: [{ ResourceType: 'instance', Tags }] }),
  });
  // The cloud takes only so many purchases in a second.
  await op.advance(1000);
  const answer = await callSimulator(op.simulator, 'RunInstances', body, KEYS.people);
  if (answer.Error) throw new Error(`${answer.Error.Code}: ${answer.Error.Message}`);
  return answer['InstanceIdSet'];
}
