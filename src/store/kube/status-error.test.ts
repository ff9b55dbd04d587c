import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KubeError } from './kube-error.ts';
import { errorFromAnswer, errorFromStatus, parseRetryAfter } from './status-error.ts';

const now = Date.UTC(2026, 10, 1);

describe('a Status as an error', () => {
  it.each([
    ['NotFound', 404, 'NotFound'],
    ['AlreadyExists', 409, 'AlreadyExists'],
    ['Conflict', 409, 'Conflict'],
    ['Invalid', 422, 'Invalid'],
    ['BadRequest', 400, 'BadRequest'],
    ['Unauthorized', 401, 'Unauthorized'],
    ['Forbidden', 403, 'Forbidden'],
    ['Gone', 410, 'Gone'],
    ['Expired', 410, 'Expired'],
    ['TooManyRequests', 429, 'TooManyRequests'],
    ['UnsupportedMediaType', 415, 'UnsupportedMediaType'],
    ['Timeout', 504, 'Timeout'],
    ['ServerTimeout', 500, 'Timeout'],
    ['InternalError', 500, 'Failed'],
    ['ServiceUnavailable', 503, 'Failed'],
    ['SomethingNew', 409, 'Conflict'],
    [undefined, 404, 'NotFound'],
    [undefined, 410, 'Gone'],
    [undefined, 503, 'Failed'],
    ['toString', 418, 'Failed'],
  ])('%s with %i is %s', (reason, code, expected) => {
    const error = errorFromStatus({ kind: 'Status', reason, code, message: 'words' });
    expect([error.reason, error.code]).toEqual([expected, code]);
    expect(error.message).toContain('words');
  });

  it('knows a version from the future by its cause, not by its reason', () => {
    const details = {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    };
    const error = errorFromStatus({ reason: 'Timeout', code: 504, message: 'Too large resource version: 9', details });
    expect(error).toMatchObject({ reason: 'ResourceVersionTooLarge', code: 504, retryAfterSeconds: 1 });
  });

  it('keeps the causes as field and message', () => {
    const details = {
      causes: [
        { reason: 'FieldValueInvalid', field: 'spec.minimum', message: 'must be at most maximum' },
        { reason: 'FieldValueRequired', field: 'spec.region' },
        { message: 'no field' },
        'no cause',
      ],
    };
    expect(errorFromStatus({ reason: 'Invalid', code: 422, details }).causes).toEqual([
      'spec.minimum: must be at most maximum',
      'spec.region: FieldValueRequired',
      'no field',
      '',
    ]);
  });

  it('takes the code of the HTTP answer before that in the Status, and that when there is no answer', () => {
    expect(errorFromStatus({ code: 410, reason: 'Expired' }).code).toBe(410);
    expect(errorFromStatus({ code: 500 }, 503).code).toBe(503);
  });

  it('shows no secret that the server quotes, and no endless text', () => {
    const error = errorFromStatus({
      reason: 'Invalid',
      code: 422,
      message: `spec.secretId: Invalid value: "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE"\n${'x'.repeat(10_000)}`,
    });
    expect(error.message).not.toContain('z8krbsJ5yKBZ');
    expect(error.message.length).toBeLessThan(1200);
    expect(error.message).not.toContain('\n');
  });

  it('makes an error of whatever came', () => {
    fc.assert(
      fc.property(fc.anything(), fc.option(fc.integer({ min: 0, max: 599 }), { nil: undefined }), (status, code) => {
        expect(errorFromStatus(status, code)).toBeInstanceOf(KubeError);
      }),
    );
  });
});

describe('an answer as an error', () => {
  const call = 'GET /apis/demo.aiops.org/v1/spotpools';

  it('404 in plain text means that the kind is not installed', () => {
    const error = errorFromAnswer({ code: 404, body: '404 page not found\n', call }, now);
    expect(error).toMatchObject({ reason: 'NotInstalled', code: 404 });
    expect(error.message).toContain(call);
  });

  it('404 with a Status means that the object is not there', () => {
    const body = JSON.stringify({ kind: 'Status', reason: 'NotFound', code: 404, message: 'spotpools "a" not found' });
    expect(errorFromAnswer({ code: 404, body, call }, now)).toMatchObject({ reason: 'NotFound' });
  });

  it.each([
    ['an HTML page', 502, '<html><h1>Bad Gateway</h1></html>', 'Failed'],
    ['a Status that was cut off', 409, '{"kind":"Status","reason":"AlreadyEx', 'Conflict'],
    ['JSON of somebody else', 503, '{"error":"overloaded"}', 'Failed'],
    ['nothing', 401, '', 'Unauthorized'],
    ['a list', 500, '[]', 'Failed'],
  ])('%s is judged by its code', (_name, code, body, reason) => {
    expect(errorFromAnswer({ code, body, call }, now)).toMatchObject({ reason, code });
  });

  it('says of a redirect that it is not followed', () => {
    expect(errorFromAnswer({ code: 302, body: '<a href="x">', call }, now).message).toMatch(
      /redirects are not followed/,
    );
  });

  it('takes Retry-After from the header before that in the Status', () => {
    const body = JSON.stringify({ kind: 'Status', code: 429, details: { retryAfterSeconds: 7 } });
    const seconds = (retryAfter?: string) =>
      errorFromAnswer({ code: 429, retryAfter, body, call }, now).retryAfterSeconds;
    expect([seconds('2'), seconds(), seconds('soon')]).toEqual([2, 7, 7]);
  });
});

it.each([
  ['3', 3],
  [' 0 ', 0],
  ['Sun, 01 Nov 2026 00:00:05 GMT', 5],
  ['Sun, 01 Nov 2026 00:00:00 GMT', 0],
  ['Sat, 31 Oct 2026 00:00:00 GMT', 0],
  ['-1', undefined],
  ['1.5', undefined],
  ['soon', undefined],
  ['', undefined],
  [undefined, undefined],
])('Retry-After "%s" is %s seconds', (header, seconds) => {
  expect(parseRetryAfter(header, now)).toBe(seconds);
});
