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
  const detail = oneLine(steady(reason, hide(failure.detail, secrets)));
  const words = [failure.code, detail].filter((part) => part !== '').join(': ');
  return `${(adviceFor.get(failure.code) ?? advice[reason])(failure)}${words === '' ? '' : ` (${words})`}`;
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
  PermissionDenied: (failure) =>
    `The keys from ${failure.source} may not call ${failure.action}. Allow ${permissionOf(failure)} in their CAM policy.`,
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

const blockedAddress = ({ source }: Failure): string =>
  `Tencent takes no calls from this machine's address with the keys from ${source}. Change the list of addresses in their access control.`;

/** Codes that want another step of the reader than the rest of their kind. */
const adviceFor: ReadonlyMap<string, (failure: Failure) => string> = new Map([
  ['IpNotInWhitelist', blockedAddress],
  ['IpInBlacklist', blockedAddress],
  [
    'AuthFailure.CamRoleNameAuthenticateFailed',
    ({ source }) =>
      `The keys from ${source} may not hand the CAM role of the machines on. Check instance.camRole, and allow cam:PassRole in their CAM policy.`,
  ],
]);

/** Actions of services other than CVM. */
const SERVICES: ReadonlyMap<string, string> = new Map([['TagResources', 'tag']]);

/** The permission that is missing: the one that the vendor names, since a call can need those of other services too. */
function permissionOf({ action, detail }: Failure): string {
  const named = /\(([a-z]{2,16}:[A-Za-z]{3,64})\)/.exec(detail)?.[1];
  return named ?? `${SERVICES.get(action) ?? 'cvm'}:${action}`;
}

/** What differs from call to call, though nothing has changed. */
const PASSING: readonly RegExp[] = [
  // Ids of requests and traces.
  /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi,
  /\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{16,}\b/gi,
  // Times, as text and in seconds or milliseconds since 1970. Account numbers are shorter, or begin otherwise.
  /\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?/g,
  /\b(?:1[6-9]|2\d)\d{8}(?:\d{3})?\b/g,
];

/** A text that says the same after each call, so that a status which shows it is not written again and again. */
function steady(reason: CloudReason, text: string): string {
  // How many calls there were in that second.
  const passing = reason === 'Throttled' ? [...PASSING, /\b\d+\b/g] : PASSING;
  return passing.reduce((left, pattern) => left.replaceAll(pattern, '…'), text);
}

/** Keys never get into a message, even if the other side repeats them. Shorter texts are words, not keys. */
function hide(text: string, secrets: readonly string[]): string {
  return secrets.filter((secret) => secret.length >= 8).reduce((left, secret) => left.replaceAll(secret, '***'), text);
}

function oneLine(text: string): string {
  const line = text.replace(/[\p{Cc}\s]+/gu, ' ').trim();
  return line.length > MAX_DETAIL ? `${line.slice(0, MAX_DETAIL)}…` : line;
}
