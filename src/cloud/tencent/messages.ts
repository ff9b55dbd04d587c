import type { CloudReason } from '../errors.ts';

/** What is known of a call that failed. `detail` is the vendor's text, or that of the network. */
export interface Failure {
  readonly action: string;
  readonly region: string;
  /** Where the keys come from, for instance `Secret default/tencent`. */
  readonly source: string;
  readonly code: string;
  readonly detail: string;
}

/** Vendor texts can be long and can hold line breaks; a condition's message is one line that people read. */
const MAX_DETAIL = 400;

/** What happened, why, what to do; the vendor's own words at the end, in parentheses. */
export function explain(reason: CloudReason, failure: Failure, secrets: readonly string[]): string {
  const detail = oneLine(hide(failure.detail, secrets));
  const words = [failure.code, detail].filter((part) => part !== '').join(': ');
  return `${advice[reason](failure)}${words === '' ? '' : ` (${words})`}`;
}

const advice: Readonly<Record<CloudReason, (failure: Failure) => string>> = {
  SoldOut: () =>
    'Tencent has no such machine in that zone right now. The pool tries its other offerings and comes back.',
  QuotaExceeded: ({ region }) =>
    `A quota of the Tencent account in ${region} is used up. Release machines, or raise the quota in the console (Quota Center).`,
  PriceTooLow: () =>
    'The maximum price is below the market price. Raise maxPrice, or leave it out to pay the market price.',
  InsufficientBalance: () =>
    'The Tencent account cannot pay for another machine. Top it up or settle open orders; the pool notices by itself.',
  AccountRestricted: ({ region }) =>
    `The Tencent account may not buy this in ${region}. Complete the account's qualification, or choose another region or charge type.`,
  Throttled: ({ action, region }) =>
    `Too many ${action} calls for this account in ${region}. All pools of the account slow down by themselves.`,
  InvalidCredentials: ({ source }) =>
    `Tencent refused the keys from ${source}. Check that they are right, active and not expired, and that this machine's clock is.`,
  PermissionDenied: ({ action, source }) =>
    `The keys from ${source} may not call ${action}. Allow cvm:${action} in their CAM policy.`,
  InvalidReference: ({ action, region }) =>
    `${action} names something that Tencent does not know in ${region} or that does not fit. Correct the spec.`,
  InvalidRequest: ({ action }) => `Tencent refused a value sent with ${action}. Correct the spec.`,
  Busy: () => 'The machine, or something it needs, is busy. The same call works a little later.',
  ReleaseRefused: () =>
    'Tencent does not release the machine. Remove its protection, or what else the code names, in the console.',
  ServerError: ({ action }) => `Tencent failed to carry out ${action}. It is tried again by itself.`,
  Unreachable: ({ action, region }) =>
    `No usable answer to ${action} came from Tencent in ${region}. Check the network and the endpoint.`,
  Unexpected: ({ action }) => `Tencent refused ${action} with a code that is not known here. It is tried again slowly.`,
};

/** Keys never get into a message, even if the other side repeats them. Shorter texts are words, not keys. */
function hide(text: string, secrets: readonly string[]): string {
  return secrets.filter((secret) => secret.length >= 8).reduce((left, secret) => left.replaceAll(secret, '***'), text);
}

function oneLine(text: string): string {
  const line = text.replace(/[\p{Cc}\s]+/gu, ' ').trim();
  return line.length > MAX_DETAIL ? `${line.slice(0, MAX_DETAIL)}…` : line;
}
