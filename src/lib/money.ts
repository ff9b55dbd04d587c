/**
 * An amount of money in millionths of the currency's unit, a whole number: prices arrive as floating point in JSON and are
 * rounded once, at the door, so that sums are exact.
 */
export type Micros = number;

/** @throws {RangeError} when the amount is not finite or too large to count exactly. */
export function toMicros(amount: number): Micros {
  const micros = Math.round(amount * 1_000_000);
  if (!Number.isSafeInteger(micros)) throw new RangeError(`${amount} is not an amount of money`);
  return micros;
}

/** As people and the CRD write it: `0.252`, without trailing zeros, at most six places. */
export function fromMicros(micros: Micros): string {
  const sign = micros < 0 ? '-' : '';
  const whole = Math.trunc(Math.abs(micros) / 1_000_000);
  const rest = String(Math.abs(micros) % 1_000_000)
    .padStart(6, '0')
    .replace(/0+$/, '');
  return `${sign}${whole}${rest === '' ? '' : `.${rest}`}`;
}
