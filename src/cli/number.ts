import { InvalidArgumentError } from 'commander';

/** Reads the number that an option or an argument must be; its range is checked where it is used. */
export function numberOf(text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isFinite(value)) return value;
  throw new InvalidArgumentError(`'${text}' is not a number.`);
}

/** Milliseconds since 1970, or a date as JavaScript reads it. */
export function instantOf(text: string): number {
  const instant = /^-?\d+$/.test(text) ? Number(text) : Date.parse(text);
  if (Number.isSafeInteger(instant)) return instant;
  throw new InvalidArgumentError(`'${text}' is no date and no number of milliseconds.`);
}
