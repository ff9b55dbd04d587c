import { parseSpec } from '../../src/api/parse.ts';
import { SpotPoolKind, type SpotPoolSpec } from '../../src/api/spotpool.ts';
import { describeFields, type FieldRow, type RawSpec } from './frame.ts';

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

/** What can be looked at. A field is proven where it takes effect; `normalised` only shows that it is understood. */
const observers = {
  normalised(raw: RawSpec): SpotPoolSpec {
    const parsed = parseSpec(SpotPoolKind, raw);
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
    return parsed.spec;
  },
};

type Row = FieldRow<typeof observers>;
const spec = (see: (spec: SpotPoolSpec) => unknown): Row['observe'] => ({ with: 'normalised', see });
/** The first way to buy. */
const first = (see: (offering: SpotPoolSpec['offerings'][number]) => unknown): Row['observe'] =>
  spec(({ offerings }) => offerings.map(see)[0]);
const noKeys: RawSpec = { secretId: undefined, secretKey: undefined };
const fromSecret: RawSpec = { ...noKeys, credentialsSecretRef: { name: 'tencent' } };
const seconds = (ms: number): number => ms / 1000;

const rows: readonly Row[] = [
  {
    leaf: 'secretId',
    values: ['id', 'other'],
    difference: 'another account is billed',
    observe: spec(({ credentials }) => credentials.from === 'inline' && credentials.secretId),
    shows: ['id', 'other'],
  },
  {
    leaf: 'secretKey',
    values: ['key', 'other'],
    difference: 'calls are signed with another key',
    observe: spec(({ credentials }) => credentials.from === 'inline' && credentials.secretKey),
    shows: ['key', 'other'],
  },
  {
    leaf: 'credentialsSecretRef.name',
    values: ['tencent', 'other'],
    difference: 'the key is read from another Secret',
    base: fromSecret,
    observe: spec(({ credentials }) => credentials.from === 'secret' && credentials.name),
    shows: ['tencent', 'other'],
  },
  {
    leaf: 'credentialsSecretRef.secretIdKey',
    values: [undefined, 'id'],
    difference: 'the id is another entry of the Secret',
    base: fromSecret,
    observe: spec(({ credentials }) => credentials.from === 'secret' && credentials.secretIdKey),
    shows: ['secretId', 'id'],
  },
  {
    leaf: 'credentialsSecretRef.secretKeyKey',
    values: [undefined, 'key'],
    difference: 'the key is another entry of the Secret',
    base: fromSecret,
    observe: spec(({ credentials }) => credentials.from === 'secret' && credentials.secretKeyKey),
    shows: ['secretKey', 'key'],
  },
  {
    leaf: 'credentialsSecretRef.tokenKey',
    values: [undefined, 'session'],
    difference: 'the token is another entry of the Secret',
    base: fromSecret,
    observe: spec(({ credentials }) => credentials.from === 'secret' && credentials.tokenKey),
    shows: ['token', 'session'],
  },
  {
    leaf: 'region',
    values: ['ap-singapore', 'ap-singapore-2'],
    difference: 'another region is asked for machines',
    base: { availabilityZone: 'ap-singapore-2-1' },
    observe: spec(({ region }) => region),
    shows: ['ap-singapore', 'ap-singapore-2'],
  },
  {
    leaf: 'availabilityZone',
    values: ['ap-singapore-2', 'ap-singapore-3'],
    difference: 'machines are bought in another zone',
    observe: first(({ zone }) => zone),
    shows: ['ap-singapore-2', 'ap-singapore-3'],
  },
  {
    leaf: 'availableZone',
    values: ['ap-singapore-2', 'ap-singapore-3'],
    difference: 'machines are bought in another zone',
    base: { availabilityZone: undefined },
    observe: first(({ zone }) => zone),
    shows: ['ap-singapore-2', 'ap-singapore-3'],
  },
  {
    leaf: 'instanceType',
    values: ['GN7.2XLARGE32', 'GN7.5XLARGE80'],
    difference: 'larger machines are bought',
    observe: first(({ instanceType }) => instanceType),
    shows: ['GN7.2XLARGE32', 'GN7.5XLARGE80'],
  },
  {
    leaf: 'subnetId',
    values: ['subnet-a', 'subnet-b'],
    difference: 'machines are in another subnet',
    observe: first(({ subnetId }) => subnetId),
    shows: ['subnet-a', 'subnet-b'],
  },
  {
    leaf: 'vpcId',
    values: ['vpc-a', 'vpc-b'],
    difference: 'machines are in another network',
    observe: spec(({ vpcId }) => vpcId),
    shows: ['vpc-a', 'vpc-b'],
  },
  {
    leaf: 'imageId',
    values: ['img-a', 'img-b'],
    difference: 'machines boot another image',
    observe: spec(({ imageId }) => imageId),
    shows: ['img-a', 'img-b'],
  },
  {
    leaf: 'securityGroupIds',
    values: [['sg-a'], ['sg-a', 'sg-b']],
    difference: 'machines are in one more security group',
    observe: spec(({ securityGroupIds }) => securityGroupIds),
    shows: [['sg-a'], ['sg-a', 'sg-b']],
  },
  {
    leaf: 'securityGroupId',
    values: ['sg-a', 'sg-b'],
    difference: 'machines are in another security group',
    base: { securityGroupIds: undefined },
    observe: spec(({ securityGroupIds }) => securityGroupIds),
    shows: [['sg-a'], ['sg-b']],
  },
  {
    leaf: 'minimum',
    values: [1, 2],
    difference: 'one machine more is kept alive',
    observe: spec(({ minimum }) => minimum),
    shows: [1, 2],
  },
  {
    leaf: 'minSize',
    values: [1, 2],
    difference: 'one machine more is kept alive',
    base: { minimum: undefined },
    observe: spec(({ minimum }) => minimum),
    shows: [1, 2],
  },
  {
    leaf: 'maximum',
    values: [3, 2],
    difference: 'one machine less is allowed',
    observe: spec(({ maximum }) => maximum),
    shows: [3, 2],
  },
  {
    leaf: 'maxSize',
    values: [3, 2],
    difference: 'one machine less is allowed',
    base: { maximum: undefined },
    observe: spec(({ maximum }) => maximum),
    shows: [3, 2],
  },
  {
    leaf: 'replicas',
    values: [undefined, 2],
    difference: 'two machines are wanted, rather than any number',
    observe: spec(({ replicas }) => replicas ?? 'any'),
    shows: ['any', 2],
  },
  {
    leaf: 'instanceChargeType',
    values: [undefined, 'POSTPAID_BY_HOUR'],
    difference: 'machines cost the full price and are not reclaimed',
    observe: first(({ chargeType }) => chargeType),
    shows: ['SPOTPAID', 'POSTPAID_BY_HOUR'],
  },
  {
    leaf: 'offerings[].availabilityZone',
    values: [undefined, 'ap-singapore-3'],
    difference: 'the first attempt is made in another zone',
    observe: first(({ zone }) => zone),
    shows: ['ap-singapore-2', 'ap-singapore-3'],
  },
  {
    leaf: 'offerings[].subnetId',
    values: [undefined, 'subnet-b'],
    difference: 'the first attempt is made in another subnet',
    observe: first(({ subnetId }) => subnetId),
    shows: ['subnet-a', 'subnet-b'],
  },
  {
    leaf: 'offerings[].instanceType',
    values: [undefined, 'GN7.5XLARGE80'],
    difference: 'the first attempt is for another type',
    observe: first(({ instanceType }) => instanceType),
    shows: ['GN7.2XLARGE32', 'GN7.5XLARGE80'],
  },
  {
    leaf: 'offerings[].instanceChargeType',
    values: [undefined, 'POSTPAID_BY_HOUR'],
    difference: 'the first attempt is at the full price',
    observe: first(({ chargeType }) => chargeType),
    shows: ['SPOTPAID', 'POSTPAID_BY_HOUR'],
  },
  {
    leaf: 'offerings[].maxPrice',
    values: [undefined, '0.50'],
    difference: 'no more than that is paid',
    observe: first(({ maxPrice }) => maxPrice ?? 'any'),
    shows: ['any', '0.50'],
  },
  {
    leaf: 'instance.systemDisk.type',
    values: [undefined, 'CLOUD_SSD'],
    difference: 'machines have another kind of disk',
    observe: spec(({ instance }) => instance.systemDisk.type),
    shows: ['CLOUD_BSSD', 'CLOUD_SSD'],
  },
  {
    leaf: 'instance.systemDisk.sizeGiB',
    values: [undefined, 200],
    difference: 'machines have a larger disk',
    observe: spec(({ instance }) => instance.systemDisk.sizeGiB),
    shows: [100, 200],
  },
  {
    leaf: 'instance.publicBandwidthMbps',
    values: [undefined, 0],
    difference: 'machines have no public address',
    observe: spec(({ instance }) => instance.publicBandwidthMbps),
    shows: [10, 0],
  },
  {
    leaf: 'instance.userData',
    values: [undefined, '#cloud-config'],
    difference: 'cloud-init runs it',
    observe: spec(({ instance }) => instance.userData ?? 'none'),
    shows: ['none', '#cloud-config'],
  },
  {
    leaf: 'instance.keyIds',
    values: [undefined, ['skey-a']],
    difference: 'that key pair may log in',
    observe: spec(({ instance }) => instance.keyIds),
    shows: [[], ['skey-a']],
  },
  {
    leaf: 'instance.namePrefix',
    values: [undefined, 'llm'],
    difference: 'names of machines begin with it',
    observe: spec(({ instance }) => instance.namePrefix ?? 'the name of the pool'),
    shows: ['the name of the pool', 'llm'],
  },
  {
    leaf: 'instance.tags',
    values: [undefined, { team: 'llm' }],
    difference: 'machines carry one more tag',
    observe: spec(({ instance }) => instance.tags),
    shows: [{}, { team: 'llm' }],
  },
  {
    leaf: 'instance.camRole',
    values: [undefined, 'reader'],
    difference: 'machines have a role of their own',
    observe: spec(({ instance }) => instance.camRole ?? 'none'),
    shows: ['none', 'reader'],
  },
  {
    leaf: 'readiness.port',
    values: [undefined, 8080],
    difference: 'another port is asked',
    observe: spec(({ readiness }) => readiness.port),
    shows: [11_434, 8080],
  },
  {
    leaf: 'readiness.path',
    values: [undefined, '/healthz'],
    difference: 'another path is asked',
    observe: spec(({ readiness }) => readiness.path),
    shows: ['/api/tags', '/healthz'],
  },
  {
    leaf: 'readiness.timeout',
    values: [undefined, '2s'],
    difference: 'a slow answer counts as none',
    observe: spec(({ readiness }) => seconds(readiness.timeoutMs)),
    shows: [5, 2],
  },
  {
    leaf: 'readiness.runningTimeout',
    values: [undefined, '1m'],
    difference: 'a machine that does not run is replaced earlier',
    observe: spec(({ readiness }) => seconds(readiness.runningTimeoutMs)),
    shows: [300, 60],
  },
  {
    leaf: 'readiness.readyTimeout',
    values: [undefined, '20m'],
    difference: 'a large model may take longer to load',
    observe: spec(({ readiness }) => seconds(readiness.readyTimeoutMs)),
    shows: [600, 1200],
  },
  {
    leaf: 'readiness.failureThreshold',
    values: [undefined, 1],
    difference: 'one failed question is enough',
    observe: spec(({ readiness }) => readiness.failureThreshold),
    shows: [3, 1],
  },
  {
    leaf: 'drain.timeout',
    values: [undefined, '2m'],
    difference: 'a leaving machine may go on answering for longer',
    observe: spec(({ drainTimeoutMs }) => seconds(drainTimeoutMs)),
    shows: [30, 120],
  },
  {
    leaf: 'replacement.surge',
    values: [undefined, 1],
    difference: 'the replacement is bought first',
    observe: spec(({ surge }) => surge),
    shows: [0, 1],
  },
  {
    leaf: 'deletionPolicy',
    values: [undefined, 'Retain'],
    difference: 'machines outlive the pool',
    observe: spec(({ deletionPolicy }) => deletionPolicy),
    shows: ['Delete', 'Retain'],
  },
  {
    leaf: 'checkInterval',
    values: [undefined, '1m'],
    difference: 'the pool looks at its machines less often',
    observe: spec(({ checkIntervalMs }) => seconds(checkIntervalMs)),
    shows: [20, 60],
  },
  {
    leaf: 'paused',
    values: [undefined, true],
    difference: 'nothing is bought or released',
    observe: spec(({ paused }) => paused),
    shows: [false, true],
  },
  {
    leaf: 'kongGatewayIP',
    values: [undefined, '119.28.76.99'],
    difference: 'a gateway is to be kept in step',
    observe: spec(({ kongGatewayIP }) => kongGatewayIP ?? 'none'),
    shows: ['none', '119.28.76.99'],
  },
];

describeFields(SpotPoolKind, { base, observers, rows });
