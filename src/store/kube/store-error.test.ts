import { describe, expect, it } from 'vitest';
import { StoreError, type StoreReason } from '../store.ts';
import { KubeError, type KubeReason } from './kube-error.ts';
import { inStoreTerms, storeErrorFrom } from './store-error.ts';

const cases: [KubeReason, number, StoreReason][] = [
  ['NotFound', 404, 'NotFound'],
  ['AlreadyExists', 409, 'Conflict'],
  ['Conflict', 409, 'Conflict'],
  ['Invalid', 422, 'Invalid'],
  ['BadRequest', 400, 'Invalid'],
  ['UnsupportedMediaType', 415, 'Invalid'],
  ['Failed', 413, 'Invalid'],
  ['Failed', 408, 'Unavailable'],
  ['Failed', 500, 'Unavailable'],
  ['Failed', 0, 'Unavailable'],
  ['Unauthorized', 401, 'Unavailable'],
  ['Forbidden', 403, 'Unavailable'],
  ['Gone', 410, 'Unavailable'],
  ['Expired', 410, 'Unavailable'],
  ['TooManyRequests', 429, 'Unavailable'],
  ['ResourceVersionTooLarge', 504, 'Unavailable'],
  // The kind is missing, not the object.
  ['NotInstalled', 404, 'Unavailable'],
  ['Timeout', 0, 'Unavailable'],
  ['Unreachable', 0, 'Unavailable'],
];

describe('an error of the API server', () => {
  it.each(cases)('%s (%i) is %s to the store, with the same message', (reason, code, expected) => {
    const error = new KubeError(reason, 'PUT /x: it says why', { code });
    const told = storeErrorFrom(error);
    expect(told).toBeInstanceOf(StoreError);
    expect([told.reason, told.message, told.cause]).toEqual([expected, 'PUT /x: it says why', error]);
  });

  it.each([
    ['x is forbidden: unable to create new content in namespace a because it is being terminated', []],
    ['x is forbidden', ['metadata.namespace: namespace a is being terminated']],
  ])('of a namespace being deleted (%s) is no matter of trying again', (message, causes) => {
    expect(storeErrorFrom(new KubeError('Forbidden', message, { code: 403, causes })).reason).toBe('Invalid');
  });
});

describe('work told in the store’s terms', () => {
  it('gives its result', async () => expect(await inStoreTerms(Promise.resolve(1))).toBe(1));

  it('translates only errors of the API server', async () => {
    const refused = new KubeError('Conflict', 'x', { code: 409 });
    await expect(inStoreTerms(Promise.reject(refused))).rejects.toMatchObject({
      name: 'StoreError',
      reason: 'Conflict',
    });
    const other = new Error('stopped');
    await expect(inStoreTerms(Promise.reject(other))).rejects.toBe(other);
  });
});
