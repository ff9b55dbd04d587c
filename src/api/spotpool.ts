import { z } from 'zod';
import { DURATION_PATTERN, parseDuration } from '../lib/duration.ts';
import { ConditionList } from './conditions.ts';
import type { CelRule, KindDefinition, PrinterColumn } from './kind.ts';
import type { KubeObject } from './meta.ts';

const name = (what: string, maxLength = 64): z.ZodString => z.string().min(1).max(maxLength).describe(what);
/** `format: password` keeps the value out of error messages, and tells editors what it is. */
const secret = (what: string): z.ZodString => name(what, 128).meta({ format: 'password' });
const id = (prefix: string, what: string): z.ZodString =>
  z
    .string()
    .max(64)
    .regex(new RegExp(`^${prefix}-[a-z0-9]+$`))
    .describe(what);
const duration = (what: string): z.ZodString =>
  z.string().min(2).max(32).regex(new RegExp(DURATION_PATTERN)).describe(`${what} Written as 20s, 5m or 1h30m.`);

/** Each machine of a full pool may be replaced so often within an hour before buying stops: a market that is worse serves nobody. */
const LAUNCHES_PER_MACHINE_AND_HOUR = 3;

/** Tencent allows 50 tags on a machine; some are the operator's own. */
const MOST_TAGS = 40;

const ChargeType = z
  .enum(['SPOTPAID', 'POSTPAID_BY_HOUR'])
  .describe('How a machine is paid for: the spot market, or the full price by the hour.');

const Price = z
  .string()
  .max(16)
  .regex(/^[0-9]+(\.[0-9]{1,6})?$/)
  .describe('The most to pay for an hour of a spot machine, in the currency of the account, as text: "0.50".');

const OfferingSpec = z
  .strictObject({
    availabilityZone: name('The zone; default: that of the pool.').optional(),
    subnetId: id('subnet', 'The subnet, which must lie in that zone; default: that of the pool.').optional(),
    instanceType: name('The type; default: that of the pool.').optional(),
    instanceChargeType: ChargeType.optional(),
    maxPrice: Price.optional(),
  })
  .describe('One way to buy a machine. Fields that are left out are those of the pool.');

const InstanceSpec = z
  .strictObject({
    systemDisk: z
      .strictObject({
        type: z
          .enum(['CLOUD_BSSD', 'CLOUD_PREMIUM', 'CLOUD_SSD', 'CLOUD_HSSD', 'CLOUD_TSSD', 'CLOUD_BASIC'])
          .default('CLOUD_BSSD')
          .describe('The kind of cloud disk.'),
        sizeGiB: z.int32().min(20).max(2048).default(100).describe('Its size in GiB; it must hold the image.'),
      })
      .prefault({})
      .describe('The system disk of a new machine.'),
    publicBandwidthMbps: z
      .int32()
      .min(0)
      .max(2000)
      .default(10)
      .describe(
        'Outgoing bandwidth of the public address in Mbit/s, billed by traffic. 0: no public address, private only.',
      ),
    userData: z
      .string()
      .max(12_288)
      .meta({ format: 'password' })
      .optional()
      .describe('Plain text for cloud-init, run at the first boot; needs an image with cloud-init.'),
    keyIds: z
      .array(id('skey', 'A key pair.'))
      .max(8)
      .default([])
      .describe("Key pairs that may log in. Empty: the image's own login. There is never a built-in password."),
    namePrefix: z
      .string()
      .max(40)
      .regex(/^[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?$/)
      .optional()
      .describe('How the names of the machines begin; default: the name of the pool.'),
    tags: z
      .record(z.string().min(1).max(127), z.string().max(255))
      .meta({ maxProperties: MOST_TAGS })
      .default({})
      .describe('Tags for the machines, beside those by which the operator knows them.'),
    camRole: name('A CAM role for the machine itself.').optional(),
  })
  .prefault({})
  .describe('What a new machine looks like.');

const ReadinessSpec = z
  .strictObject({
    port: z.int32().min(1).max(65_535).default(11_434).describe('The port that is asked; Ollama listens on 11434.'),
    path: z
      .string()
      .max(256)
      .regex(/^\//)
      .default('/api/tags')
      .describe('A machine is ready when a GET of this path answers 200.'),
    timeout: duration('How long one answer may take.').default('5s'),
    runningTimeout: duration('A machine that does not run after this time is replaced.').default('5m'),
    readyTimeout: duration('A machine that runs but is not ready after this time is replaced.').default('10m'),
    failureThreshold: z
      .int32()
      .min(1)
      .max(100)
      .default(3)
      .describe('A ready machine is taken for broken after this many failed questions in a row.'),
  })
  .prefault({})
  .describe('When a machine counts as ready.');

const SpotPoolSpecInput = z
  .strictObject({
    secretId: secret('The id of the API key. Better: credentialsSecretRef.').optional(),
    secretKey: secret(
      'The API key itself, readable by everyone who may read this object. Better: credentialsSecretRef.',
    ).optional(),
    credentialsSecretRef: z
      .strictObject({
        name: name('A Secret in the same namespace.', 253),
        secretIdKey: name('The entry that holds the id of the key.', 253).default('secretId'),
        secretKeyKey: name('The entry that holds the key.', 253).default('secretKey'),
        tokenKey: name('The entry that holds the token of temporary keys, if there is one.', 253).default('token'),
      })
      .optional()
      .describe(
        'Where the API key is. Without it and without inline keys: the environment of the operator, then its CVM role.',
      ),
    region: z
      .string()
      .max(64)
      .regex(/^[a-z]+(-[a-z0-9]+)+$/)
      .describe('The region, for instance ap-singapore.'),
    availabilityZone: name('The zone, for instance ap-singapore-2.').optional(),
    availableZone: name('Another spelling of availabilityZone.').optional(),
    instanceType: name('The type of machine, for instance GN7.2XLARGE32.').optional(),
    subnetId: id('subnet', 'The subnet.').optional(),
    vpcId: id('vpc', 'The private network.'),
    imageId: id('img', 'The image, with Ollama and a model inside.'),
    securityGroupIds: z
      .array(id('sg', 'A security group.'))
      .min(1)
      .max(5)
      .optional()
      .describe('The security groups, at most five.'),
    securityGroupId: id('sg', 'Another spelling of securityGroupIds, for a single group.').optional(),
    minimum: z.int32().min(0).max(1000).optional().describe('At least so many machines are kept alive.'),
    minSize: z.int32().min(0).max(1000).optional().describe('Another spelling of minimum.'),
    maximum: z.int32().min(0).max(1000).optional().describe('There are never more machines than this.'),
    maxSize: z.int32().min(0).max(1000).optional().describe('Another spelling of maximum.'),
    replicas: z
      .int32()
      .min(0)
      .optional()
      .describe(
        'The wanted number of machines, as kubectl scale writes it; held between minimum and maximum. Unset: any number in between is left alone.',
      ),
    instanceChargeType: ChargeType.default('SPOTPAID'),
    offerings: z
      .array(OfferingSpec)
      .min(1)
      .max(32)
      .optional()
      .describe('Ways to buy a machine, tried in this order. Without it there is one, made of the fields of the pool.'),
    instance: InstanceSpec,
    readiness: ReadinessSpec,
    drain: z
      .strictObject({ timeout: duration('How long a leaving machine may go on answering.').default('30s') })
      .prefault({})
      .describe('How a machine leaves.'),
    replacement: z
      .strictObject({
        surge: z
          .int32()
          .min(0)
          .max(1)
          .default(0)
          .describe(
            '1: a replacement may be bought before the machine that it replaces is released, even above the maximum.',
          ),
      })
      .prefault({})
      .describe('How a machine that must go is replaced.'),
    limits: z
      .strictObject({
        launchesPerHour: z
          .int32()
          .min(1)
          .max(10_000)
          .optional()
          .describe('At most so many machines are bought within any hour; default: three times the maximum.'),
      })
      .prefault({})
      .describe('Brakes on spending.'),
    deletionPolicy: z
      .enum(['Delete', 'Retain'])
      .default('Delete')
      .describe(
        'What becomes of the machines when the pool is deleted. Retain: they go on running, and on costing money.',
      ),
    checkInterval: duration('How often the pool looks at its machines.').default('20s'),
    paused: z.boolean().default(false).describe('True: nothing is bought or released; the pool is only watched.'),
    kongGatewayIP: z
      .string()
      .min(1)
      .max(253)
      .regex(/^[a-zA-Z0-9.:-]+$/)
      .optional()
      .describe('The address of the Kong gateway that serves the pool.'),
  })
  .describe('What the pool should be.');

type SpecInput = z.infer<typeof SpotPoolSpecInput>;

/** A pool's spec in one spelling, with every default filled in and durations in milliseconds. */
export interface SpotPoolSpec {
  readonly credentials:
    | { readonly from: 'inline'; readonly secretId: string; readonly secretKey: string }
    | {
        readonly from: 'secret';
        readonly name: string;
        readonly secretIdKey: string;
        readonly secretKeyKey: string;
        readonly tokenKey: string;
      }
    | { readonly from: 'operator' };
  readonly region: string;
  readonly vpcId: string;
  readonly imageId: string;
  readonly securityGroupIds: readonly string[];
  readonly minimum: number;
  readonly maximum: number;
  readonly replicas?: number;
  /** At least one, in the order of preference. */
  readonly offerings: readonly {
    readonly zone: string;
    readonly subnetId: string;
    readonly instanceType: string;
    readonly chargeType: 'SPOTPAID' | 'POSTPAID_BY_HOUR';
    readonly maxPrice?: string;
  }[];
  readonly instance: {
    readonly systemDisk: { readonly type: string; readonly sizeGiB: number };
    readonly publicBandwidthMbps: number;
    readonly userData?: string;
    readonly keyIds: readonly string[];
    readonly namePrefix?: string;
    readonly tags: Readonly<Record<string, string>>;
    readonly camRole?: string;
  };
  readonly readiness: {
    readonly port: number;
    readonly path: string;
    readonly timeoutMs: number;
    readonly runningTimeoutMs: number;
    readonly readyTimeoutMs: number;
    readonly failureThreshold: number;
  };
  readonly drainTimeoutMs: number;
  readonly surge: number;
  readonly launchesPerHour: number;
  readonly deletionPolicy: 'Delete' | 'Retain';
  readonly checkIntervalMs: number;
  readonly paused: boolean;
  readonly kongGatewayIP?: string;
}

/** Folds both spellings into one. Takes what the schema and the rules have passed. */
function normaliseSpotPool(input: SpecInput): SpotPoolSpec {
  const zone = input.availabilityZone ?? input.availableZone ?? '';
  const offerings = (input.offerings ?? [{}]).map((offering) => {
    const chargeType = offering.instanceChargeType ?? input.instanceChargeType;
    return {
      zone: offering.availabilityZone ?? zone,
      subnetId: offering.subnetId ?? input.subnetId ?? '',
      instanceType: offering.instanceType ?? input.instanceType ?? '',
      chargeType,
      ...(offering.maxPrice === undefined ? {} : { maxPrice: offering.maxPrice }),
    };
  });
  const { readiness, instance } = input;
  return {
    credentials: credentialsOf(input),
    region: input.region,
    vpcId: input.vpcId,
    imageId: input.imageId,
    securityGroupIds: input.securityGroupIds ?? (input.securityGroupId === undefined ? [] : [input.securityGroupId]),
    minimum: input.minimum ?? input.minSize ?? 0,
    maximum: input.maximum ?? input.maxSize ?? 0,
    ...(input.replicas === undefined ? {} : { replicas: input.replicas }),
    offerings,
    instance: {
      systemDisk: instance.systemDisk,
      publicBandwidthMbps: instance.publicBandwidthMbps,
      keyIds: instance.keyIds,
      tags: instance.tags,
      ...(instance.userData === undefined ? {} : { userData: instance.userData }),
      ...(instance.namePrefix === undefined ? {} : { namePrefix: instance.namePrefix }),
      ...(instance.camRole === undefined ? {} : { camRole: instance.camRole }),
    },
    readiness: {
      port: readiness.port,
      path: readiness.path,
      timeoutMs: parseDuration(readiness.timeout),
      runningTimeoutMs: parseDuration(readiness.runningTimeout),
      readyTimeoutMs: parseDuration(readiness.readyTimeout),
      failureThreshold: readiness.failureThreshold,
    },
    drainTimeoutMs: parseDuration(input.drain.timeout),
    surge: input.replacement.surge,
    launchesPerHour:
      input.limits.launchesPerHour ?? LAUNCHES_PER_MACHINE_AND_HOUR * (input.maximum ?? input.maxSize ?? 0),
    deletionPolicy: input.deletionPolicy,
    checkIntervalMs: parseDuration(input.checkInterval),
    paused: input.paused,
    ...(input.kongGatewayIP === undefined ? {} : { kongGatewayIP: input.kongGatewayIP }),
  };
}

function credentialsOf(input: SpecInput): SpotPoolSpec['credentials'] {
  if (input.credentialsSecretRef) return { from: 'secret', ...input.credentialsSecretRef };
  if (input.secretId !== undefined && input.secretKey !== undefined) {
    return { from: 'inline', secretId: input.secretId, secretKey: input.secretKey };
  }
  return { from: 'operator' };
}

const notBoth = (field: string, alias: string): CelRule => ({
  rule: `!(has(self.${field}) && has(self.${alias}))`,
  message: `${field} and ${alias} are two spellings of one field; keep ${field}`,
  fieldPath: `.${alias}`,
});
const between = (field: string, least: string, most: string): CelRule => ({
  rule: `duration(self.${field}) >= duration('${least}') && duration(self.${field}) <= duration('${most}')`,
  message: `${field} must be from ${least} to ${most}`,
  fieldPath: `.${field}`,
});
const minimumOf = '(has(self.minimum) ? self.minimum : has(self.minSize) ? self.minSize : 0)';
const maximumOf = '(has(self.maximum) ? self.maximum : has(self.maxSize) ? self.maxSize : 0)';
const offeringsHave = (field: string): string => `has(self.offerings) && self.offerings.all(o, has(o.${field}))`;

const rules: readonly CelRule[] = [
  notBoth('availabilityZone', 'availableZone'),
  notBoth('securityGroupIds', 'securityGroupId'),
  notBoth('minimum', 'minSize'),
  notBoth('maximum', 'maxSize'),
  { rule: 'has(self.minimum) || has(self.minSize)', message: 'minimum is missing' },
  { rule: 'has(self.maximum) || has(self.maxSize)', message: 'maximum is missing' },
  { rule: 'has(self.securityGroupIds) || has(self.securityGroupId)', message: 'securityGroupIds is missing' },
  {
    rule: `has(self.availabilityZone) || has(self.availableZone) || (${offeringsHave('availabilityZone')})`,
    message: 'availabilityZone is missing (here, or in each of the offerings)',
  },
  {
    rule: `has(self.subnetId) || (${offeringsHave('subnetId')})`,
    message: 'subnetId is missing (here, or in each of the offerings)',
  },
  {
    rule: `has(self.instanceType) || (${offeringsHave('instanceType')})`,
    message: 'instanceType is missing (here, or in each of the offerings)',
  },
  {
    rule: `${minimumOf} <= ${maximumOf}`,
    message: 'minimum must not be greater than maximum',
    fieldPath: '.minimum',
  },
  {
    rule: "!has(self.availabilityZone) || self.availabilityZone.startsWith(self.region + '-')",
    message: 'availabilityZone must lie in region: a zone of ap-singapore is ap-singapore-1, ap-singapore-2, …',
    fieldPath: '.availabilityZone',
  },
  {
    rule: "!has(self.availableZone) || self.availableZone.startsWith(self.region + '-')",
    message: 'availableZone must lie in region: a zone of ap-singapore is ap-singapore-1, ap-singapore-2, …',
    fieldPath: '.availableZone',
  },
  {
    rule: "!has(self.offerings) || self.offerings.all(o, !has(o.availabilityZone) || o.availabilityZone.startsWith(self.region + '-'))",
    message: 'the availabilityZone of each offering must lie in region',
    fieldPath: '.offerings',
  },
  {
    rule: "!has(self.offerings) || self.offerings.all(o, !has(o.maxPrice) || (has(o.instanceChargeType) ? o.instanceChargeType : self.instanceChargeType) == 'SPOTPAID')",
    message: 'maxPrice is only for offerings with instanceChargeType SPOTPAID',
    fieldPath: '.offerings',
  },
  {
    rule: 'has(self.secretId) == has(self.secretKey)',
    message: 'secretId and secretKey go together: give both or neither',
  },
  {
    rule: '!(has(self.credentialsSecretRef) && has(self.secretId))',
    message: 'credentialsSecretRef and inline keys exclude each other; keep credentialsSecretRef',
    fieldPath: '.secretId',
  },
  {
    rule: 'self.instance.tags.all(key, size(key) >= 1 && size(key) <= 127)',
    message: 'the name of a tag has 1 to 127 characters',
    fieldPath: '.instance.tags',
  },
  between('checkInterval', '1s', '24h'),
  between('readiness.timeout', '100ms', '10m'),
  between('readiness.runningTimeout', '1s', '24h'),
  between('readiness.readyTimeout', '1s', '24h'),
  between('drain.timeout', '0s', '24h'),
];

const time = (what: string): z.ZodString => z.string().max(32).describe(`${what} RFC 3339, UTC.`);

/** The phases of a machine, in the order of its life. */
export const MachinePhase = z.enum([
  'Requested',
  'Pending',
  'Running',
  'Warming',
  'Ready',
  'Draining',
  'Terminating',
  'Failed',
]);
export type MachinePhase = z.infer<typeof MachinePhase>;

const InstanceStatus = z.object({
  instanceId: z.string().max(32).describe('The id that the cloud gave it.'),
  name: z.string().max(128).optional().describe('Its name; ends in the mark of the purchase.'),
  phase: MachinePhase.describe('Requested, Pending, Running, Warming, Ready, Draining, Terminating or Failed.'),
  reason: z.string().max(128).describe('Why it is in that phase.'),
  message: z.string().max(1024).optional().describe('The same for people.'),
  offering: z.string().max(256).describe('How it was bought: zone/type/subnet/charge type.'),
  imageId: z.string().max(64).optional().describe('The image that it was booted from.'),
  publicIp: z.string().max(64).optional().describe('Its public address.'),
  privateIp: z.string().max(64).optional().describe('Its private address.'),
  specHash: z
    .string()
    .max(64)
    .optional()
    .describe('Fingerprint of the spec that it was bought with; absent on adopted machines.'),
  isOutdated: z.boolean().optional().describe('Bought with an older spec; leaves first when one must leave.'),
  createdAt: time('When the cloud made it.'),
  runningAt: time('When it was first seen running.').optional(),
  readyAt: time('When it first answered.').optional(),
  missingSince: time('When the list first came without it.').optional(),
  drainingSince: time('When it was told to leave.').optional(),
  terminatingSince: time('When its release was asked for.').optional(),
  releaseRefusedAt: time('When its release was last refused until somebody changes something.').optional(),
  releaseRefusal: z.enum(['ReleaseRefused', 'PermissionDenied']).optional().describe('Why it was refused.'),
  probeFailures: z.int32().optional().describe('Failed readiness questions in a row, at most failureThreshold.'),
  silentSince: time('When the first of these questions failed.').optional(),
  hourlyCost: z.string().max(32).optional().describe('What it costs by the hour, disk and bandwidth included.'),
  hourlyListCost: z.string().max(32).optional().describe('What it would cost by the hour at the on-demand price.'),
});
export type InstanceStatus = z.infer<typeof InstanceStatus>;

const OfferingStatus = z.object({
  offering: z.string().max(256).describe('zone/type/subnet/charge type.'),
  state: z.enum(['Available', 'Blocked']).describe('Blocked offerings are not asked until blockedUntil.'),
  reason: z.string().max(128).describe('Why.'),
  message: z.string().max(1024).optional().describe('The same for people, with the code of the cloud.'),
  blockedUntil: time('When it is tried again.').optional(),
  backoffSeconds: z.int32().optional().describe('How long the last block was; the next one is longer.'),
  lastTriedAt: time('The last purchase.').optional(),
  tryCount: z
    .int32()
    .optional()
    .describe('How many machines the next purchase asks for at most, after a larger one was refused.'),
  hourlyCost: z.string().max(32).optional().describe('What a machine of it costs by the hour.'),
});
export type OfferingStatus = z.infer<typeof OfferingStatus>;

const LaunchIntent = z.object({
  token: z.string().max(64).describe('The client token of the purchase.'),
  name: z.string().max(128).describe('The name of its machines; ends in a mark that no other purchase has.'),
  offering: z.string().max(256).describe('What is bought.'),
  count: z.int32().describe('How many.'),
  specHash: z.string().max(64).describe('Fingerprint of the spec that it was planned with.'),
  plannedAt: time('When it was decided.'),
  /** Set once the outcome of a call became unknown, or when the process that planned it is gone. */
  unknownSince: time('When the outcome of the call became unknown.').optional(),
  message: z.string().max(1024).optional().describe('What went wrong with the call.'),
  emptyLookAt: time(
    'When its machines were looked for first and not found; a second look, some time later, decides.',
  ).optional(),
  trigger: z.string().max(256).optional().describe('What made the pool buy.'),
});
export type LaunchIntent = z.infer<typeof LaunchIntent>;

const BuyingStop = z.object({
  reason: z.string().max(128).describe('Why nothing is bought.'),
  message: z.string().max(1024).describe('The same for people, with the code of the cloud.'),
  until: time('When it is tried again.'),
  generation: z.int().describe('The generation of the spec that was refused; a newer one is tried at once.'),
});
export type BuyingStop = z.infer<typeof BuyingStop>;

const HistoryEntry = z.object({
  time: time('When it happened; of repeats, the last time.'),
  firstTime: time('When the first of the repeats happened.').optional(),
  times: z.int32().optional().describe('How often, when more than once: the same refusal is kept in one entry.'),
  reason: z.string().max(128).describe('What was decided or happened, in one permanent word.'),
  machines: z.array(z.string().max(32)).max(100).optional().describe('The machines that it is about.'),
  offering: z.string().max(256).optional().describe('zone/type/subnet/charge type.'),
  price: z.string().max(32).optional().describe('What one such machine costs by the hour.'),
  trigger: z.string().max(256).optional().describe('What made the pool decide so.'),
  message: z.string().max(256).optional().describe('The same for people.'),
});
export type HistoryEntry = z.infer<typeof HistoryEntry>;

const amount = (what: string): z.ZodString => z.string().max(32).describe(`${what} In the currency of the account.`);

const Spend = z
  .object({
    thisHour: amount('What the machines have cost since the hour began.'),
    today: amount('What they have cost since midnight, UTC.'),
    thisMonth: amount('What they have cost since the first of the month, UTC.'),
    savedThisHour: amount('How much less that was than at the on-demand price.'),
    savedToday: amount('The same since midnight, UTC.'),
    savedThisMonth: amount('The same since the first of the month, UTC.'),
    countedUntil: time(
      'Up to when the sums go. They are brought up to date when something changes, at least every five minutes.',
    ),
  })
  .describe('What the pool has cost so far, traffic aside.');
export type Spend = z.infer<typeof Spend>;

const LaunchCount = z.object({
  at: time('The last purchase of that minute.'),
  count: z.int32().describe('How many machines were bought in it; those that the cloud could not start are taken off.'),
  imageId: z.string().max(64).describe('With which image.'),
});
export type LaunchCount = z.infer<typeof LaunchCount>;

const ImageTrial = z
  .object({
    key: z.string().max(64).describe('Fingerprint of what machines are made of and how they are asked for readiness.'),
    outcomes: z
      .array(
        z.object({
          machine: z.string().max(32).describe('The machine.'),
          madeAt: time('When it was made.'),
          outcome: z.enum(['Ready', 'NeverReady']).describe('What became of it.'),
        }),
      )
      .max(4)
      .describe('What became of the machines that were made last.'),
    lastLaunchAt: time('The last purchase.').optional(),
  })
  .describe('Whether machines of this image become ready; two of four that never did make it suspect.');
export type ImageTrial = z.infer<typeof ImageTrial>;

const SpotPoolStatus = z
  .object({
    observedGeneration: z.int().optional().describe('The generation of the spec that this status speaks of.'),
    minimum: z.int32().optional().describe('The minimum in force, whatever its spelling.'),
    maximum: z.int32().optional().describe('The maximum in force, whatever its spelling.'),
    size: z.int32().optional().describe('Machines that are alive, PENDING included.'),
    ready: z.int32().optional().describe('Machines that answer.'),
    outdated: z.int32().optional().describe('Machines that were bought with an older spec.'),
    hourlyCost: z
      .string()
      .max(32)
      .optional()
      .describe('What the machines cost by the hour, disk and bandwidth included.'),
    currency: z.string().max(8).optional().describe('The currency of the account: CNY or USD.'),
    conditions: ConditionList.optional().describe(
      'Ready, Reconciling, Stalled, CapacityAvailable, CredentialsValid, GatewaySynced and others.',
    ),
    account: z
      .string()
      .max(128)
      .optional()
      .describe('A name for the account and region in which the machines were seen last; tells nothing of the keys.'),
    instances: z.array(InstanceStatus).max(2000).optional().describe('The machines.'),
    offerings: z.array(OfferingStatus).max(32).optional().describe('What is known of each way to buy.'),
    buyingStopped: BuyingStop.optional().describe('Present while the account or the spec does not let the pool buy.'),
    hourlySavings: z
      .string()
      .max(32)
      .optional()
      .describe('How much less the machines cost by the hour than at the on-demand price.'),
    spend: Spend.optional(),
    launches: z.array(LaunchCount).max(64).optional().describe('The purchases of the last hour, by minute.'),
    trial: ImageTrial.optional(),
    provenImages: z
      .array(z.string().max(64))
      .max(16)
      .optional()
      .describe('Images of which a machine has been ready in this pool, the latest last.'),
    history: z.array(HistoryEntry).max(50).optional().describe('The last fifty decisions and losses, the latest last.'),
    intents: z.array(LaunchIntent).max(16).optional().describe('Purchases that are decided but not settled.'),
  })
  .describe('What the pool is.');
export type SpotPoolStatus = z.infer<typeof SpotPoolStatus>;

export type SpotPool = KubeObject<SpotPoolSpec, SpotPoolStatus>;

const printerColumns: readonly PrinterColumn[] = [
  { name: 'Min', type: 'integer', jsonPath: '.status.minimum', description: 'At least so many machines' },
  { name: 'Max', type: 'integer', jsonPath: '.status.maximum', description: 'At most so many machines' },
  { name: 'Size', type: 'integer', jsonPath: '.status.size', description: 'Machines alive' },
  { name: 'Ready', type: 'integer', jsonPath: '.status.ready', description: 'Machines that answer' },
  { name: 'Cost/h', type: 'string', jsonPath: '.status.hourlyCost', description: 'Cost of all machines by the hour' },
  {
    name: 'Status',
    type: 'string',
    jsonPath: '.status.conditions[?(@.type=="Ready")].reason',
    description: 'Why it is ready or not',
  },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Time since it was made' },
  {
    name: 'Currency',
    type: 'string',
    jsonPath: '.status.currency',
    description: 'Currency of the account',
    priority: 1,
  },
  {
    name: 'Outdated',
    type: 'integer',
    jsonPath: '.status.outdated',
    description: 'Machines of an older spec',
    priority: 1,
  },
];

export const SpotPoolKind: KindDefinition<SpotPoolSpec> = {
  group: 'demo.aiops.org',
  version: 'v1',
  kind: 'SpotPool',
  plural: 'spotpools',
  singular: 'spotpool',
  shortNames: ['sp'],
  description: 'A pool of spot machines that is kept between a minimum and a maximum size.',
  specSchema: SpotPoolSpecInput,
  statusSchema: SpotPoolStatus,
  rules,
  printerColumns,
  scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.size' },
  normalise: normaliseSpotPool,
};
