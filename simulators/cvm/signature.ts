import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { ApiError } from './api-error.ts';

/** A request as it came over the wire; header names in lower case. */
export interface SignedRequest {
  readonly method: string;
  /** Path as sent, without the query. */
  readonly path: string;
  /** What follows `?`, undecoded; empty if nothing does. */
  readonly query: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Uint8Array;
}

/** The secret of an id, or `undefined` when there is no such id, or it is disabled. */
export type SecretLookup = (secretId: string) => string | undefined;

/** The service answers a signature whose time is further off than this with `AuthFailure.SignatureExpire`. */
const MAX_SKEW_MS = 300_000;

const AUTHORIZATION =
  /^TC3-HMAC-SHA256 Credential=([^/,\s]+)\/(\d{4}-\d{2}-\d{2})\/([^/,\s]+)\/tc3_request,\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})$/;

const sha256 = (data: Uint8Array | string): string => createHash('sha256').update(data).digest('hex');
const hmac = (key: Uint8Array | string, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/**
 * Verifies a TC3-HMAC-SHA256 signature as the vendor's SDKs form it: the Node SDK signs the host without its port and takes
 * the service from the endpoint up to the first dot, the Go SDK signs the host with its port and always the path `/`.
 * @returns the secret id that signed
 * @throws {ApiError} `AuthFailure.*`, `MissingParameter`
 */
export function verifyTc3(request: SignedRequest, secretOf: SecretLookup, nowMs: number): string {
  const match = AUTHORIZATION.exec(request.headers['authorization'] ?? '');
  if (!match)
    throw badAuthorization('it is not of the form TC3-HMAC-SHA256 Credential=..., SignedHeaders=..., Signature=...');
  const [, secretId = '', date = '', service = '', signedHeaders = '', signature = ''] = match;
  const secret = requireSecret(secretId, secretOf);
  checkService(service, request.headers['host'] ?? '');
  const timestamp = requireFresh(request.headers['x-tc-timestamp'], nowMs);
  const names = requireSignedHeaders(signedHeaders, request);
  if (new Date(timestamp * 1000).toISOString().slice(0, 10) !== date) throw signatureFailure();

  const key = hmac(hmac(hmac(`TC3${secret}`, date), service), 'tc3_request');
  const fits = canonicalForms(request, names, signedHeaders).some((canonical) => {
    const text = `TC3-HMAC-SHA256\n${timestamp}\n${date}/${service}/tc3_request\n${sha256(canonical)}`;
    return isSame(hmac(key, text).toString('hex'), signature);
  });
  if (!fits) throw signatureFailure();
  return secretId;
}

/** Verifies a signature of the older kind (`HmacSHA1`, `HmacSHA256`) over the parameters of a query or form. */
export function verifyV1(
  request: SignedRequest,
  params: Readonly<Record<string, string>>,
  secretOf: SecretLookup,
  nowMs: number,
): string {
  const secretId = params['SecretId'] ?? '';
  if (secretId === '') throw missing('SecretId');
  const secret = requireSecret(secretId, secretOf);
  requireFresh(params['Timestamp'], nowMs);
  if (!params['Nonce']) throw missing('Nonce');
  const algorithm = { HmacSHA1: 'sha1', HmacSHA256: 'sha256' }[params['SignatureMethod'] ?? 'HmacSHA1'];
  if (!algorithm) throw badAuthorization(`SignatureMethod is ${params['SignatureMethod']}, not HmacSHA1 or HmacSHA256`);
  const sorted = Object.keys(params)
    .filter((name) => name !== 'Signature')
    .toSorted()
    .map((name) => `${name}=${params[name]}`)
    .join('&');
  const fits = hostsOf(request).some((host) =>
    pathsOf(request).some((path) => {
      const text = `${request.method}${host}${path}?${sorted}`;
      return isSame(createHmac(algorithm, secret).update(text).digest('base64'), params['Signature'] ?? '');
    }),
  );
  if (!fits) throw signatureFailure();
  return secretId;
}

function canonicalForms(request: SignedRequest, names: readonly string[], signedHeaders: string): readonly string[] {
  const unsigned = request.headers['x-tc-content-sha256'] === 'UNSIGNED-PAYLOAD';
  const hash = sha256(unsigned ? 'UNSIGNED-PAYLOAD' : request.method === 'GET' ? '' : request.body);
  const query = request.method === 'GET' ? request.query : '';
  return hostsOf(request).flatMap((host) => {
    const sent = (name: string): string => (name === 'host' ? host : (request.headers[name] ?? ''));
    const lines = names.map((name) => `${name}:${sent(name).toLowerCase().trim()}\n`).join('');
    return pathsOf(request).map((path) => [request.method, path, query, lines, signedHeaders, hash].join('\n'));
  });
}

function hostsOf(request: SignedRequest): readonly string[] {
  const host = request.headers['host'] ?? '';
  return [host, host.replace(/:\d+$/, '')];
}

function pathsOf(request: SignedRequest): readonly string[] {
  return request.path === '/' ? ['/'] : [request.path, '/'];
}

function checkService(service: string, host: string): void {
  const real = /^([a-z0-9-]+)\.(?:[a-z0-9-]+\.)*tencentcloudapi\.com(?::\d+)?$/.exec(host.toLowerCase());
  if (real && real[1] !== service) {
    throw badAuthorization(`its scope is for service "${service}", but the host is ${host}`);
  }
}

function requireSecret(secretId: string, secretOf: SecretLookup): string {
  const secret = secretOf(secretId);
  if (secret !== undefined) return secret;
  throw new ApiError(
    'AuthFailure.SecretIdNotFound',
    'The SecretId is not found, please ensure that your SecretId is correct and enabled.',
    'SecretId不存在，请确认SecretId正确且未被禁用。',
  );
}

function requireFresh(text: string | undefined, nowMs: number): number {
  if (!text) throw missing('Timestamp');
  const timestamp = Number(text);
  if (!Number.isSafeInteger(timestamp) || timestamp > 1e11) {
    throw new ApiError(
      'InvalidParameterValue',
      `The value \`${text}\` of Timestamp is not a time in whole seconds.`,
      `Timestamp的取值\`${text}\`不是以秒为单位的时间戳。`,
    );
  }
  if (Math.abs(nowMs - timestamp * 1000) <= MAX_SKEW_MS) return timestamp;
  throw new ApiError(
    'AuthFailure.SignatureExpire',
    'The provided credentials could not be validated because of exceeding request signature expiry: the timestamp differs from server time by more than five minutes.',
    '签名已过期：Timestamp与服务器时间相差超过五分钟。',
  );
}

function requireSignedHeaders(text: string, request: SignedRequest): readonly string[] {
  const names = text.split(';');
  if (names.some((name) => name !== name.toLowerCase())) throw badAuthorization('SignedHeaders are not in lower case');
  if (names.toSorted().join(';') !== text) throw badAuthorization('SignedHeaders are not sorted');
  for (const name of ['content-type', 'host']) {
    if (!names.includes(name)) throw badAuthorization(`SignedHeaders lack ${name}`);
  }
  const absent = names.find((name) => request.headers[name] === undefined);
  if (absent) throw badAuthorization(`the signed header ${absent} was not sent`);
  return names;
}

function isSame(computed: string, given: string): boolean {
  const [a, b] = [Buffer.from(computed), Buffer.from(given)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function badAuthorization(why: string): ApiError {
  return new ApiError(
    'AuthFailure.InvalidAuthorization',
    `The Authorization in the header is invalid: ${why}.`,
    `请求头中的Authorization不合法：${why}。`,
  );
}

function signatureFailure(): ApiError {
  return new ApiError(
    'AuthFailure.SignatureFailure',
    'The provided credentials could not be validated. Please check your signature is correct.',
    '请求签名验证失败，请检查您的签名计算是否正确。',
  );
}

function missing(name: string): ApiError {
  return new ApiError(
    'MissingParameter',
    `The request is missing a required parameter \`${name}\`.`,
    `请求缺少必要参数\`${name}\`。`,
  );
}
