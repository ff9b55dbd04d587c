import { parseDuration } from '../../src/lib/duration.ts';

/** What the environment asks of the demo. */
export interface DemoSettings {
  /** Real milliseconds that the tour takes at least; `undefined`: a person plays until Ctrl-C. */
  readonly tourMs: number | undefined;
  readonly sabotage: Sabotage | undefined;
}

/** How the operator is broken, to show that the judge notices. */
export type Sabotage = 'leak' | 'double';

/** A broken operator without a tour would break nothing. */
const SABOTAGED_TOUR = '60s';

/** @throws {RangeError} naming the variable, its value and what is allowed */
export function readSettings(env: Readonly<Record<string, string | undefined>>): DemoSettings {
  const sabotage = env['DEMO_SABOTAGE'] || undefined;
  if (sabotage !== undefined && sabotage !== 'leak' && sabotage !== 'double') {
    throw new RangeError(`DEMO_SABOTAGE "${sabotage}": write leak or double`);
  }
  const text = env['DEMO_FOR'] || (sabotage ? SABOTAGED_TOUR : undefined);
  try {
    return { tourMs: text === undefined ? undefined : parseDuration(text), sabotage };
  } catch (error) {
    throw new RangeError(`DEMO_FOR ${(error as Error).message}`);
  }
}
