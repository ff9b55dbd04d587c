import type { SpotPool } from '../../src/api/spotpool.ts';
import type { Cloud, Instance } from '../../src/cloud/cloud.ts';
import type { KindRef, Store } from '../../src/store/store.ts';
import type { PoolEdges } from '../../src/wiring.ts';

// Operators broken on purpose, each in one way that works as long as nothing goes wrong. Each is made anew for each process,
// so that it forgets what a process forgets.

const FINALIZER = 'demo.aiops.org/cleanup';

/** The store with other ways to read and write a pool. */
function withStore(
  pools: PoolEdges,
  change: {
    readonly get?: (read: SpotPool | undefined) => Promise<SpotPool | undefined>;
    readonly writeStatus?: (pool: SpotPool, status: NonNullable<SpotPool['status']>) => Promise<SpotPool>;
    readonly removeFinalizer?: (pool: SpotPool) => Promise<void>;
  },
): PoolEdges {
  const isPool = (kind: KindRef): boolean => kind.kind === 'SpotPool';
  const { store } = pools;
  const changed = {
    ...store,
    async get(kind: KindRef, key: { namespace: string; name: string }) {
      const read = await store.get<SpotPool>(kind, key);
      return change.get && isPool(kind) ? await change.get(read) : read;
    },
    async addFinalizer(pool: SpotPool, finalizer: string) {
      const added = await store.addFinalizer(pool, finalizer);
      return change.get ? await change.get(added) : added;
    },
    writeStatus: (pool: SpotPool, status: NonNullable<SpotPool['status']>) =>
      change.writeStatus ? change.writeStatus(pool, status) : store.writeStatus(pool, status),
    removeFinalizer: (pool: SpotPool, finalizer: string) =>
      change.removeFinalizer ? change.removeFinalizer(pool) : store.removeFinalizer(pool, finalizer),
  };
  return { ...pools, store: changed as unknown as Store };
}

function withCloud(pools: PoolEdges, change: (cloud: Cloud) => Partial<Cloud>): PoolEdges {
  return {
    ...pools,
    clouds: {
      async open(...args) {
        const { accountKey, cloud } = await pools.clouds.open(...args);
        return { accountKey, cloud: { ...cloud, ...change(cloud) } };
      },
    },
  };
}

/** Buys without having written down that it will: the intent is only in its memory. */
function writesNoIntent(pools: PoolEdges): PoolEdges {
  const remembered = new Map<string, NonNullable<SpotPool['status']>['intents']>();
  const recall = (pool: SpotPool): SpotPool => {
    const intents = remembered.get(pool.metadata.uid);
    const { intents: _written, ...status } = pool.status ?? {};
    return { ...pool, status: { ...status, ...(intents ? { intents } : {}) } };
  };
  return withStore(pools, {
    get: async (read) => read && recall(read),
    async writeStatus(pool, { intents, ...status }) {
      remembered.set(pool.metadata.uid, intents);
      return recall(await pools.store.writeStatus(pool, status));
    },
  });
}

/** Buys what an earlier process had planned under a token of its own, at once. */
function takesNewTokens(pools: PoolEdges): PoolEdges {
  const own = new Set<string>();
  const renamed = new Map<string, string>();
  const renew = (token: string): string => {
    const fresh = renamed.get(token) ?? `${token.slice(0, 40)}-${Math.floor(pools.random() * 1e6)}`;
    renamed.set(token, fresh);
    if (!own.has(fresh)) pools.unsentTokens.add(fresh);
    own.add(fresh);
    return fresh;
  };
  return withStore(pools, {
    async get(read) {
      if (!read?.status?.intents) return read;
      const intents = read.status.intents.map((intent) => {
        if (own.has(intent.token)) return intent;
        const { unknownSince: _since, emptyLookAt: _look, ...planned } = intent;
        return { ...planned, token: renew(intent.token) };
      });
      return { ...read, status: { ...read.status, intents } };
    },
    writeStatus(pool, status) {
      for (const { token } of status.intents ?? []) own.add(token);
      return pools.store.writeStatus(pool, status);
    },
  });
}

/** Lets a deleted pool go before its machines are released; they are released all the same, from memory. */
function removesFinalizerFirst(pools: PoolEdges): PoolEdges {
  let ghost: SpotPool | undefined;
  return withStore(pools, {
    async get(read) {
      if (ghost || !read?.metadata.finalizers.includes(FINALIZER)) return ghost ?? read;
      if (read.metadata.deletionTimestamp === undefined) return read;
      ghost = read;
      await pools.store.removeFinalizer(read, FINALIZER);
      return ghost;
    },
    async writeStatus(pool, status) {
      if (!ghost) return await pools.store.writeStatus(pool, status);
      ghost = { ...ghost, status };
      return ghost;
    },
    async removeFinalizer() {
      ghost = undefined;
    },
  });
}

/** Takes the status for the truth: a machine that it does not tell is not there. */
function trustsStatus(pools: PoolEdges): PoolEdges {
  let recorded = new Set<string>();
  const known = (instances: readonly Instance[]): readonly Instance[] => instances.filter(({ id }) => recorded.has(id));
  const blind = withCloud(pools, (cloud) => ({
    async sweep(...args) {
      const sweep = await cloud.sweep(...args);
      return { ...sweep, instances: known(sweep.instances) };
    },
    findByName: async (...args) => known(await cloud.findByName(...args)),
  }));
  return withStore(blind, {
    async get(read) {
      recorded = new Set(read?.status?.instances?.map(({ instanceId }) => instanceId));
      return read;
    },
  });
}

/** Takes every machine with tags of an operator for its own. */
function skipsTagCheck(pools: PoolEdges): PoolEdges {
  let uid = '';
  const claim = (instance: Instance): Instance =>
    instance.owner
      ? { ...instance, owner: { ...instance.owner, installation: pools.store.installationId, poolUid: uid } }
      : instance;
  const greedy = withCloud(pools, (cloud) => ({
    async sweep(...args) {
      const sweep = await cloud.sweep(...args);
      return { ...sweep, instances: sweep.instances.map(claim) };
    },
  }));
  return withStore(greedy, {
    async get(read) {
      uid = read?.metadata.uid ?? uid;
      return read;
    },
  });
}

/** By what is wrong with it. */
export const BROKEN_POOLS = {
  'writes no intent before it buys': writesNoIntent,
  'takes a new token after a restart': takesNewTokens,
  'removes the finalizer before it terminates': removesFinalizerFirst,
  'trusts its status over the cloud': trustsStatus,
  'skips the check of tags': skipsTagCheck,
} as const;
export type Breakage = keyof typeof BROKEN_POOLS;
