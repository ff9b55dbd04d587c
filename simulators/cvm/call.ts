import type { z } from 'zod';
import type { Language } from './api-error.ts';
import type { AccountRecord } from './model.ts';
import { readParams } from './validate.ts';
import type { World } from './world.ts';

/** A call that has passed the door: signature, version, region, permission and rate are right. */
export interface Call {
  readonly world: World;
  readonly account: AccountRecord;
  readonly region: string;
  readonly requestId: string;
  readonly language: Language;
  /** Instances concerned, for the journal. */
  readonly touched: Set<string>;
}

/**
 * An API action. Takes the raw parameters (texts only, if `isText`) and returns the members of `Response` beside RequestId.
 * @throws {ApiError}
 */
export type Action = (call: Call, params: unknown, isText: boolean) => object;

/** Makes an action of a schema and of what to do with a request that fits it. */
export function defineAction<S extends z.ZodType>(
  schema: S,
  run: (call: Call, request: z.output<S>) => object,
): Action {
  return (call, params, isText) => run(call, readParams(schema, params, isText));
}
