import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CODES, RELEASE_CODES } from '../../../test/builders/tencent-codes.ts';
import { classify, mayHelpToRefreshKeys } from './classify.ts';

describe('a refused purchase', () => {
  it.each(CODES)('$code ($section) is $meaning', ({ code, meaning }) => {
    expect(classify('RunInstances', code)).toBe(meaning);
  });

  it('lists each code once', () => {
    expect(new Set(CODES.map(({ code }) => code)).size).toBe(CODES.length);
  });
});

describe('a refused release', () => {
  it.each(RELEASE_CODES)('$code is $meaning', ({ code, meaning }) => {
    expect(classify('TerminateInstances', code)).toBe(meaning);
  });
});

describe('a refused question', () => {
  const others = CODES.filter(({ code }) => code !== 'InvalidParameterValue.TagKeyNotFound');
  it.each(['DescribeInstances', 'InquiryPriceRunInstances', 'DescribeZoneInstanceConfigInfos'])(
    '%s: what refuses a purchase means the same here',
    (action) => {
      expect(others.map(({ code }) => classify(action, code))).toEqual(others.map(({ meaning }) => meaning));
    },
  );
});

describe('codes whose meaning depends on the call', () => {
  it.each([
    ['TerminateInstances', 'DryRunOperation', 'Done'],
    ['TerminateInstances', 'UnsupportedOperation.SomethingNew', 'ReleaseRefused'],
    ['TerminateInstances', 'SomethingNew', 'ReleaseRefused'],
    ['TerminateInstances', 'InternalError.SomethingNew', 'ServerError'],
    ['TerminateInstances', 'AuthFailure.SomethingNew', 'InvalidCredentials'],
    ['TerminateInstances', 'OperationDenied.SomethingNew', 'ReleaseRefused'],
    ['StartInstances', 'UnsupportedOperation.InstanceStateRunning', 'Done'],
    ['StartInstances', 'UnsupportedOperation.InstanceStateStarting', 'Done'],
    ['StopInstances', 'UnsupportedOperation.InstanceStateStopped', 'Done'],
    ['StopInstances', 'UnsupportedOperation.InstanceStateStopping', 'Done'],
    ['StopInstances', 'UnsupportedOperation.InstanceStateShutdown', 'Done'],
    ['StopInstances', 'UnsupportedOperation.InstanceStateTerminated', 'Done'],
    ['DescribeInstances', 'InvalidParameterValue.TagKeyNotFound', 'Done'],
    ['RunInstances', 'DryRunOperation', 'Done'],
    ['CreateImage', 'DryRunOperation', 'Done'],
  ])('%s %s is %s', (action, code, meaning) => {
    expect(classify(action, code)).toBe(meaning);
  });
});

describe('codes that nobody has listed', () => {
  it.each([
    ['RequestLimitExceeded.New', 'Throttled'],
    ['InternalError.New', 'ServerError'],
    ['ServiceUnavailable.New', 'ServerError'],
    ['ResourceInUse.New', 'Busy'],
    ['MutexOperation.New', 'Busy'],
    ['ResourcesSoldOut.New', 'SoldOut'],
    ['ResourceInsufficient.New', 'SoldOut'],
    ['AuthFailure.New', 'InvalidCredentials'],
    ['UnauthorizedOperation.New', 'PermissionDenied'],
    ['InvalidAccount.New', 'AccountRestricted'],
    ['LimitExceeded.New', 'QuotaExceeded'],
    ['InvalidThing.New', 'InvalidRequest'],
    ['MissingThing', 'InvalidRequest'],
    ['UnsupportedOperation.New', 'InvalidRequest'],
    ['OperationDenied.New', 'AccountRestricted'],
    ['FailedOperation.New', 'Unexpected'],
    ['ResourceNotFound.New', 'Unexpected'],
    ['constructor', 'Unexpected'],
    ['', 'Unexpected'],
  ])('%s is %s by its beginning', (code, reason) => {
    expect(classify('RunInstances', code)).toBe(reason);
  });

  it('is never success, whatever the code', () => {
    fc.assert(
      fc.property(fc.string(), (code) => classify('RunInstances', code) !== 'Done' || code === 'DryRunOperation'),
    );
  });
});

it('keys are fetched again only where temporary ones may have run out', () => {
  const helped = CODES.map(({ code }) => code).filter(mayHelpToRefreshKeys);
  expect(helped).toEqual(['AuthFailure.TokenFailure', 'UnauthorizedOperation.InvalidToken']);
});
