import type { ClaimResult, Ownership } from '../cloud.ts';
import { CloudError } from '../errors.ts';
import { classify } from './classify.ts';
import type { Client } from './client.ts';
import { INSTANCE_ID } from './instances.ts';
import { generalReasons } from './release.ts';
import { toTagResources } from './requests.ts';
import { TagResourcesAnswer } from './schema.ts';

const ACTION = 'TagResources';
/** The most that one call names: the documents number them from 0 to 9. */
const MOST_AT_ONCE = 10;

/**
 * Puts our tags on machines. The answer lists those that did not get them; whether a call that is refused as a whole did
 * anything is not documented, so after one each machine is tried by itself: tagging twice has the effect of once.
 */
export async function claimInstances(
  client: Client,
  ids: readonly string[],
  owner: Ownership,
  signal: AbortSignal,
): Promise<readonly ClaimResult[]> {
  signal.throwIfAborted();
  const unique = [...new Set(ids)];
  const results: ClaimResult[] = unique
    .filter((id) => !INSTANCE_ID.test(id))
    .map((id) => ({ id, error: noMachine(id) }));
  const known = unique.filter((id) => INSTANCE_ID.test(id));
  for (let from = 0; from < known.length; from += MOST_AT_ONCE) {
    results.push(...(await claimBatch(client, known.slice(from, from + MOST_AT_ONCE), owner, signal)));
  }
  return results;
}

async function claimBatch(
  client: Client,
  ids: readonly string[],
  owner: Ownership,
  signal: AbortSignal,
): Promise<readonly ClaimResult[]> {
  const body = toTagResources(client.region, ids, owner);
  // Repeated like a question.
  const call = { service: 'tag', action: ACTION, body, answer: TagResourcesAnswer, kind: 'read' } as const;
  try {
    const { FailedResources: failed } = await client.call(call, signal);
    const codes = new Map(failed.map(({ Resource, Code }) => [Resource.split('/').at(-1), Code ?? '']));
    return ids.map((id) => (codes.has(id) ? { id, error: refused(id, codes.get(id) ?? '') } : { id }));
  } catch (error) {
    if (!(error instanceof CloudError)) throw error;
    if (ids.length === 1 || error.reason === 'PermissionDenied' || generalReasons.has(error.reason)) {
      return ids.map((id) => ({ id, error }));
    }
    return (await Promise.all(ids.map((id) => claimBatch(client, [id], owner, signal)))).flat();
  }
}

/** The vendor's text is left out: its code says the same, and cannot hold anything else. */
function refused(id: string, code: string): CloudError {
  const reason = classify(ACTION, code);
  const shown = /^[A-Za-z.]{1,100}$/.test(code) ? ` (${code})` : '';
  return new CloudError(reason === 'Done' ? 'Unexpected' : reason, `Tencent did not tag ${id}${shown}.`, {
    action: ACTION,
    code,
  });
}

function noMachine(id: string): CloudError {
  return new CloudError('InvalidReference', `"${id}" is not the id of a machine; write for instance ins-1a2b3c4d.`, {
    action: ACTION,
  });
}
