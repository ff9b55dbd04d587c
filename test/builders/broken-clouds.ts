import type { Cloud, CloudProvider, Instance, Offering, Ownership } from '../../src/cloud/cloud.ts';

// Operators that are broken on purpose, made of the real one and a cloud that it sees wrongly: a judge that does not notice them
// is none.

export type Breaking = (clouds: CloudProvider) => CloudProvider;

/** Changes what an operator sees of the cloud, or does to it. */
export function breaking(change: (cloud: Cloud) => Partial<Cloud>): Breaking {
  return (clouds) => ({
    async open(...args) {
      const { accountKey, cloud } = await clouds.open(...args);
      return { accountKey, cloud: { ...cloud, ...change(cloud) } };
    },
  });
}

/** Does not see machines of other installations, and so no conflict. */
export function ignoringStrangers(installation: () => string): Breaking {
  return breaking((cloud) => ({
    async sweep(...args) {
      const { at, instances } = await cloud.sweep(...args);
      return { at, instances: instances.filter(({ owner }) => owner?.installation === installation()) };
    },
  }));
}

/** Takes every machine in the offering's subnet for its own, whatever the tags say. */
export function claimingAll(owner: () => Ownership, offering: Offering): Breaking {
  const claim = (instance: Instance): Instance => ({ ...instance, owner: owner() });
  return breaking((cloud) => ({
    async sweep(maxAgeMs, signal) {
      const { at } = await cloud.sweep(maxAgeMs, signal);
      return { at, instances: (await cloud.findByName('', offering, signal)).map(claim) };
    },
    find: async (...args) => (await cloud.find(...args)).map(claim),
  }));
}

/** Believes every list: asks for nothing by id. */
export const believingLists: Breaking = breaking(() => ({ find: async () => [] }));

/** Does not find what it does not remember. */
export const forgetting = (hasForgotten: () => boolean): Breaking =>
  breaking((cloud) => ({
    async sweep(...args) {
      const sweep = await cloud.sweep(...args);
      return hasForgotten() ? { ...sweep, instances: [] } : sweep;
    },
    findByName: async (...args) => (hasForgotten() ? [] : cloud.findByName(...args)),
  }));

/** Releases all that it sees in the offering's subnet, each time that it may release anything. */
export const releasingAll = (offering: Offering): Breaking =>
  breaking((cloud) => ({
    async release(ids, signal) {
      const all = await cloud.findByName('', offering, signal);
      return cloud.release([...new Set([...ids, ...all.map(({ id }) => id)])], signal);
    },
  }));
