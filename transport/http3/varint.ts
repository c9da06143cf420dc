import { strict as assert } from 'node:assert';

/** Largest integer of RFC 9000 16 that a JavaScript number holds exactly; we send none above. */
const SENT_MAX = Number.MAX_SAFE_INTEGER;
const TWO_TO_32 = 2 ** 32;

/** An integer and the place behind it. */
export interface ReadInteger {
  readonly value: number;
  readonly end: number;
}

/** Bytes of an integer (RFC 9000 16). */
export function encodeVarint(value: number): Uint8Array {
  assert(Number.isSafeInteger(value) && value >= 0 && value <= SENT_MAX, 'a varint is no integer');
  if (value < 0x40) return Uint8Array.of(value);
  if (value < 0x4000) return Uint8Array.of(0x40 | (value >> 8), value & 0xff);
  if (value < 0x4000_0000) {
    return Uint8Array.of(0x80 | (value >> 24), value >> 16, value >> 8, value);
  }
  const high = Math.floor(value / TWO_TO_32);
  const low = value % TWO_TO_32;
  return Uint8Array.of(
    0xc0 | (high >> 24),
    high >> 16,
    high >> 8,
    high,
    low >>> 24,
    low >>> 16,
    low >>> 8,
    low,
  );
}

/**
 * The integer at `start`, or undefined when it is not whole yet. Values above 2^53 lose their low
 * bits: such are no length, id or type that we would act upon, only larger than every bound.
 */
export function readVarint(bytes: Uint8Array, start: number): ReadInteger | undefined {
  const first = bytes[start];
  if (first === undefined) return undefined;
  const end = start + (1 << (first >> 6));
  if (end > bytes.length) return undefined;
  let value = first & 0x3f;
  for (let at = start + 1; at < end; at += 1) value = value * 256 + (bytes[at] ?? 0);
  return { value, end };
}
