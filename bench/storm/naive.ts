import { type CvmSimulator, startCvmSimulator } from '../../simulators/cvm/simulator.ts';
import { createFakeClock } from '../../test/builders/fake-clock.ts';
import { callCloud } from '../call-cloud.ts';
import type { JournalEntry } from '../journal-entry.ts';
import { fillStock, MINUTES, OFFERS, POOL_SIZE, POOLS, REOPENS_AT_MINUTE, reopenZone, stormCloud } from './market.ts';

const RETRY_MS = 30_000;
const MINUTE = 60_000;

/**
 * The same storm with a client that remembers nothing: every 30 s each pool that lacks machines asks for one of them, at the
 * offer after the one that refused it last. That is the mildest retry there is: one call a pool, however many it lacks.
 * @returns the journal
 */
export async function naiveStorm(): Promise<readonly JournalEntry[]> {
  let cloud: CvmSimulator | undefined;
  const clock = createFakeClock({ busy: () => cloud?.inFlight ?? 0 });
  // The published rates would refuse 27 calls of one instant; that is not what is compared here.
  cloud = await startCvmSimulator({ ...stormCloud(), clock, machines: false, rateFactor: Number.POSITIVE_INFINITY });
  try {
    fillStock(cloud);
    const pools = Array.from({ length: POOLS }, () => ({ size: 0, offer: 0 }));
    for (let at = 0; at < MINUTES * MINUTE; at += RETRY_MS) {
      if (at === REOPENS_AT_MINUTE * MINUTE) reopenZone(cloud);
      for (const pool of pools) {
        if (pool.size >= POOL_SIZE) continue;
        if (await buyOne(cloud, pool.offer)) pool.size += 1;
        else pool.offer = (pool.offer + 1) % OFFERS.length;
      }
      await clock.advance(RETRY_MS);
    }
    return cloud.journal.entries;
  } finally {
    await cloud.close();
  }
}

/** @returns whether it was had */
async function buyOne(cloud: CvmSimulator, index: number): Promise<boolean> {
  const { zone, subnetId, instanceType } = OFFERS[index]!;
  const code = await callCloud(cloud, 'RunInstances', {
    Placement: { Zone: zone },
    ImageId: 'img-5gn3j31i',
    InstanceType: instanceType,
    InstanceChargeType: 'SPOTPAID',
    VirtualPrivateCloud: { VpcId: 'vpc-86f66zht', SubnetId: subnetId },
    SecurityGroupIds: ['sg-aglabemo'],
    InternetAccessible: { InternetMaxBandwidthOut: 10 },
  });
  return code === 'ok';
}
