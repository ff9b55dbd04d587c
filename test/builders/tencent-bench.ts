import { onTestFinished } from 'vitest';
import type { Cloud, CloudCredentials, CloudProvider } from '../../src/cloud/cloud.ts';
import { createTencentProvider, type TencentOptions } from '../../src/cloud/tencent/provider.ts';
import { createEgress } from '../../src/lib/egress.ts';
import { type Reply, type SeenRequest, startCvmResponder } from './cvm-responder.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';

export const never: AbortSignal = new AbortController().signal;

export function keys(secretId = 'AKIDexample', secretKey = 'secret-key-1'): CloudCredentials {
  return { source: 'the test', getCredentials: async () => ({ secretId, secretKey }) };
}

export interface TencentBench {
  readonly cloud: Cloud;
  readonly provider: CloudProvider;
  readonly clock: FakeClock;
  readonly seen: SeenRequest[];
  /** `ACTION CODE` of every attempt. */
  readonly codes: string[];
  /** Lets time pass until `work` is settled. */
  finish<T>(work: Promise<T>): Promise<T>;
}

/** The Tencent adapter on a fake clock against answers written by hand; closed when the test is over. */
export async function tencentBench(
  reply: (request: SeenRequest, index: number) => Reply,
  options: Partial<TencentOptions> = {},
): Promise<TencentBench> {
  const responder = await startCvmResponder(reply);
  onTestFinished(() => responder.close());
  const clock = createFakeClock();
  const codes: string[] = [];
  const provider = createTencentProvider({
    site: 'international',
    endpoint: responder.url,
    egress: createEgress({ mode: 'loopback' }),
    clock,
    random: () => 0,
    onCall: (action, code) => codes.push(`${action} ${code}`),
    ...options,
  });
  const { cloud } = await provider.open(keys(), 'ap-singapore', never);
  return { cloud, provider, clock, seen: responder.seen, codes, finish: (work) => finish(clock, work) };
}

/** Real answers take real time; the clock moves on in between. */
async function finish<T>(clock: FakeClock, work: Promise<T>): Promise<T> {
  let isOver = false;
  const over = (): void => {
    isOver = true;
  };
  work.then(over, over);
  while (!isOver) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (!isOver) await clock.advance(250);
  }
  return await work;
}

/** A row of DescribeInstances as the vendor sends it, with nulls where it sends nulls. */
export function row(id: string, changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    InstanceId: id,
    InstanceName: `name-of-${id}`,
    InstanceState: 'RUNNING',
    RestrictState: 'NORMAL',
    InstanceType: 'GN7.2XLARGE32',
    InstanceChargeType: 'SPOTPAID',
    ImageId: 'img-5gn3j31i',
    CreatedTime: '2026-11-01T00:00:00Z',
    ExpiredTime: null,
    Placement: { Zone: 'ap-singapore-2', ProjectId: 0 },
    VirtualPrivateCloud: { VpcId: 'vpc-86f66zht', SubnetId: 'subnet-gfrv79s2' },
    PublicIpAddresses: ['198.51.100.7'],
    PrivateIpAddresses: ['10.0.0.7'],
    Tags: [
      { Key: 'aiops.org/installation', Value: 'installation-1' },
      { Key: 'aiops.org/pool-uid', Value: 'pool-uid-1' },
      { Key: 'aiops.org/pool', Value: 'default/first' },
    ],
    LatestOperation: 'RunInstances',
    LatestOperationState: 'SUCCESS',
    LatestOperationErrorMsg: null,
    ...changes,
  };
}

/** An answer of DescribeInstances. */
export function page(rows: readonly Record<string, unknown>[], total: number = rows.length): Reply {
  return { response: { TotalCount: total, InstanceSet: rows } };
}
