/** Why a cloud refused. Goes to `status.conditions[].reason`, events and metric labels: add names, never rename one. */
export type CloudReason =
  /** No machine of that offering right now: walk on to the next and come back later. */
  | 'SoldOut'
  /** The account's quota for that zone is used up: walk on, and tell the user. */
  | 'QuotaExceeded'
  /** The bid is below the market price. */
  | 'PriceTooLow'
  /** Nothing more can be bought with this account until it is topped up. */
  | 'InsufficientBalance'
  /** The account may not do this at all (qualification, region, charge type). */
  | 'AccountRestricted'
  /** Too many calls: slow down, for all pools of the account. */
  | 'Throttled'
  /** The keys are wrong, revoked or expired, or the clock is off. */
  | 'InvalidCredentials'
  /** The keys are right but lack a permission; `action` names it. */
  | 'PermissionDenied'
  /** Something that the spec names does not exist or does not fit: image, subnet, group, type, key pair. */
  | 'InvalidReference'
  /** The cloud refuses a value of ours. */
  | 'InvalidRequest'
  /** The object is busy (starting, stopping, migrating): the same call works later. */
  | 'Busy'
  /** The machine cannot be released until somebody changes something (protection, frozen). */
  | 'ReleaseRefused'
  /** The cloud failed on its side; for a purchase the outcome is unknown. */
  | 'ServerError'
  /** No readable answer came (timeout, reset, DNS, bad body); for a purchase the outcome is unknown. */
  | 'Unreachable'
  /** A code that we do not know: shown verbatim and retried slowly. */
  | 'Unexpected';

/** A call to the cloud that failed. The message says what happened, why, and what to do; it never holds a key. */
export class CloudError extends Error {
  override readonly name = 'CloudError';
  readonly reason: CloudReason;
  /** The API action that failed, for instance `RunInstances`. */
  readonly action: string;
  /** The vendor's own code, verbatim; empty when there was no readable answer. */
  readonly code: string;
  readonly requestId: string;
  /** Of a refused purchase: the fewest machines that would have done. */
  readonly atLeast: number | undefined;
  constructor(
    reason: CloudReason,
    message: string,
    details: { action: string; code?: string; requestId?: string; cause?: unknown; atLeast?: number | undefined },
  ) {
    super(message, { cause: details.cause });
    this.reason = reason;
    this.action = details.action;
    this.code = details.code ?? '';
    this.requestId = details.requestId ?? '';
    this.atLeast = details.atLeast;
  }

  /** Whether the call may have had its effect although it failed: a purchase must then be looked for, not repeated. */
  get isOutcomeUnknown(): boolean {
    return this.reason === 'ServerError' || this.reason === 'Unreachable';
  }
}
