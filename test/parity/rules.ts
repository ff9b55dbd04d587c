import { LogPilotKind } from '../../src/api/logpilot.ts';
import { SpotPoolKind } from '../../src/api/spotpool.ts';
import type { Side } from './cells.ts';
import type { Raw } from './specs.ts';

/** Makes of a sound spec one that only just keeps a rule, or only just breaks it; `n` (0 to 9) picks one of several. */
type Make = (spec: Raw, n: number) => Raw;
type Sides = Readonly<Record<Side, Make>>;

const set =
  (change: Raw, ...drop: string[]): Make =>
  (spec) =>
    without({ ...spec, ...change }, ...drop);
const without = (spec: Raw, ...names: string[]): Raw =>
  Object.fromEntries(Object.entries(spec).filter(([name]) => !names.includes(name)));
const zoneOf = ({ region }: Raw, n = 1): string => `${region}-${n}`;
const pick = <T>(n: number, ...all: readonly T[]): T => all[n % all.length] as T;

/** Two spellings of one field: either may be there, both may not. */
const notBoth = (field: string, alias: string, value: (spec: Raw, n: number) => unknown): Sides => ({
  allowed: (spec, n) => {
    const [keep, drop] = pick(n, [field, alias], [alias, field]);
    return { ...without(spec, drop), [keep]: spec[field] ?? spec[alias] ?? value(spec, n) };
  },
  refused: (spec, n) => {
    const one = spec[field] ?? spec[alias];
    return { ...spec, [field]: spec[field] ?? toField(field, one), [alias]: spec[alias] ?? value(spec, n) };
  },
});
const toField = (field: string, value: unknown): unknown => (field === 'securityGroupIds' ? [value].flat() : value);

const oneOf = (field: string, alias: string, value: unknown): Sides => ({
  allowed: (spec) => (spec[alias] === undefined ? { ...spec, [field]: spec[field] ?? value } : without(spec, field)),
  refused: set({}, field, alias),
});

/** A field of the pool that the offerings may give instead, all of them. */
const inEach = (field: string, value: (spec: Raw) => unknown, ...aliases: string[]): Sides => ({
  allowed: (spec, n) => ({
    ...without(spec, field, ...aliases),
    offerings: Array.from({ length: 1 + (n % 3) }, () => ({ [field]: value(spec) })),
  }),
  refused: (spec, n) => ({
    ...without(spec, field, ...aliases, ...(n % 2 === 0 ? ['offerings'] : [])),
    ...(n % 2 === 0 ? {} : { offerings: [{ [field]: value(spec) }, {}] }),
  }),
});

/** A field inside the spec, `readiness.timeout`, at both ends of its range. */
const between = (path: string, inside: readonly string[], outside: readonly string[]): Sides => {
  const [outer = '', inner] = path.split('.');
  const put = (spec: Raw, value: string): Raw => {
    const old = (spec[outer] ?? {}) as Raw;
    return { ...spec, [outer]: inner === undefined ? value : { ...old, [inner]: value } };
  };
  return { allowed: (spec, n) => put(spec, pick(n, ...inside)), refused: (spec, n) => put(spec, pick(n, ...outside)) };
};

const tagged = (spec: Raw, tags: Record<string, string>): Raw => ({
  ...spec,
  instance: { ...(spec['instance'] as Raw), tags },
});

/** A name of a tag of so many characters, plain or not. */
const named = (length: number, n: number): Record<string, string> => ({
  [pick(n, 'a', '中', '😀').repeat(length)]: 'x',
});

const zones = {
  sound: (spec: Raw, n: number): string =>
    pick(n, zoneOf(spec), zoneOf(spec, 23), `${spec['region']}-a`, `${spec['region']}-`),
  elsewhere: (spec: Raw, n: number): string =>
    pick(n, `${spec['region']}`, `${spec['region']}1-1`, `x${zoneOf(spec)}`, zoneOf(spec).toUpperCase()),
};
const long = ['24h', '1440m', '86400s', '23h59m60s', '0000024h'];
const tooLong = ['24h1ms', '1441m', '86401s', '25h', '99999999999h', `${'9'.repeat(31)}h`];

const pool: Readonly<Record<string, Sides>> = {
  'availabilityZone and availableZone': notBoth('availabilityZone', 'availableZone', zoneOf),
  'securityGroupIds and securityGroupId': {
    ...notBoth('securityGroupIds', 'securityGroupId', () => 'sg-1'),
    allowed: (spec, n) =>
      n % 2 === 0
        ? { ...without(spec, 'securityGroupIds'), securityGroupId: 'sg-1' }
        : { ...without(spec, 'securityGroupId'), securityGroupIds: ['sg-1'] },
  },
  'minimum and minSize': notBoth('minimum', 'minSize', () => 0),
  'maximum and maxSize': notBoth('maximum', 'maxSize', () => 1000),
  'minimum is missing': oneOf('minimum', 'minSize', 0),
  'maximum is missing': {
    ...oneOf('maximum', 'maxSize', 1000),
    refused: set({ minimum: 0 }, 'minSize', 'maximum', 'maxSize'),
  },
  'securityGroupIds is missing': oneOf('securityGroupIds', 'securityGroupId', ['sg-1']),
  'availabilityZone is missing': inEach('availabilityZone', zoneOf, 'availableZone'),
  'subnetId is missing': inEach('subnetId', () => 'subnet-2'),
  'instanceType is missing': inEach('instanceType', () => 'GN8.LARGE'),
  'minimum must not be greater': {
    allowed: (spec, n) => sized(spec, n, 0),
    refused: (spec, n) => sized(spec, n, 1),
  },
  'availabilityZone must lie in region': {
    allowed: (spec, n) => ({ ...without(spec, 'availableZone'), availabilityZone: zones.sound(spec, n) }),
    refused: (spec, n) => ({ ...without(spec, 'availableZone'), availabilityZone: zones.elsewhere(spec, n) }),
  },
  'availableZone must lie in region': {
    allowed: (spec, n) => ({ ...without(spec, 'availabilityZone'), availableZone: zones.sound(spec, n) }),
    refused: (spec, n) => ({ ...without(spec, 'availabilityZone'), availableZone: zones.elsewhere(spec, n) }),
  },
  'the availabilityZone of each offering': {
    allowed: (spec, n) => ({ ...spec, offerings: [{}, { availabilityZone: zones.sound(spec, n) }] }),
    refused: (spec, n) => ({
      ...spec,
      offerings: [{ availabilityZone: zoneOf(spec) }, { availabilityZone: zones.elsewhere(spec, n) }],
    }),
  },
  'maxPrice is only for': {
    allowed: (spec, n) => ({
      ...spec,
      instanceChargeType: pick(n, 'POSTPAID_BY_HOUR', 'SPOTPAID'),
      offerings: [{ instanceChargeType: 'SPOTPAID', maxPrice: '0.5' }, {}],
    }),
    refused: (spec, n) => ({
      ...spec,
      instanceChargeType: pick(n, 'POSTPAID_BY_HOUR', 'SPOTPAID'),
      offerings: [{}, { maxPrice: '0.5', ...(n % 2 === 0 ? {} : { instanceChargeType: 'POSTPAID_BY_HOUR' }) }],
    }),
  },
  'secretId and secretKey go together': {
    allowed: (spec, n) =>
      n % 2 === 0
        ? { ...without(spec, 'credentialsSecretRef'), secretId: 'a', secretKey: 'b' }
        : without(spec, 'secretId', 'secretKey'),
    refused: (spec, n) => ({
      ...without(spec, 'credentialsSecretRef', 'secretId', 'secretKey'),
      [pick(n, 'secretId', 'secretKey')]: 'a',
    }),
  },
  'credentialsSecretRef and inline keys': {
    allowed: (spec, n) =>
      n % 2 === 0
        ? { ...without(spec, 'secretId', 'secretKey'), credentialsSecretRef: { name: 'keys' } }
        : { ...without(spec, 'credentialsSecretRef'), secretId: 'a', secretKey: 'b' },
    refused: set({ credentialsSecretRef: { name: 'keys' }, secretId: 'a', secretKey: 'b' }),
  },
  'the name of a tag has': {
    allowed: (spec, n) => tagged(spec, named(pick(n, 1, 127, 126), n)),
    refused: (spec, n) => tagged(spec, { ...named(pick(n, 0, 128, 129), n), sound: 'x' }),
  },
  'checkInterval must be from 1s': between(
    'checkInterval',
    ['1s', '1000ms', ...long],
    ['999ms', '0s', '0h0m', ...tooLong],
  ),
  'readiness.timeout must be from 100ms': between(
    'readiness.timeout',
    ['100ms', '10m', '600s', '9m60s', '0s100ms'],
    ['99ms', '0s', '10m1ms', '601s', '1h'],
  ),
  'readiness.runningTimeout must be': between('readiness.runningTimeout', ['1s', ...long], ['999ms', ...tooLong]),
  'readiness.readyTimeout must be': between('readiness.readyTimeout', ['1s', ...long], ['999ms', ...tooLong]),
  'drain.timeout must be from 0s': between('drain.timeout', ['0s', '0ms', ...long], tooLong),
};

/** The smaller size above the larger one by `over`, in each of the four spellings. */
function sized(spec: Raw, n: number, over: number): Raw {
  const size = pick(n, 0, 1, 7, 999);
  return {
    ...without(spec, 'minimum', 'minSize', 'maximum', 'maxSize'),
    [pick(n, 'minimum', 'minSize')]: size + over,
    [pick(n >> 1, 'maximum', 'maxSize')]: size,
  };
}

/** A secret in the spec or in a Secret, not both. */
const apart = (field: string): Sides => ({
  allowed: (spec, n) =>
    n % 2 === 0
      ? { ...without(spec, `${field}SecretRef`), [field]: pick(n >> 1, 'x', '') }
      : { ...without(spec, field), [`${field}SecretRef`]: { name: 's' } },
  refused: (spec, n) => ({ ...spec, [field]: pick(n, 'x', ''), [`${field}SecretRef`]: { name: 's' } }),
});

const pilot: Readonly<Record<string, Sides>> = {
  'llmToken and llmTokenSecretRef': apart('llmToken'),
  'feishuWebhook and feishuWebhookSecretRef': apart('feishuWebhook'),
  'feishuWebhook or feishuWebhookSecretRef is missing': {
    allowed: apart('feishuWebhook').allowed,
    refused: set({}, 'feishuWebhook', 'feishuWebhookSecretRef'),
  },
};

/** @throws {Error} for a rule that has no examples here: write some */
export function examplesOf(kind: string, message: string): Sides {
  const all = { [SpotPoolKind.kind]: pool, [LogPilotKind.kind]: pilot }[kind] ?? {};
  const found = Object.entries(all).find(([begin]) => message.startsWith(begin));
  if (found === undefined) throw new Error(`the rule "${message}" of ${kind} has no examples in test/parity/rules.ts`);
  return found[1];
}
