import type { Condition } from '../../../src/api/meta.ts';
import { alive, calls } from '../../builders/cloud-judge.ts';
import { type OperatorOptions, type OperatorUnderTest, startOperator } from '../../builders/operator.ts';
import { poolManifest } from '../../builders/pool-manifest.ts';

export const MINUTE = 60_000;
/** How long every kind of refusal is watched. */
export const WATCHED_MS = 30 * MINUTE;

/** Two ways to buy, so that it shows whether the next one is tried. */
const OFFERINGS = [{}, { availabilityZone: 'ap-singapore-3', subnetId: 'subnet-t7w2c5d3' }];

export function pool(changes: Readonly<Record<string, unknown>> = {}): object {
  return poolManifest('pool', { minimum: 2, maximum: 3, offerings: OFFERINGS, ...changes });
}

export const isReady = (op: OperatorUnderTest): boolean => op.condition('pool', 'Ready')?.status === 'True';

/** A pool whose two machines answer. */
export async function readyPool(
  changes: Readonly<Record<string, unknown>> = {},
  options: OperatorOptions = {},
): Promise<OperatorUnderTest> {
  const op = await startOperator({ manifests: { 'pool.yaml': [pool(changes)] }, ...options });
  await op.until('the pool is ready', () => isReady(op));
  return op;
}

/** Takes one machine away; the pool then wants another one. */
export function loseOne(op: OperatorUnderTest): void {
  op.simulator.reclaim(alive(op.simulator)[0] ?? '', { noticeMs: 0 });
}

/** Conditions as a table says them: `Stalled True InsufficientBalance`. */
export function shown(op: OperatorUnderTest, expected: readonly string[]): readonly string[] {
  return expected.map((text) => {
    const [type = ''] = text.split(' ');
    const found: Condition | undefined = op.condition('pool', type);
    return found ? `${type} ${found.status} ${found.reason}` : `${type} absent`;
  });
}

/** The zones that RunInstances was asked for, in the order in which each was asked first. */
export function zonesTried(op: OperatorUnderTest, since: number): readonly string[] {
  const zones = calls(op.simulator, 'RunInstances', since).map(
    ({ body }) => (body as { Placement?: { Zone?: string } }).Placement?.Zone ?? '',
  );
  return [...new Set(zones)];
}

/** Reasons of the pool's warnings. */
export function warnings(op: OperatorUnderTest): readonly string[] {
  return op
    .events('pool')
    .filter(({ type }) => type === 'Warning')
    .map(({ reason }) => reason);
}
