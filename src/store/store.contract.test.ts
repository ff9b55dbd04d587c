import { createFakeClock } from '../../test/builders/fake-clock.ts';
import { startLocal } from '../../test/builders/local-store.ts';
import { SizeKind, sizeRef } from '../../test/builders/size-kind.ts';
import type { ObjectKey } from '../api/meta.ts';
import { createMemoryStore } from './memory.ts';
import { describeStore } from './store.contract.ts';

describeStore('the memory store', async () => {
  const clock = createFakeClock();
  const store = createMemoryStore({ clock });
  return {
    store,
    kind: sizeRef,
    async apply(key: ObjectKey, spec, labels = {}) {
      store.apply({ ...sizeRef, metadata: { ...key, labels }, spec });
    },
    async remove(key: ObjectKey) {
      store.delete(sizeRef, key);
    },
    wait: (ms) => clock.advance(ms),
    async close() {},
  };
});

describeStore('the local store', async () => {
  const local = await startLocal({ kinds: [SizeKind] });
  return {
    store: local.store,
    kind: sizeRef,
    async apply(key, spec, labels = {}) {
      local.write(`${key.namespace}.${key.name}.yaml`, [{ ...sizeRef, metadata: { ...key, labels }, spec }]);
      await local.store.refresh();
    },
    remove: (key) => local.store.delete(sizeRef, key),
    async wait(ms) {
      await local.clock.advance(ms);
    },
    close: () => local.close(),
  };
});
