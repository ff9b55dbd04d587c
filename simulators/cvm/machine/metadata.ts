import { Hono } from 'hono';
import type { EpochMs } from '../../../src/lib/clock.ts';

/** What the metadata server of one instance knows. Times are world time. */
export interface MetadataInstance {
  id: string;
  localIpv4: string;
  publicIpv4?: string;
  zone: string;
  region: string;
  chargeType: string;
  instanceType: string;
  imageId: string;
  /** Plain text, not base64. */
  userData?: string;
  isSpot: boolean;
  /** When the reclaim is due; absent until it is announced. */
  terminationTime?: EpochMs;
  camRole?: string;
  roleCredentials?: { secretId: string; secretKey: string; token: string; expiresAt: EpochMs };
}

/** Where the endpoint finds the instances: only those whose machine runs. */
export interface MetadataSource {
  instance(id: string): MetadataInstance | undefined;
}

/** A folder of keys, or the text of one key. An absent value is an absent key. */
interface Folder {
  readonly [key: string]: Folder | string | undefined;
}

const TEXT = { 'Content-Type': 'text/plain' };
const UTC_PLUS_8_MS = 8 * 3_600_000;

/**
 * The metadata server that each instance sees at `http://metadata.tencentyun.com`, here with the instance's id as the first
 * segment: `/:instanceId/latest/meta-data/…` and `/:instanceId/latest/user-data`. A folder answers with the list of its keys,
 * one a line; what does not exist answers 404.
 * Source: Tencent's "Querying Instance Metadata" and "Querying Spot Instance Repossession Status"; the credentials as the
 * SDK's `CvmRoleCredential` reads them.
 */
export function metadataApp(source: MetadataSource): Hono {
  const app = new Hono();
  app.get('/:instanceId/latest/user-data', (c) => {
    const text = source.instance(c.req.param('instanceId'))?.userData;
    return text === undefined ? c.text('404 Not Found\n', 404) : c.body(text, 200, TEXT);
  });
  app.get('/:instanceId/latest/*', (c) => {
    const instance = source.instance(c.req.param('instanceId'));
    const [, , ...path] = c.req.path.slice(c.req.path.indexOf(`/${c.req.param('instanceId')}/latest`)).split('/');
    const found = instance && walk({ latest: rootOf(instance) }, path);
    if (found === undefined) return c.text('404 Not Found\n', 404);
    return c.body(typeof found === 'string' ? found : listing(found), 200, TEXT);
  });
  return app;
}

function walk(root: Folder, path: readonly string[]): Folder | string | undefined {
  let at: Folder | string | undefined = root;
  for (const [depth, name] of path.entries()) {
    // `folder/` and `folder` are the same listing; `key/` is nothing.
    if (name === '' && depth === path.length - 1) return typeof at === 'string' ? undefined : at;
    if (at === undefined || typeof at === 'string' || !Object.hasOwn(at, name)) return undefined;
    at = at[name];
  }
  return at;
}

/** Folders end in a slash. The last line has no newline: the SDK takes the listing of the roles as the name of the role. */
function listing(folder: Folder): string {
  return Object.entries(folder)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => (typeof value === 'string' ? key : `${key}/`))
    .join('\n');
}

function rootOf(instance: MetadataInstance): Folder {
  return {
    'meta-data': {
      cam: credentials(instance),
      instance: { 'image-id': instance.imageId, 'instance-type': instance.instanceType },
      'instance-id': instance.id,
      'local-ipv4': instance.localIpv4,
      payment: { 'charge-type': instance.chargeType, 'termination-time': termination(instance) },
      placement: { region: instance.region, zone: instance.zone },
      'public-ipv4': instance.publicIpv4,
      spot: termination(instance) === undefined ? undefined : { 'termination-time': termination(instance) },
    },
    'user-data': instance.userData,
  };
}

/** Only a spot instance whose reclaim is announced has one. */
function termination(instance: MetadataInstance): string | undefined {
  if (!instance.isSpot || instance.terminationTime === undefined) return undefined;
  return toChinaTime(instance.terminationTime);
}

/** `2018-08-18 12:05:33`: UTC+8, with no mark that says so. */
function toChinaTime(time: EpochMs): string {
  return new Date(time + UTC_PLUS_8_MS).toISOString().slice(0, 19).replace('T', ' ');
}

function credentials(instance: MetadataInstance): Folder | undefined {
  const { camRole, roleCredentials } = instance;
  if (camRole === undefined || roleCredentials === undefined) return undefined;
  const { secretId, secretKey, token, expiresAt } = roleCredentials;
  const answer = {
    TmpSecretId: secretId,
    TmpSecretKey: secretKey,
    ExpiredTime: Math.floor(expiresAt / 1000),
    Expiration: new Date(expiresAt).toISOString().replace(/\.\d+Z$/, 'Z'),
    Token: token,
    Code: 'Success',
  };
  return { 'security-credentials': { [camRole]: JSON.stringify(answer) } };
}
