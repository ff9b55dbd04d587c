import { describe, expect, it } from 'vitest';
import { row } from '../../../test/builders/tencent-bench.ts';
import { DescribeInstancesAnswer, toInstance } from './schema.ts';

const NOW = Date.UTC(2026, 10, 2);
const read = (changes: Record<string, unknown> = {}) => {
  const answer = DescribeInstancesAnswer.parse({ TotalCount: 1, InstanceSet: [row('ins-abcd1234', changes)] });
  return toInstance(answer.InstanceSet[0]!, NOW);
};

it('a row becomes a machine in our words', () => {
  expect(read()).toEqual({
    id: 'ins-abcd1234',
    name: 'name-of-ins-abcd1234',
    state: 'Running',
    vendorState: 'RUNNING',
    isNormal: true,
    zone: 'ap-singapore-2',
    instanceType: 'GN7.2XLARGE32',
    subnetId: 'subnet-gfrv79s2',
    vpcId: 'vpc-86f66zht',
    imageId: 'img-5gn3j31i',
    chargeType: 'SPOTPAID',
    createdAt: Date.UTC(2026, 10, 1),
    publicIp: '198.51.100.7',
    privateIp: '10.0.0.7',
    owner: { installation: 'installation-1', poolUid: 'pool-uid-1', pool: 'default/first' },
  });
});

it.each([
  ['PENDING', 'Pending'],
  ['LAUNCH_FAILED', 'LaunchFailed'],
  ['RUNNING', 'Running'],
  ['STOPPED', 'Stopped'],
  ['STARTING', 'Transitional'],
  ['STOPPING', 'Transitional'],
  ['REBOOTING', 'Transitional'],
  ['SHUTDOWN', 'Terminating'],
  ['TERMINATING', 'Terminating'],
  ['ENTER_RESCUE_MODE', 'Transitional'],
  ['RESCUE_MODE', 'Transitional'],
  ['EXIT_RESCUE_MODE', 'Transitional'],
  ['ENTER_SERVICE_LIVE_MIGRATE', 'Transitional'],
  ['SERVICE_LIVE_MIGRATE', 'Transitional'],
  ['EXIT_SERVICE_LIVE_MIGRATE', 'Transitional'],
  ['A_STATE_OF_NEXT_YEAR', 'Transitional'],
  ['constructor', 'Transitional'],
  [null, 'Transitional'],
])('%s is %s', (InstanceState, state) => {
  expect(read({ InstanceState }).state).toBe(state);
});

describe('what may be missing', () => {
  it('nearly everything may be null', () => {
    const nothing = Object.fromEntries(Object.keys(row('x')).map((key) => [key, null]));
    expect(read({ ...nothing, InstanceId: 'ins-abcd1234' })).toMatchObject({
      state: 'Transitional',
      isNormal: true,
      createdAt: NOW,
    });
  });

  it.each([
    ['no tags yet', null],
    ['tags of somebody else', [{ Key: 'team', Value: 'ml' }]],
    ['half of our tags', [{ Key: 'aiops.org/installation', Value: 'i' }]],
  ])('%s: nobody owns it', (_name, Tags) => {
    expect(read({ Tags })).not.toHaveProperty('owner');
  });

  it('a machine whose name tag was taken away is still its pool’s', () => {
    const Tags = [
      { Key: 'aiops.org/installation', Value: 'i' },
      { Key: 'aiops.org/pool-uid', Value: 'p' },
    ];
    expect(read({ Tags }).owner).toEqual({ installation: 'i', poolUid: 'p', pool: '' });
  });

  it.each(['EXPIRED', 'PROTECTIVELY_ISOLATED'])('%s serves nobody', (RestrictState) => {
    expect(read({ RestrictState }).isNormal).toBe(false);
  });

  it('the error of the last operation counts only when that failed', () => {
    const LatestOperationErrorMsg = 'no host';
    expect(read({ LatestOperationState: 'FAILED', LatestOperationErrorMsg }).lastError).toBe('no host');
    expect(read({ LatestOperationState: 'SUCCESS', LatestOperationErrorMsg })).not.toHaveProperty('lastError');
  });
});

it.each([
  { InstanceSet: [] },
  { TotalCount: -1, InstanceSet: [] },
  { TotalCount: 1, InstanceSet: [{ InstanceId: '' }] },
  { TotalCount: 1, InstanceSet: [{}] },
  { TotalCount: 1, InstanceSet: {} },
])('%j is no list of machines', (answer) => {
  expect(DescribeInstancesAnswer.safeParse(answer).success).toBe(false);
});
