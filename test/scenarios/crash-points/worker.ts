import { parentPort } from 'node:worker_threads';
// Loaded beforehand: the operator loads it at its first call, and that takes real time which nobody counts.
import 'tencentcloud-sdk-nodejs-cvm/tencentcloud/services/cvm/v20170312/cvm_client.js';
import { BROKEN_POOLS, type Breakage } from '../../sabotage/pools.ts';
import { liveOnce, type Outcome } from './life.ts';
import { parsePlan } from './points.ts';

// Lives one life after the other in a thread of its own.

/** A life to live. */
export interface Task {
  readonly seed: number;
  readonly plan: string;
  readonly breakage?: Breakage | undefined;
  readonly isCalm?: boolean;
  readonly isTold?: boolean;
}
/** How it went; `error`: it could not be lived to its end. */
export type Report = { readonly outcome: Outcome } | { readonly error: string };

parentPort?.on('message', async ({ plan, breakage, ...options }: Task) => {
  const sabotage = breakage && BROKEN_POOLS[breakage];
  let report: Report;
  try {
    report = { outcome: await liveOnce({ ...options, plan: parsePlan(plan), sabotage }) };
  } catch (error) {
    report = { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
  parentPort?.postMessage(report);
});
