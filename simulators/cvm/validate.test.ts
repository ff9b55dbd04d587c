import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DescribeInstances, RunInstances } from './schemas.ts';
import { readParams, unflatten } from './validate.ts';

const placement = { Placement: { Zone: 'ap-singapore-2' }, ImageId: 'img-5gn3j31i' };

it.each([
  ['an unknown field', { ...placement, Foo: 1 }, 'UnknownParameter', 'Foo'],
  [
    'an unknown field inside',
    { ...placement, Placement: { Zone: 'z', Zon: 'z' } },
    'UnknownParameter',
    'Placement.Zon',
  ],
  ['a missing field', { ImageId: 'i' }, 'MissingParameter', 'Placement'],
  ['a missing field inside', { ...placement, Placement: {} }, 'MissingParameter', 'Placement.Zone'],
  ['null for a required field', { ...placement, ImageId: null }, 'MissingParameter', 'ImageId'],
  ['a text for a number', { ...placement, InstanceCount: '2' }, 'InvalidParameter', 'InstanceCount'],
  ['a number for a text', { ...placement, InstanceName: 7 }, 'InvalidParameter', 'InstanceName'],
  ['a fraction', { ...placement, InstanceCount: 1.5 }, 'InvalidParameter', 'InstanceCount'],
  ['a count out of range', { ...placement, InstanceCount: 501 }, 'InvalidParameterValue.Range', 'InstanceCount'],
  [
    'a number for the bid',
    { ...placement, InstanceMarketOptions: { SpotOptions: { MaxPrice: 0.5 } } },
    'InvalidParameter',
    'MaxPrice',
  ],
])('refuses %s and names the field', (_name, body, code, field) => {
  const read = (): unknown => readParams(RunInstances, body, false);
  expect(read).toThrow(expect.objectContaining({ code }));
  expect(read).toThrow(field);
});

it('leaves null members out, as the SDKs do', () => {
  expect(readParams(RunInstances, { ...placement, InstanceName: null }, false)).toEqual({
    ...placement,
    InstanceCount: 1,
  });
});

describe('flattened parameters', () => {
  it('become the tree that JSON would have been, with numbers and booleans where the schema wants them', () => {
    const flat = { 'InstanceIds.0': 'ins-aaaaaaaa', 'InstanceIds.1': '123', Limit: '50', Offset: '0' };
    expect(readParams(DescribeInstances, unflatten(flat), true)).toEqual({
      InstanceIds: ['ins-aaaaaaaa', '123'],
      Limit: 50,
      Offset: 0,
    });
    const order = { 'Placement.Zone': 'z', ImageId: 'i', DryRun: 'true', InstanceCount: '3' };
    expect(readParams(RunInstances, unflatten(order), true)).toMatchObject({ DryRun: true, InstanceCount: 3 });
  });

  it('still refuse a text that is no number', () => {
    expect(() => readParams(DescribeInstances, { Limit: 'many' }, true)).toThrow(
      expect.objectContaining({ code: 'InvalidParameter' }),
    );
  });

  it('keep every list of texts in order, however long', () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { minLength: 1, maxLength: 30 }), (values) => {
        const flat = Object.fromEntries(values.map((value, index) => [`InstanceIds.${index}`, value]));
        expect(unflatten(flat)).toEqual({ InstanceIds: values });
      }),
    );
  });

  it('cannot reach the prototype of anything', () => {
    unflatten({ '__proto__.polluted': 'yes', 'a.__proto__.polluted': 'yes' });
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});
