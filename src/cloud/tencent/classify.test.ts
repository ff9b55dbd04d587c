import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CloudReason } from '../errors.ts';
import { classify, mayHelpToRefreshKeys } from './classify.ts';

/** Every code of the vendor's lists that a pool can meet, a line a reason, as RunInstances would answer it. */
const purchase: Record<CloudReason, string> = {
  Throttled: `RequestLimitExceeded RequestLimitExceeded.UinLimitExceeded RequestLimitExceeded.GlobalRegionUinLimitExceeded
    RequestLimitExceeded.IPLimitExceeded`,
  ServerError: `InternalError InternalServerError InternalError.TradeUnknownError ServiceUnavailable FailedOperation
    FailedOperation.InquiryPriceFailed FailedOperation.SecurityGroupActionFailed SecGroupActionFailure`,
  Busy: `OperationDenied.InstanceOperationInProgress MutexOperation.TaskRunning ResourceInUse ResourceInUse.DiskRollbacking
    ResourceUnavailable ResourceUnavailable.SnapshotCreating InvalidInstanceState InvalidParameterValue.InvalidImageState
    InvalidImageId.IncorrectState FailedOperation.InvalidImageState UnsupportedOperation.InstanceStatePending
    UnsupportedOperation.InstanceStateStarting UnsupportedOperation.InstanceStateStopping
    UnsupportedOperation.InstanceStateRebooting UnsupportedOperation.InstanceStateIsolating
    UnsupportedOperation.InstanceStateEnterServiceLiveMigrate UnsupportedOperation.InstanceStateServiceLiveMigrate
    UnsupportedOperation.InstanceStateExitServiceLiveMigrate UnsupportedOperation.InstanceStateEnterRescueMode
    UnsupportedOperation.InstanceStateExitRescueMode`,
  SoldOut: `LimitExceeded.SpotQuota InvalidParameterValue.InsufficientOffering ResourceInsufficient.SpecifiedInstanceType
    ResourceInsufficient.ZoneSoldOutForSpecifiedInstance ResourcesSoldOut.SpecifiedInstanceType
    ResourceInsufficient.InsufficientOfferingMinimum ResourceUnavailable.InstanceType
    ResourceNotFound.InvalidZoneInstanceType UnsupportedOperation.NoInstanceTypeSupportSpot
    ResourceInsufficient.AvailabilityZoneSoldOut ResourcesSoldOut.AvailableZone InvalidParameterValue.ZoneNotSupported
    UnsupportedOperation.InvalidZone ResourceInsufficient.CloudDiskSoldOut InvalidParameter.InvalidCloudDiskSoldOut
    ResourceNotFound.NoDefaultCbs ResourceNotFound.NoDefaultCbsWithReason ResourceInsufficient.CloudDiskUnavailable
    FailedOperation.NoAvailableIpAddressCountInSubnet LimitExceeded.VpcSubnetNum ResourceInsufficient.CidrBlock
    ResourcesSoldOut.EipInsufficient`,
  PriceTooLow: 'InvalidParameterValue.InsufficientPrice',
  QuotaExceeded: `LimitExceeded.UserSpotQuota InstancesQuotaLimitExceeded LimitExceeded.CvmInstanceQuota
    LimitExceeded.InstanceQuota LimitExceeded.SingleUSGQuota LimitExceeded.CvmsVifsPerSecGroupLimitExceeded
    LimitExceeded.TagResourceQuota InvalidParameterValue.TagQuotaLimitExceeded`,
  InsufficientBalance: `InvalidAccount.InsufficientBalance InvalidAccount.UnpaidOrder
    UnsupportedOperation.NotSupportUnpaidOrder`,
  AccountRestricted: `AccountQualificationRestrictions OperationDenied.AccountNotSupported InvalidPermission
    FailedOperation.PromotionalRegionRestriction UnsupportedOperation.OnlyForPrepaidAccount
    UnsupportedOperation.UnsupportedInternationalUser UnsupportedOperation.SpotUnsupportedRegion
    InvalidInstanceChargeType.OnlySupportedForSpot`,
  InvalidCredentials: `AuthFailure.SecretIdNotFound AuthFailure.InvalidSecretId AuthFailure.SignatureFailure
    AuthFailure.SignatureExpire AuthFailure.InvalidAuthorization AuthFailure.TokenFailure AuthFailure.MFAFailure
    UnauthorizedOperation.InvalidToken UnauthorizedOperation.MFAExpired UnauthorizedOperation.MFANotFound`,
  PermissionDenied: `AuthFailure.UnauthorizedOperation AuthFailure.CamRoleNameAuthenticateFailed UnauthorizedOperation
    UnauthorizedOperation.PermissionDenied IpNotInWhitelist IpInBlacklist`,
  InvalidReference: `UnauthorizedOperation.ImageNotBelongToAccount InvalidImageId.NotFound InvalidImageId.Malformed
    InvalidParameterValue.InvalidImageForGivenInstanceType InvalidParameterValue.InvalidImageId
    InvalidParameterValue.InvalidImageOsName InvalidParameterValue.VpcIdNotExist InvalidParameterValue.SubnetNotExist
    InvalidParameterValue.VpcIdSubnetIdNotMatch InvalidParameterValue.SubnetIdZoneIdNotMatch
    InvalidParameterValue.VpcIdZoneIdNotMatch InvalidParameterValue.VpcIdMalformed
    InvalidParameterValue.SubnetIdMalformed InvalidParameterValue.InstanceTypeNotFound
    InvalidParameterValue.KeyPairNotFound ResourceNotFound.KeyPairNotFound InvalidKeyPairId.Malformed
    InvalidSecurityGroupId.NotFound InvalidSgId.Malformed InvalidZone.MismatchRegion InvalidRegion.NotFound
    UnsupportedRegion InvalidInstanceType.Malformed InvalidProjectId.NotFound`,
  InvalidRequest: `MissingParameter InvalidParameter InvalidParameterValue UnknownParameter InvalidParameterCombination
    InvalidParameterValue.Range InvalidParameterValue.LimitExceeded InvalidParameterValue.InvalidUserDataFormat
    InvalidParameterValue.IllegalHostName InvalidParameterValue.DuplicateTags InvalidInstanceName.TooLong
    InvalidClientToken.TooLong InvalidPassword FailedOperation.SnapshotSizeLargerThanDataSize
    FailedOperation.IllegalTagKey FailedOperation.IllegalTagValue FailedOperation.TagKeyReserved InvalidAction
    NoSuchVersion NoSuchProduct ActionOffline UnsupportedProtocol InvalidRequest RequestSizeLimitExceeded
    ResponseSizeLimitExceeded InvalidFilter InvalidFilterValue.LimitExceeded`,
  ReleaseRefused: `UnsupportedOperation.InstancesProtected UnsupportedOperation.InstanceChargeType
    UnsupportedOperation.InstanceMixedPricingModel UnsupportedOperation.InstanceStateBanning
    UnsupportedOperation.InstanceStateFreezing UnsupportedOperation.InstanceStateLaunchFailed
    FailedOperation.InvalidInstanceApplicationRole FailedOperation.InvalidInstanceApplicationRoleEmr
    FailedOperation.Unreturnable`,
  // These two have no code of their own: one is the lack of an answer, the other the lack of a line here.
  Unreachable: '',
  Unexpected: '',
};
const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '');
const rows = Object.entries(purchase).flatMap(([reason, codes]) => words(codes).map((code) => ({ code, reason })));

describe('a refused purchase', () => {
  it.each(rows)('$code is $reason', ({ code, reason }) => {
    expect(classify('RunInstances', code)).toBe(reason);
  });

  it('lists each code once', () => {
    expect(new Set(rows.map(({ code }) => code)).size).toBe(rows.length);
  });
});

describe('codes whose meaning depends on the call', () => {
  it.each([
    ['TerminateInstances', 'InvalidInstanceId.NotFound', 'Done'],
    ['TerminateInstances', 'ResourceNotFound.InvalidInstanceIdNotFound', 'Done'],
    ['TerminateInstances', 'UnsupportedOperation.InstanceStateTerminated', 'Done'],
    ['TerminateInstances', 'UnsupportedOperation.InstanceStateTerminating', 'Done'],
    ['TerminateInstances', 'InvalidInstanceState.Terminating', 'Done'],
    ['TerminateInstances', 'LimitExceeded.UserReturnQuota', 'ReleaseRefused'],
    ['TerminateInstances', 'UnsupportedOperation.InstanceStatePending', 'Busy'],
    ['TerminateInstances', 'UnsupportedOperation.SomethingNew', 'ReleaseRefused'],
    ['TerminateInstances', 'OperationDenied.SomethingNew', 'ReleaseRefused'],
    ['StartInstances', 'UnsupportedOperation.InstanceStateRunning', 'Done'],
    ['StartInstances', 'UnsupportedOperation.InstanceStateStarting', 'Done'],
    ['StopInstances', 'UnsupportedOperation.InstanceStateStopped', 'Done'],
    ['StopInstances', 'UnsupportedOperation.InstanceStateStopping', 'Done'],
    ['StopInstances', 'UnsupportedOperation.InstanceStateShutdown', 'Done'],
    ['StopInstances', 'UnsupportedOperation.InstanceStateTerminated', 'Done'],
    ['DescribeInstances', 'InvalidParameterValue.TagKeyNotFound', 'Done'],
    ['RunInstances', 'InvalidParameterValue.TagKeyNotFound', 'InvalidRequest'],
    ['RunInstances', 'InvalidInstanceId.NotFound', 'InvalidRequest'],
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
  const helped = rows.map(({ code }) => code).filter(mayHelpToRefreshKeys);
  expect(helped).toEqual(['AuthFailure.TokenFailure', 'UnauthorizedOperation.InvalidToken']);
});
