import http from 'node:http';
import { z } from 'zod';
import { type Clock, type EpochMs, withDeadline } from '../../lib/clock.ts';
import type { Egress } from '../../lib/egress.ts';
import type { CloudCredentials } from '../cloud.ts';
import { CloudError } from '../errors.ts';

/** Keys that are fetched, kept a while and can be dropped when the cloud calls them stale. */
export interface ForgettableCredentials extends CloudCredentials {
  forget(): void;
  /** Names the account while the keys themselves change, so that its memories last. */
  readonly account: string;
}

export function canForget(credentials: CloudCredentials): credentials is ForgettableCredentials {
  return 'forget' in credentials;
}

function unusable(message: string): CloudError {
  return new CloudError('InvalidCredentials', message, { action: 'getCredentials' });
}

type Keys = Awaited<ReturnType<CloudCredentials['getCredentials']>>;

/** White space around a key comes from a line break in a Secret and is never part of it. */
function toKeys(
  source: string,
  found: { secretId?: string; secretKey?: string; token?: string },
  names: KeyNames,
): Keys {
  const secretId = found.secretId?.trim() ?? '';
  const secretKey = found.secretKey?.trim() ?? '';
  const token = found.token?.trim() ?? '';
  const missing = [secretId === '' ? names.secretId : '', secretKey === '' ? names.secretKey : ''].filter(
    (n) => n !== '',
  );
  if (missing.length > 0) throw unusable(`${source} has no ${missing.join(' and no ')}, or it is empty. Set it.`);
  return { secretId, secretKey, ...(token === '' ? {} : { token }) };
}

interface KeyNames {
  readonly secretId: string;
  readonly secretKey: string;
}

const FIELDS: KeyNames = { secretId: 'secretId', secretKey: 'secretKey' };

/** Keys written into the manifest. */
export function inlineCredentials(secretId: string, secretKey: string): CloudCredentials {
  const source = 'spec.secretId and spec.secretKey';
  return { source, getCredentials: async () => toKeys(source, { secretId, secretKey }, FIELDS) };
}

/** Reads a Secret's data, decoded; `undefined` when there is none. */
export type ReadSecret = (namespace: string, name: string) => Promise<Readonly<Record<string, Uint8Array>> | undefined>;

/** Keys in a Secret (`secretId`, `secretKey`, and `token` for temporary ones), read before each call. */
export function secretCredentials(
  secret: { namespace: string; name: string; secretIdKey?: string; secretKeyKey?: string; tokenKey?: string },
  readSecret: ReadSecret,
): CloudCredentials {
  const source = `Secret ${secret.namespace}/${secret.name}`;
  const names = { secretId: secret.secretIdKey ?? 'secretId', secretKey: secret.secretKeyKey ?? 'secretKey' };
  return {
    source,
    async getCredentials() {
      const data = await readSecret(secret.namespace, secret.name);
      if (!data)
        throw unusable(`${source} does not exist. Create it with the fields ${names.secretId} and ${names.secretKey}.`);
      const text = (key: string): string => new TextDecoder().decode(Object.hasOwn(data, key) ? data[key] : undefined);
      const found = {
        secretId: text(names.secretId),
        secretKey: text(names.secretKey),
        token: text(secret.tokenKey ?? 'token'),
      };
      return toKeys(source, found, names);
    },
  };
}

type Env = Readonly<Record<string, string | undefined>>;
const ENV_NAMES: KeyNames = { secretId: 'TENCENTCLOUD_SECRET_ID', secretKey: 'TENCENTCLOUD_SECRET_KEY' };

/** Keys in the environment, by the names that Tencent's own tools use. */
function environmentCredentials(env: Env): CloudCredentials {
  const source = 'the environment';
  const names = ENV_NAMES;
  return {
    source,
    async getCredentials() {
      const token = env['TENCENTCLOUD_SESSION_TOKEN'];
      const found = { secretId: env[names.secretId] ?? '', secretKey: env[names.secretKey] ?? '', token: token ?? '' };
      return toKeys(source, found, names);
    },
  };
}

/** New keys appear well before the old ones end; asking this early leaves time for several failures. */
const REFRESH_BEFORE_END_MS = 5 * 60_000;
/** The metadata service answers within milliseconds on the machine itself; elsewhere it never does. */
const METADATA_TIMEOUT_MS = 5000;
const METADATA_HOST = 'metadata.tencentyun.com';
const ROLES_PATH = '/latest/meta-data/cam/security-credentials/';

interface RoleEdges {
  readonly clock: Clock;
  readonly egress: Egress;
}

/** Source: "Instance role", metadata key `cam/security-credentials/ROLE`; `ExpiredTime` in seconds since 1970. */
const RoleAnswer = z.object({
  TmpSecretId: z.string().min(1),
  TmpSecretKey: z.string().min(1),
  Token: z.string().min(1),
  ExpiredTime: z.number(),
});

/**
 * Temporary keys of the CAM role that is bound to the machine we run on; without a name, of the one that it has. They are
 * kept until shortly before they end; calls that come while they are fetched share the answer, and a failure is not remembered.
 */
export function roleCredentials(role: string | undefined, edges: RoleEdges): ForgettableCredentials {
  const { clock, egress } = edges;
  const agent = egress.agent('http:', { allowMetadata: true, maxAnswerBytes: 64 * 1024 });
  let kept: { keys: Keys; until: EpochMs } | undefined;
  let underWay: Promise<Keys> | undefined;
  const read = (path: string): Promise<string> =>
    withDeadline(clock, METADATA_TIMEOUT_MS, undefined, (signal) => get(agent, `${ROLES_PATH}${path}`, signal));

  const fetchKeys = async (): Promise<Keys> => {
    const name = role ?? firstLine(await read(''));
    const { TmpSecretId, TmpSecretKey, Token, ExpiredTime } = RoleAnswer.parse(
      JSON.parse(await read(encodeURIComponent(name))),
    );
    const keys = { secretId: TmpSecretId, secretKey: TmpSecretKey, token: Token };
    kept = { keys, until: ExpiredTime * 1000 - REFRESH_BEFORE_END_MS };
    return keys;
  };

  return {
    source: role === undefined ? "this machine's CVM role" : `the CVM role ${role}`,
    account: `role/${role ?? ''}`,
    forget: () => {
      kept = undefined;
    },
    async getCredentials(signal) {
      signal.throwIfAborted();
      if (kept && clock.now() < kept.until) return kept.keys;
      underWay ??= fetchKeys().finally(() => {
        underWay = undefined;
      });
      try {
        return await underWay;
      } catch {
        // The error is not shown: it may quote the answer, and the answer holds keys.
        throw unusable(
          `The metadata service gave no keys for ${role === undefined ? 'a CVM role' : `the CVM role ${role}`}. Bind the role to this machine, or give keys in another way. (GET http://${METADATA_HOST} failed)`,
        );
      }
    },
  };
}

/**
 * The operator's own keys: those in the environment if any are set there, else those of the machine's CVM role. Make one and
 * share it, so that the role's keys are fetched once.
 */
export function operatorCredentials(env: Env, edges: RoleEdges): CloudCredentials {
  const isInEnvironment = (env[ENV_NAMES.secretId] ?? env[ENV_NAMES.secretKey] ?? '') !== '';
  return isInEnvironment ? environmentCredentials(env) : roleCredentials(undefined, edges);
}

function firstLine(text: string): string {
  const line = text.split('\n')[0]?.trim() ?? '';
  if (line === '') throw new Error('no role');
  return line;
}

function get(agent: http.Agent, path: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.get({ host: METADATA_HOST, port: 80, path, agent, signal }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        if (answer.statusCode === 200) resolve(Buffer.concat(chunks).toString('utf8'));
        else reject(new Error(`HTTP ${answer.statusCode}`));
      });
    });
    request.on('error', reject);
  });
}
