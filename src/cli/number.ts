import { InvalidArgumentError } from 'commander';

/** Reads the number that an option or an argument must be; its range is checked where it is used. */
export function numberOf(text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isFinite(value)) return value;
  throw new InvalidArgumentError(`'${text}' is not a number.`);
}
