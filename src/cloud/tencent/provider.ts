import { createHash } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';
import type { Egress } from '../../lib/egress.ts';
import type { Cloud, CloudCredentials, CloudProvider, HourlyPrice } from '../cloud.ts';
import { type AccountCore, createAccountCore, openAccount } from './account.ts';
import type { OnCall, Timeouts, Transport } from './client.ts';
import { canForget } from './credentials.ts';

/** The two sites have separate accounts, other currencies and their own default endpoint. */
export type TencentSite = 'china' | 'international';

const sites: Readonly<Record<TencentSite, { host: string; currency: HourlyPrice['currency'] }>> = {
  china: { host: 'cvm.tencentcloudapi.com', currency: 'CNY' },
  international: { host: 'cvm.intl.tencentcloudapi.com', currency: 'USD' },
};
/** How the vendor's own hosts begin; the rest of the name is the same for each service. */
const OF_CVM = /^cvm\.(?=[a-z0-9.-]*tencentcloudapi\.com(:\d+)?(\/|$))/;

export interface TencentOptions {
  readonly site: TencentSite;
  /** `http://127.0.0.1:8080`, `https://host/path`, or a bare host (https); default is the site's. */
  readonly endpoint?: string;
  readonly egress: Egress;
  readonly clock: Clock;
  /** In [0, 1); spreads retries. */
  readonly random: () => number;
  /** Told of every attempt, for metrics. */
  readonly onCall?: OnCall;
  /** Milliseconds on `clock` for one attempt; an accelerated clock needs longer ones. Default 15 s, and 30 s to buy. */
  readonly timeouts?: Partial<Timeouts>;
}

const READ_TIMEOUT_MS = 15_000;
/** Buying checks stock, quota and balance before it answers, and giving up on it early costs a search for the machines. */
const BUY_TIMEOUT_MS = 30_000;
/** Rotated keys leave their account behind; the ones used last are kept. */
const MAX_ACCOUNTS = 64;

/** Tencent Cloud CVM. @throws {RangeError} when the endpoint cannot be read */
export function createTencentProvider(options: TencentOptions): CloudProvider {
  const { site, egress, clock, random } = options;
  const { protocol, endpoint } = parseEndpoint(options.endpoint ?? sites[site].host);
  const transport: Transport = {
    protocol,
    // Any other host is taken to serve both.
    endpoints: { cvm: endpoint, tag: endpoint.replace(OF_CVM, 'tag.') },
    egress,
    clock,
    random,
    agent: egress.agent(protocol),
    timeouts: { readMs: READ_TIMEOUT_MS, buyMs: BUY_TIMEOUT_MS, ...options.timeouts },
    onCall: options.onCall ?? (() => {}),
  };
  const cores = new Map<string, AccountCore>();
  const coreOf = (accountKey: string): AccountCore => {
    const core = cores.get(accountKey) ?? createAccountCore(transport);
    // The map keeps the order of insertion: the first is the one that was not used for longest.
    cores.delete(accountKey);
    cores.set(accountKey, core);
    const oldest = cores.keys().next().value;
    if (cores.size > MAX_ACCOUNTS && oldest !== undefined) cores.delete(oldest);
    return core;
  };

  return {
    async open(credentials, region, signal) {
      const accountKey = `${await accountOf(credentials, signal)}/${region}`;
      const cloud: Cloud = openAccount({
        transport,
        core: coreOf(accountKey),
        credentials,
        region,
        currency: sites[site].currency,
      });
      return { accountKey, cloud };
    },
  };
}

/**
 * A name for the account that tells nothing about its keys. The secret is part of it: whoever writes only another's key id
 * into a manifest must not be served from what that key has fetched.
 */
async function accountOf(credentials: CloudCredentials, signal: AbortSignal): Promise<string> {
  const { secretId, secretKey } = await credentials.getCredentials(signal);
  const account = canForget(credentials) ? credentials.account : `${secretId}\0${secretKey}`;
  return createHash('sha256').update(account).digest('hex').slice(0, 16);
}

/** Reads `--tencent-endpoint`. @throws {RangeError} naming the flag, the value and what is allowed */
function parseEndpoint(text: string): Pick<Transport, 'protocol'> & { readonly endpoint: string } {
  const url = URL.parse(text.includes('://') ? text : `https://${text}`);
  const protocol = url?.protocol;
  if (
    !url ||
    (protocol !== 'http:' && protocol !== 'https:') ||
    url.username !== '' ||
    url.search !== '' ||
    url.hash !== ''
  ) {
    throw new RangeError(
      `--tencent-endpoint "${text}": write http://HOST:PORT or https://HOST, without user, query or fragment`,
    );
  }
  return { protocol, endpoint: `${url.host}${url.pathname.replace(/\/$/, '')}` };
}
