/** How large values and their commands may be, and how a value is named: a matter of its height. */
import { VALUE_BYTES_MAX } from '../../consensus/bft/limits.js';
import type { Height, ValueId } from '../../consensus/bft/index.js';
import {
  BATCH_BYTES_MAX,
  COMMAND_BYTES_MAX,
  LARGE_BATCH_BYTES_MAX,
  LARGE_COMMAND_BYTES_MAX,
  LARGE_VALUE_BYTES_MAX,
  PART_BYTES,
} from './limits.js';
import { isInParts } from './parts/part-set.js';

/** Bytes of one command, of what a proposer takes into a value, and of a value that is voted for. */
export interface ValueLimits {
  readonly commandBytesMax: number;
  readonly batchBytesMax: number;
  readonly valueBytesMax: number;
}

/** Of a height without parts. */
export const PLAIN_VALUES: ValueLimits = {
  commandBytesMax: COMMAND_BYTES_MAX,
  batchBytesMax: BATCH_BYTES_MAX,
  valueBytesMax: VALUE_BYTES_MAX,
};

/** Of a height with parts, and of all that is decided: those who decided it have kept to what is less. */
export const LARGE_VALUES: ValueLimits = {
  commandBytesMax: LARGE_COMMAND_BYTES_MAX,
  batchBytesMax: LARGE_BATCH_BYTES_MAX,
  valueBytesMax: LARGE_VALUE_BYTES_MAX,
};

export function limitsAt(height: Height, partsFrom: Height): ValueLimits {
  return height >= partsFrom ? LARGE_VALUES : PLAIN_VALUES;
}

/** Whether a value of so many bytes is named by its parts at a height. */
export function hasParts(length: number, height: Height, partsFrom: Height): boolean {
  return height >= partsFrom && length > PART_BYTES;
}

/** Whether the name of a value is of the kind that it has at a height: each value has one name. */
export function isNameAt(id: ValueId, length: number, height: Height, partsFrom: Height): boolean {
  return isInParts(id) === hasParts(length, height, partsFrom);
}
