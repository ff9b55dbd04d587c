import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it, onTestFailed } from 'vitest';
import { stringify } from 'yaml';
import { defaultWorld } from '../../simulators/cvm/default-world.ts';
import { type CvmSimulator, startCvmSimulator } from '../../simulators/cvm/simulator.ts';
import { callSimulator, runRequest } from '../../simulators/cvm/test-call.ts';
import { describeWithTools } from '../builders/debian-tool.ts';
import { poolManifest } from '../builders/pool-manifest.ts';
import { AIOPS, cleanEnv, type Running, start, until } from './process.ts';
import { type Alert, type Prometheus, startPrometheus } from './prometheus.ts';

/** Ten minutes of the rules pass in five seconds. The clock itself is the real one: rules compare times with it. */
const FASTER = 120;
const REGION = 'ap-singapore';
const TYPE = 'GN7.2XLARGE32';
const IMAGE = 'img-5gn3j31i';
const BROKEN_IMAGE = 'img-broken01';
/** What a pool needs to buy and to see, and no more. */
const WITHOUT_RELEASE = ['DescribeInstances', 'InquiryPriceRunInstances', 'RunInstances'];

/** A pool each, with an account of its own: what goes wrong with it, and what is told then. */
const faults: Readonly<Record<string, { readonly alerts: readonly string[]; readonly spec?: object }>> = {
  well: { alerts: [] },
  poor: { alerts: ['SpotPoolNoBalance', 'SpotPoolBelowMinimum', 'SpotPoolEmpty'] },
  soldout: {
    alerts: ['SpotPoolBelowMinimum', 'SpotPoolEmpty'],
    spec: { availabilityZone: 'ap-singapore-1', subnetId: 'subnet-k3m8q0a1' },
  },
  locked: { alerts: ['SpotPoolKeysRefused'] },
  blind: { alerts: ['SpotPoolNotSeen', 'SpotPoolStalled'] },
  limited: {
    alerts: ['SpotPoolSpendLimited', 'SpotPoolBelowMinimum', 'SpotPoolEmpty'],
    spec: { limits: { launchesPerHour: 1 } },
  },
  broken: {
    alerts: ['SpotPoolImageSuspect', 'SpotPoolBelowMinimum', 'SpotPoolEmpty'],
    spec: {
      imageId: BROKEN_IMAGE,
      limits: { launchesPerHour: 20 },
      readiness: { readyTimeout: '1s' },
    },
  },
  stuck: {
    alerts: ['SpotPoolMachineStuck', 'SpotPoolPermissionMissing', 'SpotPoolStalled'],
    spec: { minimum: 2, maximum: 2 },
  },
  twin: { alerts: ['SpotPoolIdentityConflict'] },
};
const pools = Object.keys(faults);
/** Of all pools together. */
const common = ['AiopsCloudNotSwept'];

const keysOf = (pool: string) => ({ secretId: `AKIDalerts${pool}`, secretKey: `alertsKEY${pool}alertsKEY` });

describeWithTools(['prometheus'], 'a real Prometheus with the alert rules', () => {
  let folder: string;
  let simulator: CvmSimulator;
  let operator: Running;
  let prometheus: Prometheus | undefined;

  const write = (pool: string, changes: object = {}): void =>
    writeFileSync(
      join(folder, 'manifests', `${pool}.yaml`),
      stringify(
        poolManifest(pool, {
          ...keysOf(pool),
          availabilityZone: 'ap-singapore-3',
          subnetId: 'subnet-t7w2c5d3',
          minimum: 1,
          maximum: 1,
          checkInterval: '2s',
          drain: { timeout: '0s' },
          ...faults[pool]?.spec,
          ...changes,
        }),
      ),
    );

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'aiops-alerts-'));
    mkdirSync(join(folder, 'manifests'));
    const world = defaultWorld();
    const copies = world.images.filter(({ id }) => id === IMAGE).map((image) => ({ ...image, id: BROKEN_IMAGE }));
    simulator = await startCvmSimulator({
      world: { ...world, images: [...world.images, ...copies] },
      accounts: pools.map((pool) => ({ name: pool, keys: [keysOf(pool)], balance: 1000 })),
      rateFactor: Number.POSITIVE_INFINITY,
      timing: { appear: [0, 0], tags: [0, 0], pending: [100, 300], terminating: [100, 300], reclaimed: [100, 100] },
    });
    simulator.setStock('ap-singapore-3', TYPE, 'SPOTPAID', 100);
    for (const image of [IMAGE, BROKEN_IMAGE]) simulator.setImage(image, { readyAfterMs: 100 });
    for (const pool of pools) write(pool);
    const flags = ['--manifests', join(folder, 'manifests'), '--state', join(folder, 'state.db')];
    const cloud = ['--tencent-endpoint', simulator.url, '--egress', 'loopback'];
    const ports = ['--metrics-port', '0', '--health-port', '0'];
    operator = start([AIOPS, 'run', ...flags, ...cloud, ...ports], { env: cleanEnv(), cwd: folder });
    const [, port] = await operator.sees(/"metrics":(\d+),"msg":"started"/);
    prometheus = await startPrometheus(folder, Number(port), FASTER);
  }, 60_000);
  beforeEach(() => {
    onTestFailed(() => void process.stderr.write(`the operator:\n${operator?.stdout().slice(-6000)}\n`));
  });
  afterAll(async () => {
    operator?.child.kill('SIGKILL');
    await Promise.all([operator?.ended, prometheus?.stop()]);
    await simulator?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const firing = async (): Promise<readonly Alert[]> =>
    ((await prometheus?.alerts()) ?? []).filter(({ state }) => state === 'firing');
  const named = (alerts: readonly Alert[]): readonly string[] =>
    alerts.map(({ labels }) => [labels.alertname, labels['pool']].filter(Boolean).join(' ')).toSorted();
  const machineOf = (pool: string): string => simulator.pickSpot({ poolName: pool });
  const lose = (pool: string): void => simulator.reclaim(machineOf(pool), { noticeMs: 0 });

  /** Another installation's machine under the pool's name. */
  const impersonate = async (pool: string): Promise<void> => {
    const [own] = simulator.state().instances.filter(({ account }) => account === pool);
    const Tags = (own?.tags ?? []).map(({ Key, Value }) => ({
      Key,
      Value: Value.includes('/') ? Value : `not-${Value}`,
    }));
    const request = runRequest({ TagSpecification: [{ ResourceType: 'instance', Tags }] });
    expect(await callSimulator(simulator, 'RunInstances', request, keysOf(pool))).not.toHaveProperty('Error');
  };

  it('is silent while all is well', async () => {
    const enough = 'sum(aiops_spotpool_ready) >= sum(aiops_spotpool_minimum)';
    const haveEnough = async (): Promise<boolean> =>
      (await prometheus?.query(`${enough} and count(aiops_spotpool_ready) == ${pools.length}`))?.length === 1;
    await until('all pools have what they want', haveEnough, 60_000);
    // Whatever was pending while machines came up.
    await until('nothing is pending', async () => (await prometheus?.alerts())?.length === 0);
    await new Promise((resolve) => setTimeout(resolve, 2000));
    expect(await prometheus?.alerts()).toEqual([]);
  });

  it('fires each alert for the pool that is concerned, and no other', async () => {
    simulator.setBalance('poor', 0);
    simulator.setStock('ap-singapore-1', TYPE, 'SPOTPAID', 0);
    simulator.setImage(BROKEN_IMAGE, { isBroken: true });
    for (const pool of ['poor', 'soldout', 'limited', 'broken']) lose(pool);
    simulator.disableKey(keysOf('locked').secretId);
    simulator.setPermissions(keysOf('blind').secretId, []);
    simulator.setPermissions(keysOf('stuck').secretId, WITHOUT_RELEASE);
    write('stuck', { minimum: 1, maximum: 1 });
    await impersonate('twin');

    const expected = [
      ...common,
      ...pools.flatMap((pool) => faults[pool]?.alerts.map((alert) => `${alert} ${pool}`) ?? []),
    ];
    let last: readonly string[] = [];
    const missing = (): readonly string[] => expected.filter((alert) => !last.includes(alert));
    await until(
      'every alert fires',
      async () => {
        last = named(await firing());
        return missing().length === 0;
      },
      60_000,
    ).catch((error) => {
      throw new Error(`${error}: missing ${missing().join(', ')}`);
    });
    expect(last).toEqual(expected.toSorted());
    for (const { labels, annotations } of await firing()) {
      for (const text of Object.values(annotations)) expect(text).not.toMatch(/<no value>|<error|%!/);
      const isAbout = labels['pool'] ?? REGION;
      expect([labels.alertname, annotations['summary']]).toEqual([labels.alertname, expect.stringContaining(isAbout)]);
    }
  });

  it('says that the operator is absent once it is killed, and nothing else', async () => {
    operator.child.kill('SIGKILL');
    await operator.ended;
    await until('the absence fires', async () => named(await firing()).includes('AiopsOperatorAbsent'));
    await until('the others end', async () => named(await firing()).length === 1);
  });
});
