/** Calls a second that the vendor allows for an action, an access region and a sub-account; 10 where none is published. */
const PER_SECOND: Readonly<Record<string, number>> = {
  DescribeInstances: 40,
  DescribeInstancesStatus: 40,
  DescribeZoneInstanceConfigInfos: 40,
  DescribeInstanceTypeConfigs: 40,
  DescribeZones: 20,
  DescribeRegions: 20,
  TagResources: 20,
  ModifyResourceTags: 20,
};
const PER_SECOND_ELSE = 10;

/** Token buckets, one for each action, region and key. */
export interface Rates {
  /** Takes one call at monotonic time `nowMs`; false when the bucket is empty. */
  take(action: string, region: string, secretId: string, nowMs: number): boolean;
}

/** @param factor multiplies the published limits; `Infinity` switches them off */
export function createRates(factor = 1): Rates {
  const buckets = new Map<string, { tokens: number; at: number }>();
  return {
    take(action, region, secretId, nowMs) {
      const perSecond = (PER_SECOND[action] ?? PER_SECOND_ELSE) * factor;
      if (!Number.isFinite(perSecond)) return true;
      const key = `${action}/${region}/${secretId}`;
      const bucket = buckets.get(key) ?? { tokens: perSecond, at: nowMs };
      bucket.tokens = Math.min(perSecond, bucket.tokens + ((nowMs - bucket.at) / 1000) * perSecond);
      bucket.at = nowMs;
      buckets.set(key, bucket);
      if (bucket.tokens < 1) return false;
      bucket.tokens -= 1;
      return true;
    },
  };
}
