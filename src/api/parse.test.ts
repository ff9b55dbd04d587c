import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryOf } from '../../test/fields/schema-arbitrary.ts';
import { parseSpec } from './parse.ts';
import { pathText } from './problem.ts';
import { SpotPoolKind } from './spotpool.ts';

const good = {
  region: 'ap-singapore',
  availabilityZone: 'ap-singapore-2',
  instanceType: 'GN7.2XLARGE32',
  subnetId: 'subnet-gfrv79s2',
  vpcId: 'vpc-86f66zht',
  imageId: 'img-5gn3j31i',
  securityGroupIds: ['sg-aglabemo'],
  minimum: 1,
  maximum: 3,
};

const without = (...names: string[]): Record<string, unknown> =>
  Object.fromEntries(Object.entries(good).filter(([name]) => !names.includes(name)));

/** Every problem of a spec as `path: message`. */
function problems(raw: unknown): string[] {
  const parsed = parseSpec(SpotPoolKind, raw);
  return parsed.ok ? [] : parsed.problems.map(({ path, message }) => `${pathText(path)} | ${message}`);
}

it('checks the rules between the sound fields of a part that has an unsound one', () => {
  const found = problems({ ...good, readiness: { timeout: 'soon', runningTimeout: '48h' } });
  expect(found.map((problem) => problem.split(' | ')[0])).toEqual(['readiness.timeout', 'readiness.runningTimeout']);
});

describe('a spec as it should be', () => {
  it('comes back in one spelling, with every default and durations in milliseconds', () => {
    expect(parseSpec(SpotPoolKind, { ...good, drain: { timeout: '1m30s' } })).toEqual({
      ok: true,
      spec: {
        credentials: { from: 'operator' },
        region: 'ap-singapore',
        vpcId: 'vpc-86f66zht',
        imageId: 'img-5gn3j31i',
        securityGroupIds: ['sg-aglabemo'],
        minimum: 1,
        maximum: 3,
        offerings: [
          {
            zone: 'ap-singapore-2',
            subnetId: 'subnet-gfrv79s2',
            instanceType: 'GN7.2XLARGE32',
            chargeType: 'SPOTPAID',
          },
        ],
        instance: {
          systemDisk: { type: 'CLOUD_BSSD', sizeGiB: 100 },
          publicBandwidthMbps: 10,
          keyIds: [],
          tags: {},
        },
        readiness: {
          port: 11_434,
          path: '/api/tags',
          timeoutMs: 5000,
          runningTimeoutMs: 300_000,
          readyTimeoutMs: 600_000,
          failureThreshold: 3,
        },
        drainTimeoutMs: 90_000,
        surge: 0,
        launchesPerHour: 9,
        deletionPolicy: 'Delete',
        checkIntervalMs: 20_000,
        paused: false,
      },
    });
  });

  it('may have null for what is not given, as the API server takes it', () => {
    const parsed = parseSpec(SpotPoolKind, { ...good, paused: null, replicas: null, instance: { systemDisk: null } });
    expect(parsed).toEqual(parseSpec(SpotPoolKind, good));
  });
});

const id = (prefix: string): string => `it must be text that matches ^${prefix}-[a-z0-9]+$, at most 64 characters`;
const count = 'it must be a whole number from 0 to 1000';

const bad: { name: string; spec: unknown; says: string[] }[] = [
  { name: 'nothing at all', spec: undefined, says: ['spec | spec is missing; it must be a map of fields'] },
  { name: 'a text instead of a map', spec: 'x', says: ['spec | spec: "x" is text; it must be a map of fields'] },
  {
    name: 'a list instead of a map',
    spec: [good],
    says: ['spec | spec: a list does not belong here; it must be a map of fields'],
  },
  {
    name: 'a number in quotes',
    spec: { ...good, minimum: '2' },
    says: [`minimum | minimum: "2" is text; ${count}, without quotes`],
  },
  {
    name: 'a word instead of a number',
    spec: { ...good, minimum: 'two' },
    says: [`minimum | minimum: "two" is text; ${count}`],
  },
  {
    name: 'a number without quotes where text is wanted',
    spec: { ...good, offerings: [{}, { maxPrice: 0.5 }] },
    says: [
      'offerings[1].maxPrice | offerings[1].maxPrice: 0.5 is a number; ' +
        'it must be text that matches ^[0-9]+(\\.[0-9]{1,6})?$, at most 16 characters, in quotes',
    ],
  },
  {
    name: 'a boolean in quotes',
    spec: { ...good, paused: 'yes' },
    says: ['paused | paused: "yes" is text; it must be true or false, without quotes'],
  },
  {
    name: 'a fraction of a machine',
    spec: { ...good, minimum: 1.5 },
    says: [`minimum | minimum: 1.5 is not a whole number; ${count}`],
  },
  {
    name: 'negative numbers',
    spec: { ...good, minimum: -1, instance: { systemDisk: { sizeGiB: -5 } } },
    says: [
      `minimum | minimum: -1 is too small; ${count}`,
      'instance.systemDisk.sizeGiB | instance.systemDisk.sizeGiB: -5 is too small; it must be a whole number from 20 to 2048',
    ],
  },
  {
    name: 'a number that is too large',
    spec: { ...good, maximum: 1001 },
    says: [`maximum | maximum: 1001 is too large; ${count}`],
  },
  {
    name: 'empty texts',
    spec: { ...good, vpcId: '', instanceType: '' },
    says: [
      'instanceType | instanceType: "" is empty; it must be text of 1 to 64 characters',
      `vpcId | vpcId: "" is empty; ${id('vpc')}`,
    ],
  },
  {
    name: 'an id of something else',
    spec: { ...good, imageId: 'ami-123' },
    says: [`imageId | imageId: "ami-123" is not allowed; ${id('img')}`],
  },
  {
    name: 'a very long text, which is cut',
    spec: { ...good, vpcId: 'v'.repeat(1000) },
    says: [`vpcId | vpcId: "${'v'.repeat(60)}"… (1000 characters) is too long; ${id('vpc')}`],
  },
  {
    name: 'a required field that is missing',
    spec: without('vpcId'),
    says: [`vpcId | vpcId is missing; ${id('vpc')}`],
  },
  {
    name: 'null where a value is required',
    spec: { ...good, vpcId: null },
    says: [`vpcId | vpcId is missing; ${id('vpc')}`],
  },
  {
    name: 'a list with too few entries, and one with null inside',
    spec: { ...good, securityGroupIds: [], instance: { keyIds: [null] } },
    says: [
      `securityGroupIds | securityGroupIds: an empty list is too short; it must be a list of 1 to 5 entries, each ${id('sg').slice(11)}`,
      `instance.keyIds[0] | instance.keyIds[0]: null does not belong here; ${id('skey')}`,
    ],
  },
  {
    name: 'one entry instead of a list',
    spec: { ...good, securityGroupIds: 'sg-1' },
    says: [
      `securityGroupIds | securityGroupIds: "sg-1" is text; it must be a list of 1 to 5 entries, each ${id('sg').slice(11)}`,
    ],
  },
  {
    name: 'a map instead of a text',
    spec: { ...good, region: { name: 'ap-singapore' } },
    says: [
      'region | region: a map does not belong here; it must be text that matches ^[a-z]+(-[a-z0-9]+)+$, at most 64 characters',
    ],
  },
  {
    name: 'a word that is not one of the list',
    spec: { ...good, instanceChargeType: 'SPOT_PAID' },
    says: [
      'instanceChargeType | instanceChargeType: "SPOT_PAID" is not allowed; it must be SPOTPAID or POSTPAID_BY_HOUR. Did you mean SPOTPAID?',
    ],
  },
  {
    name: 'a duration in words',
    spec: { ...good, readiness: { timeout: '5 minutes' } },
    says: [
      'readiness.timeout | readiness.timeout: "5 minutes" is not allowed; it must be a duration such as 20s, 5m or 1h30m',
    ],
  },
  {
    name: 'a duration as a number',
    spec: { ...good, checkInterval: 20 },
    says: ['checkInterval | checkInterval: 20 is a number; it must be a duration such as 20s, 5m or 1h30m, in quotes'],
  },
  {
    name: 'a tag without a name',
    spec: { ...good, instance: { tags: { '': 'x' } } },
    says: [
      'instance.tags[""] | instance.tags: the name "" is not allowed (Too small: expected string to have >=1 characters)',
    ],
  },
  {
    name: 'a field that is not known, with the one that was meant',
    spec: { ...good, regoin: 'x' },
    says: ['regoin | unknown field "regoin"; did you mean region?'],
  },
  {
    name: 'a field that belongs further in',
    spec: { ...good, systemDisk: {} },
    says: ['systemDisk | unknown field "systemDisk"; did you mean instance.systemDisk?'],
  },
  {
    name: 'a field that belongs further out',
    spec: { ...good, instance: { imageId: 'img-1' } },
    says: ['instance.imageId | unknown field "imageId" in instance; did you mean spec.imageId?'],
  },
  {
    name: 'a field of a list entry in another case',
    spec: { ...good, offerings: [{ max_price: '1' }] },
    says: ['offerings[0].max_price | unknown field "max_price" in offerings[0]; did you mean offerings[0].maxPrice?'],
  },
  {
    name: 'a slip in a field that other parts have too',
    spec: { ...good, drain: { timeot: '5s' } },
    says: ['drain.timeot | unknown field "timeot" in drain; did you mean drain.timeout?'],
  },
  {
    name: 'a part of a name',
    spec: { ...good, zone: 'x' },
    says: ['zone | unknown field "zone"; did you mean availabilityZone?'],
  },
  {
    name: 'a field that is like nothing',
    spec: { ...good, drain: { wibble: 1 } },
    says: ['drain.wibble | unknown field "wibble" in drain; the fields here are timeout'],
  },
  {
    name: 'an unknown field, whose value may be a secret',
    spec: { ...good, 'secret key': 'hunter2' },
    says: ['["secret key"] | unknown field "secret key"; did you mean secretKey?'],
  },
  {
    name: 'a secret of the wrong type, which is not shown',
    spec: { ...good, secretId: 'id', secretKey: 424_242 },
    says: [
      'secretKey | secretKey: the value (not shown) is a number; it must be text of 1 to 128 characters, in quotes',
    ],
  },
  {
    name: 'minimum above maximum, in the other spelling',
    spec: { ...without('minimum', 'maximum'), minSize: 4, maxSize: 3 },
    says: ['minimum | minimum must not be greater than maximum (given: minSize 4, maxSize 3)'],
  },
  {
    name: 'both spellings',
    spec: { ...good, maxSize: 3 },
    says: ['maxSize | maximum and maxSize are two spellings of one field; keep maximum (given: maximum 3, maxSize 3)'],
  },
  {
    name: 'a zone of another region, and an entry of a list with one',
    spec: { ...good, availabilityZone: 'ap-guangzhou-3', offerings: [{}, { availabilityZone: 'ap-tokyo-1' }] },
    says: [
      'availabilityZone | availabilityZone must lie in region: a zone of ap-singapore is ap-singapore-1, ap-singapore-2, … ' +
        '(given: availabilityZone "ap-guangzhou-3", region "ap-singapore")',
      'offerings[1] | the availabilityZone of each offering must lie in region (given: availabilityZone "ap-tokyo-1", region "ap-singapore")',
    ],
  },
  {
    name: 'one of many faults in each part, all told at once; rules about unsound parts wait',
    spec: { ...good, region: 7, minimum: '5', maxSize: 1, colour: 'red' },
    says: [
      'region | region: 7 is a number; it must be text that matches ^[a-z]+(-[a-z0-9]+)+$, at most 64 characters, in quotes',
      `minimum | minimum: "5" is text; ${count}, without quotes`,
      'colour | unknown field "colour"; the fields here are secretId, secretKey, credentialsSecretRef, region, availabilityZone, availableZone, instanceType, subnetId, vpcId, imageId, securityGroupIds, securityGroupId and others',
      'maxSize | maximum and maxSize are two spellings of one field; keep maximum (given: maximum 3, maxSize 1)',
    ],
  },
];

describe('a spec with something wrong', () => {
  it.each(bad)('$name', ({ spec, says }) => expect(problems(spec)).toEqual(says));

  it('answers at most a hundred problems, and how many more there are', () => {
    const spec = { ...good, ...Object.fromEntries(Array.from({ length: 250 }, (_, index) => [`x${index}y`, 1])) };
    expect(problems(spec)).toHaveLength(101);
    expect(problems(spec).at(-1)).toBe('spec | and 150 more problems');
  });
});

describe('always', () => {
  it('answers, and never throws, whatever JSON it is given', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(...Object.keys(good), 'instance', 'offerings', 'x'), (json, name) => {
        parseSpec(SpotPoolKind, json);
        const parsed = parseSpec(SpotPoolKind, { ...good, [name]: json });
        if (!parsed.ok) expect(parsed.problems.length).toBeGreaterThan(0);
      }),
    );
  });

  it('never shows a secret, wherever else the spec is wrong', () => {
    const secret = 'hunter2hunter2';
    const wrong = fc.constantFrom(secret, `${secret}\n`.repeat(2000), [secret], { a: secret }, { [secret]: 1 });
    fc.assert(
      fc.property(wrong, wrong, fc.jsonValue(), (secretKey, userData, vpcId) => {
        const spec = { ...good, vpcId, secretKey, instance: { userData }, credentialsSecretRef: { name: 'x' } };
        expect(JSON.stringify(problems(spec))).not.toContain(secret);
      }),
    );
  });

  it('reads both spellings of any spec as the same', () => {
    fc.assert(
      fc.property(specs(), (spec) => {
        const canonical = parseSpec(SpotPoolKind, spec);
        expect(canonical).toMatchObject({ ok: true });
        expect(parseSpec(SpotPoolKind, otherSpelling(spec))).toEqual(canonical);
      }),
    );
  });
});

type Spec = Record<string, unknown>;

const aliases = { availabilityZone: 'availableZone', minimum: 'minSize', maximum: 'maxSize' };

function otherSpelling(spec: Spec): Spec {
  const { securityGroupIds, ...rest } = spec;
  const renamed = Object.entries(rest).map(([name, value]) => [aliases[name as keyof typeof aliases] ?? name, value]);
  const groups = securityGroupIds as string[];
  return {
    ...Object.fromEntries(renamed),
    ...(groups.length === 1 ? { securityGroupId: groups[0] } : { securityGroupIds: groups }),
  };
}

/** Any spec in the first spelling: what the schema generates, made to fit the rules between the fields. */
function specs(): fc.Arbitrary<Spec> {
  const parts = fc.record({
    any: arbitraryOf(SpotPoolKind.specSchema) as fc.Arbitrary<Spec>,
    groups: fc.array(fc.constantFrom('sg-a', 'sg-b'), { minLength: 1, maxLength: 3 }),
    zone: fc.integer({ min: 1, max: 9 }),
    sizes: fc.tuple(fc.integer({ min: 0, max: 1000 }), fc.integer({ min: 0, max: 1000 })),
    keys: fc.constantFrom('inline', 'secret', 'none'),
  });
  return parts.map(({ any, groups, zone, sizes, keys }) => {
    const { availableZone, minSize, maxSize, securityGroupId, secretId, secretKey, credentialsSecretRef, ...rest } =
      any;
    const inZone = `${any['region']}-${zone}`;
    const offerings = (any['offerings'] as Spec[] | undefined)?.map(({ maxPrice, ...offering }) => ({
      ...offering,
      ...('availabilityZone' in offering ? { availabilityZone: inZone } : {}),
    }));
    return {
      ...rest,
      ...(offerings === undefined ? {} : { offerings }),
      availabilityZone: inZone,
      subnetId: 'subnet-1',
      instanceType: 'GN7.2XLARGE32',
      securityGroupIds: groups,
      minimum: Math.min(...sizes),
      maximum: Math.max(...sizes),
      ...(keys === 'inline' ? { secretId: 'id', secretKey: 'key' } : {}),
      ...(keys === 'secret' ? { credentialsSecretRef: { name: 'keys' } } : {}),
    };
  });
}
