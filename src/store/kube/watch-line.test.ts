import { describe, expect, it } from 'vitest';
import { parseWatchLine } from './watch-line.ts';

const object = { metadata: { name: 'a', uid: 'u', resourceVersion: '7' } };
const secret = 'c2VjcmV0LXRva2Vu';

describe('a line of a watch', () => {
  it.each([
    { type: 'ADDED', read: { is: 'put', object } },
    { type: 'MODIFIED', read: { is: 'put', object } },
    { type: 'DELETED', read: { is: 'deleted', object } },
    { type: 'BOOKMARK', read: { is: 'bookmark', version: '7' } },
  ])('of type $type is read', ({ type, read }) => {
    expect(parseWatchLine(JSON.stringify({ type, object }))).toEqual(read);
  });

  it.each([
    { name: 'an expired version', status: { reason: 'Expired', code: 410 }, error: { reason: 'Expired', code: 410 } },
    { name: 'no reason but a code', status: { code: 410 }, error: { code: 410 } },
    {
      name: 'too many requests',
      status: { reason: 'TooManyRequests', code: 429, details: { retryAfterSeconds: 7 } },
      error: { reason: 'TooManyRequests', retryAfterSeconds: 7 },
    },
    {
      name: 'a version that the server does not know yet',
      status: { reason: 'Timeout', code: 504, details: { causes: [{ reason: 'ResourceVersionTooLarge' }] } },
      error: { reason: 'ResourceVersionTooLarge', code: 504 },
    },
  ])('of type ERROR tells of $name', ({ status, error }) => {
    const line = JSON.stringify({ type: 'ERROR', object: { kind: 'Status', ...status } });
    expect(parseWatchLine(line)).toMatchObject({ is: 'error', error });
  });

  it.each([
    { name: 'cut in the middle', line: `{"type":"ADDED","object":{"data":{"token":"${secret}"` },
    { name: 'not JSON', line: secret },
    { name: 'empty', line: '' },
    { name: 'a number', line: '3' },
    { name: 'null', line: 'null' },
    { name: 'of a type that nobody knows', line: JSON.stringify({ type: 'MOVED', object: { data: secret } }) },
    { name: 'without a type', line: JSON.stringify({ object: { data: secret } }) },
    { name: 'a bookmark without a version', line: JSON.stringify({ type: 'BOOKMARK', object: { data: secret } }) },
  ])('that is $name is an error, which holds nothing of it', ({ line }) => {
    const thrown = (() => {
      try {
        return parseWatchLine(line);
      } catch (error) {
        return error;
      }
    })();
    expect(thrown).toMatchObject({ name: 'KubeError', reason: 'Failed' });
    expect(String((thrown as Error).message)).not.toContain(secret.slice(0, 5));
    expect((thrown as Error).cause).toBeUndefined();
  });
});
