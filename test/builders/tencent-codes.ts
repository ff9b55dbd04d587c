import type { CloudReason } from '../../src/cloud/errors.ts';

/** What a code means, as the vendor's lists and the field tell it; written by hand, never worked out of the code under test. */
type Meaning = CloudReason | 'Done';

const words = (text: string): readonly string[] => text.split(/\s+/).filter((word) => word !== '');

const sections: readonly (readonly [section: string, meaning: CloudReason, codes: string])[] = [
  [
    'rate',
    'Throttled',
    `RequestLimitExceeded RequestLimitExceeded.UinLimitExceeded RequestLimitExceeded.GlobalRegionUinLimitExceeded
    RequestLimitExceeded.IPLimitExceeded`,
  ],
  [
    'server side',
    'ServerError',
    `InternalError InternalServerError InternalError.TradeUnknownError ServiceUnavailable FailedOperation
    FailedOperation.InquiryPriceFailed FailedOperation.SecurityGroupActionFailed SecGroupActionFailure`,
  ],
  [
    'busy object',
    'Busy',
    `OperationDenied.InstanceOperationInProgress MutexOperation.TaskRunning ResourceInUse ResourceInUse.DiskRollbacking
    ResourceUnavailable ResourceUnavailable.SnapshotCreating InvalidInstanceState InvalidParameterValue.InvalidImageState
    InvalidImageId.IncorrectState FailedOperation.InvalidImageState`,
  ],
  [
    'state passes by itself',
    'Busy',
    `UnsupportedOperation.InstanceStatePending UnsupportedOperation.InstanceStateStarting
    UnsupportedOperation.InstanceStateStopping UnsupportedOperation.InstanceStateRebooting
    UnsupportedOperation.InstanceStateIsolating UnsupportedOperation.InstanceStateEnterServiceLiveMigrate
    UnsupportedOperation.InstanceStateServiceLiveMigrate UnsupportedOperation.InstanceStateExitServiceLiveMigrate
    UnsupportedOperation.InstanceStateEnterRescueMode UnsupportedOperation.InstanceStateExitRescueMode`,
  ],
  ['refresh credentials', 'InvalidCredentials', 'AuthFailure.TokenFailure UnauthorizedOperation.InvalidToken'],
  [
    'other zone or type',
    'SoldOut',
    `LimitExceeded.SpotQuota InvalidParameterValue.InsufficientOffering ResourceInsufficient.SpecifiedInstanceType
    ResourceInsufficient.ZoneSoldOutForSpecifiedInstance ResourcesSoldOut.SpecifiedInstanceType
    ResourceInsufficient.InsufficientOfferingMinimum ResourceUnavailable.InstanceType
    ResourceNotFound.InvalidZoneInstanceType UnsupportedOperation.NoInstanceTypeSupportSpot`,
  ],
  [
    'other zone',
    'SoldOut',
    `ResourceInsufficient.AvailabilityZoneSoldOut ResourcesSoldOut.AvailableZone InvalidParameterValue.ZoneNotSupported
    UnsupportedOperation.InvalidZone`,
  ],
  ['other zone, and tell the user', 'QuotaExceeded', 'LimitExceeded.UserSpotQuota'],
  [
    'other disk type',
    'SoldOut',
    `ResourceInsufficient.CloudDiskSoldOut InvalidParameter.InvalidCloudDiskSoldOut ResourceNotFound.NoDefaultCbs
    ResourceNotFound.NoDefaultCbsWithReason ResourceInsufficient.CloudDiskUnavailable`,
  ],
  [
    'other subnet',
    'SoldOut',
    'FailedOperation.NoAvailableIpAddressCountInSubnet LimitExceeded.VpcSubnetNum ResourceInsufficient.CidrBlock',
  ],
  ['no public address', 'SoldOut', 'ResourcesSoldOut.EipInsufficient'],
  ['bid below market', 'PriceTooLow', 'InvalidParameterValue.InsufficientPrice'],
  [
    'money',
    'InsufficientBalance',
    `InvalidAccount.InsufficientBalance InvalidAccount.UnpaidOrder UnsupportedOperation.NotSupportUnpaidOrder`,
  ],
  [
    'account',
    'AccountRestricted',
    `AccountQualificationRestrictions OperationDenied.AccountNotSupported InvalidPermission
    FailedOperation.PromotionalRegionRestriction UnsupportedOperation.OnlyForPrepaidAccount
    UnsupportedOperation.UnsupportedInternationalUser UnsupportedOperation.SpotUnsupportedRegion
    InvalidInstanceChargeType.OnlySupportedForSpot`,
  ],
  [
    // A smaller order may still fit under a quota, so it is met as a zone that is nearly empty: fewer, elsewhere, later.
    'quota',
    'QuotaExceeded',
    `InstancesQuotaLimitExceeded LimitExceeded.CvmInstanceQuota LimitExceeded.InstanceQuota LimitExceeded.SingleUSGQuota
    LimitExceeded.CvmsVifsPerSecGroupLimitExceeded LimitExceeded.TagResourceQuota
    InvalidParameterValue.TagQuotaLimitExceeded LimitExceeded.UserReturnQuota ImageQuotaLimitExceeded`,
  ],
  [
    'credentials',
    'InvalidCredentials',
    `AuthFailure.SecretIdNotFound AuthFailure.InvalidSecretId AuthFailure.SignatureFailure AuthFailure.SignatureExpire
    AuthFailure.InvalidAuthorization AuthFailure.MFAFailure UnauthorizedOperation.MFAExpired
    UnauthorizedOperation.MFANotFound`,
  ],
  [
    'permissions',
    'PermissionDenied',
    `AuthFailure.UnauthorizedOperation AuthFailure.CamRoleNameAuthenticateFailed UnauthorizedOperation
    UnauthorizedOperation.PermissionDenied IpNotInWhitelist IpInBlacklist`,
  ],
  [
    'wrong reference',
    'InvalidReference',
    `UnauthorizedOperation.ImageNotBelongToAccount InvalidImageId.NotFound InvalidImageId.Malformed
    InvalidParameterValue.InvalidImageForGivenInstanceType InvalidParameterValue.InvalidImageId
    InvalidParameterValue.InvalidImageOsName InvalidParameterValue.VpcIdNotExist InvalidParameterValue.SubnetNotExist
    InvalidParameterValue.VpcIdSubnetIdNotMatch InvalidParameterValue.SubnetIdZoneIdNotMatch
    InvalidParameterValue.VpcIdZoneIdNotMatch InvalidParameterValue.VpcIdMalformed
    InvalidParameterValue.SubnetIdMalformed InvalidParameterValue.InstanceTypeNotFound
    InvalidParameterValue.KeyPairNotFound ResourceNotFound.KeyPairNotFound InvalidKeyPairId.Malformed
    InvalidSecurityGroupId.NotFound InvalidSgId.Malformed InvalidZone.MismatchRegion InvalidRegion.NotFound
    UnsupportedRegion InvalidInstanceType.Malformed InvalidProjectId.NotFound`,
  ],
  [
    'wrong value',
    'InvalidRequest',
    `MissingParameter InvalidParameter InvalidParameterValue UnknownParameter InvalidParameterCombination
    InvalidParameterValue.Range InvalidParameterValue.LimitExceeded InvalidParameterValue.InvalidUserDataFormat
    InvalidParameterValue.IllegalHostName InvalidParameterValue.DuplicateTags InvalidParameterValue.TagKeyNotFound
    InvalidInstanceName.TooLong InvalidClientToken.TooLong InvalidPassword
    FailedOperation.SnapshotSizeLargerThanDataSize FailedOperation.IllegalTagKey FailedOperation.IllegalTagValue
    FailedOperation.TagKeyReserved InvalidImageName.Duplicate UnsupportedOperation.MinCountUnsupported`,
  ],
  [
    'call shape',
    'InvalidRequest',
    `InvalidAction NoSuchVersion NoSuchProduct ActionOffline UnsupportedProtocol InvalidRequest
    RequestSizeLimitExceeded ResponseSizeLimitExceeded InvalidFilter InvalidFilterValue.LimitExceeded`,
  ],
  [
    // Words about a machine that is there, which say nothing of one that is to be bought: a defect, told and asked slowly.
    'about a machine',
    'InvalidRequest',
    `InvalidInstanceId.NotFound InvalidInstanceId.Malformed InvalidInstanceState.Terminating
    UnsupportedOperation.InstanceStateTerminated UnsupportedOperation.InstanceStateTerminating
    UnsupportedOperation.InstanceStateRunning UnsupportedOperation.InstanceStateStopped
    UnsupportedOperation.InstanceStateShutdown UnsupportedOperation.InstancesProtected
    UnsupportedOperation.InstanceChargeType UnsupportedOperation.InstanceMixedPricingModel
    UnsupportedOperation.InstanceStateBanning UnsupportedOperation.InstanceStateFreezing
    UnsupportedOperation.InstanceStateLaunchFailed`,
  ],
  [
    'nobody has listed what it means for a purchase',
    'Unexpected',
    `ResourceNotFound.InvalidInstanceIdNotFound FailedOperation.InvalidInstanceApplicationRole
    FailedOperation.InvalidInstanceApplicationRoleEmr FailedOperation.Unreturnable`,
  ],
];

interface CodeCase {
  readonly section: string;
  readonly code: string;
  /** For RunInstances, and for every call but those of {@link RELEASE_CODES}. */
  readonly meaning: CloudReason;
}

/** Every code of the vendor's lists that a pool can meet. */
export const CODES: readonly CodeCase[] = sections.flatMap(([section, meaning, codes]) =>
  words(codes).map((code) => ({ section, code, meaning })),
);

/** What was to be released is gone, or on its way. */
const RELEASED = words(`InvalidInstanceId.NotFound ResourceNotFound.InvalidInstanceIdNotFound
  UnsupportedOperation.InstanceStateTerminated UnsupportedOperation.InstanceStateTerminating
  InvalidInstanceState.Terminating`);
/** What passes by itself, and what is wrong with the keys, means the same for every call. */
const SAME_FOR_ALL: readonly Meaning[] = ['Throttled', 'ServerError', 'Busy', 'InvalidCredentials', 'PermissionDenied'];

/** The same codes as answers to TerminateInstances: whatever else it is, somebody must see to it. */
export const RELEASE_CODES: readonly { readonly code: string; readonly meaning: Meaning }[] = CODES.map(
  ({ code, meaning }) => {
    if (RELEASED.includes(code)) return { code, meaning: 'Done' };
    return { code, meaning: SAME_FOR_ALL.includes(meaning) ? meaning : 'ReleaseRefused' };
  },
);
