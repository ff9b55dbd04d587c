import { afterAll, beforeAll } from 'vitest';
import { createFakeClock } from '../../../test/builders/fake-clock.ts';
import { describeWithServers } from '../../../test/builders/kube-binaries.ts';
import { installSizes, openKube, removeSizes } from '../../../test/builders/kube-store.ts';
import { sizeRef } from '../../../test/builders/size-kind.ts';
import type { ControlPlane } from '../../../tools/envtest/envtest.ts';
import { startControlPlane } from '../../../tools/envtest/envtest.ts';
import { describeManager } from '../../engine/manager.contract.ts';
import { describeStore } from '../store.contract.ts';

describeWithServers('over a real API server', () => {
  let plane: ControlPlane;
  beforeAll(async () => {
    plane = await startControlPlane();
    await installSizes(plane);
  }, 180_000);
  afterAll(() => plane?.stop());

  describeStore('the store of a cluster', async () => {
    await removeSizes(plane);
    const clock = createFakeClock();
    const world = await openKube(plane, { clock });
    // Learnt with the first watch otherwise.
    await world.store.watch(sizeRef, () => {}, AbortSignal.timeout(10_000));
    return { ...world, kind: sizeRef, wait: (ms) => clock.advance(ms) };
  });

  describeManager('a cluster', async (clock) => {
    await removeSizes(plane);
    const world = await openKube(plane, { clock });
    const key = (name: string) => ({ namespace: 'default', name });
    return {
      ...world,
      kind: sizeRef,
      apply: (name, revision) => world.apply(key(name), { size: revision }),
      remove: (name) => world.remove(key(name)),
    };
  });
});
