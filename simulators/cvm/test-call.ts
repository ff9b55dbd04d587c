import { createHash, createHmac } from 'node:crypto';
import { createFakeClock, type FakeClock } from '../../test/builders/fake-clock.ts';
import { type CvmSimulator, type CvmSimulatorOptions, startCvmSimulator } from './simulator.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

export interface SignOptions {
  readonly secretId?: string;
  readonly secretKey?: string;
  readonly service?: string;
  readonly timestamp?: number;
  readonly method?: string;
  readonly path?: string;
  readonly query?: string;
  /** Headers that are signed, besides content-type and host; with their values. */
  readonly also?: Readonly<Record<string, string>>;
  readonly contentType?: string;
  readonly payload?: string;
}

/** Forms a TC3 signature as the vendor describes it; by default as the Go SDK does: host with port, real service, path `/`. */
export function signTc3(host: string, body: string, options: SignOptions = {}): Record<string, string> {
  const { secretId = 'xxx', secretKey = 'xxx', service = 'cvm', method = 'POST', path = '/', query = '' } = options;
  const { timestamp = Math.floor(Date.now() / 1000), contentType = 'application/json', also = {} } = options;
  const headers: Record<string, string> = { 'content-type': contentType, host, ...also };
  const names = Object.keys(headers).toSorted();
  const lines = names.map((name) => `${name}:${headers[name]?.toLowerCase().trim()}\n`).join('');
  const canonical = [method, path, query, lines, names.join(';'), sha256(options.payload ?? body)].join('\n');
  const date = new Date(timestamp * 1000).toISOString().slice(0, 10);
  const scope = `${date}/${service}/tc3_request`;
  const key = hmac(hmac(hmac(`TC3${secretKey}`, date), service), 'tc3_request');
  const signature = hmac(key, `TC3-HMAC-SHA256\n${timestamp}\n${scope}\n${sha256(canonical)}`).toString('hex');
  return {
    'content-type': contentType,
    'x-tc-timestamp': String(timestamp),
    authorization: `TC3-HMAC-SHA256 Credential=${secretId}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`,
  };
}

/** Members of `Response`, as a test reads them. */
export interface Answer {
  readonly RequestId: string;
  readonly Error?: { readonly Code: string; readonly Message: string };
  // biome-ignore lint/suspicious/noExplicitAny: tests read whatever the vendor's answer holds
  readonly [name: string]: any;
}

export interface CallOptions extends SignOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly region?: string;
  readonly version?: string;
}

/** Calls an action with a signed request. */
export async function callSimulator(
  simulator: CvmSimulator,
  action: string,
  body: object = {},
  options: CallOptions = {},
): Promise<Answer> {
  const text = JSON.stringify(body);
  const response = await fetch(simulator.url, {
    method: 'POST',
    body: text,
    headers: {
      ...signTc3(simulator.endpoint, text, options),
      'x-tc-action': action,
      'x-tc-version': options.version ?? '2017-03-12',
      'x-tc-region': options.region ?? 'ap-singapore',
      'x-tc-language': 'en-US',
      ...options.headers,
    },
  });
  return ((await response.json()) as { Response: Answer }).Response;
}

/** A request that buys one spot machine as the sample manifests want it. */
export function runRequest(over: object = {}): object {
  return {
    Placement: { Zone: 'ap-singapore-2' },
    ImageId: 'img-5gn3j31i',
    InstanceType: 'GN7.2XLARGE32',
    InstanceChargeType: 'SPOTPAID',
    VirtualPrivateCloud: { VpcId: 'vpc-86f66zht', SubnetId: 'subnet-gfrv79s2' },
    SecurityGroupIds: ['sg-aglabemo'],
    InternetAccessible: { InternetMaxBandwidthOut: 10 },
    ...over,
  };
}

/** A simulator on a fake clock without machines, and short ways to use it. */
export interface TestCloud {
  readonly simulator: CvmSimulator;
  readonly clock: FakeClock;
  call(action: string, body?: object, options?: CallOptions): Promise<Answer>;
  /** Buys; the ids. */
  run(over?: object): Promise<readonly string[]>;
  /** The code of the error that the call answers, or `ok`. */
  code(action: string, body?: object, options?: CallOptions): Promise<string>;
  /** The row of an instance, if the list shows it. */
  row(id: string): Promise<Answer | undefined>;
}

/** Delays without chance, so that tests can name the instant. */
export const FIXED_TIMING = {
  appear: [2000, 2000],
  tags: [3000, 3000],
  pending: [20_000, 20_000],
  terminating: [10_000, 10_000],
  reclaimed: [3000, 3000],
  starting: [10_000, 10_000],
  stopping: [10_000, 10_000],
  rebooting: [10_000, 10_000],
  image: [60_000, 60_000],
} as const;

export async function openCloud(options: CvmSimulatorOptions = {}): Promise<TestCloud> {
  const held: { simulator?: CvmSimulator } = {};
  const clock = createFakeClock({ busy: () => held.simulator?.inFlight ?? 0 });
  const simulator = await startCvmSimulator({
    clock,
    machines: false,
    rateFactor: Number.POSITIVE_INFINITY,
    timing: FIXED_TIMING,
    ...options,
  });
  held.simulator = simulator;
  const call: TestCloud['call'] = (action, body, over) => callSimulator(simulator, action, body, over);
  return {
    simulator,
    clock,
    call,
    run: async (over) => {
      const answer = await call('RunInstances', runRequest(over));
      if (answer.Error) throw new Error(`${answer.Error.Code}: ${answer.Error.Message}`);
      return answer['InstanceIdSet'];
    },
    code: async (action, body, over) => (await call(action, body, over)).Error?.Code ?? 'ok',
    row: async (id) => (await call('DescribeInstances', { InstanceIds: [id] }))['InstanceSet'][0],
  };
}
