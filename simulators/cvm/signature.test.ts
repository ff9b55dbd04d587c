import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type SignedRequest, verifyTc3, verifyV1 } from './signature.ts';
import { type SignOptions, signTc3 } from './test-call.ts';

const now = Date.UTC(2026, 10, 22, 12);
const timestamp = now / 1000;
const secretOf = (id: string): string | undefined => (id === 'AKIDtest' ? 'secret' : undefined);

describe("the vendor's test vector", () => {
  const secret = 'Gu5t9xGARNpq86cd98joQYCN3*******';
  const at = 1551113065;
  const request = (signature: string): SignedRequest => ({
    method: 'POST',
    path: '/',
    query: '',
    headers: {
      host: 'cvm.tencentcloudapi.com',
      'content-type': 'application/json; charset=utf-8',
      'x-tc-timestamp': String(at),
      authorization: `TC3-HMAC-SHA256 Credential=AKIDz8/2019-02-25/cvm/tc3_request, SignedHeaders=content-type;host, Signature=${signature}`,
    },
    body: Buffer.from('{"Limit": 1, "Filters": [{"Values": ["\\u672a\\u547d\\u540d"], "Name": "instance-name"}]}'),
  });
  const vector = '2230eefd229f582d8b1b891af7107b91597240707d778ab3738f756258d7652c';

  it('verifies', () => {
    expect(verifyTc3(request(vector), () => secret, at * 1000)).toBe('AKIDz8');
  });

  it('is refused with one digit changed', () => {
    const changed = vector.replace(/^2/, '3');
    expect(() => verifyTc3(request(changed), () => secret, at * 1000)).toThrow(/SignatureFailure/);
  });
});

interface Sent {
  host?: string;
  path?: string;
  query?: string;
  method?: string;
  body?: string;
  headers?: Record<string, string>;
}

/** What arrives when `signed` was signed for `signHost` but the wire shows `sent`. */
function arrival(signHost: string, signed: SignOptions, sent: Sent = {}): SignedRequest {
  const { method = 'POST', path = '/', query = '', body = '{}', host = signHost } = sent;
  const headers = signTc3(signHost, method === 'GET' ? '' : body, {
    secretId: 'AKIDtest',
    secretKey: 'secret',
    timestamp,
    method,
    query,
    ...signed,
  });
  return { method, path, query, headers: { host, ...headers, ...sent.headers }, body: Buffer.from(body) };
}

const accepted: [string, SignedRequest][] = [
  [
    'the Node SDK: host without its port, service 127',
    arrival('127.0.0.1', { service: '127' }, { host: '127.0.0.1:80' }),
  ],
  [
    'the Node SDK on localhost: the service has the port',
    arrival('localhost', { service: 'localhost:8080' }, { host: 'localhost:8080' }),
  ],
  ['the Go SDK: host with its port, service cvm', arrival('127.0.0.1:8080', { service: 'cvm' })],
  ['the Go SDK with a path in the URL: signs /', arrival('127.0.0.1:8080', { path: '/' }, { path: '/cvm/' })],
  ['a path that is signed as sent', arrival('127.0.0.1', { path: '/cvm/', service: '127' }, { path: '/cvm/' })],
  ['a real name with its own service', arrival('cvm.tencentcloudapi.com', { service: 'cvm' })],
  ['a real name with a port', arrival('cvm.tencentcloudapi.com', {}, { host: 'cvm.tencentcloudapi.com:8080' })],
  ['a regional name', arrival('cvm.ap-singapore.tencentcloudapi.com', {})],
  [
    'more signed headers',
    arrival('h', { also: { 'x-tc-action': 'DescribeZones' } }, { headers: { 'x-tc-action': 'DescribeZones' } }),
  ],
  ['a GET with its query', arrival('h', {}, { method: 'GET', query: 'Limit=1&Filters.0.Name=zone' })],
  [
    'an unsigned payload',
    arrival('h', { payload: 'UNSIGNED-PAYLOAD' }, { headers: { 'x-tc-content-sha256': 'UNSIGNED-PAYLOAD' } }),
  ],
  ['a content type with a charset', arrival('h', { contentType: 'application/json; charset=utf-8' })],
  ['a clock that is 300 s behind', arrival('h', { timestamp: timestamp - 300 })],
];

it.each(accepted)('accepts %s', (_name, request) => {
  expect(verifyTc3(request, secretOf, now)).toBe('AKIDtest');
});

const refused: [string, SignedRequest, string][] = [
  ['another secret', arrival('h', { secretKey: 'wrong' }), 'AuthFailure.SignatureFailure'],
  ['an unknown id', arrival('h', { secretId: 'AKIDother' }), 'AuthFailure.SecretIdNotFound'],
  [
    'a body that was changed',
    { ...arrival('h', {}), body: Buffer.from('{"Limit":1}') },
    'AuthFailure.SignatureFailure',
  ],
  [
    'a query that was changed',
    { ...arrival('h', {}, { method: 'GET', query: 'a=1' }), query: 'a=2' },
    'AuthFailure.SignatureFailure',
  ],
  ['another host', arrival('h', {}, { host: 'other' }), 'AuthFailure.SignatureFailure'],
  ['a clock 301 s behind', arrival('h', { timestamp: timestamp - 301 }), 'AuthFailure.SignatureExpire'],
  ['a clock 301 s ahead', arrival('h', { timestamp: timestamp + 301 }), 'AuthFailure.SignatureExpire'],
  ['no timestamp', arrival('h', {}, { headers: { 'x-tc-timestamp': '' } }), 'MissingParameter'],
  [
    'the scope of another service',
    arrival('cvm.tencentcloudapi.com', { service: 'vpc' }),
    'AuthFailure.InvalidAuthorization',
  ],
  ['no authorization', arrival('h', {}, { headers: { authorization: '' } }), 'AuthFailure.InvalidAuthorization'],
  ['SKIP', arrival('h', {}, { headers: { authorization: 'SKIP' } }), 'AuthFailure.InvalidAuthorization'],
  [
    'a signed header that was not sent',
    arrival('h', { also: { 'x-tc-action': 'A' } }),
    'AuthFailure.InvalidAuthorization',
  ],
];

it.each(refused)('refuses %s', (_name, request, code) => {
  expect(() => verifyTc3(request, secretOf, now)).toThrow(expect.objectContaining({ code }));
});

it('refuses a scope of another day, and headers that are unsorted or incomplete', () => {
  const right = arrival('h', {});
  const authorization = right.headers['authorization'] ?? '';
  for (const [from, to, code] of [
    ['2026-11-22', '2026-11-21', 'AuthFailure.SignatureFailure'],
    ['content-type;host', 'host;content-type', 'AuthFailure.InvalidAuthorization'],
    ['content-type;host', 'host', 'AuthFailure.InvalidAuthorization'],
    ['content-type;host', 'Content-Type;host', 'AuthFailure.InvalidAuthorization'],
  ] as const) {
    const request = { ...right, headers: { ...right.headers, authorization: authorization.replace(from, to) } };
    expect(() => verifyTc3(request, secretOf, now), to).toThrow(expect.objectContaining({ code }));
  }
});

describe('the older signatures', () => {
  const params = (over: Record<string, string> = {}): Record<string, string> => ({
    Action: 'DescribeInstances',
    Nonce: '11886',
    Timestamp: String(timestamp),
    Region: 'ap-singapore',
    SecretId: 'AKIDtest',
    'Filters.0.Name': 'zone',
    Limit: '20',
    ...over,
  });
  const sign = (
    all: Record<string, string>,
    hash: string,
    method: string,
    endpoint: string,
  ): Record<string, string> => {
    const sorted = Object.keys(all)
      .toSorted()
      .map((name) => `${name}=${all[name]}`);
    const text = `${method}${endpoint}?${sorted.join('&')}`;
    return { ...all, Signature: createHmac(hash, 'secret').update(text).digest('base64') };
  };
  const request = (method: string, path: string): SignedRequest => ({
    method,
    path,
    query: '',
    headers: { host: '127.0.0.1:8080' },
    body: Buffer.alloc(0),
  });

  it.each([
    ['HmacSHA1 without a named method', params(), 'sha1', 'GET', '/', '127.0.0.1:8080/'],
    ['HmacSHA1', params({ SignatureMethod: 'HmacSHA1' }), 'sha1', 'POST', '/', '127.0.0.1:8080/'],
    ['HmacSHA256', params({ SignatureMethod: 'HmacSHA256' }), 'sha256', 'POST', '/', '127.0.0.1:8080/'],
    ['a host without its port', params(), 'sha1', 'GET', '/', '127.0.0.1/'],
    ['a path', params(), 'sha1', 'GET', '/cvm/', '127.0.0.1:8080/cvm/'],
  ])('accepts %s', (_name, all, hash, method, path, endpoint) => {
    const signed = sign(all, hash, method, endpoint);
    expect(verifyV1(request(method, path), signed, secretOf, now)).toBe('AKIDtest');
  });

  it.each([
    ['another parameter', { Limit: '21' }, 'AuthFailure.SignatureFailure'],
    ['an unknown id', { SecretId: 'AKIDother' }, 'AuthFailure.SecretIdNotFound'],
    ['an old time', { Timestamp: String(timestamp - 301) }, 'AuthFailure.SignatureExpire'],
    ['an unknown method', { SignatureMethod: 'HmacMD5' }, 'AuthFailure.InvalidAuthorization'],
  ])('refuses %s', (_name, over, code) => {
    const signed = { ...sign(params(), 'sha1', 'GET', '127.0.0.1:8080/'), ...over };
    expect(() => verifyV1(request('GET', '/'), signed, secretOf, now)).toThrow(expect.objectContaining({ code }));
  });
});
