import { describe, expect, it } from 'vitest';
import { parseSpec } from './parse.ts';
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
const spelt = {
  ...without('availabilityZone', 'securityGroupIds', 'minimum', 'maximum'),
  availableZone: 'ap-singapore-2',
};
const tags = (count: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`tag${index}`, 'x']));
const keys = { secretId: 'id', secretKey: 'key' };
const elsewhere = 'ap-guangzhou-3';

/** For each rule, by its message: specs that keep it and specs that break this rule and no other. */
const examples: Record<string, { keep: object[]; break: object[] }> = {
  'availabilityZone and availableZone are two spellings of one field; keep availabilityZone': {
    keep: [good, { ...without('availabilityZone'), availableZone: 'ap-singapore-1' }],
    break: [{ ...good, availableZone: 'ap-singapore-2' }],
  },
  'securityGroupIds and securityGroupId are two spellings of one field; keep securityGroupIds': {
    keep: [{ ...without('securityGroupIds'), securityGroupId: 'sg-1' }],
    break: [{ ...good, securityGroupId: 'sg-1' }],
  },
  'minimum and minSize are two spellings of one field; keep minimum': {
    keep: [{ ...without('minimum'), minSize: 1 }],
    break: [{ ...good, minSize: 1 }],
  },
  'maximum and maxSize are two spellings of one field; keep maximum': {
    keep: [{ ...without('maximum'), maxSize: 3 }],
    break: [{ ...good, maxSize: 3 }],
  },
  'minimum is missing': { keep: [{ ...good, minimum: 0 }], break: [without('minimum')] },
  'maximum is missing': { keep: [{ ...good, minimum: 0, maximum: 0 }], break: [{ ...without('maximum'), minimum: 0 }] },
  'securityGroupIds is missing': { keep: [good], break: [without('securityGroupIds')] },
  'availabilityZone is missing (here, or in each of the offerings)': {
    keep: [{ ...without('availabilityZone'), offerings: [{ availabilityZone: 'ap-singapore-1' }] }],
    break: [
      without('availabilityZone'),
      { ...without('availabilityZone'), offerings: [{ availabilityZone: 'ap-singapore-1' }, {}] },
    ],
  },
  'subnetId is missing (here, or in each of the offerings)': {
    keep: [{ ...without('subnetId'), offerings: [{ subnetId: 'subnet-1' }] }],
    break: [without('subnetId'), { ...without('subnetId'), offerings: [{ subnetId: 'subnet-1' }, {}] }],
  },
  'instanceType is missing (here, or in each of the offerings)': {
    keep: [{ ...without('instanceType'), offerings: [{ instanceType: 'GN8' }] }],
    break: [without('instanceType'), { ...without('instanceType'), offerings: [{ instanceType: 'GN8' }, {}] }],
  },
  'minimum must not be greater than maximum': {
    keep: [{ ...good, minimum: 3 }],
    break: [
      { ...good, minimum: 4 },
      { ...spelt, securityGroupId: 'sg-1', minSize: 9, maxSize: 8 },
      { ...without('minimum'), minSize: 4 },
    ],
  },
  'availabilityZone must lie in region: a zone of ap-singapore is ap-singapore-1, ap-singapore-2, …': {
    keep: [good],
    break: [
      { ...good, availabilityZone: elsewhere },
      { ...good, availabilityZone: 'ap-singapore' },
      { ...good, availabilityZone: 'ap-singapore2-1' },
    ],
  },
  'availableZone must lie in region: a zone of ap-singapore is ap-singapore-1, ap-singapore-2, …': {
    keep: [{ ...without('availabilityZone'), availableZone: 'ap-singapore-9' }],
    break: [{ ...without('availabilityZone'), availableZone: elsewhere }],
  },
  'the availabilityZone of each offering must lie in region': {
    keep: [{ ...good, offerings: [{}, { availabilityZone: 'ap-singapore-3' }] }],
    break: [{ ...good, offerings: [{}, { availabilityZone: elsewhere }] }],
  },
  'maxPrice is only for offerings with instanceChargeType SPOTPAID': {
    keep: [
      { ...good, offerings: [{ maxPrice: '1' }, { instanceChargeType: 'POSTPAID_BY_HOUR' }] },
      {
        ...good,
        instanceChargeType: 'POSTPAID_BY_HOUR',
        offerings: [{ maxPrice: '1', instanceChargeType: 'SPOTPAID' }],
      },
    ],
    break: [
      { ...good, offerings: [{ maxPrice: '1', instanceChargeType: 'POSTPAID_BY_HOUR' }] },
      { ...good, instanceChargeType: 'POSTPAID_BY_HOUR', offerings: [{ maxPrice: '1' }] },
    ],
  },
  'secretId and secretKey go together: give both or neither': {
    keep: [{ ...good, ...keys }],
    break: [
      { ...good, secretId: 'id' },
      { ...good, secretKey: 'key' },
    ],
  },
  'credentialsSecretRef and inline keys exclude each other; keep credentialsSecretRef': {
    keep: [{ ...good, credentialsSecretRef: { name: 'keys' } }],
    break: [{ ...good, ...keys, credentialsSecretRef: { name: 'keys' } }],
  },
  'checkInterval must be from 1s to 24h': {
    keep: [
      { ...good, checkInterval: '1s' },
      { ...good, checkInterval: '24h' },
    ],
    break: [
      { ...good, checkInterval: '0s' },
      { ...good, checkInterval: '999ms' },
      { ...good, checkInterval: '24h1ms' },
      { ...good, checkInterval: `${'9'.repeat(31)}h` },
    ],
  },
  'readiness.timeout must be from 100ms to 10m': {
    keep: [{ ...good, readiness: { timeout: '100ms' } }],
    break: [
      { ...good, readiness: { timeout: '0s' } },
      { ...good, readiness: { timeout: '1h' } },
    ],
  },
  'readiness.runningTimeout must be from 1s to 24h': {
    keep: [{ ...good, readiness: { runningTimeout: '1h30m' } }],
    break: [{ ...good, readiness: { runningTimeout: '0s' } }],
  },
  'readiness.readyTimeout must be from 1s to 24h': {
    keep: [{ ...good, readiness: { readyTimeout: '20m' } }],
    break: [{ ...good, readiness: { readyTimeout: '25h' } }],
  },
  'drain.timeout must be from 0s to 24h': {
    keep: [{ ...good, drain: { timeout: '0s' } }],
    break: [{ ...good, drain: { timeout: '25h' } }],
  },
};

/** The schema itself refuses these names before the rule can; in a cluster only the rule does. */
const onlyInClusters = ['the name of a tag has 1 to 127 characters'];

describe('the rules of SpotPool', () => {
  it('have examples, every one', () => {
    const messages = SpotPoolKind.rules.map(({ message }) => message);
    expect([...Object.keys(examples), ...onlyInClusters].toSorted()).toEqual(messages.toSorted());
  });

  describe.each(Object.entries(examples))('%s', (message, { keep, break: broken }) => {
    it.each(keep)('is kept by %j', (spec) => expect(parseSpec(SpotPoolKind, spec)).toMatchObject({ ok: true }));

    it.each(broken)('is broken by %j, and no other rule is', (spec) => {
      const parsed = parseSpec(SpotPoolKind, spec);
      expect(parsed.ok).toBe(false);
      if (parsed.ok) return;
      expect(parsed.problems.map((problem) => problem.message.startsWith(message))).toEqual([true]);
    });
  });
});

describe('one spelling', () => {
  it('fills each offering from the fields of the pool', () => {
    const offerings = [
      { instanceType: 'GN8', maxPrice: '0.5' },
      { availabilityZone: 'ap-singapore-3', subnetId: 'subnet-3', instanceChargeType: 'POSTPAID_BY_HOUR' },
    ];
    expect(parseSpec(SpotPoolKind, { ...good, offerings })).toMatchObject({
      spec: {
        offerings: [
          {
            zone: 'ap-singapore-2',
            subnetId: 'subnet-gfrv79s2',
            instanceType: 'GN8',
            chargeType: 'SPOTPAID',
            maxPrice: '0.5',
          },
          {
            zone: 'ap-singapore-3',
            subnetId: 'subnet-3',
            instanceType: 'GN7.2XLARGE32',
            chargeType: 'POSTPAID_BY_HOUR',
          },
        ],
      },
    });
  });

  it.each([
    { name: 'inline keys', fields: keys, credentials: { from: 'inline', ...keys } },
    {
      name: 'a Secret with the usual entries',
      fields: { credentialsSecretRef: { name: 'tencent' } },
      credentials: {
        from: 'secret',
        name: 'tencent',
        secretIdKey: 'secretId',
        secretKeyKey: 'secretKey',
        tokenKey: 'token',
      },
    },
    { name: 'nothing: the operator has its own', fields: {}, credentials: { from: 'operator' } },
  ])('takes the credentials from $name', ({ fields, credentials }) => {
    expect(parseSpec(SpotPoolKind, { ...good, ...fields })).toMatchObject({ spec: { credentials } });
  });
});

describe('tags', () => {
  it.each([tags(40), { constructor: 'x', toString: 'y' }])('may be %j', (given) => {
    expect(parseSpec(SpotPoolKind, { ...good, instance: { tags: given } })).toMatchObject({ ok: true });
  });

  it('are at most 40, whatever else is wrong', () => {
    const parsed = parseSpec(SpotPoolKind, { ...good, region: 7, instance: { tags: tags(41) } });
    expect(parsed).toMatchObject({
      ok: false,
      problems: [
        { path: ['region'] },
        {
          path: ['instance', 'tags'],
          message: expect.stringMatching(/^instance\.tags: has 41 entries; it must be a map with at most 40 entries/),
        },
      ],
    });
  });
});
