/**
 * Writes the few ASN.1 types that a certificate needs, in the distinguished encoding (X.690).
 * A value is a tag, a length and the content; constructed values concatenate their members.
 */

const TAG = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  sequence: 0x30,
  set: 0x31,
  utcTime: 0x17,
  generalizedTime: 0x18,
  boolean: 0x01,
} as const;

function encodeLength(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length);
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest & 0xff);
  return Uint8Array.of(0x80 | bytes.length, ...bytes);
}

function encode(tag: number, content: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(tag), encodeLength(content.length), content]);
}

/** SEQUENCE of values that are encoded already. */
export function derSequence(...members: readonly Uint8Array[]): Uint8Array {
  return encode(TAG.sequence, Buffer.concat(members));
}

/** SET of values that are encoded already; the caller gives them in order. */
export function derSet(...members: readonly Uint8Array[]): Uint8Array {
  return encode(TAG.set, Buffer.concat(members));
}

/**
 * INTEGER that is not negative, from big-endian bytes: shortest form, with a zero byte before a
 * high bit.
 */
export function derUnsignedInteger(bytes: Uint8Array): Uint8Array {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
  const shortest = bytes.subarray(start);
  const needsZero = shortest.length === 0 || (shortest[0] ?? 0) >= 0x80;
  return encode(TAG.integer, needsZero ? Buffer.concat([Uint8Array.of(0), shortest]) : shortest);
}

/** BIT STRING; `unusedBits` of the last byte (0 to 7) do not count. */
export function derBitString(bytes: Uint8Array, unusedBits = 0): Uint8Array {
  return encode(TAG.bitString, Buffer.concat([Uint8Array.of(unusedBits), bytes]));
}

export function derOctetString(bytes: Uint8Array): Uint8Array {
  return encode(TAG.octetString, bytes);
}

export function derBoolean(value: boolean): Uint8Array {
  return encode(TAG.boolean, Uint8Array.of(value ? 0xff : 0));
}

export function derUtf8String(text: string): Uint8Array {
  return encode(TAG.utf8String, Buffer.from(text, 'utf8'));
}

/** OBJECT IDENTIFIER from dotted decimals, for example `1.3.101.112`. */
export function derObjectIdentifier(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const group = [arc & 0x7f];
    for (let left = arc >> 7; left > 0; left >>= 7) group.unshift((left & 0x7f) | 0x80);
    bytes.push(...group);
  }
  return encode(TAG.objectIdentifier, Uint8Array.from(bytes));
}

/** UTCTime, `YYMMDDhhmmssZ` (years 1950 to 2049, RFC 5280 4.1.2.5.1). */
export function derUtcTime(text: string): Uint8Array {
  return encode(TAG.utcTime, Buffer.from(text, 'latin1'));
}

/** GeneralizedTime, `YYYYMMDDhhmmssZ` (RFC 5280 4.1.2.5.2). */
export function derGeneralizedTime(text: string): Uint8Array {
  return encode(TAG.generalizedTime, Buffer.from(text, 'latin1'));
}

/** A value with an explicit context tag `[number]`. */
export function derExplicit(number: number, value: Uint8Array): Uint8Array {
  return encode(0xa0 | number, value);
}
