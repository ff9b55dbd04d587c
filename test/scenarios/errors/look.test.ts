import { describe, expect, it } from 'vitest';
import { alive, calls, everBought, released } from '../../builders/cloud-judge.ts';
import { isReady, loseOne, MINUTE, readyPool, shown, WATCHED_MS, warnings } from './frame.ts';

/** Asked again after five minutes and a little. */
const waitsForSomebody = (reason: string) => ({
  asked: [4, 8] as const,
  conditions: [`Ready Unknown ${reason}`, `Stalled True ${reason}`, `Reconciling False ${reason}`],
  warning: reason,
});
/** Asked again at each look, and up to three times in each. */
const passes = (reason: string, most = 320) => ({
  asked: [15, most] as const,
  conditions: [
    `Ready Unknown ${reason}`,
    `Stalled False ${reason}`,
    `Reconciling True ${reason}`,
    `CredentialsValid Unknown ${reason}`,
  ],
  warning: reason,
});

describe('a list that is refused for half an hour', () => {
  it.each([
    { is: 'Throttled', by: 'RequestLimitExceeded', ...passes('Throttled') },
    { is: 'ServerError', by: 'InternalError', ...passes('ServerError') },
    { is: 'Busy', by: 'ResourceInUse', ...passes('Busy', 110) },
    { is: 'Unexpected', by: 'FailedOperation.NobodyKnows', ...passes('Unexpected', 110) },
    {
      is: 'InvalidCredentials',
      by: 'AuthFailure.SecretIdNotFound',
      ...waitsForSomebody('InvalidCredentials'),
      conditions: [...waitsForSomebody('InvalidCredentials').conditions, 'CredentialsValid False InvalidCredentials'],
    },
    {
      is: 'PermissionDenied',
      by: 'UnauthorizedOperation.PermissionDenied',
      ...waitsForSomebody('PermissionDenied'),
    },
    {
      is: 'AccountRestricted',
      by: 'OperationDenied.AccountNotSupported',
      ...waitsForSomebody('AccountRestricted'),
    },
    {
      is: 'InsufficientBalance',
      by: 'InvalidAccount.InsufficientBalance',
      ...waitsForSomebody('InsufficientBalance'),
    },
    { is: 'InvalidReference', by: 'UnsupportedRegion', ...waitsForSomebody('InvalidReference') },
    { is: 'InvalidRequest', by: 'ActionOffline', ...waitsForSomebody('InvalidRequest') },
  ])('$is ($by)', async ({ by, asked, conditions, warning }) => {
    const op = await readyPool();
    const before = alive(op.simulator);
    const [fewest, most] = asked;
    const end = op.simulator.addFault({ action: 'DescribeInstances', kind: 'code', code: by, times: 'always' });
    // A machine is lost, and nobody can see it: nothing may be decided upon what is not known.
    await op.advance(MINUTE);
    loseOne(op);
    const since = op.clock.now();
    await op.advance(WATCHED_MS / 2);
    const { resourceVersion } = op.pool('pool')?.metadata ?? {};
    await op.advance(WATCHED_MS / 2);

    // What goes on unchanged is told once.
    expect(op.pool('pool')?.metadata.resourceVersion).toBe(resourceVersion);
    const attempts = calls(op.simulator, 'DescribeInstances', since).length;
    expect(attempts).toBeGreaterThanOrEqual(fewest);
    expect(attempts).toBeLessThanOrEqual(most);
    expect(shown(op, conditions)).toEqual(conditions);
    expect(op.condition('pool', 'Ready')?.message).toContain(by);
    expect(warnings(op)).toContain(warning);
    expect(calls(op.simulator, 'RunInstances', since)).toEqual([]);
    expect(calls(op.simulator, 'TerminateInstances', since)).toEqual([]);
    // What was known of the machines stays known.
    expect(
      op
        .pool('pool')
        ?.status?.instances?.map(({ instanceId }) => instanceId)
        .toSorted(),
    ).toEqual([...before].toSorted());

    end();
    await op.until('it is noticed and made up for', () => isReady(op) && alive(op.simulator).length === 2, 8 * MINUTE);
    expect(everBought(op.simulator)).toHaveLength(3);
    expect(released(op.simulator)).toEqual([]);
  });
});

describe('what only informs, and is refused for half an hour, is in the way of nothing', () => {
  const code = (text: string) => ({ kind: 'code', code: text }) as const;
  it.each(
    ['InquiryPriceRunInstances', 'DescribeZoneInstanceConfigInfos'].flatMap((action) => [
      { action, by: 'InternalError', fault: code('InternalError') },
      { action, by: 'FailedOperation.NobodyKnows', fault: code('FailedOperation.NobodyKnows') },
      { action, by: 'InvalidAccount.InsufficientBalance', fault: code('InvalidAccount.InsufficientBalance') },
      { action, by: 'no answer', fault: { kind: 'hang' } as const },
    ]),
  )('$action ($by)', async ({ action, fault }) => {
    const op = await readyPool();
    op.simulator.setStock('ap-singapore-2', 'GN7.2XLARGE32', 'SPOTPAID', 0);
    loseOne(op);
    await op.until('the other zone has one', () => isReady(op) && everBought(op.simulator).length === 3, 3 * MINUTE);
    op.simulator.addFault({ action, times: 'always', ...fault });
    const since = op.clock.now();
    // Until prices that are known are asked again.
    await op.advance(11 * MINUTE);
    loseOne(op);
    await op.until('the loss is made up for', () => everBought(op.simulator).length === 4, MINUTE);
    await op.advance(since + WATCHED_MS - op.clock.now());
    expect(isReady(op)).toBe(true);
    expect(op.condition('pool', 'Stalled')?.status).toBe('False');
    expect(everBought(op.simulator)).toHaveLength(4);
    // Looks go on as often as ever, and what is refused is asked once a minute: two inquiries an offering, thrice each.
    expect(calls(op.simulator, 'DescribeInstances', since).length).toBeGreaterThan(80);
    expect(calls(op.simulator, action, since).length).toBeLessThanOrEqual(400);
  });
});
