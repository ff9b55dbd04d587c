import { SpotPoolKind } from '../../src/api/spotpool.ts';
import { describeFields, type FieldRow, type RawSpec } from './frame.ts';
import { live, type PoolLife } from './pool-life.ts';

const base: RawSpec = {
  secretId: 'id',
  secretKey: 'key',
  region: 'ap-singapore',
  availabilityZone: 'ap-singapore-2',
  instanceType: 'GN7.2XLARGE32',
  subnetId: 'subnet-a',
  vpcId: 'vpc-a',
  imageId: 'img-a',
  securityGroupIds: ['sg-a'],
  minimum: 1,
  maximum: 3,
};

const MINUTE = 60_000;

/** Lives of one pool, each in circumstances in which some fields show. All of them are looked at from outside. */
const observers = {
  /** Nothing special happens. */
  calm: (raw: RawSpec) => live(raw),
  /** Five machines are there already. */
  crowded: (raw: RawSpec) => live(raw, { machinesBefore: 5, forMs: 10 * MINUTE }),
  /** Machines stay Pending for an hour. */
  neverRuns: (raw: RawSpec) => live(raw, { bootMs: 60 * MINUTE, forMs: 8 * MINUTE }),
  /** Machines run and never answer. */
  neverReady: (raw: RawSpec) => live(raw, { answers: () => false, forMs: 25 * MINUTE }),
  /** The machine answers for four minutes and then no more. */
  fallsSilent: (raw: RawSpec) => live(raw, { answers: (ms) => ms < 4 * MINUTE, forMs: 8 * MINUTE }),
  /** The cloud isolates the machine after two minutes; it still answers. */
  isolated: (raw: RawSpec) => live(raw, { isolates: (ms) => ms > 2 * MINUTE, forMs: 4 * MINUTE }),
  /** The pool is deleted after two minutes. */
  deleted: (raw: RawSpec) => live(raw, { deleteAfterMs: 2 * MINUTE, forMs: 10 * MINUTE }),
};

type Row = FieldRow<typeof observers>;
type See = (life: PoolLife) => unknown;
const calm = (see: See): Row['observe'] => ({ with: 'calm', see });
/** The first purchase. */
const order = (see: (order: PoolLife['orders'][number] | undefined) => unknown): Row['observe'] =>
  calm(({ orders }) => see(orders[0]));
const noKeys: RawSpec = { secretId: undefined, secretKey: undefined };
const fromSecret: RawSpec = { ...noKeys, credentialsSecretRef: { name: 'tencent' } };
/** When the first machine was released, to the minute. */
const releasedAfterMinutes: See = ({ releases }) => Math.floor((releases[0]?.at ?? 0) / 60);

const rows: readonly Row[] = [
  {
    leaf: 'secretId',
    values: ['id', 'other'],
    difference: 'another account is billed',
    observe: calm(({ keys }) => keys.secretId),
    shows: ['id', 'other'],
  },
  {
    leaf: 'secretKey',
    values: ['key', 'other'],
    difference: 'calls are signed with another key',
    observe: calm(({ keys }) => keys.secretKey),
    shows: ['key', 'other'],
  },
  {
    leaf: 'credentialsSecretRef.name',
    values: ['tencent', 'other'],
    difference: 'the key is read from another Secret',
    base: fromSecret,
    observe: calm(({ keys }) => keys.secretId),
    shows: ['A', 'other-A'],
  },
  {
    leaf: 'credentialsSecretRef.secretIdKey',
    values: [undefined, 'id'],
    difference: 'the id is another entry of the Secret',
    base: fromSecret,
    observe: calm(({ keys }) => keys.secretId),
    shows: ['A', 'C'],
  },
  {
    leaf: 'credentialsSecretRef.secretKeyKey',
    values: [undefined, 'key'],
    difference: 'the key is another entry of the Secret',
    base: fromSecret,
    observe: calm(({ keys }) => keys.secretKey),
    shows: ['B', 'D'],
  },
  {
    leaf: 'credentialsSecretRef.tokenKey',
    values: [undefined, 'session'],
    difference: 'the token is another entry of the Secret',
    base: fromSecret,
    observe: calm(({ keys }) => keys.token),
    shows: ['T', 'S'],
  },
  {
    leaf: 'region',
    values: ['ap-singapore', 'ap-singapore-2'],
    difference: 'another region is asked for machines',
    base: { availabilityZone: 'ap-singapore-2-1' },
    observe: calm(({ region }) => region),
    shows: ['ap-singapore', 'ap-singapore-2'],
  },
  {
    leaf: 'availabilityZone',
    values: ['ap-singapore-2', 'ap-singapore-3'],
    difference: 'machines are bought in another zone',
    observe: order((bought) => bought?.offering.zone),
    shows: ['ap-singapore-2', 'ap-singapore-3'],
  },
  {
    leaf: 'availableZone',
    values: ['ap-singapore-2', 'ap-singapore-3'],
    difference: 'machines are bought in another zone',
    base: { availabilityZone: undefined },
    observe: order((bought) => bought?.offering.zone),
    shows: ['ap-singapore-2', 'ap-singapore-3'],
  },
  {
    leaf: 'instanceType',
    values: ['GN7.2XLARGE32', 'GN7.5XLARGE80'],
    difference: 'larger machines are bought',
    observe: order((bought) => bought?.offering.instanceType),
    shows: ['GN7.2XLARGE32', 'GN7.5XLARGE80'],
  },
  {
    leaf: 'subnetId',
    values: ['subnet-a', 'subnet-b'],
    difference: 'machines are in another subnet',
    observe: order((bought) => bought?.offering.subnetId),
    shows: ['subnet-a', 'subnet-b'],
  },
  {
    leaf: 'vpcId',
    values: ['vpc-a', 'vpc-b'],
    difference: 'machines are in another network',
    observe: order((bought) => bought?.vpcId),
    shows: ['vpc-a', 'vpc-b'],
  },
  {
    leaf: 'imageId',
    values: ['img-a', 'img-b'],
    difference: 'machines boot another image',
    observe: order((bought) => bought?.imageId),
    shows: ['img-a', 'img-b'],
  },
  {
    leaf: 'securityGroupIds',
    values: [['sg-a'], ['sg-a', 'sg-b']],
    difference: 'machines are in one more security group',
    observe: order((bought) => bought?.securityGroupIds),
    shows: [['sg-a'], ['sg-a', 'sg-b']],
  },
  {
    leaf: 'securityGroupId',
    values: ['sg-a', 'sg-b'],
    difference: 'machines are in another security group',
    base: { securityGroupIds: undefined },
    observe: order((bought) => bought?.securityGroupIds),
    shows: [['sg-a'], ['sg-b']],
  },
  {
    leaf: 'minimum',
    values: [1, 2],
    difference: 'one machine more is kept alive',
    observe: calm(({ alive }) => alive),
    shows: [1, 2],
  },
  {
    leaf: 'minSize',
    values: [1, 2],
    difference: 'one machine more is kept alive',
    base: { minimum: undefined },
    observe: calm(({ alive }) => alive),
    shows: [1, 2],
  },
  {
    leaf: 'maximum',
    values: [3, 2],
    difference: 'one machine less is allowed',
    observe: { with: 'crowded', see: ({ alive }) => alive },
    shows: [3, 2],
  },
  {
    leaf: 'maxSize',
    values: [3, 2],
    difference: 'one machine less is allowed',
    base: { maximum: undefined },
    observe: { with: 'crowded', see: ({ alive }) => alive },
    shows: [3, 2],
  },
  {
    leaf: 'replicas',
    values: [undefined, 2],
    difference: 'two machines are wanted, rather than any number',
    observe: calm(({ alive }) => alive),
    shows: [1, 2],
  },
  {
    leaf: 'instanceChargeType',
    values: [undefined, 'POSTPAID_BY_HOUR'],
    difference: 'machines cost the full price and are not reclaimed',
    observe: order((bought) => bought?.offering.chargeType),
    shows: ['SPOTPAID', 'POSTPAID_BY_HOUR'],
  },
  {
    leaf: 'offerings[].availabilityZone',
    values: [undefined, 'ap-singapore-3'],
    difference: 'the first attempt is made in another zone',
    observe: order((bought) => bought?.offering.zone),
    shows: ['ap-singapore-2', 'ap-singapore-3'],
  },
  {
    leaf: 'offerings[].subnetId',
    values: [undefined, 'subnet-b'],
    difference: 'the first attempt is made in another subnet',
    observe: order((bought) => bought?.offering.subnetId),
    shows: ['subnet-a', 'subnet-b'],
  },
  {
    leaf: 'offerings[].instanceType',
    values: [undefined, 'GN7.5XLARGE80'],
    difference: 'the first attempt is for another type',
    observe: order((bought) => bought?.offering.instanceType),
    shows: ['GN7.2XLARGE32', 'GN7.5XLARGE80'],
  },
  {
    leaf: 'offerings[].instanceChargeType',
    values: [undefined, 'POSTPAID_BY_HOUR'],
    difference: 'the first attempt is at the full price',
    observe: order((bought) => bought?.offering.chargeType),
    shows: ['SPOTPAID', 'POSTPAID_BY_HOUR'],
  },
  {
    leaf: 'offerings[].maxPrice',
    values: [undefined, '0.50'],
    difference: 'no more than that is paid',
    observe: order((bought) => bought?.offering.maxPrice ?? 'any'),
    shows: ['any', '0.50'],
  },
  {
    leaf: 'instance.systemDisk.type',
    values: [undefined, 'CLOUD_SSD'],
    difference: 'machines have another kind of disk',
    observe: order((bought) => bought?.systemDisk.type),
    shows: ['CLOUD_BSSD', 'CLOUD_SSD'],
  },
  {
    leaf: 'instance.systemDisk.sizeGiB',
    values: [undefined, 200],
    difference: 'machines have a larger disk',
    observe: order((bought) => bought?.systemDisk.sizeGiB),
    shows: [100, 200],
  },
  {
    leaf: 'instance.publicBandwidthMbps',
    values: [undefined, 0],
    difference: 'machines have no public address',
    observe: order((bought) => bought?.publicBandwidthMbps),
    shows: [10, 0],
  },
  {
    leaf: 'instance.userData',
    values: [undefined, '#cloud-config'],
    difference: 'cloud-init runs it',
    observe: order((bought) => bought?.userData ?? 'none'),
    shows: ['none', '#cloud-config'],
  },
  {
    leaf: 'instance.keyIds',
    values: [undefined, ['skey-a']],
    difference: 'that key pair may log in',
    observe: order((bought) => bought?.keyIds),
    shows: [[], ['skey-a']],
  },
  {
    leaf: 'instance.namePrefix',
    values: [undefined, 'llm'],
    difference: 'names of machines begin with it',
    observe: order((bought) => bought?.name.split('-')[0]),
    shows: ['first', 'llm'],
  },
  {
    leaf: 'instance.tags',
    values: [undefined, { team: 'llm' }],
    difference: 'machines carry one more tag',
    observe: order((bought) => bought?.tags),
    shows: [{}, { team: 'llm' }],
  },
  {
    leaf: 'instance.camRole',
    values: [undefined, 'reader'],
    difference: 'machines have a role of their own',
    observe: order((bought) => bought?.camRole ?? 'none'),
    shows: ['none', 'reader'],
  },
  {
    leaf: 'readiness.port',
    values: [undefined, 8080],
    difference: 'another port is asked',
    observe: calm(({ probes }) => new URL(probes[0]?.url ?? '').port),
    shows: ['11434', '8080'],
  },
  {
    leaf: 'readiness.path',
    values: [undefined, '/healthz'],
    difference: 'another path is asked',
    observe: calm(({ probes }) => new URL(probes[0]?.url ?? '').pathname),
    shows: ['/api/tags', '/healthz'],
  },
  {
    leaf: 'readiness.timeout',
    values: [undefined, '2s'],
    difference: 'a slow answer counts as none',
    observe: calm(({ probes }) => probes[0]?.timeoutMs),
    shows: [5000, 2000],
  },
  {
    leaf: 'readiness.runningTimeout',
    values: [undefined, '1m'],
    difference: 'a machine that does not run is replaced earlier',
    observe: { with: 'neverRuns', see: releasedAfterMinutes },
    shows: [5, 1],
  },
  {
    leaf: 'readiness.readyTimeout',
    values: [undefined, '20m'],
    difference: 'a large model may take longer to load',
    observe: { with: 'neverReady', see: releasedAfterMinutes },
    shows: [10, 20],
  },
  {
    leaf: 'readiness.failureThreshold',
    values: [undefined, 1],
    difference: 'one failed question is enough',
    observe: { with: 'fallsSilent', see: ({ releases }) => Math.ceil(((releases[0]?.at ?? 0) - 240) / 20) },
    shows: [3, 1],
  },
  {
    leaf: 'drain.timeout',
    values: [undefined, '2m'],
    difference: 'a leaving machine may go on answering for longer',
    observe: {
      with: 'deleted',
      see: ({ drainedAt = 0, releases }) => Math.floor(((releases[0]?.at ?? 0) - drainedAt) / 30) * 30,
    },
    shows: [30, 120],
  },
  {
    leaf: 'replacement.surge',
    values: [undefined, 1],
    difference: 'the replacement is bought first',
    base: { maximum: 1 },
    observe: { with: 'isolated', see: ({ peak }) => peak },
    shows: [1, 2],
  },
  {
    leaf: 'limits.launchesPerHour',
    values: [undefined, 1],
    difference: 'one machine in an hour is bought, although three are wanted',
    base: { minimum: 3, maximum: 3 },
    observe: calm(({ alive }) => alive),
    shows: [3, 1],
  },
  {
    leaf: 'deletionPolicy',
    values: [undefined, 'Retain'],
    difference: 'machines outlive the pool',
    observe: { with: 'deleted', see: ({ isGone, alive }) => ({ isGone, alive }) },
    shows: [
      { isGone: true, alive: 0 },
      { isGone: true, alive: 1 },
    ],
  },
  {
    leaf: 'checkInterval',
    values: [undefined, '1m'],
    difference: 'the pool looks at its machines less often',
    observe: calm(({ sweeps }) => (sweeps > 10 ? 'often' : 'rarely')),
    shows: ['often', 'rarely'],
  },
  {
    leaf: 'paused',
    values: [undefined, true],
    difference: 'nothing is bought or released',
    observe: calm(({ alive }) => alive),
    shows: [1, 0],
  },
  {
    leaf: 'kongGatewayIP',
    values: [undefined, '119.28.76.99'],
    difference: 'a gateway is to be kept in step',
    observe: calm(({ conditions }) => conditions['GatewaySynced'] ?? 'none'),
    shows: ['none', 'Unknown NotManaged'],
  },
];

describeFields(SpotPoolKind, { base, observers, rows });
