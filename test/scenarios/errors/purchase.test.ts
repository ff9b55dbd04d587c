import { describe, expect, it } from 'vitest';
import { alive, calls, everBought, mostAlive, released } from '../../builders/cloud-judge.ts';
import { loseOne, MINUTE, readyPool, shown, WATCHED_MS, warnings, zonesTried } from './frame.ts';

const NEAR = 'ap-singapore-2';
const FAR = 'ap-singapore-3';

interface Case {
  readonly is: string;
  /** An error code, or another fault of the simulator's. */
  readonly answer:
    | { kind: 'code'; code: string }
    | { kind: 'hang' | 'http-502' | 'internal-error-before' | 'throttle' };
  /** Fewest and most RunInstances calls in the time. */
  readonly tries: readonly [number, number];
  readonly zones: readonly string[];
  readonly conditions: readonly string[];
  readonly warning: string;
}

const code = (text: string) => ({ kind: 'code', code: text }) as const;

/** The next offering at once, and each of them after 3, 6 and 12 minutes more. */
const walksOn = (reason: string) => ({
  tries: [6, 8] as const,
  zones: [NEAR, FAR],
  conditions: [`CapacityAvailable False ${reason}`, 'Stalled False Progressing', 'CredentialsValid True Accepted'],
  warning: reason,
});
/** Asked again after five to fifteen minutes, of one offering only. */
const waitsForSomebody = (reason: string) => ({
  tries: [2, 7] as const,
  zones: [NEAR],
  conditions: [`Stalled True ${reason}`, `Reconciling False ${reason}`, 'Ready False BelowMinimum'],
  warning: reason,
});
/** Asked again after half a minute to a minute. */
const passes = (reason: string) => ({
  tries: [25, 62] as const,
  zones: [NEAR],
  conditions: ['Stalled False Progressing', 'Ready False BelowMinimum', 'CredentialsValid True Accepted'],
  warning: reason,
});
/** Looked for twice before it is asked again. */
const outcomeUnknown = {
  tries: [10, 30] as const,
  zones: [NEAR],
  conditions: ['Stalled False Progressing', 'Reconciling True Buying', 'Ready False BelowMinimum'],
  warning: 'OutcomeUnknown',
};

const cases: readonly Case[] = [
  { is: 'SoldOut', answer: code('LimitExceeded.SpotQuota'), ...walksOn('SoldOut') },
  { is: 'QuotaExceeded', answer: code('LimitExceeded.UserSpotQuota'), ...walksOn('QuotaExceeded') },
  { is: 'QuotaExceeded', answer: code('LimitExceeded.CvmInstanceQuota'), ...walksOn('QuotaExceeded') },
  { is: 'PriceTooLow', answer: code('InvalidParameterValue.InsufficientPrice'), ...walksOn('PriceTooLow') },
  {
    is: 'InsufficientBalance',
    answer: code('InvalidAccount.InsufficientBalance'),
    ...waitsForSomebody('InsufficientBalance'),
  },
  {
    is: 'AccountRestricted',
    answer: code('AccountQualificationRestrictions'),
    ...waitsForSomebody('AccountRestricted'),
  },
  { is: 'InvalidCredentials', answer: code('AuthFailure.MFAFailure'), ...waitsForSomebody('InvalidCredentials') },
  {
    is: 'PermissionDenied',
    answer: code('UnauthorizedOperation.PermissionDenied'),
    ...waitsForSomebody('PermissionDenied'),
  },
  {
    is: 'InvalidReference',
    answer: code('InvalidParameterValue.VpcIdNotExist'),
    ...waitsForSomebody('InvalidReference'),
  },
  { is: 'InvalidRequest', answer: code('MissingParameter'), ...waitsForSomebody('InvalidRequest') },
  { is: 'Unexpected', answer: code('FailedOperation.NobodyKnows'), ...waitsForSomebody('Unexpected') },
  { is: 'Throttled', answer: { kind: 'throttle' }, ...passes('Throttled') },
  { is: 'Busy', answer: code('InvalidImageId.IncorrectState'), ...passes('Busy') },
  { is: 'ServerError', answer: code('InternalError.TradeUnknownError'), ...outcomeUnknown },
  { is: 'Unreachable', answer: { kind: 'http-502' }, ...outcomeUnknown },
  { is: 'Unreachable', answer: { kind: 'hang' }, ...outcomeUnknown },
];

describe('a purchase that is refused for half an hour', () => {
  const named = cases.map((each) => ({ ...each, by: 'code' in each.answer ? each.answer.code : each.answer.kind }));
  it.each(named)('$is ($by)', async ({ answer, tries, zones, conditions, warning }) => {
    const op = await readyPool();
    const [fewest, most] = tries;
    op.simulator.addFault({ action: 'RunInstances', times: 'always', ...answer });
    loseOne(op);
    const since = op.clock.now();
    await op.advance(WATCHED_MS);

    const attempts = calls(op.simulator, 'RunInstances', since);
    expect(attempts.length).toBeGreaterThanOrEqual(fewest);
    expect(attempts.length).toBeLessThanOrEqual(most);
    expect(zonesTried(op, since)).toEqual(zones);
    // Where another offering may help, it is tried at once.
    const [first = 0, second = 0] = attempts.map(({ at }) => at);
    if (zones.length > 1) expect(second - first).toBeLessThan(1000);
    expect(shown(op, conditions)).toEqual(conditions);
    expect(warnings(op)).toContain(warning);
    // Whatever is refused, the machine that is there goes on serving.
    expect(op.pool('pool')?.status).toMatchObject({ size: 1, ready: 1 });
    expect(everBought(op.simulator)).toHaveLength(2);
    expect(released(op.simulator)).toEqual([]);

    // And what cannot buy can still release.
    await op.delete('pool');
    await op.until('its machine is released', () => alive(op.simulator).length === 0, 3 * MINUTE);
    expect(mostAlive(op.simulator)).toBe(2);
  });
});
