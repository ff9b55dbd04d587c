import { z } from 'zod';
import type { Random } from './random.ts';

const KINDS = [
  'http-500-before',
  'http-500-after',
  'http-502',
  'internal-error-before',
  'internal-error-after',
  'hang',
  'hang-after',
  'reset-before',
  'reset-after',
  'truncated',
  'html',
  'throttle',
  'code',
] as const;

/**
 * A fault on demand. `before` and `after` say whether the call has its effect; `hang` and `html` have none, `truncated` has.
 * `truncated` cuts the connection in the middle of the answer.
 */
export const Fault = z.strictObject({
  /** An action's name, or `*` for every action. */
  action: z.string().min(1).default('*'),
  kind: z.enum(KINDS),
  /** How often it strikes; default 1. */
  times: z.union([z.int().min(1), z.literal('always')]).default(1),
  /** Chance that it strikes a matching call; default 1. */
  probability: z.number().min(0).max(1).default(1),
  /** Matching calls that pass first; default 0. */
  afterCalls: z.int().min(0).default(0),
  /** For kind `code`: the error code to answer with, before any effect. */
  code: z.string().min(1).optional(),
});
export type Fault = z.infer<typeof Fault>;
export type FaultOrder = z.input<typeof Fault>;

export interface Faults {
  readonly pending: readonly Fault[];
  /** The returned function takes the fault away again. */
  add(fault: Fault): () => void;
  clear(): void;
  /** The fault that strikes this call, if one does. */
  take(action: string): Fault | undefined;
}

export function createFaults(random: Random): Faults {
  let list: { fault: Fault; left: number; skip: number }[] = [];
  return {
    get pending() {
      return list.map(({ fault }) => fault);
    },
    add(fault) {
      const entry = {
        fault,
        left: fault.times === 'always' ? Number.POSITIVE_INFINITY : fault.times,
        skip: fault.afterCalls,
      };
      list.push(entry);
      return () => {
        list = list.filter((other) => other !== entry);
      };
    },
    clear() {
      list = [];
    },
    take(action) {
      for (const entry of list) {
        if (entry.fault.action !== '*' && entry.fault.action !== action) continue;
        if (entry.skip > 0) {
          entry.skip -= 1;
          continue;
        }
        if (entry.fault.probability < 1 && random() >= entry.fault.probability) continue;
        entry.left -= 1;
        if (entry.left <= 0) list = list.filter((other) => other !== entry);
        return entry.fault;
      }
      return undefined;
    },
  };
}

/** Whether the call has its effect before the fault shows. */
export function strikesAfter(fault: Fault): boolean {
  return fault.kind.endsWith('-after') || fault.kind === 'truncated';
}
