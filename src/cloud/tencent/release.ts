import type { ReleaseResult } from '../cloud.ts';
import { CloudError, type CloudReason } from '../errors.ts';
import { type Client, NotSent } from './client.ts';
import { PAGE_SIZE } from './instances.ts';
import { EmptyAnswer } from './schema.ts';

/** Failures that say nothing about a single machine: asking for each one by itself would only repeat them. */
export const generalReasons: ReadonlySet<CloudReason> = new Set([
  'Throttled',
  'ServerError',
  'Unreachable',
  'InvalidCredentials',
]);

/**
 * Terminates machines, each call with those of one charge type, as the vendor demands. Whether a refused batch did anything
 * is not documented, so after one each machine is asked for by itself: terminating twice has the effect of once.
 * @param mayGo asked before each attempt
 * @param chargeTypes of the machines as far as they are known; the others go into a batch of their own
 */
export async function releaseInstances(
  client: Client,
  ids: readonly string[],
  chargeTypes: ReadonlyMap<string, string>,
  signal: AbortSignal,
  mayGo?: () => boolean,
): Promise<readonly ReleaseResult[]> {
  const results: ReleaseResult[] = [];
  const groups = Map.groupBy(new Set(ids), (id) => chargeTypes.get(id) ?? '');
  for (const group of groups.values()) {
    for (let from = 0; from < group.length; from += PAGE_SIZE) {
      results.push(...(await releaseBatch(client, group.slice(from, from + PAGE_SIZE), signal, mayGo)));
    }
  }
  return results;
}

async function releaseBatch(
  client: Client,
  ids: readonly string[],
  signal: AbortSignal,
  mayGo: (() => boolean) | undefined,
): Promise<readonly ReleaseResult[]> {
  const error = await terminate(client, ids, signal, mayGo);
  if (error instanceof NotSent) return [];
  if (!error) return ids.map((id) => ({ id }));
  if (ids.length === 1 || generalReasons.has(error.reason)) return ids.map((id) => ({ id, error }));
  return (await Promise.all(ids.map((id) => releaseBatch(client, [id], signal, mayGo)))).flat();
}

/** Terminating is repeated like a question. "It is gone already" is success for one machine; in a batch it says which of them not. */
async function terminate(
  client: Client,
  ids: readonly string[],
  signal: AbortSignal,
  mayGo: (() => boolean) | undefined,
): Promise<CloudError | NotSent | undefined> {
  const body = { InstanceIds: ids };
  const call = { action: 'TerminateInstances', body, answer: EmptyAnswer, kind: 'read', mayGo } as const;
  try {
    await client.call(ids.length === 1 ? { ...call, whenDone: {} } : call, signal);
    return undefined;
  } catch (error) {
    if (error instanceof CloudError || error instanceof NotSent) return error;
    throw error;
  }
}
