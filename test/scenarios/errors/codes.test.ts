import { expect, it } from 'vitest';
import type { CloudReason } from '../../../src/cloud/errors.ts';
import { CloudError } from '../../../src/cloud/errors.ts';
import type { SeenRequest } from '../../builders/cvm-responder.ts';
import { launchOrder } from '../../builders/launch-order.ts';
import { keys, never, page, row, tencentBench } from '../../builders/tencent-bench.ts';
import { CODES, RELEASE_CODES } from '../../builders/tencent-codes.ts';

const ID = 'ins-00000001';
/** What may pass within seconds is asked three times, when asking twice has the effect of once. */
const attemptsOf = (meaning: CloudReason | 'Done'): number =>
  meaning === 'ServerError' || meaning === 'Throttled' ? 3 : 1;

/** Answers `action` with `code`, and anything else as if nothing were wrong. */
const answering = (action: string, code: string) => (request: SeenRequest) =>
  request.action === action ? { error: code, message: 'in the words of the vendor' } : page([row(ID)]);

/** The part of an error that the rest of the operator goes by. */
function told(error: unknown): object {
  if (!(error instanceof CloudError)) throw error;
  const { reason, action, code, isOutcomeUnknown, message } = error;
  return {
    reason,
    action,
    code,
    isOutcomeUnknown,
    isQuoted: message.endsWith(`(${code}: in the words of the vendor)`),
  };
}

it.each(CODES)('a purchase answered with $code is made once and tells $meaning', async ({ code, meaning }) => {
  const bench = await tencentBench(answering('RunInstances', code));
  const error = await bench.finish(bench.cloud.launch(launchOrder(), never).catch((refusal: unknown) => refusal));
  const isOutcomeUnknown = meaning === 'ServerError';
  expect(told(error)).toEqual({ reason: meaning, action: 'RunInstances', code, isOutcomeUnknown, isQuoted: true });
  expect(bench.codes).toEqual([`RunInstances ${code}`]);
});

it.each(RELEASE_CODES)('a release answered with $code tells $meaning', async ({ code, meaning }) => {
  const bench = await tencentBench(answering('TerminateInstances', code));
  const [result] = await bench.finish(bench.cloud.release([ID], never));
  if (meaning === 'Done') expect(result).toEqual({ id: ID });
  else
    expect(told(result?.error)).toMatchObject({ reason: meaning, action: 'TerminateInstances', code, isQuoted: true });
  expect(bench.codes).toHaveLength(attemptsOf(meaning));
});

it.each(CODES)('a list answered with $code tells $meaning', async ({ code, meaning }) => {
  const bench = await tencentBench(answering('DescribeInstances', code));
  const answer = await bench.finish(bench.cloud.find([ID], never).catch((refusal: unknown) => refusal));
  // A tag that nobody has made yet: nothing carries it.
  if (code === 'InvalidParameterValue.TagKeyNotFound') expect(answer).toEqual([]);
  else expect(told(answer)).toMatchObject({ reason: meaning, action: 'DescribeInstances', code, isQuoted: true });
  expect(bench.codes).toHaveLength(attemptsOf(meaning));
});

it.each(['AuthFailure.TokenFailure', 'UnauthorizedOperation.InvalidToken'])(
  'keys that may have run out (%s) are fetched again, once for a question and for the next purchase',
  async (code) => {
    let fetched = 0;
    const bench = await tencentBench((request) =>
      request.headers['x-tc-token'] === 'token-1' ? { error: code } : page([row(ID)]),
    );
    const temporary = {
      ...keys(),
      account: 'role/test',
      forget: () => {
        fetched += 1;
      },
      getCredentials: async () => ({
        secretId: 'AKIDexample',
        secretKey: 'secret-key-1',
        token: `token-${1 + fetched}`,
      }),
    };
    const { cloud } = await bench.provider.open(temporary, 'ap-singapore', never);
    expect(await bench.finish(cloud.find([ID], never))).toHaveLength(1);
    expect(bench.codes).toEqual([`DescribeInstances ${code}`, 'DescribeInstances OK']);
    expect(fetched).toBe(1);
  },
);
