import { describe, expect, it } from 'vitest';
import { alive, calls, everBought, released } from '../../builders/cloud-judge.ts';
import { isReady, loseOne, MINUTE, pool, readyPool, shown, WATCHED_MS, warnings } from './frame.ts';

const PASSES = ['Stalled False Progressing'];
const waitsForSomebody = (reason: string): readonly string[] => [
  `Stalled True ${reason}`,
  `Reconciling False ${reason}`,
];

describe('a release that is refused for half an hour', () => {
  it.each([
    { is: 'Throttled', code: 'RequestLimitExceeded', conditions: PASSES },
    { is: 'ServerError', code: 'InternalError', conditions: PASSES },
    { is: 'Busy', code: 'UnsupportedOperation.InstanceStateServiceLiveMigrate', conditions: PASSES },
    {
      is: 'ReleaseRefused',
      code: 'UnsupportedOperation.InstancesProtected',
      conditions: waitsForSomebody('ReleaseRefused'),
    },
    { is: 'ReleaseRefused', code: 'LimitExceeded.UserReturnQuota', conditions: waitsForSomebody('ReleaseRefused') },
    {
      is: 'ReleaseRefused',
      code: 'InvalidAccount.InsufficientBalance',
      conditions: waitsForSomebody('ReleaseRefused'),
    },
    { is: 'ReleaseRefused', code: 'FailedOperation.NobodyKnows', conditions: waitsForSomebody('ReleaseRefused') },
    {
      is: 'PermissionDenied',
      code: 'UnauthorizedOperation.PermissionDenied',
      conditions: [
        ...waitsForSomebody('PermissionDenied'),
        'PermissionsSufficient False PermissionDenied',
        'CredentialsValid True Accepted',
      ],
    },
  ])('$is ($code)', async ({ is, code, conditions }) => {
    const isRepeated = is === 'ServerError' || is === 'Throttled';
    const op = await readyPool();
    const end = op.simulator.addFault({ action: 'TerminateInstances', kind: 'code', code, times: 'always' });
    op.write('pool.yaml', [pool({ minimum: 1, maximum: 1 })]);
    const since = op.clock.now();
    await op.advance(WATCHED_MS);

    // Once a look; what passes by itself is tried three times in each.
    const attempts = calls(op.simulator, 'TerminateInstances', since).length;
    expect(attempts).toBeGreaterThanOrEqual(4);
    expect(attempts).toBeLessThanOrEqual(isRepeated ? 320 : 110);
    expect(shown(op, conditions)).toEqual(conditions);
    expect(warnings(op)).toContain('ReleaseFailed');
    // A machine that is still there still counts: its place is not bought again.
    expect(op.pool('pool')?.status).toMatchObject({ size: 2 });
    expect(op.pool('pool')?.status?.instances?.map(({ message = '' }) => message.includes(code))).toContain(true);
    expect(alive(op.simulator)).toHaveLength(2);
    expect(everBought(op.simulator)).toHaveLength(2);

    end();
    await op.until('it is released', () => alive(op.simulator).length === 1, 7 * MINUTE);
    await op.until('that is told', () => op.condition('pool', 'Stalled')?.status === 'False', MINUTE);
    expect(released(op.simulator)).toHaveLength(1);
  });

  it('does not keep a machine that is lost from being replaced', async () => {
    const op = await readyPool({ minimum: 3, maximum: 3 });
    op.simulator.addFault({
      action: 'TerminateInstances',
      kind: 'code',
      code: 'UnsupportedOperation.InstancesProtected',
      times: 'always',
    });
    op.write('pool.yaml', [pool({ minimum: 2, maximum: 2 })]);
    await op.advance(2 * MINUTE);
    expect(op.condition('pool', 'Stalled')?.reason).toBe('ReleaseRefused');
    loseOne(op);
    loseOne(op);
    await op.until('both losses are made up for', () => everBought(op.simulator).length === 4, 5 * MINUTE);
    await op.until('two answer', () => isReady(op), 3 * MINUTE);
    expect(alive(op.simulator)).toHaveLength(2);
  });

  it('of one machine is no refusal of the others', async () => {
    const op = await readyPool({ minimum: 3, maximum: 3 });
    const [first = ''] = alive(op.simulator);
    // The batch is refused, then the first of its machines; the others go one by one.
    op.simulator.addFault({
      action: 'TerminateInstances',
      kind: 'code',
      code: 'UnsupportedOperation.InstancesProtected',
      times: 2,
    });
    await op.delete('pool');
    await op.until('all are released', () => alive(op.simulator).length === 0, 7 * MINUTE);
    expect(released(op.simulator)).toContain(first);
  });
});
