/** How the contents of a simulated disk become damaged. */
import type { RandomStream } from './random.js';

/** What stands on a disk in place of a value that is not bytes and that cannot be read any more. */
export const damaged: unique symbol = Symbol('damaged');

/** What a disk holds under a key. */
export type Stored<Value> = Value | typeof damaged;

/**
 * Decides whether a fault may damage what a node holds under a key, so that a world does no more
 * harm than its protocol must survive.
 */
export interface DamageGate {
  /** Told before the damage; false keeps it from happening. The key counts until `repaired`. */
  admit(node: string, key: string): boolean;
  /** Told before the whole disk is lost, with the same meaning. */
  admitWipe(node: string): boolean;
  /** The key has a whole, current value again. */
  repaired(node: string, key: string): void;
  /** How much it did not admit. */
  readonly refused: number;
}

/** Lets everything be damaged. */
export const openGate: DamageGate = {
  admit: () => true,
  admitWipe: () => true,
  repaired: () => {},
  refused: 0,
};

/**
 * A value whose write was cut off in the middle: of bytes, the first part of the new ones, with the
 * rest of the old ones behind it or with nothing.
 */
export function tear<Value>(
  value: Value,
  old: Stored<Value> | undefined,
  random: RandomStream,
): Stored<Value> {
  if (!(value instanceof Uint8Array)) return damaged;
  const written = random.integer(0, Math.max(0, value.length - 1));
  const rest = old instanceof Uint8Array && random.chance(0.5) ? old.subarray(written) : [];
  return Uint8Array.from([...value.subarray(0, written), ...rest]) as Value & Uint8Array;
}

/** A value that rotted: of bytes, one to three bits are flipped, or the end is cut off. */
export function rot<Value>(value: Stored<Value>, random: RandomStream): Stored<Value> {
  if (!(value instanceof Uint8Array)) return damaged;
  if (value.length === 0) return Uint8Array.of(random.integer(0, 255)) as Value & Uint8Array;
  if (random.chance(0.25)) {
    return value.slice(0, random.integer(0, value.length - 1)) as Value & Uint8Array;
  }
  const rotten = value.slice();
  // Different bits of one byte, so that no flip undoes another.
  const place = random.integer(0, value.length - 1);
  const bits = random.shuffle([0, 1, 2, 3, 4, 5, 6, 7]).slice(0, random.integer(1, 3));
  for (const bit of bits) rotten[place]! ^= 1 << bit;
  return rotten as Value & Uint8Array;
}
