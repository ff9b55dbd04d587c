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
