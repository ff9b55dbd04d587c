import { startLocal } from '../../test/builders/local-store.ts';
import { size, sizeRef } from '../../test/builders/size-kind.ts';
import { createMemoryStore } from '../store/memory.ts';
import { describeManager } from './manager.contract.ts';

const kind = { apiVersion: 'demo.aiops.org/v1', kind: 'Thing' };

describeManager('the memory store', async (clock) => {
  const store = createMemoryStore({ clock });
  return {
    store,
    kind,
    apply: async (name, revision) => {
      store.apply({ ...kind, metadata: { name }, spec: { revision } });
    },
    remove: async (name) => store.delete(kind, { namespace: 'default', name }),
    close: async () => {},
  };
});

describeManager('a folder of YAML with SQLite', async (clock) => {
  const local = await startLocal({ clock });
  return {
    store: local.store,
    kind: sizeRef,
    apply: async (name, revision) => {
      local.write(`${name}.yaml`, [size(name, { size: revision })]);
      await local.store.refresh();
    },
    remove: (name) => local.store.delete(sizeRef, { namespace: 'default', name }),
    close: () => local.close(),
  };
});
