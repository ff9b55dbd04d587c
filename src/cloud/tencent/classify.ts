import type { CloudReason } from '../errors.ts';

/**
 * What the answer to `action` with an error `code` means: a reason, or `Done` where the code says that what was asked for
 * is so already. Messages are never looked at: they are translated and change.
 */
export function classify(action: string, code: string): CloudReason | 'Done' {
  if (code === 'DryRunOperation' || done[action]?.includes(code)) return 'Done';
  const reason = byCode.get(code) ?? byPrefix(code);
  return action === 'TerminateInstances' && !meansTheSameForAll.has(reason) ? 'ReleaseRefused' : reason;
}

/** What passes by itself, and what is wrong with the keys. Anything else in the way of a release waits for somebody. */
const meansTheSameForAll: ReadonlySet<CloudReason> = new Set([
  'Throttled',
  'ServerError',
  'Busy',
  'InvalidCredentials',
  'PermissionDenied',
]);

/** Whether the keys may be right after fetching them again: temporary ones that ran out. */
export function mayHelpToRefreshKeys(code: string): boolean {
  return code === 'AuthFailure.TokenFailure' || code === 'UnauthorizedOperation.InvalidToken';
}

/** Sources of every table here: the vendor's published lists of codes per call, and codes seen in the field. */
const done: Readonly<Record<string, readonly string[]>> = {
  TerminateInstances: [
    'InvalidInstanceId.NotFound',
    'ResourceNotFound.InvalidInstanceIdNotFound',
    'UnsupportedOperation.InstanceStateTerminated',
    'UnsupportedOperation.InstanceStateTerminating',
    'InvalidInstanceState.Terminating',
  ],
  StartInstances: ['UnsupportedOperation.InstanceStateRunning', 'UnsupportedOperation.InstanceStateStarting'],
  StopInstances: [
    'UnsupportedOperation.InstanceStateStopped',
    'UnsupportedOperation.InstanceStateStopping',
    'UnsupportedOperation.InstanceStateShutdown',
    'UnsupportedOperation.InstanceStateTerminated',
  ],
  // A tag key that nobody has created yet: there is no such machine.
  DescribeInstances: ['InvalidParameterValue.TagKeyNotFound'],
};

const reasons: readonly (readonly [CloudReason, readonly string[]])[] = [
  [
    'Throttled',
    [
      'RequestLimitExceeded',
      'RequestLimitExceeded.UinLimitExceeded',
      'RequestLimitExceeded.GlobalRegionUinLimitExceeded',
      'RequestLimitExceeded.IPLimitExceeded',
    ],
  ],
  [
    'ServerError',
    [
      'InternalError',
      'InternalServerError',
      'InternalError.TradeUnknownError',
      'ServiceUnavailable',
      'FailedOperation',
      'FailedOperation.InquiryPriceFailed',
      'FailedOperation.SecurityGroupActionFailed',
      'SecGroupActionFailure',
    ],
  ],
  [
    'Busy',
    [
      'OperationDenied.InstanceOperationInProgress',
      'MutexOperation.TaskRunning',
      'FailedOperation.ResourceTagProcessing',
      'ResourceInUse',
      'ResourceInUse.DiskRollbacking',
      'ResourceUnavailable',
      'ResourceUnavailable.SnapshotCreating',
      'InvalidInstanceState',
      'InvalidParameterValue.InvalidImageState',
      'InvalidImageId.IncorrectState',
      'FailedOperation.InvalidImageState',
      'UnsupportedOperation.InstanceStatePending',
      'UnsupportedOperation.InstanceStateStarting',
      'UnsupportedOperation.InstanceStateStopping',
      'UnsupportedOperation.InstanceStateRebooting',
      'UnsupportedOperation.InstanceStateIsolating',
      'UnsupportedOperation.InstanceStateEnterServiceLiveMigrate',
      'UnsupportedOperation.InstanceStateServiceLiveMigrate',
      'UnsupportedOperation.InstanceStateExitServiceLiveMigrate',
      'UnsupportedOperation.InstanceStateEnterRescueMode',
      'UnsupportedOperation.InstanceStateExitRescueMode',
    ],
  ],
  [
    'SoldOut',
    [
      // Despite its name this is the zone's stock of spot machines, not a limit of the account.
      'LimitExceeded.SpotQuota',
      'InvalidParameterValue.InsufficientOffering',
      'ResourceInsufficient.SpecifiedInstanceType',
      'ResourceInsufficient.ZoneSoldOutForSpecifiedInstance',
      'ResourcesSoldOut.SpecifiedInstanceType',
      'ResourceInsufficient.InsufficientOfferingMinimum',
      'ResourceUnavailable.InstanceType',
      'ResourceNotFound.InvalidZoneInstanceType',
      'UnsupportedOperation.NoInstanceTypeSupportSpot',
      'ResourceInsufficient.AvailabilityZoneSoldOut',
      'ResourcesSoldOut.AvailableZone',
      'InvalidParameterValue.ZoneNotSupported',
      'UnsupportedOperation.InvalidZone',
      'ResourceInsufficient.CloudDiskSoldOut',
      'InvalidParameter.InvalidCloudDiskSoldOut',
      'ResourceNotFound.NoDefaultCbs',
      'ResourceNotFound.NoDefaultCbsWithReason',
      'ResourceInsufficient.CloudDiskUnavailable',
      'FailedOperation.NoAvailableIpAddressCountInSubnet',
      'LimitExceeded.VpcSubnetNum',
      'ResourceInsufficient.CidrBlock',
      'ResourcesSoldOut.EipInsufficient',
    ],
  ],
  ['PriceTooLow', ['InvalidParameterValue.InsufficientPrice']],
  [
    'QuotaExceeded',
    [
      'LimitExceeded.UserSpotQuota',
      'InstancesQuotaLimitExceeded',
      'LimitExceeded.CvmInstanceQuota',
      'LimitExceeded.InstanceQuota',
      'LimitExceeded.SingleUSGQuota',
      'LimitExceeded.CvmsVifsPerSecGroupLimitExceeded',
      'LimitExceeded.TagResourceQuota',
      'InvalidParameterValue.TagQuotaLimitExceeded',
      'LimitExceeded.UserReturnQuota',
      'ImageQuotaLimitExceeded',
    ],
  ],
  [
    'InsufficientBalance',
    ['InvalidAccount.InsufficientBalance', 'InvalidAccount.UnpaidOrder', 'UnsupportedOperation.NotSupportUnpaidOrder'],
  ],
  [
    'AccountRestricted',
    [
      'AccountQualificationRestrictions',
      'OperationDenied.AccountNotSupported',
      'InvalidPermission',
      'FailedOperation.PromotionalRegionRestriction',
      'UnsupportedOperation.OnlyForPrepaidAccount',
      'UnsupportedOperation.UnsupportedInternationalUser',
      'UnsupportedOperation.SpotUnsupportedRegion',
      'InvalidInstanceChargeType.OnlySupportedForSpot',
    ],
  ],
  [
    'InvalidCredentials',
    [
      'AuthFailure.SecretIdNotFound',
      'AuthFailure.InvalidSecretId',
      'AuthFailure.SignatureFailure',
      'AuthFailure.SignatureExpire',
      'AuthFailure.InvalidAuthorization',
      'AuthFailure.TokenFailure',
      'AuthFailure.MFAFailure',
      'UnauthorizedOperation.InvalidToken',
      'UnauthorizedOperation.MFAExpired',
      'UnauthorizedOperation.MFANotFound',
    ],
  ],
  [
    'PermissionDenied',
    [
      'AuthFailure.UnauthorizedOperation',
      'AuthFailure.CamRoleNameAuthenticateFailed',
      'UnauthorizedOperation',
      'UnauthorizedOperation.PermissionDenied',
      'IpNotInWhitelist',
      'IpInBlacklist',
    ],
  ],
  [
    'InvalidReference',
    [
      'UnauthorizedOperation.ImageNotBelongToAccount',
      'InvalidImageId.NotFound',
      'InvalidImageId.Malformed',
      'InvalidParameterValue.InvalidImageForGivenInstanceType',
      'InvalidParameterValue.InvalidImageId',
      'InvalidParameterValue.InvalidImageOsName',
      'InvalidParameterValue.VpcIdNotExist',
      'InvalidParameterValue.SubnetNotExist',
      'InvalidParameterValue.VpcIdSubnetIdNotMatch',
      'InvalidParameterValue.SubnetIdZoneIdNotMatch',
      'InvalidParameterValue.VpcIdZoneIdNotMatch',
      'InvalidParameterValue.VpcIdMalformed',
      'InvalidParameterValue.SubnetIdMalformed',
      'InvalidParameterValue.InstanceTypeNotFound',
      'InvalidParameterValue.KeyPairNotFound',
      'ResourceNotFound.KeyPairNotFound',
      'InvalidKeyPairId.Malformed',
      'InvalidSecurityGroupId.NotFound',
      'InvalidSgId.Malformed',
      'InvalidZone.MismatchRegion',
      'InvalidRegion.NotFound',
      'UnsupportedRegion',
      'InvalidInstanceType.Malformed',
      'InvalidProjectId.NotFound',
      'InvalidParameterValue.ResourceIdInvalid',
      'InvalidParameterValue.ResourceDescriptionError',
    ],
  ],
  [
    'InvalidRequest',
    [
      'UnknownParameter',
      'InvalidParameterCombination',
      'InvalidParameterValue.Range',
      'InvalidParameterValue.LimitExceeded',
      'InvalidParameterValue.InvalidUserDataFormat',
      'InvalidParameterValue.IllegalHostName',
      'InvalidParameterValue.DuplicateTags',
      'InvalidInstanceName.TooLong',
      'InvalidClientToken.TooLong',
      'InvalidPassword',
      'FailedOperation.SnapshotSizeLargerThanDataSize',
      'FailedOperation.IllegalTagKey',
      'FailedOperation.IllegalTagValue',
      'FailedOperation.TagKeyReserved',
      'InvalidAction',
      'NoSuchVersion',
      'NoSuchProduct',
      'ActionOffline',
      'UnsupportedProtocol',
      'InvalidRequest',
      'RequestSizeLimitExceeded',
      'ResponseSizeLimitExceeded',
      'InvalidFilter',
      'InvalidFilterValue.LimitExceeded',
    ],
  ],
];

// A map, not an object: the codes come from outside, and `constructor` is no code.
const byCode: ReadonlyMap<string, CloudReason> = new Map(
  reasons.flatMap(([reason, codes]) => codes.map((code) => [code, reason] as const)),
);

/** For codes that the tables lack: the part before the dot, or the beginning of the word. The first that fits decides. */
const prefixes: readonly (readonly [string, CloudReason])[] = [
  ['RequestLimitExceeded', 'Throttled'],
  ['InternalError', 'ServerError'],
  ['ServiceUnavailable', 'ServerError'],
  ['ResourceInUse', 'Busy'],
  ['MutexOperation', 'Busy'],
  ['ResourcesSoldOut', 'SoldOut'],
  ['ResourceInsufficient', 'SoldOut'],
  ['AuthFailure', 'InvalidCredentials'],
  ['UnauthorizedOperation', 'PermissionDenied'],
  ['InvalidAccount', 'AccountRestricted'],
  ['LimitExceeded', 'QuotaExceeded'],
  ['Invalid', 'InvalidRequest'],
  ['Missing', 'InvalidRequest'],
  ['UnsupportedOperation', 'InvalidRequest'],
  ['OperationDenied', 'AccountRestricted'],
];

function byPrefix(code: string): CloudReason {
  return prefixes.find(([prefix]) => code.startsWith(prefix))?.[1] ?? 'Unexpected';
}

/** Whether a refusal for the rate is about all calls of the account, or of our address, and not only about its own action. */
export function isForAllActions(code: string): boolean {
  return /^RequestLimitExceeded\.(GlobalRegion)?(Uin|IP)LimitExceeded$/.test(code);
}
