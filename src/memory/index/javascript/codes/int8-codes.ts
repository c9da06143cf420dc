/** int8 codes with a scale: of a node, or of the query of another kind of codes. */
import { SCALE_MIN } from '../../limits.js';
import { largestOf, ROUNDING } from './narrow-codes.js';

/** Codes times scale are the vector; the sums of the codes and of their squares. */
export interface Lanes {
  readonly scale: number;
  readonly sum: number;
  readonly squares: number;
}

/** Writes `lanes` codes from the start of `codes` on, zeros behind the components. */
export function codeLanes(
  values: Float32Array,
  dimensions: number,
  codes: Int8Array,
  lanes: number,
): Lanes {
  const largest = largestOf(values, dimensions);
  const isFlat = largest < SCALE_MIN;
  const toCode = isFlat ? 0 : Math.fround(127 / largest);
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < dimensions; i += 1) {
    const moved = Math.fround(Math.fround(values[i]! * toCode) + ROUNDING);
    const code = Math.min(127, Math.max(-127, moved - ROUNDING));
    codes[i] = code;
    sum += code;
    squares += code * code;
  }
  codes.fill(0, dimensions, lanes);
  return { scale: isFlat ? 0 : Math.fround(largest / 127), sum, squares };
}
