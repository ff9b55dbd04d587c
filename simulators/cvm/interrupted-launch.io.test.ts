import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { createFakeClock } from '../../test/builders/fake-clock.ts';
import { defaultAssumptions } from './assumptions.ts';
import { defaultWorld } from './default-world.ts';
import { createJournal } from './journal.ts';
import { launch, reclaim } from './lifecycle.ts';
import { createMachineHost } from './machine-host.ts';
import type { InstanceRecord, TypeSpec } from './model.ts';
import { createRandom } from './random.ts';
import { createWorld, DEFAULT_TIMING, type MachineHost } from './world.ts';

function instance(type: TypeSpec): InstanceRecord {
  return {
    id: 'ins-aaaaaaaa',
    uuid: '',
    account: 'xxx',
    name: 'n',
    region: 'ap-singapore',
    zone: 'ap-singapore-2',
    type,
    chargeType: 'SPOTPAID',
    imageId: 'img-5gn3j31i',
    osName: '',
    projectId: 0,
    vpcId: 'vpc-86f66zht',
    subnetId: 'subnet-gfrv79s2',
    securityGroupIds: [],
    privateIp: undefined,
    address: undefined,
    bandwidthMbps: 0,
    internetChargeType: '',
    hasPublicIp: false,
    systemDisk: { id: 'disk-1', type: 'CLOUD_BSSD', sizeGiB: 50 },
    dataDisks: [],
    keyIds: [],
    login: 'FALSE',
    userData: undefined,
    hostName: undefined,
    camRole: undefined,
    isProtected: false,
    tags: [],
    createdAt: 0,
    visibleAt: 0,
    tagsAt: 0,
    state: 'PENDING',
    restrictState: 'NORMAL',
    isolatedSource: 'NOTISOLATED',
    operation: 'RunInstances',
    operationState: 'OPERATING',
    operationRequestId: '',
    operationError: undefined,
    stopChargingMode: 'NOT_APPLICABLE',
    terminationTime: undefined,
    turn: 0,
    charges: [],
    price: { machineList: 1, machine: 1, disks: 0, bandwidth: 0 },
    endedAt: undefined,
    endCause: undefined,
    absentAt: undefined,
  };
}

it('a machine that is taken back while its server starts never shows as running', async () => {
  const clock = createFakeClock();
  const started = Promise.withResolvers<string>();
  const downs: string[] = [];
  const machines: MachineHost = { up: () => started.promise, down: ({ id }) => void downs.push(id) };
  const spec = defaultWorld();
  const world = createWorld({
    clock,
    machines,
    spec,
    random: createRandom(1),
    assumptions: defaultAssumptions(),
    timing: DEFAULT_TIMING,
    journal: createJournal(() => clock.now()),
    accounts: [{ keys: [{ secretId: 'xxx', secretKey: 'xxx' }] }],
  });
  const made = instance(spec.types[0] as TypeSpec);
  launch(world, made);
  await clock.advance(40_000);
  reclaim(world, made, { noticeMs: 0 });
  started.resolve('127.9.9.9');
  await clock.advance(0);
  expect(made.state).toBe('TERMINATING');
  expect(downs).toEqual([made.id, made.id]);
});

it('a server that is told to stop while it starts does not listen afterwards', async () => {
  const clock = createFakeClock();
  // No simulator has this port: nobody else uses its addresses.
  const host = createMachineHost({ clock, seed: 1, isServing: true, port: () => 300 });
  const made = instance(defaultWorld().types[0] as TypeSpec);
  const up = host.up(made, undefined);
  host.down(made);
  const address = await up;
  while (host.pending > 0) await new Promise((resolve) => setImmediate(resolve));
  const answer = await new Promise((resolve) => {
    const socket = connect(11434, address, () => resolve('connected'));
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code));
  });
  expect([address, answer]).toEqual(['127.1.44.1', 'ECONNREFUSED']);
  await host.close();
});
