/** Why the API server did not do what was asked. `Status.reason` of Kubernetes, and three words of our own. */
export type KubeReason =
  | 'NotFound'
  | 'AlreadyExists'
  | 'Conflict'
  | 'Invalid'
  | 'BadRequest'
  | 'Unauthorized'
  | 'Forbidden'
  | 'Gone'
  | 'Expired'
  | 'TooManyRequests'
  | 'UnsupportedMediaType'
  /** The version asked for is newer than the server's: its storage was put back. */
  | 'ResourceVersionTooLarge'
  /** 404 without a Status: this kind is not installed. */
  | 'NotInstalled'
  /** No answer in time. */
  | 'Timeout'
  /** No connection, or it broke. */
  | 'Unreachable'
  /** 5xx, or whatever else the server says; `code` tells. */
  | 'Failed';

export interface KubeErrorDetails {
  /** HTTP status; 0 when there was no answer. */
  readonly code: number;
  /** `Status.details.causes`, as `field: message`. */
  readonly causes?: readonly string[];
  readonly retryAfterSeconds?: number;
  readonly cause?: unknown;
}

/** A call that failed. The message names the call and what the server said; never a header, a token or a body of ours. */
export class KubeError extends Error {
  override readonly name = 'KubeError';
  readonly reason: KubeReason;
  readonly code: number;
  readonly causes: readonly string[];
  readonly retryAfterSeconds: number | undefined;
  constructor(reason: KubeReason, message: string, details: KubeErrorDetails) {
    super(message, { cause: details.cause });
    this.reason = reason;
    this.code = details.code;
    this.causes = details.causes ?? [];
    this.retryAfterSeconds = details.retryAfterSeconds;
  }
}
