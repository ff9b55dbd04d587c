import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { arbitraryOf } from '../../test/fields/schema-arbitrary.ts';
import { jsonSchemaOf } from './json-schema.ts';
import { parseSpec } from './parse.ts';
import { SpotPoolKind } from './spotpool.ts';

interface Asks {
  readonly required: string[];
}
interface SpecSchema {
  readonly properties: object;
  readonly allOf: readonly { readonly not?: Asks; readonly anyOf?: Asks[] }[];
}
const schema = jsonSchemaOf(SpotPoolKind) as {
  readonly $schema: string;
  readonly properties: { readonly spec: SpecSchema };
};

/** An own, independent reader of JSON Schema. It knows no `not`, so what asks for presence is looked at below. */
const { allOf, ...spec } = schema.properties.spec;
const reader = z.fromJSONSchema({ ...schema, properties: { ...schema.properties, spec } } as never);

const good = {
  region: 'ap-singapore',
  availabilityZone: 'ap-singapore-2',
  instanceType: 'GN7.2XLARGE32',
  subnetId: 'subnet-1',
  vpcId: 'vpc-1',
  imageId: 'img-1',
  securityGroupIds: ['sg-1'],
  minimum: 1,
  maximum: 3,
};
const manifest = (fields: object, more: object = {}): object => ({
  apiVersion: 'demo.aiops.org/v1',
  kind: 'SpotPool',
  metadata: { name: 'a' },
  spec: { ...good, ...fields },
  ...more,
});
const accepts = (value: unknown): boolean => reader.safeParse(value).success;

describe('the JSON Schema for editors', () => {
  it('is of a draft that editors know', () => {
    expect(schema.$schema).toBe('http://json-schema.org/draft-07/schema#');
  });

  it.each([
    { name: 'one spelling', value: manifest({}) },
    { name: 'the other', value: manifest({ availableZone: 'ap-singapore-2', minSize: 1, securityGroupId: 'sg-1' }) },
    { name: 'what kubectl shows of an object', value: manifest({}, { status: { size: 1 } }) },
  ])('takes $name', ({ value }) => expect(accepts(value)).toBe(true));

  it.each([
    { name: 'another kind', value: manifest({}, { kind: 'SpotPools' }) },
    { name: 'another version', value: manifest({}, { apiVersion: 'demo.aiops.org/v2' }) },
    { name: 'no name', value: manifest({}, { metadata: {} }) },
    { name: 'an unknown field', value: manifest({ regoin: 'x' }) },
    { name: 'an unknown field deep inside', value: manifest({ instance: { systemDisk: { size: 1 } } }) },
    { name: 'an unknown field at the root', value: manifest({}, { sepc: {} }) },
    { name: 'text for a number', value: manifest({ minimum: '1' }) },
    { name: 'a number above its maximum', value: manifest({ maximum: 1001 }) },
  ])('refuses $name', ({ value }) => expect(accepts(value)).toBe(false));

  it('refuses both spellings, and neither', () => {
    const both = allOf.flatMap((rule) => (rule.not === undefined ? [] : [rule.not.required]));
    const either = allOf.flatMap((rule) =>
      rule.anyOf === undefined ? [] : [rule.anyOf.flatMap((asks) => asks.required)],
    );
    expect(both).toEqual([
      ['availabilityZone', 'availableZone'],
      ['securityGroupIds', 'securityGroupId'],
      ['minimum', 'minSize'],
      ['maximum', 'maxSize'],
      ['credentialsSecretRef', 'secretId'],
    ]);
    expect(either).toEqual([
      ['minimum', 'minSize'],
      ['maximum', 'maxSize'],
      ['securityGroupIds', 'securityGroupId'],
    ]);
  });

  it('takes whatever our own schema takes', () => {
    fc.assert(fc.property(arbitraryOf(SpotPoolKind.specSchema), (any) => accepts(manifest(any as object))));
  });

  it('never takes a type that our own parser refuses', () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(spec.properties)), fc.jsonValue(), (name, value) => {
        fc.pre(value !== null);
        const isTaken = accepts(manifest({ [name]: value }));
        const parsed = parseSpec(SpotPoolKind, { ...good, [name]: value });
        const isTypeWrong =
          !parsed.ok && parsed.problems.some(({ message }) => /is text;|is a number;|a boolean;/.test(message));
        expect(isTaken && isTypeWrong).toBe(false);
      }),
    );
  });
});
