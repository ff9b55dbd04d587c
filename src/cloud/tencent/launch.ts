import type { LaunchOrder } from '../cloud.ts';
import { CloudError } from '../errors.ts';
import { type Client, NotSent } from './client.ts';
import { toRunInstances } from './requests.ts';
import { RunInstancesAnswer } from './schema.ts';

/** Before base64. Source: RunInstances, UserData. */
const MAX_USER_DATA_BYTES = 16 * 1024;
/** How the vendor says that a region, an account or a charge type has no MinCount. */
const NO_MIN_COUNT = 'UnsupportedOperation.MinCountUnsupported';

export interface LaunchEdges {
  readonly client: Client;
  /** Charge types that have turned out to be sold all or nothing in this account and region; added to here. */
  readonly wholeOrdersOnly: Set<string>;
  readonly mayGo: (() => boolean) | undefined;
}

/**
 * Buys what `order` says, and less than all of it where `atLeast` and the vendor allow that. That MinCount is not to be had
 * is a definite refusal, learnt once; the same order then goes out without it, under a token of its own, since one token may
 * not stand for two bodies. The same order therefore always has the same body and token.
 * @returns the ids; none when `mayGo` said no
 */
export async function launchInstances(
  { client, wholeOrdersOnly, mayGo }: LaunchEdges,
  order: LaunchOrder,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const userDataBytes = Buffer.byteLength(order.userData ?? '');
  if (userDataBytes > MAX_USER_DATA_BYTES) {
    const message = `instance.userData has ${userDataBytes} bytes; Tencent takes at most ${MAX_USER_DATA_BYTES}.`;
    throw new CloudError('InvalidRequest', message, { action: 'RunInstances' });
  }
  const { atLeast = order.count, count, clientToken, offering } = order;
  if (atLeast >= count) return await send(client, toRunInstances(order), count, signal, mayGo);
  if (!wholeOrdersOnly.has(offering.chargeType)) {
    try {
      return await send(client, { ...toRunInstances(order), MinCount: atLeast }, atLeast, signal, mayGo);
    } catch (error) {
      if (!(error instanceof CloudError) || !error.code.startsWith(NO_MIN_COUNT)) throw error;
      wholeOrdersOnly.add(offering.chargeType);
    }
  }
  const whole = { ...order, clientToken: `${clientToken}-all` };
  return await send(client, toRunInstances(whole), count, signal, mayGo);
}

async function send(
  client: Client,
  body: Readonly<Record<string, unknown>>,
  atLeast: number,
  signal: AbortSignal,
  mayGo: (() => boolean) | undefined,
): Promise<readonly string[]> {
  const call = { action: 'RunInstances', body, answer: RunInstancesAnswer, kind: 'buy', mayGo } as const;
  try {
    return (await client.call(call, signal)).InstanceIdSet;
  } catch (error) {
    if (error instanceof NotSent) return [];
    if (!(error instanceof CloudError)) throw error;
    const { reason, message, action, code, requestId, cause } = error;
    throw new CloudError(reason, message, { action, code, requestId, cause, atLeast });
  }
}
