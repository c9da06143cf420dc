import type { ValueId } from '../../consensus/bft/index.js';

const INVALID = 'invalid ';

/** What the application of the simulation says of a value (Tendermint section 2.3, validity). */
export function isValidValue(value: ValueId): boolean {
  return !value.startsWith(INVALID);
}

/** A value that no correct validator votes for. */
export function invalidValue(value: ValueId): ValueId {
  return `${INVALID}${value}`;
}
