import { randomInt } from 'node:crypto';

/** A number in [0, 1) from the system's generator: two processes never draw the same, as tokens and marks need it. */
export function secureRandom(): number {
  return randomInt(2 ** 47) / 2 ** 47;
}
