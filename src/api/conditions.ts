import { z } from 'zod';
import { type Condition, toTime } from './meta.ts';

const ConditionStatus = z.object({
  type: z.string().max(316).describe('What is told.'),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether it is so.'),
  reason: z.string().max(128).describe('Why, in one permanent word.'),
  message: z.string().max(1024).describe('Why, for people.'),
  lastTransitionTime: z.string().max(32).describe('When status last changed. RFC 3339, UTC.'),
  observedGeneration: z.int().describe('The generation of the spec that this speaks of.'),
});

/** `status.conditions` of every kind: one entry for each type. */
export const ConditionList = z
  .array(ConditionStatus)
  .max(32)
  .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] });

/** What a look at an object finds; the rest of a condition follows from the one before. */
export type Verdict = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

/**
 * Replaces conditions by type. `lastTransitionTime` moves only when the status does; types no longer told are dropped.
 * `now` is in milliseconds since 1970.
 */
export function mergeConditions(
  before: readonly Condition[],
  verdicts: readonly Verdict[],
  generation: number,
  now: number,
): Condition[] {
  return verdicts.map((verdict) => {
    const old = before.find(({ type }) => type === verdict.type);
    const lastTransitionTime = old?.status === verdict.status ? old.lastTransitionTime : toTime(now);
    return { ...verdict, message: verdict.message.slice(0, 1024), lastTransitionTime, observedGeneration: generation };
  });
}
